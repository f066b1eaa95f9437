-- Schedules.
SELECT jsonb_build_object('schedules', (SELECT coalesce(jsonb_agg(to_jsonb(s) - '{args}'::text[] || jsonb_build_object('command', left(s.command, 1000)) ORDER BY s.name, s.schedule_id), '[]')
                                          FROM (SELECT * FROM foreman.schedules ORDER BY name LIMIT 1000) s))
