-- Executors, outside workers, and what runs.
SELECT jsonb_build_object(
    'workers', (SELECT coalesce(jsonb_agg(to_jsonb(w) - '{role}'::text[] || jsonb_build_object('role', w.role::text) ORDER BY w.worker_id NULLS FIRST, w.slot), '[]')
                  FROM (SELECT * FROM foreman.workers LIMIT 1000) w),
    'leases', (SELECT coalesce(jsonb_agg(jsonb_build_object('job_id', job_id, 'kind', kind, 'queue', queue, 'worker', worker_id, 'leased_until', leased_until,
                    'started_at', started_at, 'progress', progress, 'note', left(progress_note, 300)) ORDER BY leased_until), '[]')
                 FROM (SELECT * FROM foreman.list_jobs(NULL, NULL, 'running', NULL, 500) WHERE worker_id IS NOT NULL LIMIT 200) l))
