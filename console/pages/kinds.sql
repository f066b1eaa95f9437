-- Handlers and queues, for the form that enqueues a job, and for the page of handlers.
SELECT jsonb_build_object(
    'handlers', (SELECT coalesce(jsonb_agg(to_jsonb(h) - '{command}'::text[] || jsonb_build_object('command', left(h.command, 500)) ORDER BY h.kind), '[]')
                   FROM (SELECT * FROM foreman.handlers ORDER BY kind LIMIT 1000) h),
    'queues', (SELECT coalesce(jsonb_agg(queue ORDER BY queue), '[]') FROM foreman.queues))
