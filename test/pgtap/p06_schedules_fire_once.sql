-- P6: an occurrence of a schedule fires at most once, across passes, sessions and clock steps; what happens to missed
-- occurrences is the schedule's policy. By a virtual clock, with the workers stopped.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
CREATE FUNCTION t.at(clock text) RETURNS int8 LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('foreman.fake_now', clock, false);
    RETURN foreman.fire_schedules_once();
END $$;
CREATE FUNCTION t.fired(which text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(to_char(r.scheduled_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI:SS'), ', ' ORDER BY run_id), 'none')
      FROM foreman.schedule_runs r WHERE r.name = which $$;
CREATE FUNCTION t.next(which text) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(s.next_fire_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM foreman.schedules s WHERE s.name = which $$;

SET foreman.fake_now = '2026-05-04 12:00:30Z';
SELECT foreman.schedule_job('minute', '* * * * *', 'none', overlap => 'allow') \g /dev/null
SELECT is(t.next('minute'), '2026-05-04 12:01:00', 'a new schedule is seeded');
SELECT is(t.at('2026-05-04 12:00:59.999999Z'), 0::int8, 'and does not fire before its time');
SELECT is(t.at('2026-05-04 12:01:00Z'), 1::int8, 'it fires at its time');
SELECT is(t.at('2026-05-04 12:01:00Z'), 0::int8, 'once');
SELECT is(t.at('2026-05-04 12:01:59Z'), 0::int8, 'and not again');
SELECT is(t.fired('minute'), '05-04 12:01:00', 'one run for one occurrence');
SELECT is((SELECT array_agg(j.run_at = r.scheduled_at AND j.metadata ->> 'schedule' = 'minute' AND (j.metadata ->> 'scheduled_at')::timestamptz = r.scheduled_at)
             FROM foreman.jobs j JOIN foreman.schedule_runs r USING (job_id)), '{t}', 'its job is due at the occurrence, and knows it');

-- The clock goes back.
SELECT is(t.at('2026-05-04 12:00:30Z'), 0::int8, 'a clock that goes back by less than a period fires nothing');
SELECT is(t.at('2026-05-04 12:01:00Z'), 0::int8, 'nor does the occurrence that comes a second time');
SELECT is(t.at('2026-05-04 12:02:00Z'), 1::int8, 'the next one does');
SELECT is(t.fired('minute'), '05-04 12:01:00, 05-04 12:02:00', 'each once');
SELECT is(t.at('2026-05-04 11:40:10Z'), 0::int8, 'the clock goes back by many periods: nothing fires at once');
SELECT is(t.next('minute'), '2026-05-04 11:41:00', 'and the schedule does not stall: it starts over');
SELECT is(t.at('2026-05-04 11:41:00Z'), 1::int8, 'by the new clock');
SELECT is((SELECT array_agg(generation ORDER BY run_id) FROM foreman.schedule_runs WHERE name = 'minute'), '{1,1,2}', 'in a new generation');
SELECT is((SELECT count(*) FROM foreman.schedule_run GROUP BY schedule_id, generation, scheduled_at HAVING count(*) > 1), NULL, 'no occurrence has two runs');

-- A fixed time that has fired is not fired again on the day that comes a second time.
SET foreman.fake_now = '2026-05-10 02:00Z';
SELECT foreman.schedule_job('daily', '0 3 * * *', 'none', overlap => 'allow') \g /dev/null
SELECT foreman.schedule_job('tens', '10 seconds', 'none', overlap => 'allow') \g /dev/null
SELECT foreman.unschedule('minute') \g /dev/null
SELECT t.at('2026-05-10 03:00:05Z') \g /dev/null
SELECT is(t.fired('daily'), '05-10 03:00:00', 'a daily schedule fires');
SELECT t.at('2026-05-10 02:40Z'), t.at('2026-05-10 03:00:05Z'), t.at('2026-05-10 23:00Z') \g /dev/null
SELECT is(t.fired('daily'), '05-10 03:00:00', 'and not again after the clock went back over its time');
SELECT is(t.next('daily'), '2026-05-11 03:00:00', 'tomorrow it will');
SELECT t.at('2026-05-10 22:40Z') \g /dev/null
SELECT is(t.next('tens'), '2026-05-10 22:40:10', 'an interval goes on at its pace');
SELECT t.at('2036-05-10 03:00:05Z') \g /dev/null
SELECT t.at('2026-05-11 02:00Z') \g /dev/null
SELECT is(t.next('daily'), '2026-05-11 03:00:00', 'a clock that was ten years ahead for a while does not silence a schedule for ten years');

-- Missed occurrences.
SELECT foreman.unschedule(name) FROM foreman.schedules \g /dev/null
SET foreman.fake_now = '2026-06-01 00:00Z';
SELECT foreman.schedule_job(missed, '*/5 * * * *', 'none', missed => missed, overlap => 'allow') FROM unnest('{skip,coalesce,catch_up}'::text[]) missed \g /dev/null
SELECT is(t.at('2026-06-01 00:05:00.02Z'), 3::int8, 'on time all policies fire');
SELECT is(t.at('2026-06-01 00:23Z'), 4::int8, 'after three missed ones');
SELECT is(t.fired('skip'), '06-01 00:05:00', 'skip left them out');
SELECT is(t.fired('coalesce'), '06-01 00:05:00, 06-01 00:20:00', 'coalesce ran once, for the last');
SELECT is(t.fired('catch_up'), '06-01 00:05:00, 06-01 00:10:00, 06-01 00:15:00, 06-01 00:20:00', 'catch_up ran for each');
SELECT is((SELECT array_agg(DISTINCT t.next(name)) FROM foreman.schedules), '{2026-06-01 00:25:00}', 'and all go on from there');
SELECT t.at('2026-06-01 00:25:59Z') \g /dev/null
SELECT is(t.fired('skip'), '06-01 00:05:00, 06-01 00:25:00', 'late by less than a minute is not missed');
SELECT is(t.at('2027-06-01 00:01:01Z'), 102::int8, 'a year later catch_up stops after a hundred, and one for the rest');
SELECT is((SELECT max(scheduled_at) FROM foreman.schedule_runs WHERE name = 'catch_up'), '2027-06-01 00:00Z'::timestamptz, 'which is the last');

-- Two sessions at once: the second finds the row locked, then fired.
SELECT foreman.unschedule(name) FROM foreman.schedules \g /dev/null
SET foreman.fake_now = '2027-07-01 00:00Z';
SELECT foreman.schedule_job('raced', '* * * * *', 'none', overlap => 'allow') \g /dev/null
CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('host=%s port=%s dbname=%s', current_setting('unix_socket_directories'), current_setting('port'), current_database())), dblink_exec('other', 'SET foreman.fake_now = ''2027-07-01 00:01Z''') \g /dev/null
BEGIN;
SELECT is(t.at('2027-07-01 00:01Z'), 1::int8, 'one session fires it');
SELECT is((SELECT n FROM dblink('other', 'SELECT foreman.fire_schedules_once()') AS d(n int8)), 0::int8, 'another passes over it meanwhile, without waiting');
COMMIT;
SELECT is((SELECT n FROM dblink('other', 'SELECT foreman.fire_schedules_once()') AS d(n int8)), 0::int8, 'and afterwards');
SELECT is(t.fired('raced'), '07-01 00:01:00', 'one run');
BEGIN;
SELECT is(t.at('2027-07-01 00:02Z'), 1::int8, 'a firing that rolls back');
ROLLBACK;
SELECT is(t.at('2027-07-01 00:02Z'), 1::int8, 'is due again: nothing is lost');
SELECT is(t.fired('raced'), '07-01 00:01:00, 07-01 00:02:00', 'and once');

-- Somebody alters it meanwhile: it is neither waited for nor lost.
SELECT dblink_exec('other', 'BEGIN'), dblink_exec('other', $$DO 'BEGIN PERFORM foreman.alter_schedule(''raced'', priority => 3); END'$$) \g /dev/null
SELECT is(t.at('2027-07-01 00:03Z'), 0::int8, 'one that is being altered is passed over');
SELECT dblink_exec('other', 'COMMIT') \g /dev/null
SELECT is(t.at('2027-07-01 00:03:01Z'), 1::int8, 'and fires when that is done');
SELECT is(t.fired('raced'), '07-01 00:01:00, 07-01 00:02:00, 07-01 00:03:00', 'once');

-- @reboot: when the server has started, and not when it is scheduled.
SELECT foreman.schedule_job('boot', '@reboot', 'none') \g /dev/null
SELECT t.at('2027-07-01 00:03:30Z') \g /dev/null
SELECT is(t.fired('boot'), 'none', '@reboot does not fire in the run of the server that it was scheduled in');
UPDATE foreman.schedule SET boot_at = boot_at - interval '1 day' WHERE name = 'boot';
SELECT is(t.at('2027-07-01 00:03:31Z'), 1::int8, 'it fires in the next');
SELECT is(t.at('2027-07-01 00:03:32Z'), 0::int8, 'once');
SELECT is((SELECT scheduled_at FROM foreman.schedule_runs WHERE name = 'boot'), pg_postmaster_start_time(), 'its occurrence is the start of the server');
SELECT * FROM finish();
