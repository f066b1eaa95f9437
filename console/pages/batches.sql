-- The newest batches.
SELECT jsonb_build_object('batches', (SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY b.batch_id DESC), '[]')
    FROM (SELECT * FROM foreman.batches WHERE $1::jsonb->>'before' IS NULL OR batch_id < ($1::jsonb->>'before')::int8 ORDER BY batch_id DESC LIMIT 50) b))
