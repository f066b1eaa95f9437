-- For the files on publishes, by \ir after helpers.sql: handlers that note what was delivered to them, or do what the payload says.
CREATE SCHEMA p;
GRANT USAGE ON SCHEMA p TO PUBLIC;
CREATE FUNCTION p.take(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF job.args -> 'payload' -> 'fail' ? (job.args ->> 'subscription') AND job.attempt <= coalesce((job.args -> 'payload' ->> 'times')::int, 1000) THEN
        RAISE EXCEPTION '% is down', job.args ->> 'subscription';
    END IF;
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, format('%s %s', job.args ->> 'subscription', job.args ->> 'topic'));
END $$;
SELECT foreman.create_queue('mail', backoff_base => '1 ms', backoff_max => '1 ms') \g /dev/null
SELECT foreman.register_handler('mail', 'p.take', queue => 'mail'), foreman.register_handler('push', 'p.take') \g /dev/null
-- 'mail published 1, off skipped': the deliveries of a publish.
CREATE FUNCTION p.deliveries(id int8) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', subscription, state, attempt), ', ' ORDER BY subscription), 'none') FROM foreman.deliveries WHERE publish_id = id $$;
-- 'pending 3: 1 1 0 1 0 0': state, deliveries, and those pending, retrying, published, skipped, dead-lettered, other.
CREATE FUNCTION p.publish(id int8) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(max(format('%s %s: %s', state, deliveries, concat_ws(' ', pending, retrying, published, skipped, dead_lettered, other))), 'none') FROM foreman.publishes WHERE publish_id = id $$;
-- Why the newest publish that came to nobody did not.
CREATE FUNCTION p.unroutable() RETURNS text LANGUAGE sql AS $$
    SELECT reason FROM foreman.unroutable_publishes ORDER BY unroutable_id DESC LIMIT 1 $$;
