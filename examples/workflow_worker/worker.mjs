#!/usr/bin/node
// A worker that decides workflows of type `order` of pg_foreman outside the server, in JavaScript (npm install pg;
// Debian: nodejs, node-pg).
//
//     PGHOST=... PGDATABASE=... node examples/workflow_worker/worker.mjs QUEUE
//
// QUEUE is that of the type. Killed at any moment, another worker goes on where it was; so does worker.py.
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cancelled, effect, replay, search, sideEffect, timer, wait } from './replay.mjs';
const { Client } = createRequire(import.meta.url)('pg'); // a require also finds it along NODE_PATH

const queue = process.argv[2], lease = process.env.LEASE ?? '30 s';
const worker = `${hostname()}:${process.pid}`;
const beat = 1000; // ms
let stopping = false;
process.on('SIGTERM', () => { stopping = true; });

function* order(order) {
    const number = yield sideEffect('number', () => Math.floor(Math.random() * 1e9));
    yield search({ number });
    const paid = yield effect('charge', { number, amount: order.amount }, { name: 'payment' });
    yield sideEffect('pack', () => sleep(1000 * (process.env.SLOW ?? 0)));
    let approval;
    try {
        approval = yield wait('approve', '1 hour');
    } catch (error) {
        if (error instanceof Cancelled) yield effect('refund', paid, { name: 'refund' });
        throw error;
    }
    yield timer('100 ms', 'cool down');
    return { number, paid, approved: approval.yes, by: 'javascript' };
}

async function work(client, { workflow_id, job_id, token, history }) {
    const decided = replay(order, history).then((commands) => ({ commands }), (error) => ({ error }));
    let outcome;
    while (!(outcome = await Promise.race([decided, sleep(beat)]))) {
        const [{ answer }] = (await client.query('SELECT foreman.heartbeat($1, $2) AS answer', [job_id, token])).rows;
        if (answer === 'lost') return; // somebody else has it
    }
    try {
        if (outcome.error) throw outcome.error;
        await client.query("SELECT foreman.submit_commands('order', $1, $2, $3)", [workflow_id, token, JSON.stringify(outcome.commands)]);
    } catch (error) { // a bug of ours: after ten of them the workflow is parked and says so
        await client.query('SELECT foreman.fail($1, $2, $3)', [job_id, token, String(error)]);
    }
}

while (!stopping) {
    const client = new Client();
    try {
        await client.on('error', () => {}).connect();
        while (!stopping) {
            await client.query("CALL foreman.wait_for_job(ARRAY[$1], '1 s')", [queue]);
            const tasks = await client.query("SELECT * FROM foreman.claim_workflow_task('{order}', $1, lease => $2)", [worker, lease]);
            for (const task of tasks.rows) await work(client, task);
            if (!tasks.rows.length) await sleep(100); // what is due may be for others
        }
    } catch (error) {
        console.error(`${worker}: ${error.message}`);
        await sleep(1000);
    }
    await client.end().catch(() => {});
}
