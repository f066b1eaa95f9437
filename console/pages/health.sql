-- What this database needs to run jobs, its settings, and its gauges.
-- shared for 10 s
SELECT jsonb_build_object(
    'health', (SELECT jsonb_agg(to_jsonb(h)) FROM foreman.health() h),
    'settings', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'setting', setting, 'unit', unit, 'text', short_desc, 'source', source, 'changed', setting IS DISTINCT FROM boot_val,
                     'restart', pending_restart) ORDER BY name), '[]') FROM pg_catalog.pg_settings WHERE name LIKE 'foreman.%' AND setting IS NOT NULL),
    'metrics', (SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY m.name, m.labels), '[]') FROM foreman.metrics m))
