#!/usr/bin/python3
"""A worker for pg_foreman outside the server, in Python (Debian: python3-psycopg).

    PGHOST=... PGDATABASE=... examples/worker.py [QUEUE...]

One job at a time; for more, start more of them. SIGTERM gives back what is held and ends it.
"""
import os, signal, socket, sys, threading, time
from concurrent.futures import ThreadPoolExecutor, wait
import psycopg

QUEUES = sys.argv[1:] or ["default"]
WORKER = f"{socket.gethostname()}:{os.getpid()}"
BEAT = 5  # seconds; a lease that nobody extends ends after 30
stopping, interrupt = threading.Event(), threading.Event()
connection = None

def handle(kind, args):  # your work; what it returns is the result
    if args.get("fail"):
        raise ValueError("asked to fail")
    if interrupt.wait(args.get("seconds", 0)):  # long work looks at it now and then
        raise InterruptedError("interrupted")
    return {"kind": kind, "by": "python"}

def sql(query, *params):
    """Runs a statement, on a new connection when the old one is lost; a repeated outcome answers 'lost'."""
    global connection
    while True:
        try:
            connection = connection or psycopg.connect(autocommit=True, prepare_threshold=None)
            cursor = connection.execute(query, params)
            return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError as error:
            print(f"{WORKER}: {error}", file=sys.stderr)
            time.sleep(1)
            if error.sqlstate == "53400":  # others use up some capacity; the connection is fine
                return []
            connection = None

def run(job_id, token, kind, args):
    work = pool.submit(handle, kind, args)
    while not wait([work], BEAT).done:
        if sql("SELECT foreman.heartbeat(%s, %s)", job_id, token)[0][0] != "active":
            interrupt.set()  # cancel_requested or lost
    if not work.exception():
        sql("SELECT foreman.complete(%s, %s, %s)", job_id, token, psycopg.types.json.Jsonb(work.result()))
    elif stopping.is_set():
        sql("SELECT foreman.release(%s, %s)", job_id, token)
    else:  # when the job has been cancelled, this ends it as cancelled
        sql("SELECT foreman.fail(%s, %s, %s)", job_id, token, str(work.exception()))

signal.signal(signal.SIGTERM, lambda *_: (stopping.set(), interrupt.set()))
with ThreadPoolExecutor(1) as pool:
    while not stopping.is_set():
        sql("SELECT FROM foreman.worker_heartbeat(%s, %s, 'worker.py')", WORKER, QUEUES)
        sql("CALL foreman.wait_for_job(%s, '5 s')", QUEUES)
        for job in sql("SELECT job_id, token, kind, args FROM foreman.claim(%s, %s, lease => '30 s')", QUEUES, WORKER):
            run(*job)
            if not stopping.is_set():
                interrupt.clear()
