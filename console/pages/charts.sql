-- What happened lately, in all queues or in one: from the counters of each minute, for seven days from those of each hour.
-- No job is read. The minute that goes on has no counters yet.
-- shared for 10 s
WITH q AS (
    SELECT * FROM (VALUES ('1h', interval '1 h', interval '1 min'), ('6h', '6 h', '5 min'), ('1d', '1 day', '15 min'), ('7d', '7 days', '2 h'))
        AS ranges (name, span, step) WHERE name = coalesce($1::jsonb->>'range', '1h')
), rows AS (
    SELECT s.* FROM foreman.stats_minute s
     WHERE coalesce($1::jsonb->>'range', '1h') <> '7d' AND ($1::jsonb->>'queue' IS NULL OR s.queue = $1::jsonb->>'queue')
       AND s.minute >= now() - CASE $1::jsonb->>'range' WHEN '6h' THEN interval '6 h' WHEN '1d' THEN interval '1 day' ELSE interval '1 h' END
     UNION ALL
    SELECT s.* FROM foreman.stats_hour s
     WHERE $1::jsonb->>'range' = '7d' AND ($1::jsonb->>'queue' IS NULL OR s.queue = $1::jsonb->>'queue') AND s.hour >= now() - interval '7 days'
), points AS (
    SELECT extract(epoch FROM date_bin(q.step, minute, 'epoch'))::int8 AS at, sum(enqueued) AS enqueued, sum(completed) AS completed, sum(failed) AS failed,
           sum(discarded) AS discarded, sum(cancelled) AS cancelled, max(wait_p50_ms) AS wait_p50, max(wait_p95_ms) AS wait_p95, max(wait_p99_ms) AS wait_p99,
           max(run_p50_ms) AS run_p50, max(run_p95_ms) AS run_p95, max(run_p99_ms) AS run_p99
      FROM rows, q GROUP BY 1
)
SELECT jsonb_build_object(
    'from', extract(epoch FROM now() - span)::int8, 'to', extract(epoch FROM now() - interval '1 min')::int8, 'step', extract(epoch FROM step)::int8,
    'points', (SELECT coalesce(jsonb_agg(to_jsonb(points) ORDER BY at), '[]') FROM points))
  FROM q
