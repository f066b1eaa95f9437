-- Assertions for the tests of applications: they report as pgTAP's own do, in whatever schema that is.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
SELECT foreman.enqueue('mail', '{"to": "ann", "copy": true}', run_at => now() + interval '1 day') AS ann, foreman.enqueue('mail', '{"to": "bob"}') AS bob \gset
SELECT foreman.schedule_job('nightly', '@daily', 'report'), foreman.schedule_job('off', '@daily', 'report', active => false) \g /dev/null

SELECT foreman.has_job('mail');
SELECT foreman.has_job('mail', '{"to": "ann"}');
SELECT foreman.has_job('mail', '{"to": "bob"}', 'a letter to bob');
SELECT foreman.hasnt_job('mail', '{"to": "eve"}');
SELECT foreman.hasnt_job('fax', description => 'no fax');
SELECT foreman.job_state_is(:bob, 'available');
SELECT foreman.job_state_is(:ann, 'scheduled', 'ann has to wait');
SELECT foreman.set_timer('remind', 'ann', '2100-01-01') \g /dev/null
SELECT foreman.has_timer('remind', 'ann');
SELECT foreman.hasnt_timer('remind', 'bob', 'bob is not to be reminded');
SELECT foreman.hasnt_timer('mail', 'ann', 'a key belongs to its kind');
SELECT foreman.has_schedule('nightly');
SELECT foreman.hasnt_schedule('off', 'a schedule that is switched off is none');
SELECT foreman.hasnt_schedule('nobody');

SELECT * FROM check_test(foreman.has_job('mail', '{"to": "eve"}', 'eve'), false, 'has_job', 'eve',
    format(E'%s scheduled {"to": "ann", "copy": true}\n%s available {"to": "bob"}', :ann, :bob));
SELECT * FROM check_test(foreman.has_job('fax'), false, 'has_job of no kind', 'There should be a job of kind fax', 'there is no unfinished job of this kind');
SELECT * FROM check_test(foreman.hasnt_job('mail', '{"to": "bob"}'), false, 'hasnt_job', 'There should be no such job of kind mail');
SELECT * FROM check_test(foreman.job_state_is(:ann, 'completed', 'done'), false, 'job_state_is', 'done', E'        have: scheduled\n        want: completed');
SELECT * FROM check_test(foreman.job_state_is(0, 'completed', 'done'), false, 'job_state_is of no job', 'done', E'        have: no such\n        want: completed');
SELECT * FROM check_test(foreman.has_timer('remind', 'bob'), false, 'has_timer', 'Timer bob should be set', 'there is no timer of this kind and key');
SELECT * FROM check_test(foreman.hasnt_timer('remind', 'ann', 'none'), false, 'hasnt_timer', 'none',
    (SELECT format('%s scheduled, due at %s', job_id, fire_at) FROM foreman.timers WHERE key = 'ann'));
SELECT * FROM check_test(foreman.has_schedule('off', 'it is on'), false, 'has_schedule', 'it is on', 'it is not active: switched off');
SELECT * FROM check_test(foreman.has_schedule('nobody'), false, 'has_schedule of no name', 'Schedule nobody should be active', 'there is no schedule of this name');
SELECT * FROM check_test(foreman.hasnt_schedule('nightly'), false, 'hasnt_schedule', 'Schedule nightly should not be active', 'it is active');

-- In the transaction of the test, before any commit.
BEGIN;
SELECT foreman.enqueue('mail', '{"to": "cat"}') \g /dev/null
SELECT foreman.has_job('mail', '{"to": "cat"}', 'what the test itself enqueued is seen');
ROLLBACK;
SELECT foreman.hasnt_job('mail', '{"to": "cat"}', 'and is gone with its transaction');

CREATE SCHEMA "Tap Schema";
ALTER EXTENSION pgtap SET SCHEMA "Tap Schema";
SELECT foreman.has_job('mail', '{"to": "bob"}', 'pgTAP is found in any schema');
SELECT current_setting('search_path') AS path \gset
ALTER EXTENSION pgtap SET SCHEMA public;
SELECT is(:'path'::text, '"$user", public', 'and the search_path stays as it was');
SELECT * FROM finish();
