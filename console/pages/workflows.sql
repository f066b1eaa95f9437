-- Types of workflows with their counters, and the newest workflows.
WITH w AS (
    SELECT * FROM foreman.list_workflows(nullif($1::jsonb->>'type', ''), nullif($1::jsonb->>'state', ''), NULL, NULL, nullif($1::jsonb->>'before', '')::int8, 51)
     WHERE $1::jsonb->>'id' IS NULL
     UNION ALL
    (SELECT * FROM foreman.workflows v WHERE v.workflow_id = $1::jsonb->>'id' AND ($1::jsonb->>'type' IS NULL OR v.workflow_type = $1::jsonb->>'type') LIMIT 51)
), p AS (SELECT * FROM w ORDER BY instance DESC LIMIT 50)
SELECT jsonb_build_object(
    'types', (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.workflow_type), '[]') FROM foreman.workflow_counts c),
    'workflows', (SELECT coalesce(jsonb_agg(to_jsonb(p) - '{search}'::text[] || jsonb_build_object('reason', left(p.reason, 300)) ORDER BY p.instance DESC), '[]') FROM p),
    'next', CASE WHEN (SELECT count(*) FROM w) > 50 THEN (SELECT min(instance) FROM p) END)
