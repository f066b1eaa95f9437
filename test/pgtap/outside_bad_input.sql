-- Bad input of workers outside: a clear error or the documented answer, never a changed row. What is large but allowed
-- comes back as it was given.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.enqueue('out', queue => 'a') AS one, foreman.enqueue('out', queue => 'a') AS two, foreman.enqueue('out', queue => 'b') AS foreign_job \gset
-- Names of this length have no room on the board: such leases are in their rows at once, and nobody writes them there later.
CREATE TEMP TABLE c AS SELECT * FROM foreman.claim('{a}', repeat('w', 65), 10, lease => '1 h');
CREATE TEMP TABLE f AS SELECT * FROM foreman.claim('{b}', repeat('o', 65), 10, lease => '1 h');
SELECT token AS t1 FROM c WHERE job_id = :one \gset
SELECT token AS t2 FROM c WHERE job_id = :two \gset
SELECT token AS tf FROM f \gset
CREATE FUNCTION t.rows() RETURNS text LANGUAGE sql AS
    $$ SELECT md5(string_agg(l::text || l.xmin::text || l.ctid::text, ',' ORDER BY job_id)) FROM foreman.live_job l $$;
SELECT t.rows() AS before \gset

-- The call, the SQLSTATE; every one names the argument, and hints at what is allowed where it is a question of range.
CREATE FUNCTION t.refuses(call text, state text, names text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    hint text;
BEGIN
    EXECUTE 'SELECT * FROM foreman.' || call;
    RETURN NEXT fail(left(call, 60) || ' is refused');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT is(SQLSTATE, state, left(call, 60) || ' is refused');
    RETURN NEXT ok(message LIKE '%' || names || '%' OR hint LIKE '%' || names || '%', left(message, 100) || ' names ' || names);
    RETURN NEXT ok(length(message) < 1000, 'in a line that can be read');
END $$;
SELECT t.refuses(call, state, names) FROM (VALUES
    ($$claim('{a}', 'w', 0)$$, '22003', 'qty'),
    ($$claim('{a}', 'w', -1)$$, '22003', 'qty'),
    ($$claim('{a}', 'w', 1000000000)$$, '22003', 'qty'),
    ($$claim('{a}', 'w', 2147483647)$$, '22003', 'qty'),
    ($$claim('{a}', 'w', lease => '0')$$, '22008', 'lease'),
    ($$claim('{a}', 'w', lease => '-1 s')$$, '22008', 'lease'),
    ($$claim('{a}', 'w', lease => '200000 years')$$, '22023', 'lease'),
    ($$claim('{a}', 'w', lease => '1 month')$$, '22023', 'lease'),
    ($$claim('{a}', 'w', lease => '400 days')$$, '22008', 'lease'),
    ($$claim('{a}', repeat('w', 10240))$$, '22023', 'worker_id'),
    ($$claim('{a}', '')$$, '22023', 'worker_id'),
    ($$claim('{a}', NULL)$$, '22004', 'worker_id'),
    ($$claim(NULL, 'w')$$, '22004', 'queues'),
    ($$claim('{}', 'w')$$, '22023', 'queues'),
    ($$claim('{a,NULL}', 'w')$$, '22004', 'queues'),
    ($$claim(ARRAY[repeat('q', 10240)], 'w')$$, '22023', 'queues'),
    ($$claim((SELECT array_agg('q' || i) FROM generate_series(1, 17) i), 'w')$$, '22023', 'queues'),
    ($$claim('{a}', 'w', kinds => '{}')$$, '22023', 'kinds'),
    ($$claim('{a}', 'w', kinds => (SELECT array_agg('k' || i) FROM generate_series(1, 1001) i))$$, '22023', 'kinds'),
    ($$worker_heartbeat(repeat('w', 10240), '{a}')$$, '22023', 'worker_id'),
    ($$worker_heartbeat('w', '{}')$$, '22023', 'queues'),
    ($$worker_heartbeat('w', '{a}', repeat('l', 10240))$$, '22023', 'label'),
    ($$complete(NULL, gen_random_uuid())$$, '22004', 'job_id'),
    ($$complete(1, NULL)$$, '22004', 'token'),
    ($$complete(1, 'secret')$$, '22P02', 'uuid'),
    ($$complete(1, '')$$, '22P02', 'uuid'),
    ($$heartbeat(1, NULL)$$, '22004', 'token'),
    ($$heartbeat(1, 'secret')$$, '22P02', 'uuid')) v(call, state, names);
SELECT t.refuses(format(call, :one, :'t1'), state, names) FROM (VALUES
    ($$heartbeat(%s, %L, extend => '-1 s')$$, '22008', 'extend'),
    ($$heartbeat(%s, %L, extend => '1 month')$$, '22023', 'extend'),
    ($$heartbeat(%s, %L, progress => 'NaN')$$, '22023', 'progress'),
    ($$heartbeat(%s, %L, progress => 'Infinity')$$, '22023', 'progress'),
    ($$heartbeat(%s, %L, progress => -0.1)$$, '22023', 'progress'),
    ($$fail(%s, %L, NULL)$$, '22004', 'error'),
    ($$fail(%s, %L, 'e', retry_in => '-1 s')$$, '22008', 'retry_in'),
    ($$fail(%s, %L, 'e', retry_in => '1 month')$$, '22023', 'retry_in'),
    ($$fail(%s, %L, repeat('e', 17 * 1024 * 1024))$$, '54000', 'error'),
    ($$fail(%s, %L, 'e', detail => to_jsonb(repeat('d', 17 * 1024 * 1024)))$$, '54000', 'detail'),
    ($$complete(%s, %L, to_jsonb(repeat('r', 17 * 1024 * 1024)))$$, '54000', 'result'),
    ($$snooze_lease(%s, %L, NULL)$$, '22004', 'run_in'),
    ($$snooze_lease(%s, %L, '-1 s')$$, '22008', 'run_in'),
    ($$complete_many(ARRAY[%s], ARRAY[%L]::uuid[], '{1,2}'::text[]::jsonb[])$$, '2202E', 'results'),
    ($$complete_many(ARRAY[%s, 1], ARRAY[%L]::uuid[])$$, '2202E', 'tokens'),
    ($$complete_many(ARRAY[%s, NULL], ARRAY[%L, gen_random_uuid()]::uuid[])$$, '22004', 'job_ids'),
    ($$complete_many(ARRAY[%s, 1], ARRAY[%L, NULL]::uuid[])$$, '22004', 'tokens'),
    ($$fail_many(ARRAY[%s], ARRAY[%L]::uuid[], '{a,b}')$$, '2202E', 'errors'),
    ($$snooze_lease_many(ARRAY[%s], ARRAY[%L]::uuid[], '-1 s')$$, '22008', 'run_in')) v(call, state, names);
SELECT is(t.rows(), :'before', 'after all that no row has changed');

-- Tokens that are nobody's, another's, or another job's answer `lost`, one and many.
SELECT is(answer, 'lost', call || ' is lost') FROM (VALUES
    ('complete', foreman.complete(:one, :'t2')), ('fail', foreman.fail(:one, :'tf', 'e')), ('heartbeat', foreman.heartbeat(:one, :'t2')),
    ('snooze_lease', foreman.snooze_lease(:two, :'t1', '1 h')), ('throttle_lease', foreman.throttle_lease(:two, :'t1')),
    ('release', foreman.release(:foreign_job, :'t1')), ('complete of no job', foreman.complete(-1, :'t1')),
    ('complete of the last job that can be', foreman.complete(9223372036854775807, :'t1')),
    ('complete by the zero token', foreman.complete(:one, '00000000-0000-0000-0000-000000000000'))) v(call, answer);
SELECT is((SELECT array_agg(DISTINCT answer) FROM foreman.heartbeat_many(ARRAY[:one, :two, :foreign_job, 0], ARRAY[:'t2', :'t1', :'t1', :'tf']::uuid[])),
          '{lost}', 'heartbeat_many');
SELECT is((SELECT array_agg(DISTINCT answer) FROM foreman.release_many(ARRAY[:one, :two, :foreign_job, 0], ARRAY[:'t2', :'t1', :'t1', :'tf']::uuid[])),
          '{lost}', 'release_many');
SELECT is((SELECT count(*) FROM foreman.complete_many('{}', '{}')), 0::int8, 'no pairs, no answers');
SELECT is(t.rows(), :'before', 'no row has changed');
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'a'), NULL, 'nor has the queue');

-- A job that is named twice with its token, and once more with another: the right pair gets the answer, the first time.
SELECT is((SELECT array_agg(job_id || ' ' || answer) FROM foreman.complete_many(ARRAY[:one, :two, :one, :one], ARRAY[:'t2', :'t1', :'t1', :'t1']::uuid[],
           '{1,2,3,4}'::text[]::jsonb[])), ARRAY[:one || ' lost', :two || ' lost', :one || ' completed', :one || ' lost'], 'repeated and foreign pairs in one call');
SELECT is((SELECT result FROM foreman.jobs WHERE job_id = :one), '3', 'with the result that came with the token');
SELECT is((SELECT array_agg(answer) FROM foreman.fail_many(ARRAY[:two, :two], ARRAY[:'t1', :'t2']::uuid[], '{wrong,right}')), '{lost,retryable}', 'the same of fail_many');
SELECT is(t.error(:two, 0, 'message'), 'right', 'with the error that came with the token');

-- Megabytes.
SELECT foreman.enqueue('out', queue => 'big') AS big \gset
SELECT token AS tb FROM foreman.claim('{big}', repeat('w', 255), lease => '1 h') \gset
SELECT is((SELECT worker_id FROM foreman.jobs WHERE queue = 'big'), repeat('w', 255), 'a worker id of 255 bytes');
SELECT is(foreman.heartbeat(:big, :'tb', progress => 0.5, note => repeat('n', 1024 * 1024)), 'active', 'a note of a megabyte');
SELECT ok((SELECT repeat('n', 1024) LIKE progress_note || '%' AND progress_note <> '' FROM foreman.jobs WHERE job_id = :big), 'is cut');
SELECT is(foreman.fail(:big, :'tb', repeat('e', 5 * 1024 * 1024), retry_in => '0', detail => to_jsonb(repeat('d', 5 * 1024 * 1024))), 'retryable', 'an error of five megabytes');
SELECT is(length(t.error(:big, 0, 'message')), 8192, 'is cut to 8 kB');
SELECT is(length(t.error(:big, 0, 'detail')), 8192, 'so is its detail');
SELECT token AS tb FROM foreman.claim('{big}', 'w', lease => '1 h') \gset
SELECT is(foreman.fail(:big, :'tb', repeat(U&'\00FC', 5000), retry_in => '0'), 'retryable', 'an error of letters of two bytes');
SELECT is(t.error(:big, 1, 'message'), repeat(U&'\00FC', 4096), 'is cut between letters');
SELECT token AS tb FROM foreman.claim('{big}', 'w', lease => '1 h') \gset
SELECT is(foreman.complete(:big, :'tb', (SELECT jsonb_agg(md5(i::text)) FROM generate_series(1, 300000) i)), 'completed', 'a result of ten megabytes');
SELECT ok((SELECT result = (SELECT jsonb_agg(md5(i::text)) FROM generate_series(1, 300000) i) FROM foreman.jobs WHERE job_id = :big), 'comes back as it was');
SELECT * FROM finish();
