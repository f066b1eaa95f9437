-- Lets a queue go on.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'queue ' || ($1::jsonb->>'name') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.resume_queue($1::jsonb->>'name')) AS outcome OFFSET 0) d
