-- What health() finds wrong. It reads the rights on all objects of the extension, so viewers share an answer for longer.
-- shared for 10 s
SELECT jsonb_build_object('problems', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'detail', detail)), '[]') FROM foreman.health() WHERE NOT ok))
