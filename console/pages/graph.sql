-- What a job waits for and what waits for it, or the jobs of a batch: at most 150 jobs, up to 6 steps away.
WITH RECURSIVE start AS (
    SELECT ($1::jsonb->>'id')::int8 AS job_id WHERE $1::jsonb->>'id' IS NOT NULL
     UNION ALL
    (SELECT job_id FROM foreman.jobs WHERE batch_id = ($1::jsonb->>'batch')::int8 ORDER BY job_id LIMIT 100)
), reached AS (
    SELECT job_id, 0 AS steps FROM start
     UNION
    SELECT n.job_id, r.steps + 1
      FROM reached r CROSS JOIN LATERAL (
            SELECT d.depends_on AS job_id FROM foreman.job_dependencies d WHERE d.job_id = r.job_id
             UNION ALL SELECT d.job_id FROM foreman.job_dependencies d WHERE d.depends_on = r.job_id LIMIT 50) n
     WHERE r.steps < 6
), chosen AS (SELECT job_id FROM (SELECT DISTINCT job_id FROM (SELECT * FROM reached LIMIT 1000) r) d ORDER BY job_id LIMIT 150)
SELECT jsonb_build_object(
    'nodes', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.job_id, 'kind', j.kind, 'state', j.state) ORDER BY c.job_id), '[]')
                FROM chosen c LEFT JOIN LATERAL (SELECT kind, state FROM foreman.jobs v WHERE v.job_id = c.job_id LIMIT 1) j ON true),
    'edges', (SELECT coalesce(jsonb_agg(jsonb_build_object('from', d.depends_on, 'to', d.job_id)), '[]')
                FROM chosen c CROSS JOIN LATERAL (SELECT * FROM foreman.job_dependencies v WHERE v.job_id = c.job_id LIMIT 50) d
               WHERE d.depends_on IN (SELECT job_id FROM chosen)))
