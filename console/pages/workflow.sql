-- One workflow: its events, effects, inputs and children, and what it waits for.
WITH k AS (SELECT $1::jsonb->>'type' AS t, $1::jsonb->>'id' AS i)
SELECT jsonb_build_object(
    'workflow', to_jsonb(w),
    'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('sequence', e.sequence, 'event_type', e.event_type, 'version', e.version, 'recorded_at', e.recorded_at,
                   'data', CASE WHEN octet_length(e.data::text) <= 16384 THEN e.data END, 'data_bytes', octet_length(e.data::text)) ORDER BY e.sequence), '[]')
                 FROM k, foreman.workflow_events(k.t, k.i, coalesce(($1::jsonb->>'after')::int8, 0), 200) e),
    'effects', (SELECT coalesce(jsonb_agg(to_jsonb(e) - '{error}'::text[] || jsonb_build_object('error', left(e.error->>'message', 300)) ORDER BY e.decided_at, e.key), '[]')
                  FROM k, LATERAL (SELECT * FROM foreman.workflow_effects(k.t, k.i) LIMIT 500) e),
    'inputs', (SELECT coalesce(jsonb_agg(to_jsonb(n) - '{payload,rejection}'::text[] || jsonb_build_object('rejection', left(n.rejection::text, 300)) ORDER BY n.input), '[]')
                 FROM k, LATERAL (SELECT * FROM foreman.workflow_inputs(k.t, k.i) ORDER BY input DESC LIMIT 100) n),
    'children', (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM k, LATERAL (SELECT * FROM foreman.workflow_children(k.t, k.i) LIMIT 100) c),
    'why', (SELECT coalesce(jsonb_agg(to_jsonb(y)), '[]') FROM k, foreman.why_workflow(k.t, k.i) y))
  FROM k JOIN foreman.workflows w ON w.workflow_type = k.t AND w.workflow_id = k.i
 ORDER BY w.instance DESC LIMIT 1
