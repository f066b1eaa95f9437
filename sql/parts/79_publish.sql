------------------------------------------------------------------------------------------------------------------------
-- Publish and subscribe: a publish is a row, and a job for each subscription whose pattern matches its topic.
-- What became of a delivery is read from its job: it is written nowhere else.
------------------------------------------------------------------------------------------------------------------------

CREATE SEQUENCE foreman.subscription_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.subscription_seq', '');
COMMENT ON SEQUENCE foreman.subscription_seq IS 'Ids of subscriptions';

CREATE TABLE foreman.subscription (
    subscription_id pg_catalog.int8        NOT NULL,
    name            pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    pattern         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    kind            pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    queue           pg_catalog.text        COLLATE pg_catalog."C",
    priority        pg_catalog.int2,
    max_attempts    pg_catalog.int2,
    timeout         pg_catalog.interval,
    active          pg_catalog.bool        NOT NULL,
    created_at      pg_catalog.timestamptz NOT NULL,
    CONSTRAINT subscription_pkey PRIMARY KEY (name)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.subscription', '');
COMMENT ON TABLE foreman.subscription IS 'Who hears of which topics; see the view foreman.subscriptions';
COMMENT ON COLUMN foreman.subscription.queue IS 'Queue of its deliveries; NULL: that of the publish, else that of the handler';
COMMENT ON COLUMN foreman.subscription.priority IS 'NULL: that of the publish, else that of the queue';
COMMENT ON COLUMN foreman.subscription.max_attempts IS 'NULL: that of the handler';
COMMENT ON COLUMN foreman.subscription.timeout IS 'NULL: that of the handler';
COMMENT ON COLUMN foreman.subscription.active IS 'false: it is skipped';

CREATE SEQUENCE foreman.publish_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.publish_seq', '');
COMMENT ON SEQUENCE foreman.publish_seq IS 'Ids of publishes, in the order of their calls';

-- The names of the subscriptions that matched, and the job of each at the same place. In the place of a job: 0 = the
-- subscription was off, -1 = the publisher may not feed its queue.
CREATE TABLE foreman.publish (
    publish_id      pg_catalog.int8        NOT NULL,
    topic           pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    payload         pg_catalog.jsonb       NOT NULL,
    idempotency_key pg_catalog.text        COLLATE pg_catalog."C",
    published_at    pg_catalog.timestamptz NOT NULL,
    run_at          pg_catalog.timestamptz NOT NULL,
    subscriptions   pg_catalog.text[]      NOT NULL,
    job_ids         pg_catalog.int8[]      NOT NULL,
    CONSTRAINT publish_pkey PRIMARY KEY (publish_id)
);
CREATE UNIQUE INDEX publish_key ON foreman.publish (topic, idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX publish_published_at ON foreman.publish (published_at, publish_id);
SELECT pg_catalog.pg_extension_config_dump('foreman.publish', '');
COMMENT ON TABLE foreman.publish IS 'What was published; see the views foreman.publishes and foreman.deliveries';
COMMENT ON COLUMN foreman.publish.subscriptions IS 'Names of the subscriptions that matched';
COMMENT ON COLUMN foreman.publish.job_ids IS 'Job of each of them; 0 = the subscription was off, -1 = the publisher may not feed its queue';

CREATE SEQUENCE foreman.unroutable_publish_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.unroutable_publish_seq', '');
COMMENT ON SEQUENCE foreman.unroutable_publish_seq IS 'Ids of publishes that came to nobody';

CREATE TABLE foreman.unroutable_publish (
    unroutable_id   pg_catalog.int8        NOT NULL,
    topic           pg_catalog.text        COLLATE pg_catalog."C",
    idempotency_key pg_catalog.text        COLLATE pg_catalog."C",
    reason          pg_catalog.text        NOT NULL,
    payload         pg_catalog.jsonb,
    payload_bytes   pg_catalog.int8,
    published_at    pg_catalog.timestamptz NOT NULL,
    published_by    pg_catalog.text        NOT NULL,
    CONSTRAINT unroutable_publish_pkey PRIMARY KEY (unroutable_id)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.unroutable_publish', '');
COMMENT ON TABLE foreman.unroutable_publish IS 'Publishes that came to nobody, the newest 10000; see the view foreman.unroutable_publishes';
COMMENT ON COLUMN foreman.unroutable_publish.payload IS 'NULL when it had more than 8 kB';

-- bundle: operator
CREATE FUNCTION foreman.subscribe(pattern pg_catalog.text, kind pg_catalog.text, name pg_catalog.text DEFAULT NULL,
    queue pg_catalog.text DEFAULT NULL, priority pg_catalog.int4 DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, active pg_catalog.bool DEFAULT true)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_subscribe';
COMMENT ON FUNCTION foreman.subscribe IS 'From now on each publish whose topic matches the pattern makes a job of the kind. Segments of a pattern have dots between them: * is one segment, # any number. The name is PATTERN:KIND unless one is given. The job''s args: topic, payload, publish_id, published_at, subscription and, where the publish has one, idempotency_key. Returns the id of the subscription';

-- bundle: operator
CREATE FUNCTION foreman.alter_subscription(name pg_catalog.text, pattern pg_catalog.text DEFAULT NULL, kind pg_catalog.text DEFAULT NULL,
    queue pg_catalog.text DEFAULT NULL, priority pg_catalog.int4 DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, active pg_catalog.bool DEFAULT NULL, reset pg_catalog.text[] DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_alter_subscription';
COMMENT ON FUNCTION foreman.alter_subscription IS 'Changes a subscription for what is published from now on; NULL leaves a setting as it is, reset names those that are to have none again (queue, priority, max_attempts, timeout). While active is false, publishes leave a skipped delivery. Returns true';

-- bundle: operator
CREATE FUNCTION foreman.unsubscribe(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_unsubscribe';
COMMENT ON FUNCTION foreman.unsubscribe IS 'Ends a subscription; deliveries that are under way go on. Raises an error when there is none of this name, unless if_exists is given';

-- bundle: producer
CREATE FUNCTION foreman.publish(topic pg_catalog.text, payload pg_catalog.jsonb, idempotency_key pg_catalog.text DEFAULT NULL,
    queue pg_catalog.text DEFAULT NULL, priority pg_catalog.int4 DEFAULT NULL, run_at pg_catalog.timestamptz DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_publish';
COMMENT ON FUNCTION foreman.publish IS 'Makes a job for each subscription whose pattern matches the topic, in the caller''s transaction. queue and priority are for subscriptions that have none of their own. A second publish of a topic and idempotency_key makes nothing and returns the id of the first. Returns the id of the publish; NULL when nobody takes it or it is malformed: foreman.unroutable_publishes says why';

-- bundle: producer operator monitor
CREATE FUNCTION foreman.topic_matches(pattern pg_catalog.text, topic pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'foreman_topic_matches';
COMMENT ON FUNCTION foreman.topic_matches IS 'Whether a pattern of foreman.subscribe() matches a topic';

-- bundle: operator monitor
CREATE VIEW foreman.subscriptions WITH (security_barrier) AS
SELECT s.name, s.pattern, s.kind, s.queue, s.priority::pg_catalog.int4 AS priority, s.max_attempts::pg_catalog.int4 AS max_attempts, s.timeout, s.active,
       h.kind IS NOT NULL AS has_handler, s.created_at, s.subscription_id
  FROM foreman.subscription s LEFT JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) s.kind
 WHERE foreman._sees(COALESCE(s.queue, h.queue, 'default'));
COMMENT ON VIEW foreman.subscriptions IS 'Who hears of which topics';
COMMENT ON COLUMN foreman.subscriptions.name IS 'Name';
COMMENT ON COLUMN foreman.subscriptions.pattern IS 'Topics that it hears of: * is one segment, # any number';
COMMENT ON COLUMN foreman.subscriptions.kind IS 'Kind of the jobs that its deliveries are';
COMMENT ON COLUMN foreman.subscriptions.queue IS 'Queue of its deliveries; NULL: that of the publish, else that of the handler';
COMMENT ON COLUMN foreman.subscriptions.priority IS 'Priority of its deliveries; NULL: that of the publish, else that of the queue';
COMMENT ON COLUMN foreman.subscriptions.max_attempts IS 'Attempts that a delivery has; NULL: as the handler says';
COMMENT ON COLUMN foreman.subscriptions.timeout IS 'How long an attempt may take; NULL: as the handler says';
COMMENT ON COLUMN foreman.subscriptions.active IS 'false: publishes leave a skipped delivery';
COMMENT ON COLUMN foreman.subscriptions.has_handler IS 'Whether a handler is registered for its kind; workers outside need none';
COMMENT ON COLUMN foreman.subscriptions.created_at IS 'When it was made';
COMMENT ON COLUMN foreman.subscriptions.subscription_id IS 'Id';

-- A delivery's job is in one of three tables; of the history, partitions of days before the publish are not looked at.
-- bundle: operator monitor
CREATE VIEW foreman.deliveries WITH (security_barrier) AS
SELECT p.publish_id, p.topic, d.subscription,
       CASE WHEN d.job_id OPERATOR(pg_catalog.=) 0 THEN 'skipped' WHEN d.job_id OPERATOR(pg_catalog.<) 0 THEN 'refused' ELSE COALESCE(j.state, 'gone') END AS state,
       j.kind, j.queue, CASE WHEN d.job_id OPERATOR(pg_catalog.>) 0 THEN d.job_id END AS job_id, j.attempt, j.max_attempts, j.next_attempt_at, j.ended_at,
       CASE WHEN foreman._sees_args(j.queue) THEN j.errors OPERATOR(pg_catalog.->) -1 OPERATOR(pg_catalog.->>) 'message' END AS error, p.published_at
  FROM foreman.publish p
 CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(p.subscriptions), pg_catalog.unnest(p.job_ids)) AS d(subscription, job_id)
  LEFT JOIN LATERAL (
       SELECT CASE WHEN l.attempt OPERATOR(pg_catalog.>) 0 THEN 'retrying' ELSE 'pending' END AS state, l.kind, l.queue,
              l.attempt::pg_catalog.int4 AS attempt, l.max_attempts::pg_catalog.int4 AS max_attempts, l.run_at AS next_attempt_at, NULL::pg_catalog.timestamptz AS ended_at, l.errors
         FROM foreman.live_job l WHERE l.job_id OPERATOR(pg_catalog.=) d.job_id
       UNION ALL
       SELECT 'dead_lettered', x.kind, x.queue, x.attempt::pg_catalog.int4, x.max_attempts::pg_catalog.int4, NULL, x.discarded_at, x.errors
         FROM foreman.dead_letter x WHERE x.job_id OPERATOR(pg_catalog.=) d.job_id
       UNION ALL
       SELECT CASE h.outcome WHEN 'c' THEN 'published' ELSE 'cancelled' END, h.kind, h.queue, h.attempt::pg_catalog.int4, h.max_attempts::pg_catalog.int4, NULL, h.finished_at, h.errors
         FROM foreman.job_history h WHERE h.job_id OPERATOR(pg_catalog.=) d.job_id AND h.finished_at OPERATOR(pg_catalog.>=) p.published_at) j ON (true)
 WHERE foreman._sees(COALESCE(j.queue, ''));
COMMENT ON VIEW foreman.deliveries IS 'Deliveries of publishes to subscriptions, as their jobs are';
COMMENT ON COLUMN foreman.deliveries.publish_id IS 'Publish';
COMMENT ON COLUMN foreman.deliveries.topic IS 'Topic';
COMMENT ON COLUMN foreman.deliveries.subscription IS 'Name that the subscription had';
COMMENT ON COLUMN foreman.deliveries.state IS 'pending, retrying (it has failed and is tried again), published (its handler is done), dead_lettered, cancelled, skipped (the subscription was off), refused (the publisher may not feed its queue), or gone (its job was deleted, or its history is over)';
COMMENT ON COLUMN foreman.deliveries.kind IS 'Kind of its job';
COMMENT ON COLUMN foreman.deliveries.queue IS 'Queue of its job';
COMMENT ON COLUMN foreman.deliveries.job_id IS 'Its job; NULL when it has none';
COMMENT ON COLUMN foreman.deliveries.attempt IS 'Attempts charged';
COMMENT ON COLUMN foreman.deliveries.max_attempts IS 'Attempts that it has in all';
COMMENT ON COLUMN foreman.deliveries.next_attempt_at IS 'When it is due; NULL when it has ended';
COMMENT ON COLUMN foreman.deliveries.ended_at IS 'When it ended';
COMMENT ON COLUMN foreman.deliveries.error IS 'What its last failed attempt said; NULL without the right to see args';
COMMENT ON COLUMN foreman.deliveries.published_at IS 'When it was published';

-- No barrier: who may not see all of it sees none, and that is asked before the first row; so the newest rows come by the
-- index.
-- bundle: operator monitor
CREATE VIEW foreman.publishes AS
SELECT p.publish_id, p.topic,
       CASE WHEN d.pending OPERATOR(pg_catalog.+) d.retrying OPERATOR(pg_catalog.>) 0 THEN 'pending' WHEN d.dead_lettered OPERATOR(pg_catalog.>) 0 THEN 'dead_lettered' ELSE 'published' END AS state,
       CASE WHEN foreman._sees_args('') THEN p.payload END AS payload, p.idempotency_key, p.published_at, p.run_at,
       d.deliveries, d.pending, d.retrying, d.published, d.skipped, d.dead_lettered, d.other
  FROM foreman.publish p
 -- By their ids, one by one: a plan that was made while the tables were small would read all of a long one.
 CROSS JOIN LATERAL (
       SELECT pg_catalog.count(*) AS deliveries,
              pg_catalog.count(*) FILTER (WHERE u.job_id OPERATOR(pg_catalog.=) 0) AS skipped,
              pg_catalog.count(*) FILTER (WHERE l.attempt OPERATOR(pg_catalog.=) 0) AS pending,
              pg_catalog.count(*) FILTER (WHERE l.attempt OPERATOR(pg_catalog.>) 0) AS retrying,
              pg_catalog.count(*) FILTER (WHERE h.outcome OPERATOR(pg_catalog.=) 'c') AS published,
              pg_catalog.count(x.job_id) AS dead_lettered,
              pg_catalog.count(*) FILTER (WHERE u.job_id OPERATOR(pg_catalog.<>) 0 AND l.job_id IS NULL AND x.job_id IS NULL AND h.outcome IS DISTINCT FROM 'c') AS other
         FROM pg_catalog.unnest(p.job_ids) AS u(job_id)
         LEFT JOIN LATERAL (SELECT l.job_id, l.attempt FROM foreman.live_job l WHERE l.job_id OPERATOR(pg_catalog.=) u.job_id LIMIT 1) l ON (true)
         LEFT JOIN LATERAL (SELECT x.job_id FROM foreman.dead_letter x WHERE x.job_id OPERATOR(pg_catalog.=) u.job_id LIMIT 1) x ON (true)
         LEFT JOIN LATERAL (SELECT h.outcome FROM foreman.job_history h WHERE h.job_id OPERATOR(pg_catalog.=) u.job_id AND h.finished_at OPERATOR(pg_catalog.>=) p.published_at LIMIT 1) h ON (true)) d
 WHERE foreman._sees('');
COMMENT ON VIEW foreman.publishes IS 'What was published, and how many of its deliveries are in which state; for roles with a bundle on all queues';
COMMENT ON COLUMN foreman.publishes.publish_id IS 'Id; ORDER BY publish_id DESC gives the newest ones first, by an index';
COMMENT ON COLUMN foreman.publishes.topic IS 'Topic';
COMMENT ON COLUMN foreman.publishes.state IS 'pending while a delivery is under way, then dead_lettered when one of them was, else published';
COMMENT ON COLUMN foreman.publishes.payload IS 'What was published; NULL without the right to see args';
COMMENT ON COLUMN foreman.publishes.idempotency_key IS 'Key by which the publisher knows it again';
COMMENT ON COLUMN foreman.publishes.published_at IS 'When it was published';
COMMENT ON COLUMN foreman.publishes.run_at IS 'When its deliveries were first due';
COMMENT ON COLUMN foreman.publishes.deliveries IS 'Subscriptions that matched';
COMMENT ON COLUMN foreman.publishes.pending IS 'Deliveries that have not failed and not ended';
COMMENT ON COLUMN foreman.publishes.retrying IS 'Deliveries that have failed and are tried again';
COMMENT ON COLUMN foreman.publishes.published IS 'Deliveries whose handler is done';
COMMENT ON COLUMN foreman.publishes.skipped IS 'Deliveries to subscriptions that were off';
COMMENT ON COLUMN foreman.publishes.dead_lettered IS 'Deliveries that are dead letters';
COMMENT ON COLUMN foreman.publishes.other IS 'Deliveries that were cancelled, refused or deleted, or whose history is over';

-- bundle: operator monitor
CREATE VIEW foreman.unroutable_publishes AS
SELECT u.unroutable_id, u.topic, u.reason, u.idempotency_key, CASE WHEN foreman._sees_args('') THEN u.payload END AS payload,
       u.payload_bytes, u.published_at, u.published_by
  FROM foreman.unroutable_publish u
 WHERE foreman._sees('');
COMMENT ON VIEW foreman.unroutable_publishes IS 'Publishes that came to nobody, and why; the newest 10000, for roles with a bundle on all queues';
COMMENT ON COLUMN foreman.unroutable_publishes.unroutable_id IS 'Id; ORDER BY unroutable_id DESC gives the newest ones first';
COMMENT ON COLUMN foreman.unroutable_publishes.topic IS 'Topic as it was given, cut to 255 bytes';
COMMENT ON COLUMN foreman.unroutable_publishes.reason IS 'What was malformed, or that no subscription matched';
COMMENT ON COLUMN foreman.unroutable_publishes.idempotency_key IS 'Key as it was given, cut to 255 bytes';
COMMENT ON COLUMN foreman.unroutable_publishes.payload IS 'What was published; NULL when it had more than 8 kB, and without the right to see args';
COMMENT ON COLUMN foreman.unroutable_publishes.payload_bytes IS 'How large it was; NULL when there was none';
COMMENT ON COLUMN foreman.unroutable_publishes.published_at IS 'When';
COMMENT ON COLUMN foreman.unroutable_publishes.published_by IS 'Role that published it';
