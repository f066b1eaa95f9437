-- Takes a job back from its outside worker.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'job ' || ($1::jsonb->>'id') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.release_lease(($1::jsonb->>'id')::int8)) AS outcome OFFSET 0) d
