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

-- What a job sleeps, so that all of it takes about as long on every machine. A handler that takes more than 50 ms
-- cannot share its transaction with others: with few records each job gets one of its own.
SELECT count(*) AS records, least(0.150, :pace_target::numeric / greatest(count(*), 1))::numeric(6, 4) AS pace,
       (count(*) * least(0.150, :pace_target::numeric / greatest(count(*), 1)) / 4)::float8 AS seconds
  FROM demo.record \gset
SELECT foreman.register_handler('parse_record', 'demo.parse_record', queue => 'packages', max_attempts => 3,
           backoff_base => '400 ms', max_group => CASE WHEN :pace > 0.030 THEN 1 END, run_as => 'demo') AS new \gset

-- One transaction, one call: all of the jobs or none.
SELECT count(*) AS enqueued
  FROM foreman.enqueue_array('parse_record',
           ARRAY(SELECT jsonb_strip_nulls(jsonb_build_object('n', n, 'record', record, 'pace', :pace, 'trouble', trouble))
                   FROM demo.record ORDER BY n)) \gset
-- Priority: lower runs first, so this one does not queue behind the records. Due before half of them are done.
SELECT foreman.enqueue('leave_note', '{"text": "hello"}', priority => -10,
                       run_at => now() + greatest(:seconds * 0.4, 0.4) * interval '1 s') AS note_job \gset
\echo :records :pace :enqueued :note_job
