-- Switches a subscription on or off.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'subscription ' || ($1::jsonb->>'name') || ' active ' || ($1::jsonb->>'active') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.alter_subscription($1::jsonb->>'name', active => ($1::jsonb->>'active')::boolean)) AS outcome OFFSET 0) d
