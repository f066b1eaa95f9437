-- The newest runs of one schedule, or of all.
SELECT jsonb_build_object('runs', (SELECT coalesce(jsonb_agg(to_jsonb(r) - '{command}'::text[] || jsonb_build_object('message', left(r.message, 500)) ORDER BY r.run_id DESC), '[]')
                                     FROM foreman.list_schedule_runs(nullif($1::jsonb->>'name', ''), nullif($1::jsonb->>'before', '')::int8, 50) r))
