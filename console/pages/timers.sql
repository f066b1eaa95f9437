-- Timers: of a kind, and of a key where that is given; at most 200.
SELECT jsonb_build_object(
    'timers', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'key', key, 'fire_at', fire_at, 'state', state, 'queue', queue, 'job_id', job_id,
                   'attempt', attempt, 'max_attempts', max_attempts, 'set_at', set_at, 'error', left(errors->-1->>'message', 300)) ORDER BY fire_at, job_id), '[]')
                 FROM (SELECT * FROM foreman.timers
                        WHERE ($1::jsonb->>'kind' IS NULL OR kind = $1::jsonb->>'kind') AND ($1::jsonb->>'key' IS NULL OR key = $1::jsonb->>'key') LIMIT 200) t))
