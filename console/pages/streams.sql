-- Projections, subscriptions, and the newest publishes.
SELECT jsonb_build_object(
    'projections', (SELECT coalesce(jsonb_agg(to_jsonb(p) - '{error}'::text[] || jsonb_build_object('error', left(p.error->>'message', 500)) ORDER BY p.name), '[]') FROM foreman.projections p),
    'subscriptions', (SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.name), '[]') FROM (SELECT * FROM foreman.subscriptions ORDER BY name LIMIT 500) s),
    'publishes', (SELECT coalesce(jsonb_agg(to_jsonb(p) - '{payload}'::text[] ORDER BY p.publish_id DESC), '[]')
                    FROM (SELECT * FROM foreman.publishes ORDER BY publish_id DESC LIMIT 30) p),
    'unroutable', (SELECT coalesce(jsonb_agg(to_jsonb(u) - '{payload}'::text[] ORDER BY u.unroutable_id DESC), '[]')
                     FROM (SELECT * FROM foreman.unroutable_publishes ORDER BY unroutable_id DESC LIMIT 30) u))
