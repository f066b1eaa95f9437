-- The file as numbered records, and which of them get into trouble on purpose: a few always, some once.
-- Variables: file, pace_target (seconds of work for all executors together).
\set ON_ERROR_STOP on
\set QUIET on

CREATE TABLE demo.file (path text NOT NULL);
INSERT INTO demo.file VALUES (:'file');

-- Read from the file each time: the tables are compared with this, not with a copy.
CREATE VIEW demo.record AS
SELECT n::int, record,
       CASE WHEN n % greatest(count(*) OVER () / 4, 2) = 0 THEN 'always' WHEN n % 20 = 7 THEN 'once' END AS trouble
  FROM demo.file,
       string_to_table(pg_read_file(path), E'\n\n') WITH ORDINALITY AS t (record, n)
 WHERE record ~ '^Package: ';

-- One transaction, one call: all of the jobs or none.
SELECT count(*) AS records,
       least(0.030, :pace_target::numeric / greatest(count(*), 1))::numeric(6, 4) AS pace
  FROM demo.record \gset
SELECT count(*) AS enqueued
  FROM foreman.enqueue_array('parse_record',
           ARRAY(SELECT jsonb_strip_nulls(jsonb_build_object('n', n, 'record', record, 'pace', :pace, 'trouble', trouble))
                   FROM demo.record ORDER BY n)) \gset
-- Priority: lower runs first, so this one does not queue behind the records. Due when about half is done.
SELECT foreman.enqueue('leave_note', '{"text": "hello"}', priority => -10,
                       run_at => now() + :records * :pace / 4 * 0.45 * interval '1 s' + interval '1 s') AS note_job \gset
\echo :records :pace :enqueued :note_job
