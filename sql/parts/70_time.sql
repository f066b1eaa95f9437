------------------------------------------------------------------------------------------------------------------------
-- Timers and schedules.
------------------------------------------------------------------------------------------------------------------------

-- Schedules. missed: s = skip, c = coalesce, a = catch_up. overlap: s = skip, b = buffer_one, a = allow, x = cancel_other.
-- A row changes when it fires and when somebody alters it, never otherwise.
CREATE SEQUENCE foreman.schedule_id_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.schedule_id_seq', '');
COMMENT ON SEQUENCE foreman.schedule_id_seq IS 'Ids of schedules, and of the handlers that run their commands';

CREATE TABLE foreman.schedule (
    schedule_id       pg_catalog.int8        NOT NULL DEFAULT pg_catalog.nextval('foreman.schedule_id_seq'),
    name              pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    schedule          pg_catalog.text        NOT NULL,
    kind              pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    command           pg_catalog.text,
    args              pg_catalog.jsonb       NOT NULL,
    queue             pg_catalog.text        COLLATE pg_catalog."C",
    timezone          pg_catalog.text        NOT NULL,
    missed            pg_catalog."char"      NOT NULL,
    overlap           pg_catalog."char"      NOT NULL,
    active            pg_catalog.bool        NOT NULL,
    priority          pg_catalog.int2,
    max_attempts      pg_catalog.int2,
    timeout_us        pg_catalog.int8,
    run_as            foreman.role_ref       NOT NULL,
    created_at        pg_catalog.timestamptz NOT NULL,
    generation        pg_catalog.int4        NOT NULL DEFAULT 1,
    anchor_at         pg_catalog.timestamptz NOT NULL,
    next_fire_at      pg_catalog.timestamptz,
    boot_at           pg_catalog.timestamptz,
    caught_up         pg_catalog.int4        NOT NULL DEFAULT 0,
    buffered_at       pg_catalog.timestamptz,
    last_fired_at     pg_catalog.timestamptz,
    last_scheduled_at pg_catalog.timestamptz,
    last_job_id       pg_catalog.int8,
    skipped           pg_catalog.int8        NOT NULL DEFAULT 0,
    error             pg_catalog.text,
    error_at          pg_catalog.timestamptz,
    CONSTRAINT schedule_pkey PRIMARY KEY (schedule_id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX schedule_name ON foreman.schedule (name);
CREATE INDEX schedule_due ON foreman.schedule (next_fire_at, schedule_id) WHERE (active);
CREATE INDEX schedule_fired ON foreman.schedule (COALESCE(last_fired_at, anchor_at)) WHERE (active);
CREATE INDEX schedule_buffered ON foreman.schedule (schedule_id) WHERE (buffered_at IS NOT NULL);
CREATE INDEX schedule_boot ON foreman.schedule (schedule_id) WHERE (boot_at IS NOT NULL);
-- Negative ids are of pg_foreman_cron: they follow from the rows of cron.job.
SELECT pg_catalog.pg_extension_config_dump('foreman.schedule', 'WHERE schedule_id OPERATOR(pg_catalog.>) 0');
COMMENT ON TABLE foreman.schedule IS 'Schedules; see the view foreman.schedules';
COMMENT ON COLUMN foreman.schedule.schedule IS 'Cron fields, an @name or an interval';
COMMENT ON COLUMN foreman.schedule.kind IS 'Kind of the jobs; of a command, that of the handler that runs commands as run_as';
COMMENT ON COLUMN foreman.schedule.command IS 'SQL command; NULL: jobs of a kind';
COMMENT ON COLUMN foreman.schedule.queue IS 'NULL: the handler''s';
COMMENT ON COLUMN foreman.schedule.missed IS 's = skip, c = coalesce, a = catch_up';
COMMENT ON COLUMN foreman.schedule.overlap IS 's = skip, b = buffer_one, a = allow, x = cancel_other';
COMMENT ON COLUMN foreman.schedule.run_as IS 'Role that scheduled it, and that its command runs as';
COMMENT ON COLUMN foreman.schedule.generation IS 'Counts how often its times began anew; an occurrence is a time of a generation';
COMMENT ON COLUMN foreman.schedule.anchor_at IS 'Where an interval counts from';
COMMENT ON COLUMN foreman.schedule.next_fire_at IS 'The next occurrence; NULL: none will come';
COMMENT ON COLUMN foreman.schedule.boot_at IS 'Of @reboot: the start of the server that it fired for last, or was made in';
COMMENT ON COLUMN foreman.schedule.caught_up IS 'Missed occurrences that it ran for without a pause';
COMMENT ON COLUMN foreman.schedule.buffered_at IS 'The occurrence that waits for the end of the run before it';
COMMENT ON COLUMN foreman.schedule.skipped IS 'Occurrences left out since the run before them was unfinished';
COMMENT ON COLUMN foreman.schedule.error IS 'Why it was switched off';

-- Which job was made for which occurrence; what became of it is with the job. A generation begins when a schedule is given
-- other times, is switched on again, or starts over after the clock was set back.
CREATE SEQUENCE foreman.schedule_run_id_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.schedule_run_id_seq', '');
COMMENT ON SEQUENCE foreman.schedule_run_id_seq IS 'Ids of runs of schedules';

CREATE TABLE foreman.schedule_run (
    run_id       pg_catalog.int8        NOT NULL DEFAULT pg_catalog.nextval('foreman.schedule_run_id_seq'),
    schedule_id  pg_catalog.int8        NOT NULL,
    generation   pg_catalog.int4        NOT NULL,
    scheduled_at pg_catalog.timestamptz,
    fired_at     pg_catalog.timestamptz NOT NULL,
    job_id       pg_catalog.int8        NOT NULL,
    name         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    kind         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    queue        pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    command      pg_catalog.text,
    run_as       foreman.role_ref       NOT NULL,
    CONSTRAINT schedule_run_pkey PRIMARY KEY (run_id)
);
CREATE UNIQUE INDEX schedule_run_occurrence ON foreman.schedule_run (schedule_id, generation, scheduled_at);
CREATE INDEX schedule_run_name ON foreman.schedule_run (name, run_id);
CREATE INDEX schedule_run_fired ON foreman.schedule_run (fired_at);
SELECT pg_catalog.pg_extension_config_dump('foreman.schedule_run', 'WHERE schedule_id OPERATOR(pg_catalog.>) 0');
COMMENT ON TABLE foreman.schedule_run IS 'Which job was made for which occurrence of a schedule; see the view foreman.schedule_runs';
COMMENT ON COLUMN foreman.schedule_run.scheduled_at IS 'The occurrence; NULL: foreman.trigger_schedule()';
COMMENT ON COLUMN foreman.schedule_run.command IS 'The command as it was then';

-- What cron.job_run_details is to say of the runs of cron.job: a row for each run that is unfinished or not recorded there yet.
-- Users have triggers and locks on that table: only the clerk, a process of its own, writes it, from here.
CREATE TABLE foreman.cron_note (
    run_id         pg_catalog.int8        NOT NULL,
    jobid          pg_catalog.int8        NOT NULL,
    database       pg_catalog.text        NOT NULL,
    username       pg_catalog.text        NOT NULL,
    command        pg_catalog.text        NOT NULL,
    status         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    return_message pg_catalog.text,
    job_pid        pg_catalog.int4,
    start_time     pg_catalog.timestamptz,
    end_time       pg_catalog.timestamptz,
    changed_at     pg_catalog.timestamptz NOT NULL,
    due_at         pg_catalog.timestamptz NOT NULL,
    tries          pg_catalog.int4        NOT NULL DEFAULT 0,
    error          pg_catalog.text,
    runid          pg_catalog.int8,
    recorded       pg_catalog.text        COLLATE pg_catalog."C" NOT NULL DEFAULT '',
    CONSTRAINT cron_note_pkey PRIMARY KEY (run_id)
);
CREATE INDEX cron_note_due ON foreman.cron_note (due_at) WHERE (recorded OPERATOR(pg_catalog.<>) status);
COMMENT ON TABLE foreman.cron_note IS 'Runs of cron.job that are unfinished or not yet recorded in cron.job_run_details';
COMMENT ON COLUMN foreman.cron_note.run_id IS 'As in foreman.schedule_run';
COMMENT ON COLUMN foreman.cron_note.changed_at IS 'When the status last changed';
COMMENT ON COLUMN foreman.cron_note.due_at IS 'When to record it, or to try again';
COMMENT ON COLUMN foreman.cron_note.tries IS 'How often that failed';
COMMENT ON COLUMN foreman.cron_note.error IS 'Why it failed last';
COMMENT ON COLUMN foreman.cron_note.runid IS 'The row of cron.job_run_details; NULL: none yet';
COMMENT ON COLUMN foreman.cron_note.recorded IS 'The status that it has there';

-- bundle: producer
CREATE FUNCTION foreman.set_timer(kind pg_catalog.text, key pg_catalog.text, fire_at pg_catalog.timestamptz,
    args pg_catalog.jsonb DEFAULT '{}', queue pg_catalog.text DEFAULT NULL, priority pg_catalog.int4 DEFAULT NULL,
    max_attempts pg_catalog.int4 DEFAULT NULL, timeout pg_catalog.interval DEFAULT NULL, expires_at pg_catalog.timestamptz DEFAULT NULL,
    tags pg_catalog.text[] DEFAULT NULL, metadata pg_catalog.jsonb DEFAULT NULL, OUT job_id pg_catalog.int8, OUT replaced pg_catalog.bool)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_set_timer';
COMMENT ON FUNCTION foreman.set_timer IS 'Sets the timer of a key, which is unique for its kind. A timer that waits under this key gets the new time, args and options, and begins again; replaced says whether that happened';

-- bundle: producer
CREATE FUNCTION foreman.cancel_timer(kind pg_catalog.text, key pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel_timer';
COMMENT ON FUNCTION foreman.cancel_timer(pg_catalog.text, pg_catalog.text) IS 'Cancels the timer of a key. A timer that is firing ends as usual, but does not fire again. Returns false when there is no such timer';

-- bundle: operator
CREATE FUNCTION foreman.timer_dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    since pg_catalog.timestamptz DEFAULT NULL, before_id pg_catalog.int8 DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT 100,
    OUT job_id pg_catalog.int8, OUT kind pg_catalog.text, OUT key pg_catalog.text, OUT queue pg_catalog.text, OUT args pg_catalog.jsonb,
    OUT fire_at pg_catalog.timestamptz, OUT attempt pg_catalog.int4, OUT max_attempts pg_catalog.int4,
    OUT discarded_at pg_catalog.timestamptz, OUT reason pg_catalog.text, OUT errors pg_catalog.jsonb,
    OUT tags pg_catalog.text[], OUT metadata pg_catalog.jsonb)
RETURNS SETOF pg_catalog.record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_timer_dead_letters';
COMMENT ON FUNCTION foreman.timer_dead_letters IS 'Timers that were discarded, newest first';

-- bundle: operator
CREATE FUNCTION foreman.count_timer_dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_count_timer_dead_letters';
COMMENT ON FUNCTION foreman.count_timer_dead_letters(pg_catalog.text, pg_catalog.text) IS 'How many timers are dead letters';

-- bundle: operator
CREATE FUNCTION foreman.retry_timer_dead_letter(job_id pg_catalog.int8)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_timer_dead_letter';
COMMENT ON FUNCTION foreman.retry_timer_dead_letter(pg_catalog.int8) IS 'Fires a discarded timer again, now. Returns false when it is not a discarded timer. Also returns false when its key has a newer timer; the old one is cancelled then';

-- bundle: operator (pg_catalog.text, pg_catalog.text)
CREATE FUNCTION foreman.schedule(schedule pg_catalog.text, command pg_catalog.text)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_schedule';
COMMENT ON FUNCTION foreman.schedule(pg_catalog.text, pg_catalog.text) IS 'Runs an SQL command by a schedule, as the caller. Returns the schedule''s id';

-- bundle: operator (pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text)
CREATE FUNCTION foreman.schedule(job_name pg_catalog.text, schedule pg_catalog.text, command pg_catalog.text,
    timezone pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_schedule_named';
COMMENT ON FUNCTION foreman.schedule(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) IS 'With a name: a schedule of this name gets the new times and command, and keeps its time zone and queue unless they are given';

-- bundle: operator
CREATE FUNCTION foreman.schedule_job(name pg_catalog.text, schedule pg_catalog.text, kind pg_catalog.text,
    args pg_catalog.jsonb DEFAULT '{}', queue pg_catalog.text DEFAULT NULL, timezone pg_catalog.text DEFAULT NULL,
    missed pg_catalog.text DEFAULT 'coalesce', overlap pg_catalog.text DEFAULT 'skip', active pg_catalog.bool DEFAULT true,
    priority pg_catalog.int4 DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL, timeout pg_catalog.interval DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_schedule_job';
COMMENT ON FUNCTION foreman.schedule_job IS 'Enqueues a job of a kind by a schedule. A schedule of this name gets all the new settings. Returns the schedule''s id';

-- bundle: operator
CREATE FUNCTION foreman.alter_schedule(name pg_catalog.text, schedule pg_catalog.text DEFAULT NULL, command pg_catalog.text DEFAULT NULL,
    args pg_catalog.jsonb DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, timezone pg_catalog.text DEFAULT NULL,
    missed pg_catalog.text DEFAULT NULL, overlap pg_catalog.text DEFAULT NULL, active pg_catalog.bool DEFAULT NULL,
    priority pg_catalog.int4 DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL, timeout pg_catalog.interval DEFAULT NULL,
    if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_alter_schedule';
COMMENT ON FUNCTION foreman.alter_schedule IS 'Changes settings of a schedule. NULL keeps a setting. Raises an error when the schedule does not exist, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.unschedule(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_unschedule';
COMMENT ON FUNCTION foreman.unschedule IS 'Deletes a schedule. Its jobs stay. Raises an error when the schedule does not exist, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.unschedule_id(schedule_id pg_catalog.int8, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_unschedule_id';
COMMENT ON FUNCTION foreman.unschedule_id IS 'Deletes a schedule by its id. Its jobs stay. Raises an error when the schedule does not exist, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.trigger_schedule(name pg_catalog.text)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_trigger_schedule';
COMMENT ON FUNCTION foreman.trigger_schedule(pg_catalog.text) IS 'Makes a job of a schedule now, also when the schedule is switched off. Returns the job''s id';

CREATE FUNCTION foreman.import_pg_cron()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_import_pg_cron';
COMMENT ON FUNCTION foreman.import_pg_cron() IS 'Replaces extension pg_cron by pg_foreman_cron, with its jobs, runs and grants. Returns the number of jobs';

-- bundle: operator monitor
CREATE FUNCTION foreman.next_runs(schedule pg_catalog.text, timezone pg_catalog.text DEFAULT NULL, n pg_catalog.int4 DEFAULT 10)
RETURNS SETOF pg_catalog.timestamptz LANGUAGE c STABLE ROWS 10 AS 'MODULE_PATHNAME', 'foreman_next_runs';
COMMENT ON FUNCTION foreman.next_runs(pg_catalog.text, pg_catalog.text, pg_catalog.int4) IS 'Returns the next times of a schedule in a time zone';
