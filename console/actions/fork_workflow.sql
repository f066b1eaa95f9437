-- Begins a workflow with the events of another one.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'workflow ' || ($1::jsonb->>'type') || ' ' || ($1::jsonb->>'id') || ' as ' || ($1::jsonb->>'new_id') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.fork_workflow($1::jsonb->>'type', $1::jsonb->>'id', ($1::jsonb->>'at')::int8, $1::jsonb->>'new_id', nullif($1::jsonb->>'reason', ''))) AS outcome OFFSET 0) d
