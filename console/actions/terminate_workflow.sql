-- Ends a workflow at once.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'workflow ' || ($1::jsonb->>'type') || ' ' || ($1::jsonb->>'id') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.terminate_workflow($1::jsonb->>'type', $1::jsonb->>'id', nullif($1::jsonb->>'reason', ''))) AS outcome OFFSET 0) d
