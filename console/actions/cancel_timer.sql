-- Cancels a timer.
SELECT jsonb_build_object('outcome', d.outcome), 1, 'timer ' || ($1::jsonb->>'kind') || ' ' || ($1::jsonb->>'key') || ': ' || coalesce(left(d.outcome::text, 60), '')
  FROM (SELECT to_jsonb(foreman.cancel_timer($1::jsonb->>'kind', $1::jsonb->>'key')) AS outcome OFFSET 0) d
