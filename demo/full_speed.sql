-- The second part, at full speed: one job per section adds it up, one job per record checks it.
\set ON_ERROR_STOP on
\set QUIET on
BEGIN;
SELECT count(*) AS sections
  FROM foreman.enqueue_array('sum_section',
           ARRAY(SELECT DISTINCT jsonb_build_object('section', section) FROM demo.package)) \gset
SELECT count(*) AS checks
  FROM foreman.enqueue_array('check_record',
           ARRAY(SELECT jsonb_build_object('n', n, 'record', record)
                   FROM demo.record WHERE trouble IS DISTINCT FROM 'always')) \gset
COMMIT;
\echo :sections :checks
