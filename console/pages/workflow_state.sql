-- The state of a workflow after an event, or now.
SELECT jsonb_build_object('state', CASE WHEN octet_length(s.state::text) <= 262144 THEN s.state END, 'bytes', octet_length(s.state::text))
  FROM (SELECT foreman.workflow_state($1::jsonb->>'type', $1::jsonb->>'id', nullif($1::jsonb->>'at', '')::int8) AS state) s
