-- Cancels up to 10,000 jobs that match; the page asks again while there are more.
SELECT jsonb_build_object('count', d.jobs), d.jobs, concat_ws(' ', 'kind ' || nullif(q->>'kind', ''), 'queue ' || nullif(q->>'queue', ''), 'state ' || (q->>'state'))
  FROM (SELECT $1::jsonb AS q) AS q CROSS JOIN LATERAL (
        SELECT foreman.cancel_where(kind => nullif(q->>'kind', ''), queue => nullif(q->>'queue', ''), state => q->>'state', max_rows => 10000) AS jobs OFFSET 0) d
 WHERE q->>'state' IS NOT NULL
