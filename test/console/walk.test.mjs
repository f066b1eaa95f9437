// A walk through every page and every action in a real browser, as an operator, a monitor and a stranger. What a page must
// show is looked for in its text and then in its picture: where the text stands, the picture has ink. The pictures are kept
// in build/console/walk. At the end every action of console/actions was done from a page.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import test, { after } from "node:test";
import { browser, logIn, newPage, open, skip } from "./browser.mjs";
import { contrast } from "./picture.mjs";
import { Client, root, sql, start, until } from "./lib.mjs";

const main = skip ? undefined : await start();
const pictures = `${root}/build/console/walk`;
mkdirSync(pictures, { recursive: true });
after(async () => {
    await browser?.close();
    await main?.stop();
});

const id = {};
const key = (name) => sql(`SELECT max(job_id) FROM foreman.jobs WHERE unique_key = 'walk ${name}'`);
const state = (job) => sql(`SELECT state FROM foreman.jobs WHERE job_id = ${job}`);

/** One of everything, each with a name of its own. */
async function makeAll() {
    sql(`SELECT foreman.create_queue('walk');
         SELECT foreman.create_queue('walk outside');
         SELECT foreman.pause_queue('walk');
         CREATE FUNCTION public.walk_retries(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the walk stumbles' USING ERRCODE = 'WA001'; END $$;
         SELECT foreman.register_handler('walk_retries', 'public.walk_retries', max_attempts => 1);
         SELECT foreman.create_queue('walk runs');
         SELECT foreman.enqueue('works', '{"walk": "4711-args"}', queue => 'walk', unique_key => 'walk waiting', tags => '{walk-tag}');
         SELECT foreman.enqueue('works', '{"walk": "done"}', queue => 'walk runs', unique_key => 'walk done');
         SELECT foreman.enqueue('walk_retries', queue => 'walk runs', unique_key => 'walk dead');
         SELECT foreman.enqueue('works', queue => 'walk', run_at => now() + interval '1 day', unique_key => 'walk later');
         SELECT foreman.enqueue('works', queue => 'walk', unique_key => 'walk behind', depends_on => ARRAY(SELECT job_id FROM foreman.jobs WHERE unique_key = 'walk later'));
         SELECT foreman.set_timer('works', 'walk timer', now() + interval '1 day');
         SELECT foreman.set_timer('walk_retries', 'walk dead timer', now());
         SELECT foreman.schedule_job('walk schedule', '0 4 * * *', 'works', queue => 'walk');
         SELECT foreman.create_projection('walk_projection', 'public.sees(foreman.event)');
         SELECT foreman.subscribe('walk.*', 'works', 'walk_subscription');
         SELECT foreman.publish('walk.topic', '{}');
         SELECT foreman.publish('nobody.walks.here', '{}');
         SELECT foreman.execute('order', 'walk-paid', '{"type": "place", "total": 5}');
         SELECT foreman.execute('order', 'walk-ended', '{"type": "place", "total": 5}');
         SELECT foreman.execute('order', 'walk-parked', '{"type": "place", "total": 5}');
         CREATE FUNCTION public.walk_decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
             $$ SELECT CASE WHEN input ->> 'type' = 'begin' THEN '{"events": [{"type": "Begun"}], "effects": [{"kind": "walk_retries", "key": "stumble", "max_attempts": 1}]}'::jsonb ELSE '{"reject": "it walks no other way"}' END $$;
         CREATE FUNCTION public.walk_evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT state $$;
         CREATE FUNCTION public.walk_over(state jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT false $$;
         SELECT foreman.create_workflow_type('walk_fails', 'public.walk_decide', 'public.walk_evolve', 'public.walk_over');
         SELECT foreman.execute('walk_fails', 'walk-failed', '{"type": "begin"}')`);
    sql(`SELECT foreman.enqueue('outside_kind', queue => 'walk outside', unique_key => 'walk leased');
         SELECT foreman.worker_heartbeat('walk-worker', '{walk outside}', 'a worker that walks');
         SELECT foreman.create_batch('walk batch')`);
    const [leased, token] = sql("SELECT job_id, token FROM foreman.claim('{walk outside}', 'walk-worker', lease => '1 hour')").split("|");
    sql(`SELECT foreman.heartbeat(${leased}, '${token}', progress => 0.4, note => 'halfway there')`);
    id.leased = leased;
    id.batch = sql("SELECT max(batch_id) FROM foreman.batches WHERE name = 'walk batch'");
    sql(`SELECT foreman.enqueue('works', queue => 'walk', batch_id => ${id.batch}, unique_key => 'walk in a batch')`);
    for (const name of ["waiting", "done", "dead", "later", "behind"]) id[name] = key(name);
    await until("a job is done", () => state(id.done) === "completed");
    await until("a job is dead", () => state(id.dead) === "discarded");
    await until("a timer is dead", () => sql("SELECT count(*) FROM foreman.count_timer_dead_letters() n WHERE n > 0") === "1");
    await until("a workflow has failed", () => sql("SELECT state FROM foreman.workflows WHERE workflow_id = 'walk-failed'") === "failed");
    await until("the payments are there", () => sql("SELECT count(*) FROM foreman.workflows WHERE workflow_id LIKE 'walk-%' AND workflow_type = 'order' AND sequence >= 2") === "3");
    // Parked as it is when a worker of another version submits what its history does not have.
    sql(`UPDATE foreman.workflow_instance SET parked = '{"reason": "another version"}' WHERE workflow_id = 'walk-parked' AND workflow_type = 'order'`);
    sql("SELECT foreman.trigger_schedule('walk schedule')");
    sql(`INSERT INTO foreman.minute_stat (minute, queue, enqueued, completed, failed, discarded, cancelled, wait_p50, wait_p95, wait_p99, run_p50, run_p95, run_p99)
         SELECT date_trunc('minute', now()) - n * interval '1 min', 'walk', 5, 4, 1, 0, 0, 1, 2, 3, 4, 5, 6 FROM generate_series(1, 30) n ON CONFLICT DO NOTHING`);
    id.publish = sql("SELECT max(publish_id) FROM foreman.publishes WHERE topic = 'walk.topic'");
}

// What each page must show: its heading, texts, and what an operator is offered there. A monitor is offered none of it.
const pages = () => [
    ["overview", "Overview", ["Due", "Running", "Executors", "Jobs", "Waited", "Ran"], []],
    ["overview?range=7d", "Overview", ["Due later", "Waited"], []],
    ["queues", "Queues", ["walk outside", "walk runs", "paused"], ["Resume", "Pause"]],
    ["queue?name=walk", "Queue walk", ["paused", "Most at once", "Keeps dead letters"], ["Resume", "Change limits"]],
    [`jobs?queue=walk`, "Jobs", [id.waiting, id.later, "scheduled", "pending", "walk-tag"], []],
    ["jobs?queue=walk&state=scheduled", "Jobs", [id.later], ["Cancel all that match", "Delete all that match"]],
    [`job?id=${id.waiting}`, `Job ${id.waiting}`, ["Why it does not run", "Its queue is paused.", "walk waiting", "walk-tag"], ["Run now", "Reschedule", "Cancel", "Delete"], { operator: ["4711-args"] }],
    [`job?id=${id.done}`, `Job ${id.done}`, ["completed", "started", "attempt 1"], ["Retry", "Delete"], { operator: ['"done": true'] }],
    [`job?id=${id.dead}`, `Job ${id.dead}`, ["discarded", "WA001"], ["Retry", "Delete"], { operator: ["the walk stumbles"] }],
    [`job?id=${id.behind}`, `Job ${id.behind}`, ["pending", "It waits for", id.later, "As a graph"], ["Cancel", "Delete"]],
    [`job?id=${id.leased}`, `Job ${id.leased}`, ["running", "40 %", "halfway there", "walk-worker"], ["Take back", "Cancel", "Delete"]],
    ["dead?kind=walk_retries", "Dead letters", ["walk_retries", "WA001"], ["Retry the newest"], { operator: ["the walk stumbles"] }],
    ["schedules", "Schedules", ["walk schedule", "0 4 * * *", "by hand"], ["Run now", "Switch off"]],
    ["timers?kind=works&key=walk%20timer", "Timers", ["walk timer", "scheduled"], ["Fire now", "Cancel"]],
    ["timers", "Timers", ["walk timer"], ["Fire again"], { operator: ["walk dead timer", "the walk stumbles"], monitor: ["Timers that failed for good"] }],
    ["batches", "Batches", ["walk batch", "its jobs"], []],
    [`graph?batch=${id.batch}`, `Batch ${id.batch}`, ["The same as a table", "works"], []],
    [`graph?id=${id.behind}`, `What job ${id.behind}`, [id.later, id.behind], []],
    ["workflows", "Workflows", ["walk-paid", "walk-failed", "parked", "shipment"], []],
    ["workflow?type=order&id=walk-paid", "order walk-paid", ["OrderPlaced", "PaymentReceived", "charge", "shipment"], ["Signal", "Cancel", "Terminate", "Fork"]],
    ["workflow?type=order&id=walk-parked", "order walk-parked", ["parked"], ["Resume"]],
    ["workflow?type=walk_fails&id=walk-failed", "walk_fails walk-failed", ["failed", "Begun"], ["Retry"]],
    ["type?type=order", "Type order", ["OrderPlaced", "PaymentReceived"], []],
    ["streams", "Streams", ["walk_projection", "walk_subscription", "walk.topic", "nobody.walks.here"], ["Pause", "Switch off"]],
    [`deliveries?id=${id.publish}`, `Publish ${id.publish}`, ["walk_subscription", "works"], []],
    ["workers", "Workers", ["walk-worker", "a worker that walks", "halfway there", id.leased], ["Take back"]],
    ["handlers", "Handlers", ["walk_retries", "works", "public"], []],
    ["health", "Health", ["dispatcher", "foreman.max_executors", "foreman_jobs_completed_total"], []],
    ["enqueue", "Enqueue a job", [], ["Enqueue"], { operator: ["Args, as JSON"], monitor: ["Your role may not enqueue"] }],
];
const harmless = /^(Live|Updates are off|1h|6h|1d|7d|Find|Menu)$/;
const named = (place) => place.replace(/[^a-z0-9]+/gi, "-");

async function look(page, role, [place, heading, texts, offered, own = {}]) {
    // Whoever is not heard of for a while is not shown.
    if (place === "workers") sql("SELECT foreman.worker_heartbeat('walk-worker', '{walk outside}', 'a worker that walks')");
    await open(page, place);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    const live = page.getByRole("button", { name: "Live", exact: true });
    if (await live.count()) await live.click();
    const shown = [...texts, ...(own[role] ?? [])].map((text) => [text, page.locator("main").getByText(text).locator("visible=true").first()]);
    for (const [text, found] of shown) await found.waitFor({ timeout: 10000 }).catch(() => assert.fail(`${role}, ${place}: no "${text}" in: ${place}`));
    const buttons = (await page.getByRole("main").getByRole("button").allTextContents()).filter((b) => !harmless.test(b));
    if (role === "operator") for (const button of offered) assert.ok(buttons.some((b) => b.startsWith(button)), `${place}: no button "${button}" among ${buttons}`);
    else assert.deepEqual(buttons, [], `${role}, ${place}`);
    if (role === "monitor") assert.doesNotMatch(await page.locator("main").textContent(), /4711-args|the walk stumbles/, place);
    const picture = await page.screenshot({ fullPage: true });
    writeFileSync(`${pictures}/${role}-${named(place)}.png`, picture);
    const boxes = [[heading, await page.locator("main h1").boundingBox()]];
    for (const [text, found] of shown) boxes.push([text, await found.boundingBox()]);
    for (const [text, box] of boxes) assert.ok(contrast(picture, box) > 40, `${role}, ${place}: the picture has no "${text}"`);
}

for (const [role, name] of [["operator", "ops"], ["monitor", "eyes"]]) {
    test(`every page, as ${role}`, { skip }, async () => {
        if (!id.waiting) await makeAll();
        const page = await newPage({ width: 1900 });
        await logIn(page, main, name);
        for (const each of pages()) await look(page, role, each);
        assert.deepEqual(page.faults, []);
        await page.context().close();
    });
}

test("every page, as a stranger: it says which right is missing, and nothing else", { skip }, async () => {
    const page = await newPage({ width: 1900 });
    await logIn(page, main, "stranger");
    for (const [place] of pages().filter(([p]) => !["batches", "enqueue"].includes(p)))
        await look(page, "stranger", [place, "Nothing to see", ["neither the bundle", "foreman.grant_role('monitor'"], []]);
    for (const place of ["batches", "enqueue"]) {
        await open(page, place);
        await page.getByText(/Your role may not (see this|enqueue)/).first().waitFor();
    }
    assert.doesNotMatch(await page.locator("main").textContent(), /walk/);
    await page.context().close();
});

test("a monitor and a stranger are refused every action, whoever sends it", { skip }, async () => {
    for (const role of ["eyes", "stranger"]) {
        const client = new Client(main);
        await client.logIn(role);
        for (const file of readdirSync(`${root}/console/actions`)) {
            const answer = await client.act(file.replace(".sql", ""), { ids: [id.waiting], id: id.leased, name: "walk", kind: "works", key: "walk timer", type: "order", input: {}, at: "1", new_id: "walk-x", state: "scheduled", active: "true" });
            assert.equal(answer.status, 403, `${role}, ${file}: ${answer.text}`);
        }
    }
});

test("every action, as operator", { skip }, async () => {
    const page = await newPage({ width: 1900 });
    const did = new Set();
    page.on("request", (request) => request.method() === "POST" && request.url().includes("/api/action/") && did.add(request.url().replace(/.*\//, "")));
    await logIn(page, main, "ops");
    const within = (row) => (row ? page.getByRole("row").filter({ hasText: row }) : page.getByRole("main"));
    /** Presses a button, of a row where one is named; fills in what the dialog asks for, and presses its button. */
    const press = async (button, { row, fill, confirm = button } = {}) => {
        await within(row).getByRole("button", { name: button, exact: !/newest/.test(button) }).first().click();
        if (!fill) return;
        for (const [label, value] of Object.entries(fill)) await page.getByRole("dialog").getByLabel(label).fill(value);
        await page.getByRole("dialog").getByRole("button", { name: confirm, exact: true }).click();
    };
    const says = (text) => page.getByRole("status").getByText(text).first().waitFor();
    const holds = (query, value = "t") => until(`${query} is ${value}`, () => sql(`SELECT ${query}`) === value);

    await open(page, `job?id=${id.later}`);
    await press("Reschedule", { fill: { Priority: "7" } });
    await holds(`priority FROM foreman.jobs WHERE job_id = ${id.later}`, "7");
    await press("Run now");
    await holds(`state FROM foreman.jobs WHERE job_id = ${id.later}`, "available");
    await press("Cancel", { fill: { Reason: "walked away" } });
    await holds(`state FROM foreman.jobs WHERE job_id = ${id.later}`, "cancelled");
    await page.getByText("walked away").first().waitFor();
    await press("Retry");
    await holds(`state FROM foreman.jobs WHERE job_id = ${id.later}`, "available");
    await press("Delete", { fill: {} });
    await holds(`count(*) FROM foreman.jobs WHERE job_id = ${id.later}`, "0");

    sql("SELECT foreman.enqueue('walk_many', queue => 'walk', run_at => now() + interval '1 day') FROM generate_series(1, 3)");
    await open(page, "jobs?kind=walk_many&state=scheduled");
    for (const [button, from, left] of [["Cancel", "scheduled", "cancelled"], ["Retry", "cancelled", "available"], ["Delete", "available", ""]]) {
        await open(page, `jobs?kind=walk_many&state=${from}`);
        await page.getByRole("button", { name: `${button} all that match` }).click();
        await page.getByRole("dialog").getByText("This concerns 3 jobs").waitFor();
        await page.getByRole("dialog").getByRole("button", { name: `${button} them` }).click();
        await holds("coalesce(string_agg(DISTINCT state, ','), '') FROM foreman.jobs WHERE kind = 'walk_many'", left);
    }

    await open(page, "enqueue");
    await page.getByLabel("Kind").fill("walk_made");
    await page.getByLabel("Queue", { exact: true }).fill("walk");
    await page.getByRole("main").getByRole("button", { name: "Enqueue" }).click();
    await holds("count(*) FROM foreman.jobs WHERE kind = 'walk_made'", "1");

    await open(page, "queue?name=walk");
    await press("Change limits", { fill: { "Jobs that may start in the period": "4" }, confirm: "Change" });
    await holds("rate_limit FROM foreman.queues WHERE queue = 'walk'", "4");
    await open(page, "queue?name=walk%20outside");
    await press("Pause", { fill: {} });
    await holds("paused FROM foreman.queues WHERE queue = 'walk outside'");
    await press("Resume");
    await holds("paused FROM foreman.queues WHERE queue = 'walk outside'", "f");

    await open(page, "workers");
    await press("Take back", { row: "halfway there", fill: {} });
    await holds(`state FROM foreman.jobs WHERE job_id = ${id.leased}`, "available");

    await open(page, "schedules");
    const runs = Number(sql("SELECT count(*) FROM foreman.schedule_runs WHERE name = 'walk schedule'"));
    await press("Run now", { row: "walk schedule" });
    await holds("count(*) FROM foreman.schedule_runs WHERE name = 'walk schedule'", String(runs + 1));
    await press("Switch off", { row: "walk schedule", fill: {} });
    await holds("active FROM foreman.schedules WHERE name = 'walk schedule'", "f");
    await press("Switch on", { row: "walk schedule" });
    await holds("active FROM foreman.schedules WHERE name = 'walk schedule'");

    await open(page, "timers");
    await press("Fire again", { row: "walk dead timer" });
    await holds("count(*) FROM foreman.jobs WHERE unique_key = 'walk dead timer' AND state <> 'discarded' OR unique_key = 'walk dead timer' AND finished_at > now() - interval '20 s'", "1");
    await press("Cancel", { row: "walk timer", fill: {} });
    await holds("count(*) FROM foreman.timers WHERE key = 'walk timer'", "0");

    await open(page, "dead?kind=walk_retries");
    await press("Retry the newest", { row: "walk_retries" });
    await says(/Retry: \d+ true/);

    await open(page, "streams");
    await press("Pause", { row: "walk_projection", fill: {} });
    await holds("state FROM foreman.projections WHERE name = 'walk_projection'", "paused");
    await press("Resume", { row: "walk_projection" });
    await holds("state <> 'paused' FROM foreman.projections WHERE name = 'walk_projection'");
    await press("Switch off", { row: "walk_subscription", fill: {} });
    await holds("active FROM foreman.subscriptions WHERE name = 'walk_subscription'", "f");

    const workflow = (name) => `state FROM foreman.workflows WHERE workflow_type = 'order' AND workflow_id = '${name}'`;
    await open(page, "workflow?type=order&id=walk-paid");
    await press("Fork", { fill: { "After event": "1", "New id": "walk-forked", Reason: "again" } });
    await page.getByRole("heading", { level: 1, name: "order walk-forked" }).waitFor();
    await press("Terminate", { fill: { Reason: "enough" } });
    await holds(workflow("walk-forked"), "terminated");
    await open(page, "workflow?type=order&id=walk-parked");
    await press("Resume", { fill: { Reason: "mended" } });
    await holds("parked IS NULL FROM foreman.workflows WHERE workflow_id = 'walk-parked' AND workflow_type = 'order'");
    await open(page, "workflow?type=order&id=walk-ended");
    await press("Cancel", { fill: { Reason: "no more" } });
    await holds(workflow("walk-ended"), "cancelled");
    await open(page, "workflow?type=shipment&id=walk-paid");
    await press("Signal", { fill: { "Input, as JSON": '{"type": "delivered"}' } });
    await holds(workflow("walk-paid"), "completed");
    await open(page, "workflow?type=walk_fails&id=walk-failed");
    await press("Retry", { fill: { Reason: "try again" } });
    await says(/Retry: \d+/);

    // The page of a job that was deleted asks for it once more.
    page.faults = page.faults.filter((fault) => !fault.includes("status of 404"));
    assert.deepEqual([...did].sort(), readdirSync(`${root}/console/actions`).map((f) => f.replace(".sql", "")).sort(), "every action was done from a page");
    assert.deepEqual(page.faults, []);
    await page.context().close();
});
