#!/usr/bin/python3
"""A worker that decides workflows of type `order` of pg_foreman outside the server, in Python (Debian: python3-psycopg).

    PGHOST=... PGDATABASE=... examples/workflow_worker/worker.py QUEUE

QUEUE is that of the type. Killed at any moment, another worker goes on where it was; so does worker.mjs.
"""
import os, random, signal, socket, sys, threading, time
from concurrent.futures import ThreadPoolExecutor, wait as wait_for
import psycopg
from psycopg.types.json import Jsonb
from replay import effect, replay, search, side_effect, timer, wait, Cancelled

QUEUE, LEASE = sys.argv[1], os.environ.get("LEASE", "30 s")
WORKER = f"{socket.gethostname()}:{os.getpid()}"
BEAT = 1  # seconds
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())

def order(order):
    number = yield side_effect("number", lambda: random.randrange(10**9))
    yield search(number=number)
    paid = yield effect("charge", {"number": number, "amount": order["amount"]}, name="payment")
    yield side_effect("pack", lambda: time.sleep(float(os.environ.get("SLOW", 0))))
    try:
        approval = yield wait("approve", timeout="1 hour")
    except Cancelled:
        yield effect("refund", paid, name="refund")
        raise
    yield timer("100 ms", name="cool down")
    return {"number": number, "paid": paid, "approved": approval["yes"], "by": "python"}

def work(connection, pool, task):
    workflow_id, job_id, token, history = task
    decided = pool.submit(replay, order, history)
    while not wait_for([decided], BEAT).done:
        if connection.execute("SELECT foreman.heartbeat(%s, %s)", (job_id, token)).fetchone()[0] == "lost":
            return  # somebody else has it
    try:
        connection.execute("SELECT foreman.submit_commands('order', %s, %s, %s)", (workflow_id, token, Jsonb(decided.result())))
    except psycopg.OperationalError:
        raise
    except Exception as error:  # a bug of ours: after ten of them the workflow is parked and says so
        connection.execute("SELECT foreman.fail(%s, %s, %s)", (job_id, token, f"{type(error).__name__}: {error}"))

with ThreadPoolExecutor(1) as pool:
    while not stopping.is_set():
        try:
            with psycopg.connect(autocommit=True, prepare_threshold=None) as connection:
                while not stopping.is_set():
                    connection.execute("CALL foreman.wait_for_job(%s, '1 s')", ([QUEUE],))
                    tasks = connection.execute("SELECT workflow_id, job_id, token, history FROM foreman.claim_workflow_task('{order}', %s, lease => %s)",
                                               (WORKER, LEASE)).fetchall()
                    for task in tasks:
                        work(connection, pool, task)
                    time.sleep(0 if tasks else 0.1)  # what is due may be for others
        except psycopg.OperationalError as error:
            print(f"{WORKER}: {error}", file=sys.stderr)
            time.sleep(1)
