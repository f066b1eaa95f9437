-- Timers: what the functions answer, and bad input: keys of any bytes, times of any size.
SET client_min_messages = warning;
CREATE EXTENSION pg_foreman;
SELECT foreman.stop();
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only
\pset fieldsep ' | '
CREATE FUNCTION refused(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
    EXECUTE command;
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || SQLERRM || E'\n      ' || hint;
END $$;
CREATE FUNCTION refusals(calls text[]) RETURNS TABLE (call text, refusal text) LANGUAGE sql AS
    $$ SELECT c, refused('SELECT foreman.' || c) FROM unnest(calls) WITH ORDINALITY AS u(c, i) ORDER BY i $$;

SELECT replaced FROM foreman.set_timer('remind', 'ann', '2100-01-01 09:00Z', '{"about": "lunch"}');
SELECT replaced FROM foreman.set_timer('remind', 'ann', '2100-01-01 10:00Z', '{"about": "tea"}', queue => 'letters', tags => '{gentle}');
SELECT kind, key, fire_at, state, args, queue, priority, attempt, max_attempts, expires_at, errors, tags, metadata FROM foreman.timers;
SELECT foreman.cancel_timer('remind', 'ann'), foreman.cancel_timer('remind', 'ann');
SELECT state, reason FROM foreman.jobs;

-- Keys.
SELECT * FROM refusals(ARRAY[
    $$set_timer('k', NULL, now())$$, $$set_timer('k', '', now())$$, $$set_timer('k', repeat('x', 256), now())$$, $$set_timer('k', E'a\nb', now())$$, $$set_timer('k', E'\x7f', now())$$,
    $$set_timer(NULL, 'k', now())$$, $$set_timer('', 'k', now())$$,
    $$cancel_timer('k', NULL)$$, $$cancel_timer('k', '')$$, $$cancel_timer(NULL, 'k')$$, $$cancel_timer('k', E'\t')$$]);
SELECT left(refused($$SELECT foreman.set_timer('k', repeat('x', 10240), now())$$), 60), left(refused($$SELECT foreman.cancel_timer('k', repeat('x', 10240))$$), 60);
SELECT replaced FROM foreman.set_timer('k', repeat('x', 255), '2100-01-01');
SELECT replaced FROM foreman.set_timer('k', U&'\0441\0440\043E\043A \+01F550 ''"\\%', '2100-01-01');
SELECT replaced FROM foreman.set_timer('k', U&'\0441\0440\043E\043A \+01F550 ''"\\%', '2100-01-02');
SELECT replaced FROM foreman.set_timer('k', ' ', '2100-01-01');
SELECT replaced FROM foreman.set_timer('k', 'K', '2100-01-01');
SELECT count(*), count(DISTINCT key) FROM foreman.timers WHERE kind = 'k';
SELECT foreman.cancel_timer('k', key) FROM foreman.timers WHERE kind = 'k';

-- Times.
SELECT * FROM refusals(ARRAY[
    $$set_timer('k', 't', NULL)$$, $$set_timer('k', 't', 'infinity')$$, $$set_timer('k', 't', '-infinity')$$,
    $$set_timer('k', 't', '10000-01-01 00:00Z')$$, $$set_timer('k', 't', '294276-12-31 23:59:59Z')$$, $$set_timer('k', 't', 'never')$$,
    $$set_timer('k', 't', now(), expires_at => 'infinity')$$]);
SELECT replaced FROM foreman.set_timer('k', 't', '9999-12-31 23:59:59.999999Z');
SELECT replaced FROM foreman.set_timer('k', 't', '4714-11-24 00:00Z BC');
SELECT fire_at, state FROM foreman.timers;

-- The rest, and nothing of it has changed anything.
SELECT * FROM refusals(ARRAY[
    $$set_timer('k', 't', now(), NULL)$$, $$set_timer('k', 't', now(), priority => 101)$$, $$set_timer('k', 't', now(), max_attempts => 0)$$,
    $$set_timer('k', 't', now(), timeout => '1 month')$$, $$set_timer('k', 't', now(), queue => '')$$, $$set_timer('k', 't', now(), tags => '{NULL}')$$,
    $$timer_dead_letters(max_rows => 0)$$, $$timer_dead_letters(since => 'infinity')$$, $$count_timer_dead_letters('')$$, $$retry_timer_dead_letter(NULL)$$]);
SELECT fire_at, args FROM foreman.timers;
BEGIN READ ONLY;
SELECT * FROM refusals(ARRAY[$$set_timer('k', 't', now())$$]);
SELECT * FROM refusals(ARRAY[$$cancel_timer('k', 't')$$]);
SELECT * FROM refusals(ARRAY[$$retry_timer_dead_letter(1)$$]);
SELECT * FROM refusals(ARRAY[$$fire_timers_once()$$]);
COMMIT;
DROP FUNCTION refused(text), refusals(text[]);
DROP EXTENSION pg_foreman;
