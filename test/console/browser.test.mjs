// The page in a real browser: log in by keyboard, find out why a job waits, act; every page with hostile texts, at 360
// and 1920 px, dark and light, without a fault of the policy and without serious findings of axe.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test, { after } from "node:test";
import { axe, browser, logIn as logInTo, newPage, open, skip } from "./browser.mjs";
import { root, sql, start, until } from "./lib.mjs";

const main = skip ? undefined : await start();
const logIn = (page, role) => logInTo(page, main, role);
after(async () => {
    await browser?.close();
    await main?.stop();
});

// Names, texts and args as somebody hostile would write them.
const bad = {
    script: "<script>window.pwned = 1</script>",
    image: '"><img src=x onerror="window.pwned=1">',
    link: "javascript:window.pwned=1//",
    bidi: "ab\u202edc\u2066ef",
    css: "</style><style>*{display:none}",
    long: "W".repeat(5000),
    entity: "&lt;b&gt;&#x3c;b&#x3e;",
    template: "${window.pwned=1}{{constructor.constructor('window.pwned=1')()}}",
};
const all = Object.values(bad).join(" ");
const quoted = (text) => `$q$${text}$q$`;
const ids = {};

function hostileJobs() {
    const kind = quoted((bad.script + bad.image).slice(0, 120));
    sql(`SELECT foreman.create_queue(${quoted("q" + bad.image)});
         SELECT foreman.enqueue(${kind}, jsonb_build_object(${quoted(bad.script)}, ${quoted(all)}, 'n', 12345678901234567890), queue => ${quoted("q" + bad.image)}, tags => ARRAY[${quoted(bad.image)}, ${quoted(bad.bidi)}],
             unique_key => ${quoted(bad.script)}, run_at => now() + interval '1 day', metadata => jsonb_build_object('m', ${quoted(all)}));
         SELECT foreman.enqueue('fails', jsonb_build_object('say', ${quoted(all)}));
         SELECT foreman.set_timer('works', ${quoted(bad.image)}, now() + interval '1 day');
         SELECT foreman.schedule_job(${quoted(bad.image)}, '0 4 * * *', 'works');
         SELECT foreman.create_batch(${quoted(bad.script)});
         SELECT foreman.publish('to.nobody', jsonb_build_object('a', ${quoted(all)}));
         SELECT foreman.create_queue('held');
         SELECT foreman.enqueue('outside', queue => 'held');
         SELECT job_id FROM foreman.claim('{held}', ${quoted(bad.image)});
         SELECT foreman.worker_heartbeat(${quoted(bad.image)}, '{held}', ${quoted(bad.script)});
         SELECT foreman.execute('order', ${quoted("o" + bad.image)}, '{"type": "place", "total": 1}')`);
    ids.job = sql(`SELECT job_id FROM foreman.jobs WHERE unique_key = ${quoted(bad.script)}`);
    ids.dead = sql("SELECT max(job_id) FROM foreman.jobs WHERE kind = 'fails'");
}

test("a new user finds out with the keyboard alone why a job waits, and cancels it", { skip }, async () => {
    sql("SELECT foreman.pause_queue('mail'); SELECT foreman.enqueue('works', '{\"to\": \"ada\"}', queue => 'mail', unique_key => 'letter to ada')");
    const id = sql("SELECT job_id FROM foreman.jobs WHERE unique_key = 'letter to ada'");
    const page = await newPage();
    await page.goto(main.address);
    await page.getByLabel("Role").focus();
    await page.keyboard.type("ops");
    await page.keyboard.press("Tab");
    await page.keyboard.type("ops-pw");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.getByRole("link", { name: "Jobs", exact: true }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: id, exact: true }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("Its queue is paused.").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1", "the focus follows to the new page");
    await page.getByRole("button", { name: "Cancel" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByLabel("Reason").fill("not needed");
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).press("Enter");
    await page.getByText(`Cancel job ${id}: 1 cancelled`).waitFor();
    assert.equal(sql(`SELECT state || ' ' || reason FROM foreman.jobs WHERE job_id = ${id}`), "cancelled not needed");
    await page.getByRole("main").getByText("cancelled", { exact: true }).first().waitFor();
    sql("SELECT foreman.resume_queue('mail')");
    assert.deepEqual(page.faults, []);
    await page.context().close();
});

test("a page is live without a reload, and asks for nothing while it is hidden", { skip }, async () => {
    const page = await newPage();
    await logIn(page);
    await open(page, "jobs?kind=comes_later");
    await page.getByText("No job matches.").waitFor();
    const id = sql("SELECT foreman.enqueue('comes_later', run_at => now() + interval '1 day')");
    await page.getByRole("link", { name: id, exact: true }).waitFor();
    let asked = 0;
    page.on("request", () => asked++);
    await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true, configurable: true }));
    await page.waitForTimeout(300);
    asked = 0;
    await page.waitForTimeout(4500);
    assert.equal(asked, 0);
    await page.evaluate(() => (Object.defineProperty(document, "hidden", { value: false, configurable: true }), document.dispatchEvent(new Event("visibilitychange"))));
    await until("it asks again", () => asked > 0);
    await page.context().close();
});

test("a job is enqueued from the page, digit for digit, and limits of a queue are changed", { skip }, async () => {
    const page = await newPage();
    await logIn(page);
    await open(page, "enqueue");
    await page.getByLabel("Kind").fill("works");
    await page.getByLabel("Args, as JSON").fill('{"big": 98765432109876543210, "small": 1.10}');
    await page.getByLabel("Queue", { exact: true }).fill("nobody");
    await page.getByRole("main").getByRole("button", { name: "Enqueue" }).click();
    await page.getByText("98765432109876543210").waitFor();
    await page.getByText("1.10").waitFor();
    await open(page, "queue?name=mail");
    await page.getByRole("button", { name: "Change limits" }).click();
    await page.getByLabel("Most jobs at once", { exact: true }).fill("3");
    await page.getByRole("dialog").getByRole("button", { name: "Change" }).click();
    await until("the limit has changed", () => sql("SELECT max_running FROM foreman.queues WHERE queue = 'mail'") === "3");
    assert.deepEqual(page.faults, []);
    await page.context().close();
});

test("all that match are deleted after their number was shown", { skip }, async () => {
    sql("SELECT foreman.enqueue('swept', queue => 'nobody', run_at => now() + interval '1 day') FROM generate_series(1, 70)");
    const page = await newPage();
    await logIn(page);
    await open(page, "jobs?kind=swept&state=scheduled");
    await page.getByRole("button", { name: "Delete all that match" }).click();
    await page.getByRole("dialog").getByText("70").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Delete them" }).click();
    await page.getByText("No job matches.").waitFor();
    assert.equal(sql("SELECT count(*) FROM foreman.jobs WHERE kind = 'swept'"), "0");
    await page.context().close();
});

const places = () => ["overview", "queues", `queue?name=${encodeURIComponent("q" + bad.image)}`, "jobs", "jobs?state=discarded", `job?id=${ids.job}`, `job?id=${ids.dead}`, "dead", "schedules", "timers", "batches", `graph?id=${ids.job}`,
    "workflows", `workflow?type=order&id=${encodeURIComponent("o" + bad.image)}`, "type?type=order", "streams", "workers", "handlers", "health", "enqueue", `jobs?kind=${encodeURIComponent(bad.script)}`, "nothing"];

for (const [width, dark] of [[360, false], [360, true], [1920, true]]) {
    test(`hostile texts do no harm on any page, ${width} px ${dark ? "dark" : "light"}`, { skip }, async () => {
        if (!ids.job) hostileJobs();
        const page = await newPage({ width, dark });
        await logIn(page);
        for (const place of places()) {
            await open(page, place);
            const found = await page.evaluate(() => ({
                pwned: window.pwned,
                scripts: document.querySelectorAll("main script, main img, main style, main iframe").length,
                links: [...document.querySelectorAll("a")].filter((a) => !a.getAttribute("href").startsWith("#/") && !a.classList.contains("skip")).length,
                wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
                alert: document.querySelector("main [role=alert]")?.textContent ?? "",
                odd: /[\u202a-\u202e\u2066-\u2069]/.test(document.body.textContent),
            }));
            assert.deepEqual(found, { pwned: undefined, scripts: 0, links: 0, wide: 0, alert: "", odd: false }, place);
        }
        await open(page, `job?id=${ids.job}`);
        await page.getByText("U+202E").first().waitFor();
        await page.getByText("12345678901234567890").waitFor();
        assert.deepEqual(page.faults, []);
        await page.context().close();
    });
}

for (const dark of [false, true]) {
    test(`axe has no serious findings, ${dark ? "dark" : "light"}`, { skip }, async () => {
        if (!ids.job) hostileJobs();
        const page = await newPage({ dark });
        await page.goto(main.address);
        const check = async (place) => {
            await page.evaluate(axe);
            const { violations } = await page.evaluate(() => axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] }));
            const serious = violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => `${place}: ${v.id}: ${v.nodes.map((n) => n.html).slice(0, 2).join(" ")}`);
            assert.deepEqual(serious, []);
        };
        await page.getByLabel("Role").waitFor();
        await check("log-in");
        await logIn(page);
        for (const place of places().filter((_, i) => !dark || i % 3 === 0)) {
            await open(page, place);
            await check(place);
        }
        await page.context().close();
    });
}

test("a monitor sees no buttons that change something, a stranger sees nothing", { skip }, async () => {
    const page = await newPage();
    await logIn(page, "eyes");
    for (const place of ["queue?name=mail", `job?id=${sql("SELECT max(job_id) FROM foreman.jobs WHERE state = 'scheduled'")}`, "schedules", "streams"]) {
        await open(page, place);
        assert.equal(await page.getByRole("main").getByRole("button", { name: /Pause|Cancel|Delete|Run now|Switch/ }).count(), 0, place);
    }
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByText("You are logged out.").waitFor();
    await logIn(page, "stranger");
    await page.getByText("neither the bundle").waitFor();
    await page.context().close();
});

test("a poll that hears first of a log-out does not say that the server ended the log-in", { skip }, async () => {
    const page = await newPage();
    await logIn(page);
    await open(page, "queues");
    let heard = false;
    page.on("response", (answer) => (heard ||= answer.status() === 401));
    // The log-out is done, and its answer comes only when a poll has been refused.
    await page.route("**/api/log-out", async (route) => {
        const response = await route.fetch();
        await until("a poll is refused", () => heard);
        await route.fulfill({ response });
    });
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByText("You are logged out.").waitFor();
    assert.equal(await page.getByText("Your log-in has ended").count(), 0);
    await page.context().close();
});

test("after a restart of the server the page asks for a log-in, and is then where it was", { skip }, async () => {
    const page = await newPage();
    await logIn(page);
    await open(page, "queue?name=mail");
    execFileSync(`${root}/test/lib/server`, ["restart", process.env.FOREMAN_SUITE, "fast"], { stdio: "ignore" });
    await page.getByText("Please log in again.").waitFor();
    await page.getByLabel("Role").fill("ops");
    await page.getByLabel("Password").fill("ops-pw");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { level: 1, name: "Queue mail" }).waitFor();
    await page.context().close();
});
