-- The deliveries of one publish.
SELECT jsonb_build_object('deliveries', (SELECT coalesce(jsonb_agg(to_jsonb(d) - '{error}'::text[] || jsonb_build_object('error', left(d.error, 500)) ORDER BY d.subscription), '[]')
    FROM (SELECT * FROM foreman.deliveries WHERE publish_id = ($1::jsonb->>'id')::int8 LIMIT 500) d))
