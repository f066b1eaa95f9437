-- How many jobs an action on all that match would concern; it stops to count at 10,000.
SELECT jsonb_build_object('count', (SELECT count(*) FROM foreman.list_jobs(nullif(q->>'kind', ''), nullif(q->>'queue', ''), q->>'state', NULL, 10000)))
  FROM (SELECT $1::jsonb AS q) AS q WHERE q->>'state' IS NOT NULL
