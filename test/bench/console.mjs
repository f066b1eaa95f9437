// Called by test/bench/console.sh with the directory for figures and the server's process: asks each page of the console
// many times, then is twenty viewers for thirty seconds.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";

const { conninfo, loggedIn, start, sleep } = await import("../console/lib.mjs");
const [out, postmaster] = process.argv.slice(2);
const program = await start(["--connect", conninfo("bench")]);
const viewers = [];
for (let i = 0; i < 20; i++) viewers.push(await loggedIn(program, "viewer"));

const newest = await viewers[0].page("jobs", { queue: "queue 3" });
if (newest.status !== 200) throw new Error(newest.text);
const first = newest.json.jobs[0].job_id;
const pages = {
    overview: {},
    "charts-1h": { range: "1h" },
    "charts-6h": { range: "6h" },
    "charts-1d": { range: "1d" },
    "charts-7d": { range: "7d" },
    "charts-7d-of-a-queue": { range: "7d", queue: "queue 3" },
    problems: {},
    queues: {},
    queue: { name: "queue 3" },
    jobs: {},
    "jobs-of-a-queue": { queue: "queue 3" },
    "jobs-available-in-a-queue": { queue: "queue 3", state: "available" },
    "jobs-scheduled": { state: "scheduled" },
    "jobs-pending": { state: "pending" },
    "jobs-retryable": { state: "retryable" },
    "jobs-of-no-kind": { kind: "none", state: "available" },
    "jobs-with-a-tag": { queue: "queue 3", tag: "none" },
    "jobs-completed": { state: "completed" },
    job: { id: String(first) },
    dead_letters: {},
    schedules: {},
    schedule_runs: {},
    timers: {},
    timer_dead_letters: {},
    match_count: { queue: "queue 3", state: "available" },
    batches: {},
    workflows: {},
    streams: {},
    workers: {},
    health: {},
    kinds: {},
};
for (const [name, parameters] of Object.entries(pages)) {
    const page = name.replace(/-.*/, "");
    const times = [];
    for (let i = 0; i < 42; i++) {
        const begun = performance.now();
        const answer = await viewers[i % 2].page(page, parameters);
        if (answer.status !== 200) throw new Error(`${name}: ${answer.text}`);
        if (i > 1) times.push(performance.now() - begun);
    }
    times.sort((a, b) => a - b);
    writeFileSync(`${out}/console-page-${name}`, times[Math.floor(times.length * 0.95)].toFixed(2) + "\n");
}
writeFileSync(`${out}/console-pages`, Object.keys(pages).join("\n") + "\n");

// Ticks of a process and its children, those that have ended included.
function ticks(pid, alone) {
    let sum = 0;
    for (const each of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        let text;
        try {
            text = readFileSync(`/proc/${each}/stat`, "utf8");
        } catch {
            continue;
        }
        const f = text.slice(text.lastIndexOf(")") + 2).split(" ");
        if (each === String(pid)) sum += Number(f[11]) + Number(f[12]) + (alone ? 0 : Number(f[13]) + Number(f[14]));
        else if (!alone && f[1] === String(pid)) sum += Number(f[11]) + Number(f[12]);
    }
    return sum;
}

const shown = [["overview", {}], ["queues", {}], ["jobs", {}], ["job", { id: String(first) }]];
const watch = async (seconds, asking) => {
    const begun = performance.now();
    const before = [ticks(postmaster), ticks(program.child.pid, true)];
    await asking(begun + seconds * 1000);
    const took = (performance.now() - begun) / 1000;
    return [(ticks(postmaster) - before[0]) / 100 / took, (ticks(program.child.pid, true) - before[1]) / 100 / took];
};
await sleep(1000);
// What the server does by itself is taken off.
const idle = await watch(20, () => sleep(20000));
const looked = await watch(30, (end) =>
    Promise.all(
        viewers.map(async (viewer, i) => {
            await sleep(i * 100);
            while (performance.now() < end) {
                const [name, parameters] = shown[i % 4];
                await viewer.page(name, parameters, { "x-foreman-live": "1" });
                // What they have besides: answers that are shared for longer.
                if (name === "overview") {
                    await viewer.page("problems", {}, { "x-foreman-live": "1" });
                    await viewer.page("charts", { range: "1h" }, { "x-foreman-live": "1" });
                }
                await sleep(2000);
            }
        }),
    ),
);
writeFileSync(`${out}/console-server`, Math.max(0, looked[0] - idle[0]).toFixed(4) + "\n");
writeFileSync(`${out}/console-program`, looked[1].toFixed(4) + "\n");
writeFileSync(`${out}/console-memory`, (Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${program.child.pid}/status`, "utf8"))[1]) / 1024).toFixed(1) + "\n");
await program.stop();
