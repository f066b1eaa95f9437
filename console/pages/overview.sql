-- Overview: how much there is to do, and what happened lately. Counters and minutes only: no job is read.
WITH q AS (
    SELECT * FROM (VALUES ('1h', interval '1 h', interval '1 min'), ('6h', '6 h', '5 min'), ('1d', '1 day', '15 min'), ('7d', '7 days', '2 h'))
        AS ranges (name, span, step) WHERE name = coalesce($1::jsonb->>'range', '1h')
), minutes AS (
    SELECT date_bin(q.step, s.minute, 'epoch') AS at, s.* FROM q, foreman.stats_minute s
     WHERE s.minute >= now() - CASE $1::jsonb->>'range' WHEN '6h' THEN interval '6 h' WHEN '1d' THEN interval '1 day' WHEN '7d' THEN interval '7 days' ELSE interval '1 h' END
), points AS (
    SELECT extract(epoch FROM at)::int8 AS at, sum(enqueued) AS enqueued, sum(completed) AS completed, sum(failed) AS failed, sum(discarded) AS discarded,
           sum(cancelled) AS cancelled, max(wait_p50_ms) AS wait_p50, max(wait_p95_ms) AS wait_p95, max(wait_p99_ms) AS wait_p99,
           max(run_p50_ms) AS run_p50, max(run_p95_ms) AS run_p95, max(run_p99_ms) AS run_p99
      FROM minutes GROUP BY 1
)
SELECT jsonb_build_object(
    'now', now(), 'from', (SELECT extract(epoch FROM now() - span)::int8 FROM q), 'step', (SELECT extract(epoch FROM step)::int8 FROM q),
    'totals', (SELECT jsonb_build_object('available', coalesce(sum(available), 0), 'scheduled', coalesce(sum(scheduled), 0), 'pending', coalesce(sum(pending), 0),
                      'running', coalesce(sum(running), 0), 'queues', count(*), 'paused', count(*) FILTER (WHERE paused),
                      'oldest_s', extract(epoch FROM max(oldest_age) FILTER (WHERE available > 0))) FROM foreman.queues),
    'executors', (SELECT jsonb_build_object('all', count(*) FILTER (WHERE pid IS NOT NULL AND worker_id IS NULL), 'busy', count(*) FILTER (WHERE state = 'busy'),
                         'outside', count(*) FILTER (WHERE worker_id IS NOT NULL)) FROM foreman.workers),
    'points', (SELECT coalesce(jsonb_agg(to_jsonb(points) ORDER BY at), '[]') FROM points))
