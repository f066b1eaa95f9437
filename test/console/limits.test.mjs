// Clients that are slow, huge or broken, and a server that goes away: the console answers others all the while.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import net from "node:net";
import test, { after } from "node:test";
import { Client, loggedIn, raw, root, sleep, sql, start, until } from "./lib.mjs";

const main = await start(["--max-connections", "40"]);
after(() => main.stop());

test("a client that sends a byte now and then is cut off, others are served", async () => {
    const slow = [
        raw(main, "GET / HTTP/1.1\r\nHost: localhost\r\n", { dribble: "x" }),
        raw(main, "POST /api/log-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", { dribble: "a" }),
        raw(main, ""),
    ];
    assert.equal((await new Client(main).request("GET", "/healthz")).status, 200);
    for (const { ms } of await Promise.all(slow)) assert.ok(ms > 5000 && ms < 20000, `${ms} ms`);
});

test("what is too large or malformed gets an answer and is closed", async () => {
    const get = (rest) => raw(main, `GET /healthz HTTP/1.1\r\nHost: localhost\r\n${rest}`);
    assert.match((await get("X-Long: " + "a".repeat(9000) + "\r\n\r\n")).text, /^HTTP\/1.1 431 /);
    assert.match((await raw(main, "POST /api/log-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n")).text, /^HTTP\/1.1 413 /);
    for (const bytes of ["\x16\x03\x01\x02\x00\x01", "GET\r\n\r\n", "GET / HTTP/9\r\n\r\n", "GET /\x00 HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"])
        assert.match((await raw(main, bytes + "\r\n\r\n")).text, /^HTTP\/1.1 4\d\d |^$/, JSON.stringify(bytes));
    const both = "POST /api/log-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n";
    assert.match((await raw(main, both)).text, /^HTTP\/1.1 4\d\d /);
    for (const path of ["/api/page/jobs?a=%", "/api/page/jobs?a=%00", "/api/page/jobs?" + "a=1&".repeat(100), "/api/page/../session", "/api/page/", "//", "/%2e%2e/etc/passwd"])
        assert.match((await raw(main, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)).text, /^HTTP\/1.1 4\d\d /, path);
});

test("requests that are sent in one go are answered in their order", async () => {
    const { text } = await raw(main, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /none HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert.deepEqual([...text.matchAll(/HTTP\/1.1 (\d+)/g)].map((m) => m[1]), ["200", "404", "200"]);
    assert.doesNotMatch(text, /<html/);
});

test("more connections than are allowed are closed, and come in again later", async () => {
    const url = new URL(main.url);
    const sockets = [];
    for (let i = 0; i < 60; i++) sockets.push(net.connect(Number(url.port), url.hostname).on("error", () => {}));
    await sleep(500);
    const closed = sockets.filter((s) => s.destroyed || s.readableEnded).length;
    await until("some are closed", () => sockets.filter((s) => s.destroyed || s.readableEnded || s.closed).length >= 20).catch(() => assert.fail(`${closed} closed`));
    sockets.forEach((s) => s.destroy());
    await until("others come in", async () => (await new Client(main).request("GET", "/healthz").catch(() => ({}))).status === 200);
});

const large = { id: "" };
test("args of 10 MB, deep ones, and strange ones are answered quickly", async () => {
    sql(`SELECT foreman.enqueue('works', jsonb_build_object('a', repeat('x', 10000000)), queue => 'nobody', run_at => now() + interval '1 day', unique_key => 'large');
         SELECT foreman.enqueue('works', (repeat('[', 2000) || repeat(']', 2000))::jsonb, queue => 'nobody', run_at => now() + interval '1 day', unique_key => 'deep')`);
    large.id = sql("SELECT job_id FROM foreman.jobs WHERE unique_key = 'large'");
    const client = await loggedIn(main, "ops");
    const { json, text } = await client.page("job", { id: large.id });
    assert.equal(json.args, null);
    assert.ok(json.args_bytes > 10_000_000);
    assert.ok(text.length < 5000);
    assert.ok((await client.page("jobs", { queue: "nobody" })).text.length < 100_000);
    const deep = await client.page("job", { id: sql("SELECT job_id FROM foreman.jobs WHERE unique_key = 'deep'") });
    assert.equal(deep.status, 200);
    const bad = await client.act("enqueue", '{"kind": "works", "args": {"a": "\\u0000"}}');
    assert.equal(bad.status, 400);
    assert.equal((await client.act("enqueue", "{")).status, 400);
    assert.equal((await client.act("enqueue", "[".repeat(60000))).status, 400);
});

test("after a restart of the server a new log-in is asked for, and works", async () => {
    const client = await loggedIn(main, "ops");
    assert.equal((await client.page("queues")).status, 200);
    execFileSync(`${root}/test/lib/server`, ["restart", process.env.FOREMAN_SUITE, "fast"], { stdio: "ignore" });
    const first = await client.page("queues");
    assert.ok([401, 503].includes(first.status), first.text);
    await until("the log-in is over", async () => (await client.page("queues")).status === 401);
    await until("the server takes log-ins", async () => (await client.logIn("ops")).status === 200);
    assert.equal((await client.page("queues")).status, 200);
});
