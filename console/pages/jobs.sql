-- Jobs, the newest first, a page at a time. Kind, queue and state are found by indexes; a tag, a worker or a text in args is
-- looked for in the next 500 jobs that match those, and the answer says how far that was. What views are asked by is written
-- as an expression of $1: they hide rows, so a condition that comes from a join would be looked at after all of them were read.
WITH f AS (
    SELECT nullif(q->>'kind', '') AS kind, nullif(q->>'queue', '') AS queue, nullif(q->>'state', '') AS state, nullif(q->>'before', '')::int8 AS before,
           nullif(q->>'tag', '') AS tag, nullif(q->>'worker', '') AS worker, nullif(q->>'text', '') AS needle, nullif(q->>'id', '')::int8 AS id,
           nullif(q->>'batch', '')::int8 AS batch
      FROM (SELECT $1::jsonb AS q) AS q
), depth AS (
    SELECT CASE WHEN tag IS NULL AND worker IS NULL AND needle IS NULL THEN 51 ELSE 500 END AS rows FROM f
), looked AS (
    SELECT j.* FROM f, depth, foreman.list_jobs(f.kind, f.queue, f.state, f.before, depth.rows) j WHERE f.id IS NULL AND f.batch IS NULL
     UNION ALL
    SELECT j.* FROM foreman.jobs j WHERE j.job_id = nullif($1::jsonb->>'id', '')::int8
     UNION ALL
    (SELECT j.* FROM foreman.jobs j WHERE j.batch_id = nullif($1::jsonb->>'batch', '')::int8 AND coalesce($1::jsonb->>'id', '') = ''
        AND j.job_id < coalesce(nullif($1::jsonb->>'before', '')::int8, 9223372036854775807) ORDER BY j.job_id DESC LIMIT 51)
), hits AS (
    SELECT l.* FROM looked l, f
     WHERE (f.tag IS NULL OR f.tag = ANY (l.tags)) AND (f.worker IS NULL OR l.worker_id = f.worker OR l.worker_pid::text = f.worker)
       AND (f.needle IS NULL OR strpos(l.args::text, f.needle) > 0)
     ORDER BY l.job_id DESC LIMIT 51
), page AS (SELECT * FROM hits ORDER BY job_id DESC LIMIT 50)
SELECT jsonb_build_object(
    'jobs', (SELECT coalesce(jsonb_agg(jsonb_build_object('job_id', job_id, 'state', state, 'kind', kind, 'queue', queue, 'priority', priority,
                 'attempt', attempt, 'max_attempts', max_attempts, 'run_at', run_at, 'enqueued_at', enqueued_at, 'started_at', started_at,
                 'finished_at', finished_at, 'tags', tags, 'progress', progress, 'worker', coalesce(worker_id, worker_pid::text),
                 'error', left(coalesce(reason, errors->-1->>'message', errors->-1->>'sqlstate'), 300)) ORDER BY job_id DESC), '[]') FROM page),
    'next', CASE WHEN (SELECT count(*) FROM hits) > 50 THEN (SELECT min(job_id) FROM page)
                 WHEN (SELECT count(*) FROM looked) >= 500 THEN (SELECT min(job_id) FROM looked) END,
    'searched', CASE WHEN (SELECT rows FROM depth) > 51 THEN (SELECT count(*) FROM looked) END)
