// Random requests. Some are valid ones with bytes that are changed, left out, doubled and cut; others are well formed and ask
// pages and actions for values that nobody sends. The console answers each in HTTP or closes, never with its own failure, and is
// afterwards what it was. FUZZ_REQUESTS: how many of each kind (300). FUZZ_SEED repeats a run.
// FOREMAN_CONSOLE_PROGRAM: a console that is built with sanitizers (make check-console does so).
import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import net from "node:net";
import test, { after } from "node:test";
import { Client, loggedIn, root, sql, start, until } from "./lib.mjs";

const requests = Number(process.env.FUZZ_REQUESTS ?? 300);
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`# FUZZ_SEED=${seed} FUZZ_REQUESTS=${requests} repeats this run`);

// A small generator of our own, so that a seed is enough (mulberry32).
let state = seed >>> 0;
function random() {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

const main = await start(["--max-connections", "60"]);
after(() => main.stop());
const pid = main.child.pid;
const url = new URL(main.url);
const files = (kind) => readdirSync(`${root}/console/${kind}`).filter((f) => f.endsWith(".sql")).map((f) => f.slice(0, -4));
const pages = files("pages");
const actions = files("actions");
// What they read: q->>'name', $1::jsonb->>'name'.
const fields = {};
for (const kind of ["pages", "actions"])
    for (const name of files(kind)) fields[name] = [...new Set([...readFileSync(`${root}/console/${kind}/${name}.sql`, "utf8").matchAll(/->>?\s*'([a-z_]+)'/g)].map((m) => m[1]))];

const job = sql("SELECT foreman.enqueue('works', queue => 'nobody', run_at => now() + interval '1 day')");
const sessions = { ops: await loggedIn(main, "ops"), eyes: await loggedIn(main, "eyes"), stranger: await loggedIn(main, "stranger") };

/** Sends bytes and says that no more come; resolves with all that came back. */
function exchange(bytes) {
    return new Promise((resolve) => {
        let text = "";
        const begun = Date.now();
        const socket = net.connect({ port: Number(url.port), host: url.hostname, allowHalfOpen: false }, () => socket.end(bytes));
        socket.setEncoding("latin1");
        socket.on("data", (data) => (text += data));
        socket.on("error", () => {});
        socket.on("close", () => resolve({ text, ms: Date.now() - begun }));
    });
}

function corpus() {
    const cookie = `Cookie: ${sessions[pick(["ops", "eyes", "stranger"])].cookie}\r\n`;
    const own = `Host: ${url.host}\r\nOrigin: ${main.url}\r\nX-Foreman-Console: 1\r\n`;
    const body = JSON.stringify({ ids: [job], name: "mail", reason: "none" });
    return [
        `GET / HTTP/1.1\r\n${own}\r\n`,
        `GET /healthz HTTP/1.1\r\n${own}\r\nHEAD / HTTP/1.1\r\n${own}Connection: close\r\n\r\n`,
        `GET /api/page/${pick(pages)}?id=${job}&state=available&before=5 HTTP/1.1\r\n${own}${cookie}Accept-Encoding: gzip\r\n\r\n`,
        `POST /api/action/${pick(actions)} HTTP/1.1\r\n${own}${cookie}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        `POST /api/action/${pick(actions)} HTTP/1.1\r\n${own}${cookie}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
        `POST /api/log-in HTTP/1.1\r\n${own}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 24\r\n\r\nrole=nobody&password=abc`,
    ];
}

function spoil(text) {
    let bytes = Buffer.from(text, "latin1");
    for (let n = 1 + below(4); n > 0; n--) {
        const at = below(bytes.length);
        const length = Math.min(1 + below(random() < 0.2 ? 200 : 8), bytes.length - at);
        const [before, part, rest] = [bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at + length)];
        switch (below(6)) {
            case 0: // other bytes
                bytes = Buffer.concat([before, Buffer.from(Array.from(part, () => below(256))), rest]);
                break;
            case 1: // left out
                bytes = Buffer.concat([before, rest]);
                break;
            case 2: // many times
                bytes = Buffer.concat([before, ...Array(1 + below(200)).fill(part), rest]);
                break;
            case 3: // what means something to somebody
                bytes = Buffer.concat([before, Buffer.from(pick(["\r\n", "\n", "\r\n\r\n", "\0", "%", "%00", "%u0041", "..", "//", "?", "&", "=", ";", "\xff\xfe", "Content-Length: 0\r\n", "Content-Length: 18446744073709551615\r\n", "Transfer-Encoding: gzip, chunked\r\n", "ffffffffffffffff\r\n", "Expect: 100-continue\r\n", "Upgrade: websocket\r\n", "Cookie: foreman=x; foreman=y\r\n", "HTTP/0.9", "CONNECT ", "a".repeat(9000)]), "latin1"), rest]);
                break;
            case 4: // cut
                bytes = bytes.subarray(0, Math.max(1, at));
                break;
            default: // the beginning of another one
                bytes = Buffer.concat([before, Buffer.from(pick(corpus()), "latin1").subarray(below(20))]);
        }
        if (bytes.length === 0) bytes = Buffer.from("G");
    }
    return bytes;
}

function memory() {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
}
const sockets = () => readdirSync(`/proc/${pid}/fd`).filter((f) => { try { return readlinkSync(`/proc/${pid}/fd/${f}`).startsWith("socket:"); } catch { return false; } }).length;

/** In a few lanes at once. */
async function many(n, one) {
    let left = n;
    await Promise.all(Array.from({ length: 8 }, async () => {
        while (left-- > 0) await one();
    }));
}

let before;
test("requests that are spoiled are answered in HTTP or closed", async () => {
    const answers = {};
    for (let round = 0; round < 2; round++) {
        await many(requests / 2, async () => {
            const bytes = spoil(pick(corpus()));
            const { text, ms } = await exchange(bytes);
            const said = JSON.stringify(bytes.toString("latin1").slice(0, 2000));
            assert.ok(text === "" || /^HTTP\/1\.[01] \d\d\d /.test(text), `no HTTP: ${JSON.stringify(text.slice(0, 200))} for ${said}`);
            const status = text.slice(9, 12);
            answers[status] = (answers[status] ?? 0) + 1;
            assert.ok(!["500", "502"].includes(status), `${text.slice(0, 1000)} for ${said}`);
            if (text !== "") assert.match(text, /\r\nContent-Security-Policy: default-src 'none'/, said);
            assert.ok(ms < 20000, `${ms} ms for ${said}`);
        });
        // What is allocated once is there after the first half.
        before ??= { memory: memory(), sockets: sockets() };
    }
    console.log(`# ${JSON.stringify(answers)}`);
    assert.ok(Object.keys(answers).length >= 5, JSON.stringify(answers));
});

const values = ["", " ", "0", "-1", "1", job, "9223372036854775807", "9223372036854775808", "1e5", "NaN", "null", "true", "{}", "[]", "[[1]]", "'", "\"", "\\", "'; SELECT 1; --", "$1", "%s%n", "\u202e", "\u0000", "\ud800",
    "\u00e9".repeat(100), "x".repeat(300), "x".repeat(20000), "infinity", "-infinity", "294277-01-01", "now", "1 month -30 days", "mail", "nobody", "works", "order", "available", "completed", "pg_catalog.now()", "<script>", "../../etc/passwd"];
const json = [null, true, 0, -1, 1.5, 1e308, "9".repeat(400), [], {}, [null], [[]], { a: { b: [1] } }, Array(1001).fill(1), Array(5).fill(job), ["x"], [9007199254740993], { "": "" }];

const usual = { ids: [job], id: job, name: "nobody", kind: "works", queue: "nobody", state: "available", type: "order", max_running: "3", rate_limit: "", rate_period: "", priority: "1", run_at: "2100-01-01", max_attempts: "2", reason: "fuzz" };

function wrong(answer) {
    return answer.status >= 500 && answer.status !== 504;
}

test("pages that are asked for anything answer with what is wrong", async () => {
    const answers = {};
    await many(requests, async () => {
        const name = pick(pages);
        const asked = {};
        for (const field of fields[name]) if (random() < 0.5) asked[field] = pick(values);
        if (random() < 0.1) asked[pick(values)] = pick(values);
        const role = pick(Object.keys(sessions));
        const answer = await sessions[role].page(name, asked);
        answers[answer.status] = (answers[answer.status] ?? 0) + 1;
        assert.ok(!wrong(answer), `${answer.status} ${answer.text.slice(0, 500)} for ${role} ${name} ${JSON.stringify(asked).slice(0, 1000)}`);
        assert.ok(answer.json !== undefined || answer.status === 304, `no JSON: ${answer.text.slice(0, 300)}`);
        if (answer.status >= 400) assert.ok(answer.json.message?.length > 5 && answer.json.message.length < 1100, answer.text.slice(0, 500));
    });
    console.log(`# ${JSON.stringify(answers)}`);
});

test("actions that are asked for anything answer with what is wrong, and do nothing for those who may not", async () => {
    const answers = {};
    const rows = "SELECT md5(string_agg(j::text, ';' ORDER BY job_id)) FROM foreman.live_job j WHERE queue = 'nobody'";
    const jobs = sql(rows);
    for (const roles of [["eyes", "stranger"], ["ops"]]) {
        await many(requests / 2, async () => {
            const name = pick(actions);
            let asked = {};
            // Half of them are right but for one field.
            const odd = pick(fields[name]);
            if (random() < 0.5) for (const field of fields[name]) asked[field] = field === odd ? pick(random() < 0.5 ? values : json) : usual[field];
            else for (const field of fields[name]) if (random() < 0.7) asked[field] = random() < 0.5 ? pick(values) : pick(json);
            if (random() < 0.1) asked = pick(json);
            let body = JSON.stringify(asked) ?? "null";
            if (random() < 0.1) body = spoil(body).toString("latin1");
            const role = pick(roles);
            const answer = await sessions[role].act(name, body);
            const kind = `${role === "ops" ? "" : "others "}${answer.status}`;
            answers[kind] = (answers[kind] ?? 0) + 1;
            assert.ok(!wrong(answer), `${answer.status} ${answer.text.slice(0, 500)} for ${role} ${name} ${body.slice(0, 1000)}`);
            assert.ok(answer.json !== undefined, `no JSON: ${answer.text.slice(0, 300)}`);
            if (answer.status >= 400) assert.ok(answer.json.message?.length > 5 && answer.json.message.length < 1100, answer.text.slice(0, 500));
        });
        if (roles[0] === "eyes") assert.equal(sql(rows), jobs, "roles that may not act have changed jobs");
    }
    console.log(`# ${JSON.stringify(answers)}`);
});

test("afterwards the console is what it was", async () => {
    await until("connections are closed", () => sockets() <= before.sockets, 30000);
    assert.equal((await new Client(main).request("GET", "/healthz")).status, 200);
    for (const role of ["ops", "eyes"]) assert.equal((await sessions[role].page("overview")).status, 200);
    assert.equal(main.child.exitCode, null);
    assert.doesNotMatch(main.log, /runtime error|AddressSanitizer|LeakSanitizer/);
    for (const line of main.log.split("\n")) assert.ok(line.length < 2000 && !/[\x00-\x08\x0b-\x1f]/.test(line), `a line of the log: ${JSON.stringify(line.slice(0, 300))}`);
    if (!process.env.FOREMAN_CONSOLE_PROGRAM) assert.ok(memory() < before.memory + 8, `${memory()} MB, ${before.memory} MB before`);
});
