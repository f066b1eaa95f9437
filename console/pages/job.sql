-- One job, and why it does not run. What is larger than 64 kB is not sent: its size is.
WITH j AS (SELECT * FROM foreman.jobs WHERE job_id = ($1::jsonb->>'id')::int8)
SELECT jsonb_build_object(
    'job', to_jsonb(j) - '{args,result,errors,metadata,timeout}'::text[],
    'args', CASE WHEN octet_length(j.args::text) <= 65536 THEN j.args END, 'args_bytes', octet_length(j.args::text),
    'result', CASE WHEN octet_length(j.result::text) <= 65536 THEN j.result END, 'result_bytes', octet_length(j.result::text),
    'metadata', CASE WHEN octet_length(j.metadata::text) <= 65536 THEN j.metadata END,
    'errors', CASE WHEN octet_length(j.errors::text) <= 262144 THEN j.errors END, 'errors_bytes', octet_length(j.errors::text),
    'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', e.at, 'event', e.event, 'attempt', e.attempt) ORDER BY e.at), '[]')
                 FROM (SELECT * FROM foreman.job_events v WHERE v.job_id = ($1::jsonb->>'id')::int8 ORDER BY v.at DESC LIMIT 200) e),
    'why', (SELECT coalesce(jsonb_agg(to_jsonb(w)), '[]') FROM foreman.why(($1::jsonb->>'id')::int8) w),
    'waits_for', (SELECT coalesce(jsonb_agg(to_jsonb(d) ORDER BY d.depends_on), '[]')
                    FROM (SELECT * FROM foreman.job_dependencies v WHERE v.job_id = ($1::jsonb->>'id')::int8 LIMIT 100) d),
    'holds_up', (SELECT coalesce(jsonb_agg(to_jsonb(d) ORDER BY d.job_id), '[]')
                    FROM (SELECT * FROM foreman.job_dependencies v WHERE v.depends_on = ($1::jsonb->>'id')::int8 LIMIT 100) d))
  FROM j
