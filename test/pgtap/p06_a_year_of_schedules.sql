-- P6: a year of virtual time, with both changes of the clocks and a leap day, compared with the five-field rules written
-- a second time, in SQL, by somebody who asks of every five minutes of the year whether they are one.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');

-- The values that one field names.
CREATE FUNCTION t.value(word text, lowest int, names text[]) RETURNS int LANGUAGE sql IMMUTABLE AS
    $$ SELECT coalesce(array_position(names, word) - 1 + lowest, word::int) $$;
CREATE FUNCTION t.field(text text, lowest int, most int, names text[]) RETURNS int[] LANGUAGE sql IMMUTABLE AS $$
    WITH element AS (SELECT regexp_match(lower(e), '^(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?$') AS m FROM unnest(string_to_array(text, ',')) e),
         span AS (SELECT CASE WHEN m[1] = '*' THEN lowest ELSE t.value(m[2], lowest, names) END AS lo,
                         CASE WHEN m[1] = '*' THEN most WHEN m[3] IS NULL THEN t.value(m[2], lowest, names) ELSE t.value(m[3], lowest, names) END AS hi,
                         coalesce(m[4]::int, 1) AS step FROM element)
    SELECT array_agg(DISTINCT v) FROM span, generate_series(lo, hi, step) v $$;

CREATE TABLE t.rule (name text, expression text, zone text, minutes int[], hours int[], days int[], last_day bool, months int[], weekdays int[], needs_both bool);
CREATE FUNCTION t.add(name text, expression text, zone text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO t.rule SELECT name, expression, zone, t.field(f[1], 0, 59, '{}'), t.field(f[2], 0, 23, '{}'),
           CASE WHEN f[3] <> '$' THEN t.field(f[3], 1, 31, '{}') END, f[3] = '$',
           t.field(f[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'),
           t.field(f[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}'), left(f[3], 1) = '*' OR left(f[5], 1) = '*'
      FROM regexp_split_to_array(expression, '\s+') f $$;

SELECT t.add('hourly', '25 * * * *', 'Europe/Berlin'), t.add('quarter', '*/15 8-17/3 * * mon-fri', 'Europe/Berlin'),
       t.add('night', '30 2 * * *', 'Europe/Berlin'), t.add('both nights', '5,35 1-3 * * *', 'America/New_York'),
       t.add('last day', '55 23 $ * *', 'Asia/Kolkata'), t.add('day or weekday', '0 12 13,29 * 5', 'UTC'),
       t.add('odd fridays', '0 6 */2 * fri', 'Australia/Lord_Howe'), t.add('leap day', '0 0 29 2 *', 'Asia/Tokyo'),
       t.add('sundays', '45 1,2 * 3,4,9-11 7', 'Australia/Lord_Howe'), t.add('quarters', '0 0 1 jan-dec/3 *', 'America/St_Johns') \g /dev/null

SET foreman.fake_now = '2027-07-01 00:00Z';
SELECT foreman.schedule_job(name, expression, 'none', timezone => zone, missed => 'catch_up', overlap => 'allow') FROM t.rule \g /dev/null
\set begun `date +%s%3N`
DO $$
BEGIN
    FOR day IN 1..366 LOOP
        PERFORM set_config('foreman.fake_now', ('2027-07-01 00:00Z'::timestamptz + day * interval '1 day')::text, false);
        PERFORM foreman.fire_schedules_once();
        COMMIT;
    END LOOP;
END $$;
\set ended `date +%s%3N`
SELECT diag(format('%s runs of a year in %s ms', count(*), :ended - :begun)) FROM foreman.schedule_run \g /dev/stderr

-- Every five minutes of the year (the rules name no others), and what the zone's clock shows that it has not shown before.
CREATE TABLE t.expected AS
WITH minute AS (
    SELECT r.*, m, m AT TIME ZONE r.zone AS local,
           max(m AT TIME ZONE r.zone) OVER (PARTITION BY r.name ORDER BY m ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
      FROM t.rule r, generate_series('2027-06-28 00:00Z'::timestamptz, '2028-07-01 00:00Z', '5 minutes') m),
shown AS (
    SELECT name, m, l, minutes, hours, days, last_day, months, weekdays, needs_both FROM minute,
           LATERAL (SELECT local AS l WHERE cardinality(hours) = 24 OR local > before
                    UNION ALL
                    SELECT g FROM generate_series(before + interval '5 minutes', local - interval '5 minutes', '5 minutes') g
                     WHERE cardinality(hours) < 24 AND local > before + interval '5 minutes') s
     WHERE m > '2027-07-01 00:00Z')
SELECT DISTINCT name, m FROM shown,
       LATERAL (SELECT extract(minute FROM l)::int AS mi, extract(hour FROM l)::int AS ho, extract(day FROM l)::int AS da,
                       extract(month FROM l)::int AS mo, extract(dow FROM l)::int AS dw) f
 WHERE mi = ANY (minutes) AND ho = ANY (hours) AND mo = ANY (months)
   AND CASE WHEN needs_both THEN (CASE WHEN last_day THEN extract(day FROM l + interval '1 day') = 1 ELSE da = ANY (days) END)
                           AND (dw = ANY (weekdays) OR dw = 0 AND 7 = ANY (weekdays))
            ELSE (CASE WHEN last_day THEN extract(day FROM l + interval '1 day') = 1 ELSE da = ANY (days) END)
                 OR dw = ANY (weekdays) OR dw = 0 AND 7 = ANY (weekdays) END;

SELECT is((SELECT string_agg(to_char(scheduled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), ',' ORDER BY scheduled_at) FROM foreman.schedule_runs f WHERE f.name = r.name),
          (SELECT string_agg(to_char(m AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), ',' ORDER BY m) FROM t.expected e WHERE e.name = r.name),
          format('%s: %s in %s fires when the rules say', name, expression, zone))
  FROM t.rule r;
SELECT is(count(*), 8784::int8, 'an hourly schedule fires 8784 times in a year with a leap day') FROM foreman.schedule_runs WHERE name = 'hourly';
SELECT is(count(*), 366::int8, 'a nightly one 366 times, though 02:30 is skipped once and comes twice once') FROM foreman.schedule_runs WHERE name = 'night';
SELECT is((SELECT string_agg((scheduled_at AT TIME ZONE 'UTC')::text, ', ') FROM foreman.schedule_runs WHERE name = 'night' AND scheduled_at::date IN ('2027-10-31', '2028-03-26')),
    '2027-10-31 00:30:00, 2028-03-26 01:00:00', 'the first time that it comes, and right after the gap');
SELECT is((SELECT array_agg(scheduled_at) FROM foreman.schedule_runs WHERE name = 'leap day'), ARRAY['2028-02-28 15:00Z'::timestamptz], 'the leap day');
SELECT is((SELECT count(*) FROM foreman.live_job), (SELECT count(*) FROM foreman.schedule_run), 'each run has its job');
SELECT * FROM finish();
