-- Something to see on each page of the console: a role that logs in, jobs that wait for different reasons, a schedule, a
-- timer, a batch, dependencies, a subscription, a projection.
SELECT pg_reload_conf();
SET client_min_messages = warning;
SET password_encryption = 'scram-sha-256';
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'operator') THEN
        CREATE ROLE operator LOGIN PASSWORD 'demo';
        PERFORM foreman.grant_role('operator', 'operator'), foreman.grant_role('producer', 'operator');
    END IF;
END $$;
CREATE OR REPLACE FUNCTION demo.write_letter(job foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM foreman.set_progress(0.5, 'the address is written');
    PERFORM pg_sleep(0.2);
    IF job.args ->> 'to' = 'nobody' THEN
        RAISE EXCEPTION 'no address for "%"', job.args ->> 'to' USING HINT = 'Add it to the book of addresses.';
    END IF;
    RETURN jsonb_build_object('sent', true);
END $$;
CREATE OR REPLACE FUNCTION demo.count_event(event foreman.event) RETURNS void LANGUAGE sql AS $$ SELECT $$;
SELECT foreman.create_queue('letters', max_running => 2, if_not_exists => true);
SELECT foreman.create_queue('reports', rate_limit => 10, rate_period => '1 min', if_not_exists => true);
SELECT foreman.register_handler('write_letter', 'demo.write_letter', queue => 'letters', max_attempts => 3, backoff_base => '2 s', backoff_max => '4 s');
SELECT foreman.resume_queue('letters');
SELECT foreman.enqueue('write_letter', jsonb_build_object('to', name, 'api_token', 'abc', 'number', 12345678901234567890), tags => ARRAY['monthly'])
  FROM unnest('{ada,grace,edsger,nobody,barbara,nobody}'::text[]) AS name;
SELECT foreman.enqueue('write_letter', '{"to": "alan"}', run_at => now() + interval '3 h', tags => '{later}');
SELECT foreman.create_batch('end of month', on_success => 'write_letter') AS batch \gset
SELECT foreman.enqueue('gather_figures', '{"month": 10}', queue => 'reports', batch_id => :batch) AS figures \gset
SELECT foreman.enqueue('draw_charts', '{"month": 10}', queue => 'reports', batch_id => :batch, depends_on => ARRAY[:figures]) AS charts \gset
SELECT foreman.enqueue('write_summary', '{"month": 10}', queue => 'reports', batch_id => :batch, depends_on => ARRAY[:figures]) AS summary \gset
SELECT foreman.enqueue('bind_report', '{"month": 10}', queue => 'reports', batch_id => :batch, depends_on => ARRAY[:charts, :summary]);
SELECT foreman.schedule_job('monthly letters', '0 7 1 * *', 'write_letter', '{"to": "everybody"}');
SELECT foreman.set_timer('write_letter', 'remind ada', now() + interval '2 days', '{"to": "ada"}');
SELECT foreman.subscribe('order.#', 'write_letter', 'letters about orders') WHERE NOT EXISTS (SELECT FROM foreman.subscriptions);
SELECT foreman.publish('order.placed', '{"to": "ada"}'), foreman.publish('nobody.listens', '{}');
SELECT foreman.create_projection('counted', 'demo.count_event(foreman.event)') WHERE NOT EXISTS (SELECT FROM foreman.projections WHERE name = 'counted');
SELECT pg_sleep(1);
SELECT foreman.pause_queue('letters');
SELECT foreman.enqueue('write_letter', '{"to": "charles"}', unique_key => 'to charles');
