-- Sends an input to a workflow.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'workflow ' || ($1::jsonb->>'type') || ' ' || ($1::jsonb->>'id') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.signal_workflow($1::jsonb->>'type', $1::jsonb->>'id', $1::jsonb->'input', start => false)) AS outcome OFFSET 0) d
