-- depends_on and batches: jobs that wait for others, and jobs that follow when others have ended.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('hold', 't.hold(foreman.job)') \g /dev/null
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('fails', 't.fails(jsonb)', max_attempts => 1) \g /dev/null

SELECT foreman.enqueue('hold', '{"gate": "g"}') AS first, foreman.enqueue('hold', '{"gate": "h"}') AS second \gset
SELECT foreman.enqueue('note', depends_on => ARRAY[:first, :second]) AS both \gset
SELECT foreman.enqueue('note', depends_on => ARRAY[:both]) AS chained \gset
SELECT is(t.state(:both), 'pending 0', 'a job that depends on others waits');
INSERT INTO t.gate VALUES ('g');
SELECT is(t.outcome(:first), 'completed 1', 'one of them ends');
SELECT foreman.enqueue('note', '{"what": "probe"}') AS probe \gset
SELECT is(t.outcome(:probe), 'completed 1', 'a probe runs');
SELECT is(t.state(:both), 'pending 0', 'it still waits');
INSERT INTO t.gate VALUES ('h');
SELECT is(t.outcome(:both), 'completed 1', 'until all have completed');
SELECT is(t.outcome(:chained), 'completed 1', 'and so does what depends on it');
SELECT foreman.enqueue('note', depends_on => ARRAY[:both]) AS free \gset
SELECT is(t.outcome(:free), 'completed 1', 'a dependency that has completed already is none');

-- In one transaction, also an array.
BEGIN;
SELECT array_agg(job_id) AS ids FROM foreman.enqueue_array('note', array_fill('{"what": "part"}'::jsonb, ARRAY[50])) \gset
SELECT foreman.enqueue('note', '{"what": "whole"}', depends_on => :'ids') AS whole \gset
COMMIT;
SELECT is(t.outcome(:whole), 'completed 1', 'fan-in of 50 jobs');
SELECT is((SELECT count(*) FROM t.log WHERE what = 'part' AND n < (SELECT n FROM t.log WHERE what = 'whole')), 50::int8, 'after all of them');

-- Policies.
SELECT foreman.enqueue('fails') AS bad \gset
SELECT foreman.enqueue('note', depends_on => ARRAY[:bad]) AS cancelled, foreman.enqueue('note', depends_on => ARRAY[:bad], on_dependency => 'run') AS runs \gset
SELECT foreman.enqueue('note', depends_on => ARRAY[:cancelled]) AS cascade \gset
SELECT is(t.outcome(:bad), 'discarded 1', 'a dependency is discarded');
SELECT is(t.outcome(:cancelled), 'cancelled 0', 'what depends on it is cancelled');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :cancelled), format('job %s did not complete', :bad), 'with the reason');
SELECT is(t.outcome(:cascade), 'cancelled 0', 'and what depends on that');
SELECT is(t.outcome(:runs), 'completed 1', 'unless it was to run all the same');
SELECT foreman.enqueue('note', depends_on => ARRAY[:bad]) AS late \gset
SELECT is(t.outcome(:late), 'cancelled 0', 'a dependency that has ended badly already cancels too');
SELECT foreman.enqueue('note', run_at => now() + interval '1 day') AS waits \gset
SELECT foreman.enqueue('note', depends_on => ARRAY[:waits]) AS orphan \gset
SELECT foreman.delete_job(:waits) \g /dev/null
SELECT is(t.outcome(:orphan), 'cancelled 0', 'a dependency that was deleted did not complete');
SELECT is((SELECT count(*) FROM foreman.job_dependency), 0::int8, 'nothing is left of dependencies that are over');

-- Rolled back ones.
SELECT foreman.enqueue('hold', '{"gate": "i"}') AS first \gset
BEGIN;
SELECT foreman.enqueue('note', depends_on => ARRAY[:first]) AS gone \gset
ROLLBACK;
INSERT INTO t.gate VALUES ('i');
SELECT is(t.outcome(:first), 'completed 1', 'a job whose dependant was rolled back ends as ever');
SELECT is(t.state(:gone), 'nowhere', 'and nothing follows');

-- Cancelled while it waits.
SELECT foreman.enqueue('note', run_at => now() + interval '1 day') AS waits \gset
SELECT foreman.enqueue('note', depends_on => ARRAY[:waits]) AS dependant \gset
SELECT is(foreman.cancel(:dependant), 'cancelled', 'a pending job is cancelled at once');

-- Cancelled and retried since: it no longer depends on what it waited for.
SELECT foreman.enqueue('unheard', run_at => now() + interval '1 day') AS waited \gset
SELECT foreman.enqueue('unheard', depends_on => ARRAY[:waited]) AS retried \gset
SELECT foreman.cancel(:retried) \g /dev/null
SELECT is(foreman.retry(:retried), true, 'a dependant that was cancelled is retried');
SELECT foreman.cancel(:waited) \g /dev/null
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.job_dependency WHERE depends_on = ' || :waited || ')'), 'when the other ends, the dispatcher is done with both');
SELECT is(t.state(:retried), 'available 0', 'and the retried one stays');
SELECT foreman.delete_job(:retried) \g /dev/null

SELECT throws_like($$ SELECT foreman.enqueue('note', depends_on => '{9999999}') $$, 'depends_on names job 9999999, which does not exist', 'an unknown id is refused');
SELECT throws_ok($$ SELECT foreman.enqueue('note', depends_on => '{NULL}') $$, '22004', NULL, 'NULL too');
SELECT throws_ok($$ SELECT foreman.enqueue('note', depends_on => '{1}', on_dependency => 'wait') $$, '22023', NULL, 'and a policy that there is not');
SELECT is((SELECT count(*) FROM foreman.enqueue_many(format('[{"kind": "note", "depends_on": [%s], "on_dependency": "run"}]', :waits)::jsonb)), 1::int8, 'enqueue_many takes dependencies');

-- Batches with callbacks (https://github.com/rails/solid_queue/issues/87).
CREATE FUNCTION t.told(job foreman.job) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.log (job_id, what) VALUES (job.job_id, job.kind || ' ' || job.args::text) $$;
SELECT foreman.register_handler(k, 't.told(foreman.job)') FROM unnest('{success,complete,discard}'::text[]) k \g /dev/null
BEGIN;
SELECT foreman.create_batch('good', 'success', 'complete', 'discard') AS good \gset
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[20]), batch_id => :good) \g /dev/null
COMMIT;
SELECT ok(t.wait_until(format('(SELECT finished_at IS NOT NULL FROM foreman.batches WHERE batch_id = %s)', :good)), 'a batch finishes');
SELECT ok(t.wait_until($$ (SELECT count(*) FROM t.log WHERE what ~ '"good"') = 2 $$), 'two callbacks');
SELECT results_eq($$ SELECT split_part(what, ' ', 1), (substring(what FROM '{.*}')::jsonb ->> 'completed')::int FROM t.log WHERE what ~ '"good"' ORDER BY 1 $$,
    $$ VALUES ('complete', 20), ('success', 20) $$, 'on_success and on_complete, with the counts');
BEGIN;
SELECT foreman.create_batch('bad', 'success', 'complete', 'discard') AS bad \gset
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[5]), batch_id => :bad) \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('fails', array_fill('{}'::jsonb, ARRAY[3]), batch_id => :bad) \g /dev/null
COMMIT;
SELECT ok(t.wait_until($$ (SELECT count(*) FROM t.log WHERE what ~ '"bad"') = 2 $$), 'two callbacks of a batch with discarded jobs');
SELECT results_eq($$ SELECT split_part(what, ' ', 1) FROM t.log WHERE what ~ '"bad"' ORDER BY 1 $$, $$ VALUES ('complete'), ('discard') $$, 'on_discard and on_complete');
SELECT results_eq(format('SELECT unfinished, completed, cancelled, discarded FROM foreman.batches WHERE batch_id = %s', :bad), 'VALUES (0::int8, 5::int8, 0::int8, 3::int8)', 'the view counts');
SELECT throws_ok(format('SELECT foreman.enqueue(''note'', batch_id => %s)', :bad), '55000', NULL, 'a finished batch takes no more jobs');
SELECT throws_ok($$ SELECT foreman.enqueue('note', batch_id => 999999) $$, '22023', NULL, 'nor one that does not exist');
SELECT foreman.dispatch_once() \g /dev/null
SELECT is((SELECT count(*) FROM foreman.jobs WHERE kind IN ('success', 'complete', 'discard')), 4::int8, 'each callback once');
-- Deleted jobs are as if they had never been in it; one that was never filled waits on.
SELECT foreman.create_batch('unfilled', on_complete => 'complete') AS unfilled, foreman.create_batch('emptied', 'success', 'complete', 'discard') AS emptied \gset
SELECT array_agg(job_id) AS ids FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[3]), run_at => clock_timestamp() + interval '1 hour', batch_id => :emptied) \gset
SELECT foreman.dispatch_once() \g /dev/null
SELECT is((SELECT finished_at FROM foreman.batches WHERE batch_id = :emptied), NULL, 'a batch is open while its jobs wait');
SELECT is((SELECT count(*) FROM foreman.delete_job_many(:'ids') r), 3::int8, 'they are deleted');
SELECT ok(t.wait_until(format('(SELECT finished_at IS NOT NULL FROM foreman.batches WHERE batch_id = %s)', :emptied)), 'a batch whose jobs have all been deleted finishes');
SELECT is((SELECT string_agg(kind, ' ' ORDER BY kind) FROM foreman.jobs WHERE args ->> 'name' = 'emptied'), 'complete success', 'with its callbacks');
SELECT foreman.dispatch_once() \g /dev/null
SELECT is((SELECT finished_at FROM foreman.batches WHERE batch_id = :unfilled), NULL, 'one that was never filled does not');
SELECT * FROM finish();
