-- One workflow: its events, effects, inputs and children, and what it waits for.
SELECT jsonb_build_object(
    'workflow', to_jsonb(w),
    'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('sequence', e.sequence, 'event_type', e.event_type, 'version', e.version, 'recorded_at', e.recorded_at,
                   'data', CASE WHEN octet_length(e.data::text) <= 16384 THEN e.data END, 'data_bytes', octet_length(e.data::text)) ORDER BY e.sequence), '[]')
                 FROM foreman.workflow_events($1::jsonb->>'type', $1::jsonb->>'id', coalesce(($1::jsonb->>'after')::int8, 0), 200) e),
    'effects', (SELECT coalesce(jsonb_agg(to_jsonb(e) - '{error}'::text[] || jsonb_build_object('error', left(e.error->>'message', 300)) ORDER BY e.decided_at, e.key), '[]')
                  FROM (SELECT * FROM foreman.workflow_effects($1::jsonb->>'type', $1::jsonb->>'id') LIMIT 500) e),
    'inputs', (SELECT coalesce(jsonb_agg(to_jsonb(n) - '{payload,rejection}'::text[] || jsonb_build_object('rejection', left(n.rejection::text, 300)) ORDER BY n.input), '[]')
                 FROM (SELECT * FROM foreman.workflow_inputs($1::jsonb->>'type', $1::jsonb->>'id') ORDER BY input DESC LIMIT 100) n),
    'children', (SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM (SELECT * FROM foreman.workflow_children($1::jsonb->>'type', $1::jsonb->>'id') LIMIT 100) c),
    'why', (SELECT coalesce(jsonb_agg(to_jsonb(y)), '[]') FROM foreman.why_workflow($1::jsonb->>'type', $1::jsonb->>'id') y))
  FROM foreman.workflows w WHERE w.workflow_type = $1::jsonb->>'type' AND w.workflow_id = $1::jsonb->>'id'
 ORDER BY w.instance DESC LIMIT 1
