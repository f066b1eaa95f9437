-- Makes a job of a schedule now.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'schedule ' || ($1::jsonb->>'name') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.trigger_schedule($1::jsonb->>'name')) AS outcome OFFSET 0) d
