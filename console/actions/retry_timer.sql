-- Fires a discarded timer again.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'timer of job ' || ($1::jsonb->>'id') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.retry_timer_dead_letter(($1::jsonb->>'id')::int8)) AS outcome OFFSET 0) d
