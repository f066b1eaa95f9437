-- Timers that failed for good, the newest first, a page at a time.
WITH t AS (SELECT * FROM foreman.timer_dead_letters(kind => nullif($1::jsonb->>'kind', ''), before_id => nullif($1::jsonb->>'before', '')::int8, max_rows => 51)),
     p AS (SELECT * FROM t ORDER BY discarded_at DESC, job_id DESC LIMIT 50)
SELECT jsonb_build_object(
    'timers', (SELECT coalesce(jsonb_agg(jsonb_build_object('job_id', job_id, 'kind', kind, 'key', key, 'queue', queue, 'fire_at', fire_at, 'attempt', attempt,
                   'max_attempts', max_attempts, 'discarded_at', discarded_at, 'error', left(coalesce(errors->-1->>'message', reason), 300)) ORDER BY discarded_at DESC, job_id DESC), '[]') FROM p),
    'next', CASE WHEN (SELECT count(*) FROM t) > 50 THEN (SELECT job_id FROM p ORDER BY discarded_at, job_id LIMIT 1) END)
