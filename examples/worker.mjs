#!/usr/bin/node
// A worker for pg_foreman outside the server, in JavaScript (npm install pg; Debian: nodejs, node-pg).
//
//     PGHOST=... PGDATABASE=... node examples/worker.mjs [QUEUE...]
//
// One job at a time; for more, start more of them. SIGTERM gives back what is held and ends it.
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
const { Client } = createRequire(import.meta.url)('pg'); // a require also finds it along NODE_PATH

const queues = process.argv.length > 2 ? process.argv.slice(2) : ['default'];
const worker = `${hostname()}:${process.pid}`;
const beat = 5000; // ms; a lease that nobody extends ends after 30 s
let client, stopping = false, interrupt = new AbortController();

async function handle(kind, args, signal) { // your work; what it returns is the result
    if (args.fail) throw new Error('asked to fail');
    await sleep((args.seconds ?? 0) * 1000, null, { signal }); // long work looks at the signal now and then
    return { kind, by: 'javascript' };
}

// Runs a statement, on a new connection when the old one is lost; a repeated outcome answers 'lost'.
async function sql(query, ...params) {
    for (;;) {
        try {
            if (!client) await (client = new Client()).on('error', () => { client = null; }).connect();
            return (await client.query(query, params)).rows;
        } catch (error) {
            if (error.code && !/^(08|53|57)|^E/.test(error.code)) throw error; // not the connection's fault
            console.error(`${worker}: ${error.message}`);
            client?.end().catch(() => {});
            client = null;
            await sleep(1000);
        }
    }
}

async function run({ job_id, token, kind, args }) {
    const work = handle(kind, args, interrupt.signal).then((result) => ({ result }), (error) => ({ error }));
    let outcome;
    while (!(outcome = await Promise.race([work, sleep(beat, null, { ref: false })]))) {
        const [{ answer }] = await sql('SELECT foreman.heartbeat($1, $2) AS answer', job_id, token);
        if (answer !== 'active') interrupt.abort(); // cancel_requested or lost
    }
    if (!outcome.error) await sql('SELECT foreman.complete($1, $2, $3)', job_id, token, JSON.stringify(outcome.result));
    else if (stopping) await sql('SELECT foreman.release($1, $2)', job_id, token);
    else await sql('SELECT foreman.fail($1, $2, $3)', job_id, token, outcome.error.message); // cancelled, if it was
    if (!stopping) interrupt = new AbortController();
}

process.on('SIGTERM', () => { stopping = true; interrupt.abort(); });
while (!stopping) {
    await sql('SELECT FROM foreman.worker_heartbeat($1, $2, $3)', worker, queues, 'worker.mjs');
    await sql("CALL foreman.wait_for_job($1, '5 s')", queues);
    for (const job of await sql("SELECT * FROM foreman.claim($1, $2, lease => '30 s')", queues, worker)) await run(job);
}
await client?.end();
