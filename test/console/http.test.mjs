// The console over HTTP: log-ins, rights, what is refused, what each page and action answers. One test for each
// point of "How it is kept safe" in docs/console.md.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import test, { after } from "node:test";
import { Client, conninfo, loggedIn, program, refused, root, sleep, sql, start, until } from "./lib.mjs";

const open = new Set();
const console_ = async (...given) => {
    const made = await start(...given);
    open.add(made);
    return made;
};
after(() => Promise.all([...open].map((c) => c.stop())));
const main = await console_();

// How long it takes until a program has printed its first line.
async function firstLine(options) {
    const begun = performance.now();
    const child = spawn(program, options);
    await new Promise((done, failed) => {
        child.stdout.once("data", done);
        child.once("exit", () => failed(new Error(`no line of ${options}`)));
    });
    const took = performance.now() - begun;
    child.kill();
    await once(child, "close");
    return took;
}

test("it starts in less than 0.2 s", async (t) => {
    const ready = [];
    const bare = [];
    for (let i = 0; i < 5; i++) {
        ready.push(await firstLine(["--connect", conninfo(), "--listen", "127.0.0.1:0"]));
        bare.push(await firstLine(["--version"]));
    }
    const [best, process] = [Math.min(...ready), Math.min(...bare)];
    t.diagnostic(`ready after ${best.toFixed(1)} ms; a process that prints its version takes ${process.toFixed(1)} ms`);
    // On a machine where that alone takes long, the start may take ten times as long.
    assert.ok(best < Math.max(200, 10 * process), `${ready} ms; ${bare} ms`);
});

test("an address that others can reach is refused without --behind-proxy", async () => {
    for (const address of ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"]) {
        const { code, text } = await refused(["--listen", address]);
        assert.equal(code, 2);
        assert.match(text, /--behind-proxy/);
    }
});

test("a trusted header is refused without a list of proxies", async () => {
    const { code, text } = await refused(["--trusted-header", "X-User"]);
    assert.equal(code, 2);
    assert.match(text, /--trusted-peers/);
});

test("options that make no sense are named", async () => {
    for (const [options, said] of [
        [["--listen", "nowhere"], /ADDRESS:PORT/],
        [["--nonsense"], /no option "--nonsense"/],
        [["--idle-timeout", "soon"], /number from 1/],
        [["--trusted-peers", "127.0.0.1"], /--trusted-header/],
        [["--behind-proxy", "jobs.example.com"], /https:/],
        [["--connect"], /needs a value/],
    ]) {
        const { code, text } = await refused(options);
        assert.equal(code, 2);
        assert.match(text, said);
    }
});

test("without a log-in nothing is answered but the page itself", async () => {
    const client = new Client(main);
    assert.equal((await client.request("GET", "/")).status, 200);
    assert.equal((await client.request("GET", "/healthz")).text, "ok\n");
    for (const name of ["session", "overview", "jobs"]) assert.equal((await client.page(name)).status, 401);
    assert.equal((await client.act("cancel", { ids: [] })).status, 401);
    assert.equal((await client.page("overview", {}, { cookie: "foreman_console=" + "0".repeat(64) })).status, 401);
});

test("a role logs in with its password, and no other way", async () => {
    const client = new Client(main);
    assert.equal((await client.logIn("ops", "wrong")).status, 403);
    assert.equal((await client.logIn("nobody_of_this_name", "x")).status, 403);
    assert.equal((await client.logIn("ops", "")).status, 400);
    const answer = await client.logIn("ops");
    assert.equal(answer.status, 200);
    const cookie = answer.headers["set-cookie"][0];
    assert.match(cookie, /^foreman_console=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict$/);
    assert.equal((await client.page("session")).json.role, "ops");
    assert.doesNotMatch(main.log, /ops-pw|wrong/);
});

test("a log-in for which the server asks no password is refused", async () => {
    const answer = await new Client(main).logIn("trusting", "anything");
    assert.equal(answer.status, 403);
    assert.match(answer.json.message, /did not ask for a password/);
});

test("a password of the console's own surroundings does not help anybody", async () => {
    const other = await console_([], { PGPASSWORD: "ops-pw", PGOPTIONS: "-c role=postgres" });
    assert.equal((await new Client(other).logIn("ops", "wrong")).status, 403);
});

test("to log out closes the connection", async () => {
    const client = await loggedIn(main, "eyes");
    const count = () => Number(sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'eyes'"));
    await until("the connection is there", () => count() === 1);
    const kept = client.cookie;
    const answer = await client.request("POST", "/api/log-out", { headers: client.own() });
    assert.match(answer.headers["set-cookie"][0], /Max-Age=0/);
    await until("the connection is gone", () => count() === 0);
    assert.equal((await client.page("session", {}, { cookie: kept })).status, 401);
});

test("a log-in that is not used ends, also while a page is left open", async () => {
    const other = await console_(["--idle-timeout", "5s"]);
    const client = await loggedIn(other, "eyes");
    assert.equal((await client.page("queues")).status, 200);
    await until("the log-in has ended", async () => (await client.page("queues", {}, { "x-foreman-live": "1" })).status === 401);
    assert.match(other.log, /log-out role=eyes .* idle/);
});

test("an action needs the console's own page: origin, header, method, type", async () => {
    const client = await loggedIn(main, "ops");
    const id = sql("SELECT foreman.enqueue('works', queue => 'nobody', run_at => now() + interval '1 day')");
    const body = JSON.stringify({ ids: [id] });
    const json = { "content-type": "application/json" };
    const tries = [
        [{ ...json, "x-foreman-console": "1" }, 403],
        [{ ...json, "x-foreman-console": "1", origin: "http://evil.example" }, 403],
        [{ ...json, "x-foreman-console": "1", origin: "null" }, 403],
        [{ ...json, origin: main.url }, 403],
        [{ origin: main.url, "x-foreman-console": "1", "content-type": "text/plain" }, 415],
    ];
    for (const [headers, status] of tries) assert.equal((await client.request("POST", "/api/action/cancel", { headers, body })).status, status);
    assert.equal((await client.request("GET", "/api/action/cancel?ids=1")).status, 404);
    assert.equal((await client.request("PUT", "/api/action/cancel", { headers: client.own(json), body })).status, 405);
    assert.equal((await client.request("POST", "/api/log-in", { body: "role=ops&password=ops-pw" })).status, 403);
    assert.equal(sql(`SELECT state FROM foreman.jobs WHERE job_id = ${id}`), "scheduled");
    assert.equal((await client.act("cancel", body)).status, 200);
});

test("another name of this machine is refused, so that no page can be rebound to it", async () => {
    const client = new Client(main);
    assert.equal((await client.request("GET", "/", { headers: { host: "evil.example" } })).status, 421);
    assert.equal((await client.request("GET", "/", { headers: { host: "localhost" } })).status, 200);
});

test("the policy allows the page's own script and style, and nothing else", async () => {
    const { text, headers } = await new Client(main).request("GET", "/");
    const hash = (tag) => createHash("sha256").update(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`).exec(text)[1]).digest("base64");
    const policy = headers["content-security-policy"];
    assert.ok(policy.startsWith("default-src 'none'; "));
    assert.ok(policy.includes(`script-src 'sha256-${hash("script")}';`));
    assert.ok(policy.includes(`style-src 'sha256-${hash("style")}';`));
    assert.match(policy, /frame-ancestors 'none'; require-trusted-types-for 'script'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org)/, "the page names no other host");
    for (const path of ["/api/page/session", "/nothing"]) assert.equal((await new Client(main).request("GET", path)).headers["content-security-policy"], policy);
});

test("the page is below 200 kB compressed", async () => {
    const { headers } = await new Client(main).request("GET", "/", { headers: { "accept-encoding": "gzip" } });
    assert.equal(headers["content-encoding"], "gzip");
    assert.ok(Number(headers["content-length"]) < 200_000, headers["content-length"]);
});

test("log-ins that fail too often are slowed down, others are not", async () => {
    const other = await console_(["--log-ins-per-minute", "3"]);
    const client = new Client(other);
    for (let i = 0; i < 3; i++) assert.equal((await client.logIn("ops", "wrong")).status, 403);
    const answer = await client.logIn("ops");
    assert.equal(answer.status, 429);
    assert.equal(answer.headers["retry-after"], "60");
    await until("it is written down", () => other.log.includes("refused: too many failed"));
    assert.equal((await loggedIn(main, "ops")).cookie.length > 20, true);
});

test("a console takes so many log-ins and no more", async () => {
    const other = await console_(["--max-sessions", "2"]);
    await loggedIn(other, "ops");
    await loggedIn(other, "eyes");
    assert.equal((await new Client(other).logIn("maker")).status, 503);
});

test("a monitor sees no args and can change nothing", async () => {
    const id = sql(`SELECT foreman.enqueue('works', '{"card": 4711}', queue => 'nobody', run_at => now() + interval '1 day')`);
    const client = await loggedIn(main, "eyes");
    const job = (await client.page("job", { id })).json;
    assert.equal(job.args, null);
    assert.doesNotMatch(JSON.stringify(job), /4711/);
    const answer = await client.act("cancel", { ids: [id] });
    assert.equal(answer.status, 403);
    assert.equal(answer.json.sqlstate, "42501");
    assert.equal(sql(`SELECT state FROM foreman.jobs WHERE job_id = ${id}`), "scheduled");
    assert.deepEqual((await client.page("session")).json.may, { see: true, operate: false, produce: false });
});

test("a stranger sees nothing", async () => {
    const client = await loggedIn(main, "stranger");
    assert.deepEqual((await client.page("session")).json.may, { see: false, operate: false, produce: false });
    for (const file of readdirSync(`${root}/console/pages`)) {
        const name = file.replace(".sql", "");
        if (name === "session") continue;
        const { status, text } = await client.page(name, { id: "1", name: "mail", type: "x", state: "running" });
        assert.equal(status, 403, `${name}: ${text}`);
    }
});

test("a right that is taken away is gone from an open log-in", async () => {
    sql("CREATE ROLE leaver LOGIN PASSWORD 'leaver-pw'; SELECT foreman.grant_role('monitor', 'leaver')");
    const client = await loggedIn(main, "leaver");
    assert.equal((await client.page("queues")).status, 200);
    sql("SELECT foreman.revoke_role('monitor', 'leaver')");
    await until("the right is gone", async () => (await client.page("queues", {}, { "x-foreman-live": "1" })).status === 403);
    sql("SELECT foreman.grant_role('monitor', 'leaver')");
    await until("and back", async () => (await client.page("queues", {}, { "x-foreman-live": "1" })).status === 200);
});

test("--read-only does nothing, and its transactions could not", async () => {
    const other = await console_(["--read-only"]);
    const client = await loggedIn(other, "ops");
    const answer = await client.act("pause_queue", { name: "mail" });
    assert.equal(answer.status, 403);
    assert.equal(sql("SELECT paused FROM foreman.queues WHERE queue = 'mail'"), "f");
    assert.equal((await client.page("session")).json.read_only, true);
});

test("secrets in args are hidden, at any depth, unless --show-secrets", async () => {
    const args = { Password: "p-1", deep: [{ api_key: ["k-2", { x: "k-3" }] }], client_secret: { a: "s-4" }, auth_token: null, "x\"token": 5, Authorization: "Bearer b-6", open: "o-7", list: ["password", "w-8"] };
    sql(`SELECT foreman.enqueue('works', $x$${JSON.stringify(args)}$x$, queue => 'nobody', unique_key => 'secrets')`);
    const id = sql("SELECT job_id FROM foreman.jobs WHERE unique_key = 'secrets'");
    const { json, text } = await (await loggedIn(main, "ops")).page("job", { id });
    assert.doesNotMatch(text, /p-1|k-2|k-3|s-4|b-6/);
    assert.equal(json.args.open, "o-7");
    assert.deepEqual(json.args.list, ["password", "w-8"]);
    assert.equal(json.args.Password, "(hidden)");
    assert.equal(json.args['x"token'], "(hidden)");
    const other = await console_(["--show-secrets"]);
    assert.equal((await (await loggedIn(other, "ops")).page("job", { id })).json.args.Password, "p-1");
});

test("every action is written down: who, from where, what, how many, and no args", async () => {
    const client = await loggedIn(main, "ops");
    const { json } = await client.act("enqueue", { kind: "works", queue: "nobody", args: { card: "4712-secret" } });
    const id = String(json.outcome);
    await client.act("delete", { ids: [id] });
    await client.act("cancel", { ids: ["not a number\nforged line"] });
    await until("the lines are there", () => /action=cancel role=ops .*failed: 22P02.*\n/.test(main.log));
    assert.match(main.log, /action=enqueue role=ops from=127\.0\.0\.1 count=1 what="kind works: \d+"/);
    assert.match(main.log, new RegExp(`action=delete role=ops from=127\\.0\\.0\\.1 count=1 what="jobs ${id}"`));
    assert.match(main.log, /action=cancel role=ops .*failed: 22P02/);
    assert.doesNotMatch(main.log, /4712|\nforged/);
});

test("behind a proxy: cookie for https alone, its path, and the origin that browsers see", async () => {
    const other = await console_(["--behind-proxy", "https://jobs.example.com/foreman/"]);
    assert.equal(other.address, "https://jobs.example.com/foreman/");
});

const viaSocket = async (options) => {
    const dir = mkdtempSync(`${tmpdir()}/foreman-console-`);
    const path = `${dir}/socket`;
    const made = await console_(["--listen", `unix:${path}`, ...options]);
    after(() => rmSync(dir, { recursive: true, force: true }));
    return { made, path, client: new Client(made, { socketPath: path }) };
};

test("over a Unix socket behind a proxy", async () => {
    const { client, made, path } = await viaSocket(["--behind-proxy", "https://jobs.example.com/foreman"]);
    client.origin = "https://jobs.example.com";
    const answer = await client.logIn("ops");
    assert.match(answer.headers["set-cookie"][0], /; Path=\/foreman\/; HttpOnly; SameSite=Strict; Secure$/);
    assert.equal((await client.request("GET", "/foreman/api/page/session")).json.role, "ops");
    client.origin = "http://localhost";
    assert.equal((await client.act("pause_queue", { name: "mail" })).status, 403);
    await made.stop();
    open.delete(made);
    assert.equal(existsSync(path), false);
});

test("a proxy that has authenticated names the role, and only that", async () => {
    const user = { "x-user": "ops" };
    const { client } = await viaSocket(["--connect", conninfo() + " user=proxy password=proxy-pw", "--trusted-header", "X-User", "--trusted-peers", "unix"]);
    client.origin = "http://localhost";
    assert.equal((await client.page("session", {}, user)).json.role, "ops");
    assert.equal((await client.page("session", {}, { "x-user": "eyes" })).json.role, "eyes");
    assert.equal((await client.page("session")).status, 401);
    for (const role of ["none", "NONE ", "", "ops,eyes"]) assert.notEqual((await client.page("session", {}, { "x-user": role })).status, 200);
    for (const role of ["postgres", "maker", 'ops"; RESET ROLE; --']) assert.equal((await client.page("session", {}, { "x-user": role })).status, 403);
    assert.equal((await client.logIn("maker")).status, 403);
    assert.equal((await client.act("pause_queue", { name: "nobody" }, { "x-user": "eyes" })).status, 403);
    const paused = await client.act("pause_queue", { name: "nobody" }, user);
    assert.equal(paused.status, 200, paused.text);
    assert.equal((await client.act("resume_queue", { name: "nobody" }, user)).status, 200);
    // The server ends the connection: the next request makes another one.
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'proxy'");
    await until("it is back by itself", async () => (await client.page("session", {}, user)).status === 200);
});

test("over TCP the header counts from a proxy on the list, and from nobody else", async () => {
    const proxied = ["--connect", conninfo() + " user=proxy password=proxy-pw", "--trusted-header", "X-User", "--trusted-peers"];
    const user = { "x-user": "ops" };
    const listed = new Client(await console_([...proxied, "192.0.2.7,127.0.0.1"]));
    assert.equal((await listed.page("session", {}, user)).json.role, "ops");
    assert.equal((await listed.page("session")).status, 401);
    assert.equal((await listed.act("pause_queue", { name: "nobody" }, user)).status, 200);
    assert.equal((await listed.act("resume_queue", { name: "nobody" }, user)).status, 200);
    const unlisted = new Client(await console_([...proxied, "192.0.2.7"]));
    for (const more of [{}, { "x-forwarded-for": "192.0.2.7" }, { "x-real-ip": "192.0.2.7" }]) {
        assert.equal((await unlisted.page("session", {}, { ...user, ...more })).status, 403);
        assert.equal((await unlisted.act("pause_queue", { name: "nobody" }, { ...user, ...more })).status, 403);
    }
    assert.equal(sql("SELECT paused FROM foreman.queues WHERE queue = 'nobody'"), "f");
});

test("viewers of the same page share one query", async () => {
    const other = await console_();
    const clients = [];
    for (let i = 0; i < 10; i++) clients.push(await loggedIn(other, "eyes"));
    const answers = await Promise.all(clients.map((c) => c.page("charts", { range: "6h" }, { "x-foreman-live": "1" })));
    assert.ok(answers.every((a) => a.status === 200 && a.text === answers[0].text));
    const port = "FROM pg_stat_activity WHERE usename = 'eyes' AND query LIKE '%date_bin%' AND query NOT LIKE '%pg_stat_activity%'";
    assert.equal(sql(`SELECT count(*) ${port}`), "1");
    await other.stop();
    open.delete(other);
});

test("a statement that waits for a lock, or is slow, is given up", async () => {
    const client = await loggedIn(main, "ops");
    const locked = () => sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'foreman.live_job'::regclass AND granted") === "1";
    const locker = spawn(process.env.FOREMAN_PSQL, ["-Xq", "-d", "postgres", "-c", "SET application_name = 'locker'", "-c", "BEGIN; LOCK TABLE foreman.live_job; SELECT pg_sleep(60)"]);
    const gone = new Promise((done) => locker.on("exit", done));
    await until("the table is locked", locked);
    const answer = await client.page("jobs");
    assert.equal(answer.status, 409, answer.text);
    assert.ok(locked(), "it was given up while the lock was held");
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'locker'");
    await gone;
    assert.equal((await client.page("jobs")).status, 200);
});

test("another server's answer to each question: no extension", async () => {
    const other = await console_(["--connect", conninfo("empty")]);
    const client = await loggedIn(other, "ops");
    assert.equal((await client.page("session")).json.extension, null);
    assert.equal((await client.page("queues")).json.error, "extension");
});

test("no server: it starts, says so, and is back by itself", async () => {
    const other = await console_(["--connect", "host=/nonexistent dbname=postgres"]);
    const answer = await new Client(other).logIn("ops");
    assert.equal(answer.status, 503);
    assert.equal(answer.json.error, "away");
    assert.doesNotMatch(answer.text, /nonexistent/, "where the server is concerns no stranger");
});

test("an operator can open every page", async () => {
    const client = await loggedIn(main, "ops");
    const id = sql("SELECT min(job_id) FROM foreman.jobs");
    for (const file of readdirSync(`${root}/console/pages`)) {
        const name = file.replace(".sql", "");
        if (["workflow", "workflow_state", "workflow_graph"].includes(name)) continue; // workflows.test has one
        const { status, text, json } = await client.page(name, { id, name: "mail", state: "discarded" });
        assert.equal(status, 200, `${name}: ${text}`);
        assert.ok(json);
    }
});

test("every file of a page or an action says what it is, and uses public objects only", () => {
    for (const dir of ["pages", "actions"])
        for (const file of readdirSync(`${root}/console/${dir}`)) {
            const text = readFileSync(`${root}/console/${dir}/${file}`, "utf8");
            assert.match(text, /^-- [A-Z]/, file);
            for (const [, object] of text.matchAll(/foreman\.(\w+)/g)) {
                assert.doesNotMatch(object, /^_/, `${file}: ${object}`);
                assert.equal(sql(`SELECT count(*) FROM pg_class WHERE relnamespace = 'foreman'::regnamespace AND relname = '${object}' AND relkind <> 'v'`), "0", `${file}: ${object}`);
            }
        }
});

const jobState = (id) => sql(`SELECT state FROM foreman.jobs WHERE job_id = ${id}`);
const enqueue = (rest = "") => sql(`SELECT foreman.enqueue('works', queue => 'nobody', run_at => now() + interval '1 day'${rest})`);

test("actions on jobs: cancel, retry, run now, reschedule, delete, and all that match", async () => {
    const client = await loggedIn(main, "ops");
    const done = async (name, body, count = 1) => {
        const { status, json, text } = await client.act(name, body);
        assert.equal(status, 200, `${name}: ${text}`);
        if (count !== null) assert.equal(json.count ?? count, count, `${name}: ${text}`);
        return json;
    };
    sql("SELECT foreman.pause_queue('nobody')");
    const id = enqueue();
    await done("reschedule", { ids: [id], run_at: "2099-01-01T00:00:00Z", priority: "7" });
    assert.equal(sql(`SELECT priority, run_at > now() + interval '1 year' FROM foreman.jobs WHERE job_id = ${id}`), "7|t");
    await done("run_now", { ids: [id] });
    assert.equal(jobState(id), "available");
    assert.deepEqual((await done("cancel", { ids: [id], reason: "no more" })).outcomes, { cancelled: 1 });
    assert.equal(sql(`SELECT reason FROM foreman.jobs WHERE job_id = ${id}`), "no more");
    await done("retry", { ids: [id] });
    assert.equal(jobState(id), "available");
    await done("delete", { ids: [id] });
    assert.equal(jobState(id), "");
    const filter = { queue: "nobody", kind: "works", state: "scheduled" };
    const before = (await client.page("match_count", filter)).json.count;
    const many = [enqueue(), enqueue(), enqueue()];
    const { count } = (await client.page("match_count", filter)).json;
    assert.equal(count, before + 3);
    await done("cancel_matching", filter, count);
    assert.equal(jobState(many[0]), "cancelled");
    await done("retry_matching", { ...filter, state: "cancelled" }, null);
    await done("delete_matching", { ...filter, state: "available" }, null);
    assert.equal(jobState(many[1]), "");
    assert.notEqual((await client.act("cancel_matching", { queue: "nobody" })).status, 200, "all jobs of a queue are not meant by leaving the state out");
    assert.notEqual((await client.act("cancel", { ids: Array(1001).fill("1") })).status, 200);
    sql("SELECT foreman.resume_queue('nobody')");
});

test("actions on queues, schedules, timers, projections and subscriptions", async () => {
    const client = await loggedIn(main, "ops");
    const done = async (name, body) => {
        const { status, json, text } = await client.act(name, body);
        assert.equal(status, 200, `${name}: ${text}`);
        return json.outcome;
    };
    await done("pause_queue", { name: "mail" });
    assert.equal((await client.page("queue", { name: "mail" })).json.queue.paused, true);
    await done("resume_queue", { name: "mail" });
    await done("alter_queue", { name: "mail", max_running: "5", rate_limit: "10", rate_period: "1 min" });
    assert.equal(sql("SELECT max_running, rate_limit, rate_period FROM foreman.queues WHERE queue = 'mail'"), "5|10|00:01:00");
    await done("alter_queue", { name: "mail", reset: ["rate_limit", "rate_period"] });
    assert.equal(sql("SELECT rate_limit IS NULL FROM foreman.queues WHERE queue = 'mail'"), "t");
    const wrong = await client.act("alter_queue", { name: "mail", max_running: "-1" });
    assert.equal(wrong.status, 400);
    assert.ok(wrong.json.message.length > 5);
    const run = await done("run_schedule", { name: "nightly" });
    assert.equal(sql(`SELECT kind FROM foreman.jobs WHERE job_id = ${run}`), "works");
    await done("switch_schedule", { name: "nightly", active: "false" });
    assert.equal(sql("SELECT active FROM foreman.schedules WHERE name = 'nightly'"), "f");
    await done("switch_schedule", { name: "nightly", active: "true" });
    sql("SELECT foreman.set_timer('works', 'k', now() + interval '1 day'); SELECT foreman.set_timer('fails', 'dead', now(), '{\"say\": \"late\"}')");
    assert.equal((await client.page("timers", { kind: "works", key: "k" })).json.timers.length, 1);
    const dead = await until("a timer has failed for good", async () => (await client.page("timer_dead_letters", { kind: "fails" })).json.timers[0]);
    assert.equal(dead.key, "dead");
    assert.equal(dead.error, "late");
    assert.equal(await done("retry_timer", { id: String(dead.job_id) }), true);
    await done("pause_projection", { name: "seen" });
    assert.equal(sql("SELECT state FROM foreman.projections"), "paused");
    await done("resume_projection", { name: "seen" });
    await done("switch_subscription", { name: "orders", active: "false" });
    assert.equal(sql("SELECT active FROM foreman.subscriptions"), "f");
    sql("SELECT foreman.create_queue('leased'); GRANT ops TO postgres");
    sql("SELECT foreman.enqueue('outside_kind', queue => 'leased')");
    const leased = sql("SELECT job_id FROM foreman.claim('{leased}', 'w1')");
    assert.equal((await client.page("workers")).json.leases.length, 1);
    assert.equal(await done("release_lease", { id: leased }), "released");
});

test("workflows: one page shows it, and it can be signalled, forked, cancelled, terminated", async () => {
    sql(`SELECT foreman.execute('order', 'o-1', '{"type": "place", "total": 42}')`);
    const client = await loggedIn(main, "ops");
    const key = { type: "order", id: "o-1" };
    const page = await until("the payment is in its history", async () => {
        const { json } = await client.page("workflow", key);
        return json.events.length >= 2 && json;
    });
    assert.equal(page.events[0].event_type, "OrderPlaced");
    assert.equal(page.workflow.state, "running");
    assert.equal((await client.page("workflow_state", { ...key, at: "1" })).json.state.status, "placed");
    assert.equal((await client.page("workflow_state", key)).json.state.status, "paid");
    assert.match((await client.page("workflow_graph", { type: "order" })).json.text, /flowchart/);
    assert.ok((await client.page("workflows", { type: "order" })).json.workflows.length >= 1);
    for (const [name, body] of [
        ["fork_workflow", { ...key, at: "1", new_id: "o-2", reason: "again" }],
        ["signal_workflow", { type: "shipment", id: "o-1", input: { type: "delivered" } }],
        ["terminate_workflow", { type: "order", id: "o-2", reason: "enough" }],
        ["cancel_workflow", { ...key, reason: "enough" }],
    ]) {
        const { status, text } = await client.act(name, body);
        assert.equal(status, 200, `${name}: ${text}`);
    }
    assert.equal((await client.act("retry_workflow", { type: "order", id: "o-2" })).status, 400);
    assert.equal((await (await loggedIn(main, "eyes")).page("workflow_state", key)).status, 403);
});

test("a graph shows what waits for what", async () => {
    const a = sql("SELECT foreman.enqueue('works', queue => 'nobody', run_at => now() + interval '1 day')");
    const b = sql(`SELECT foreman.enqueue('works', queue => 'nobody', depends_on => ARRAY[${a}])`);
    const c = sql(`SELECT foreman.enqueue('works', queue => 'nobody', depends_on => ARRAY[${a}, ${b}])`);
    const client = await loggedIn(main, "eyes");
    const { json } = await client.page("graph", { id: b });
    assert.deepEqual(json.nodes.map((n) => String(n.id)), [a, b, c]);
    assert.equal(json.edges.length, 3);
    const job = (await client.page("job", { id: c })).json;
    assert.equal(job.waits_for.length, 2);
    assert.equal(job.why[0].reason, "dependencies");
});

test("jobs are paged by key and found by kind, tag, worker and text in args", async () => {
    const client = await loggedIn(main, "ops");
    sql(`SELECT foreman.enqueue('works', jsonb_build_object('n', i), queue => 'nobody', run_at => now() + interval '1 day', tags => ARRAY['t' || i % 7]) FROM generate_series(1, 120) AS i`);
    const first = (await client.page("jobs", { queue: "nobody", state: "scheduled" })).json;
    assert.equal(first.jobs.length, 50);
    const second = (await client.page("jobs", { queue: "nobody", state: "scheduled", before: String(first.next) })).json;
    assert.ok(second.jobs[0].job_id < first.jobs[49].job_id);
    assert.equal((await client.page("jobs", { queue: "nobody", text: '"n": 117' })).json.jobs.length, 1);
    assert.ok((await client.page("jobs", { queue: "nobody", tag: "t3" })).json.jobs.every((j) => j.tags[0] === "t3"));
    assert.deepEqual((await client.page("jobs", { queue: "nobody", worker: "no such" })).json.jobs, []);
    assert.equal((await client.page("jobs", { id: "x" })).status, 400);
});

test("dead letters are grouped by kind and error", async () => {
    sql(`SELECT foreman.enqueue('fails', '{"say": "same error"}') FROM generate_series(1, 3)`);
    const client = await loggedIn(main, "ops");
    const group = await until("three are dead", async () => (await client.page("dead_letters", { kind: "fails" })).json.groups.find((g) => g.error === "same error" && g.jobs === 3));
    assert.equal(group.sqlstate, "P0001");
    assert.equal(group.newest.length, 3);
});

test("it does not need 30 MB", async () => {
    const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${main.child.pid}/status`, "utf8"))[1]);
    assert.ok(rss < 30 * 1024, `${rss} kB`);
    await sleep(0);
});
