-- Dead letters by kind and error, of the newest 1000.
WITH d AS (
    SELECT job_id, kind, queue, finished_at, attempt, left(coalesce(errors->-1->>'message', reason, errors->-1->>'sqlstate', ''), 200) AS error, errors->-1->>'sqlstate' AS sqlstate
      FROM foreman.list_jobs(nullif($1::jsonb->>'kind', ''), nullif($1::jsonb->>'queue', ''), 'discarded', NULL, 1000)
), g AS (
    SELECT kind, error, sqlstate, count(*) AS jobs, min(finished_at) AS first, max(finished_at) AS last, array_agg(DISTINCT queue) AS queues,
           (array_agg(job_id ORDER BY job_id DESC))[1:20] AS newest
      FROM d GROUP BY kind, error, sqlstate
)
SELECT jsonb_build_object('looked_at', (SELECT count(*) FROM d), 'groups', (SELECT coalesce(jsonb_agg(to_jsonb(g) ORDER BY g.jobs DESC, g.kind), '[]') FROM g))
