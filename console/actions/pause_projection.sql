-- Pauses a projection.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'projection ' || ($1::jsonb->>'name') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.pause_projection($1::jsonb->>'name')) AS outcome OFFSET 0) d
