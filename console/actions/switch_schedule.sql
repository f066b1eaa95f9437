-- Switches a schedule on or off.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'schedule ' || ($1::jsonb->>'name') || ' active ' || ($1::jsonb->>'active') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.alter_schedule($1::jsonb->>'name', active => ($1::jsonb->>'active')::boolean)) AS outcome OFFSET 0) d
