------------------------------------------------------------------------------------------------------------------------
-- The feed of the events of all workflows, and projections of it. See src/store/feed/feed.hpp for the order of positions.
------------------------------------------------------------------------------------------------------------------------

-- bundle: producer worker operator monitor handler
CREATE TYPE foreman.event AS (
    "position"    pg_catalog.int8,
    workflow_type pg_catalog.text,
    workflow_id   pg_catalog.text,
    sequence      pg_catalog.int8,
    event_type    pg_catalog.text,
    version       pg_catalog.int4,
    data          pg_catalog.jsonb,
    recorded_at   pg_catalog.timestamptz
);
COMMENT ON TYPE foreman.event IS 'An event of a workflow as handlers of projections see it';
COMMENT ON COLUMN foreman.event."position" IS 'Order among the events of all workflows; there are gaps';
COMMENT ON COLUMN foreman.event.workflow_type IS 'Type of the workflow';
COMMENT ON COLUMN foreman.event.workflow_id IS 'Id of the workflow';
COMMENT ON COLUMN foreman.event.sequence IS 'Number within its workflow, from 1 without gaps';
COMMENT ON COLUMN foreman.event.event_type IS 'Type of the event';
COMMENT ON COLUMN foreman.event.version IS 'Version of the shape of its data, as it was recorded';
COMMENT ON COLUMN foreman.event.data IS 'Data';
COMMENT ON COLUMN foreman.event.recorded_at IS 'When it was recorded';

CREATE SEQUENCE foreman.projection_id_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.projection_id_seq', '');
COMMENT ON SEQUENCE foreman.projection_id_seq IS 'Numbers of projections';

-- The role and queue of a projection are those of the handler of kind 'projection:NAME'. Its function stands here as well:
-- whoever has locked the row knows that it is the right one.
CREATE TABLE foreman.projection (
    projection_id  pg_catalog.int8   NOT NULL,
    name           pg_catalog.text   COLLATE pg_catalog."C" NOT NULL,
    handler        pg_catalog.text   NOT NULL,
    state          pg_catalog."char" NOT NULL DEFAULT 'r',
    batch          pg_catalog.int4   NOT NULL,
    workflow_types pg_catalog.text[] COLLATE pg_catalog."C",
    event_types    pg_catalog.text[] COLLATE pg_catalog."C",
    replaces       pg_catalog.text   COLLATE pg_catalog."C",
    on_switch      pg_catalog.text,
    created_at     pg_catalog.timestamptz NOT NULL,
    CONSTRAINT projection_pkey PRIMARY KEY (name)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.projection', '');
COMMENT ON TABLE foreman.projection IS 'Projections; see the view foreman.projections';
COMMENT ON COLUMN foreman.projection.handler IS 'Qualified name and argument type of its function';
COMMENT ON COLUMN foreman.projection.state IS 'r = running, p = paused';
COMMENT ON COLUMN foreman.projection.batch IS 'How many events one call of its handler gets, or one subtransaction has';
COMMENT ON COLUMN foreman.projection.replaces IS 'Projection whose place it takes when it has come as far';
COMMENT ON COLUMN foreman.projection.on_switch IS 'Qualified name and argument types of the function that is called then';

-- How far each projection is: one row, which a new one replaces at each move. The last one is found from the end of the
-- index, so that what an open snapshot keeps of those before costs nothing.
CREATE TABLE foreman.projection_place (
    projection_id pg_catalog.int8 NOT NULL,
    position      pg_catalog.int8 NOT NULL,
    handled       pg_catalog.int8 NOT NULL,
    moved_at      pg_catalog.timestamptz,
    CONSTRAINT projection_place_pkey PRIMARY KEY (projection_id, position)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.projection_place', '');
COMMENT ON TABLE foreman.projection_place IS 'How far projections are; see the view foreman.projections';
COMMENT ON COLUMN foreman.projection_place.position IS 'Of the last event that it has handled, or that it has passed by since it does not concern it';
COMMENT ON COLUMN foreman.projection_place.handled IS 'How many events its handler was given';
COMMENT ON COLUMN foreman.projection_place.moved_at IS 'When it came there';

-- bundle: operator monitor
CREATE FUNCTION foreman.read_feed(workflow_types pg_catalog.text[] DEFAULT NULL, after_position pg_catalog.int8 DEFAULT 0, max_rows pg_catalog.int4 DEFAULT 1000,
    member pg_catalog.int4 DEFAULT 0, members pg_catalog.int4 DEFAULT 1, event_types pg_catalog.text[] DEFAULT NULL, OUT "position" pg_catalog.int8,
    OUT epoch pg_catalog.int8, OUT workflow_type pg_catalog.text, OUT workflow_id pg_catalog.text, OUT sequence pg_catalog.int8, OUT event_type pg_catalog.text,
    OUT version pg_catalog.int4, OUT data pg_catalog.jsonb, OUT recorded_at pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_read_feed';
COMMENT ON FUNCTION foreman.read_feed IS 'Committed events of all workflows behind a position, in the order of positions: who goes on behind the last one that it got is given each event once. Never skips what commits late, waits for nobody. member of members: those workflows whose id has its hash. epoch is another one after a crash of the server, when positions behind the last event may be given anew';

-- bundle: operator monitor
CREATE FUNCTION foreman.feed_position()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_feed_position';
COMMENT ON FUNCTION foreman.feed_position() IS 'Position up to which readers of the feed may go now: all events up to it are committed, or never will be';

-- bundle: operator
CREATE FUNCTION foreman.create_projection(name pg_catalog.text, handler pg_catalog.text, workflow_types pg_catalog.text[] DEFAULT NULL, event_types pg_catalog.text[] DEFAULT NULL,
    from_position pg_catalog.int8 DEFAULT 0, batch pg_catalog.int4 DEFAULT 100, run_as pg_catalog.regrole DEFAULT NULL, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_create_projection';
COMMENT ON FUNCTION foreman.create_projection IS 'Lets a function f(foreman.event), or f(foreman.event[]) for up to batch events at once, have every event of workflows behind from_position once and in order, woken by commits; NULL: only later ones. What it does and how far it is commit together. Runs as run_as, as jobs of the queue. Returns true';

-- bundle: operator
CREATE FUNCTION foreman.pause_projection(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_pause_projection';
COMMENT ON FUNCTION foreman.pause_projection IS 'Gives a projection no events until resume_projection(); waits for the transaction in which it handles some. Returns false when it was paused already';

-- bundle: operator
CREATE FUNCTION foreman.resume_projection(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_resume_projection';
COMMENT ON FUNCTION foreman.resume_projection IS 'Lets a projection go on: one that was paused, or one that fails, which tries again at once. Returns false when it was running';

-- bundle: operator
CREATE FUNCTION foreman.rebuild_projection(name pg_catalog.text, "into" pg_catalog.text, on_switch pg_catalog.text DEFAULT NULL, from_position pg_catalog.int8 DEFAULT 0)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_rebuild_projection';
COMMENT ON FUNCTION foreman.rebuild_projection IS 'Gives all events to another handler, "into", beside the running projection. When it has come as far, it takes the place of the handler, and the function on_switch() is called, in one transaction. Until then the view foreman.projections shows it as NAME:rebuild, and drop_projection() gives it up. Returns true';

-- bundle: operator
CREATE FUNCTION foreman.move_projection(name pg_catalog.text, to_position pg_catalog.int8)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_move_projection';
COMMENT ON FUNCTION foreman.move_projection IS 'Lets a projection go on behind another position: a greater one skips events, such as one that can never be handled; a lesser one gives it events again. Waits for the transaction in which it handles some. Returns the position where it was';

-- bundle: operator
CREATE FUNCTION foreman.drop_projection(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drop_projection';
COMMENT ON FUNCTION foreman.drop_projection IS 'Removes a projection, and its rebuild; what its handler made stays. Raises an error when there is none, unless if_exists is given';

-- bundle: operator monitor
CREATE VIEW foreman.projections WITH (security_barrier) AS
SELECT p.name, CASE WHEN p.state OPERATOR(pg_catalog.=) 'p' THEN 'paused' WHEN j.attempt OPERATOR(pg_catalog.>) 0 THEN 'failing'
                    WHEN p.replaces IS NOT NULL THEN 'rebuilding' ELSE 'running' END AS state,
       c.position, b.events AS behind_events,
       EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) b.first_at)::pg_catalog.float8 AS behind_seconds,
       c.handled, p.handler, p.workflow_types, p.event_types, p.batch, h.queue, h.run_as::pg_catalog.text AS run_as, p.replaces,
       j.attempt::pg_catalog.int4 AS failed_attempts, CASE WHEN foreman._sees_args(h.queue) THEN COALESCE(j.errors, d.errors) OPERATOR(pg_catalog.->) -1 END AS error,
       CASE WHEN j.attempt OPERATOR(pg_catalog.>) 0 THEN j.run_at END AS next_attempt_at, p.created_at, c.moved_at
  FROM foreman.projection p
 CROSS JOIN LATERAL (SELECT l.position, l.handled, l.moved_at FROM foreman.projection_place l WHERE l.projection_id OPERATOR(pg_catalog.=) p.projection_id
                      ORDER BY l.position DESC LIMIT 1) c
  JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('projection:' OPERATOR(pg_catalog.||) p.name)
  LEFT JOIN LATERAL (SELECT l.attempt, l.errors, l.run_at FROM foreman.live_job l
                      WHERE l.queue OPERATOR(pg_catalog.=) h.queue AND l.kind OPERATOR(pg_catalog.=) h.kind AND l.state OPERATOR(pg_catalog.=) 'w'
                        AND l.attempt OPERATOR(pg_catalog.>) 0 ORDER BY l.attempt DESC LIMIT 1) j ON true
  LEFT JOIN LATERAL (SELECT x.errors FROM foreman.dead_letter x
                      WHERE p.state OPERATOR(pg_catalog.=) 'p' AND x.queue OPERATOR(pg_catalog.=) h.queue AND x.kind OPERATOR(pg_catalog.=) h.kind
                        AND x.origin_id OPERATOR(pg_catalog.=) p.projection_id AND x.discarded_at OPERATOR(pg_catalog.>) COALESCE(c.moved_at, p.created_at)
                      ORDER BY x.discarded_at DESC LIMIT 1) d ON true
 CROSS JOIN LATERAL (SELECT pg_catalog.count(*) AS events, pg_catalog.min(x.recorded_at) AS first_at
                       FROM (SELECT e.recorded_at FROM foreman.workflow_event e JOIN foreman.workflow_instance i ON i.instance OPERATOR(pg_catalog.=) e.instance
                              WHERE e.position OPERATOR(pg_catalog.>) c.position AND (p.workflow_types IS NULL OR i.workflow_type OPERATOR(pg_catalog.=) ANY (p.workflow_types))
                                AND (p.event_types IS NULL OR e.event_type OPERATOR(pg_catalog.=) ANY (p.event_types)) ORDER BY e.position LIMIT 10001) x) b
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman.projections IS 'Projections: how far each has come, and why it does not go on';
COMMENT ON COLUMN foreman.projections.name IS 'Name; NAME:rebuild is the rebuild of projection NAME';
COMMENT ON COLUMN foreman.projections.state IS 'running, failing (an event of it raises an error; it tries again), paused, or rebuilding';
COMMENT ON COLUMN foreman.projections.position IS 'Of the last event that it has handled or passed by';
COMMENT ON COLUMN foreman.projections.behind_events IS 'How many events for it are behind that; 10001 stands for more than 10000';
COMMENT ON COLUMN foreman.projections.behind_seconds IS 'How old the first of them is; NULL: there are none';
COMMENT ON COLUMN foreman.projections.handled IS 'How many events its handler was given';
COMMENT ON COLUMN foreman.projections.handler IS 'Function that gets the events';
COMMENT ON COLUMN foreman.projections.workflow_types IS 'Types of workflows whose events it gets; NULL: all';
COMMENT ON COLUMN foreman.projections.event_types IS 'Types of events that it gets; NULL: all';
COMMENT ON COLUMN foreman.projections.batch IS 'How many events a call gets at most';
COMMENT ON COLUMN foreman.projections.queue IS 'Queue of its jobs';
COMMENT ON COLUMN foreman.projections.run_as IS 'Role that the handler runs as';
COMMENT ON COLUMN foreman.projections.replaces IS 'Projection whose place a rebuild will take';
COMMENT ON COLUMN foreman.projections.failed_attempts IS 'How often its first event failed by now';
COMMENT ON COLUMN foreman.projections.error IS 'What it raised last, or of one that is paused because its handler crashed the server too often, that; NULL without the right to see it';
COMMENT ON COLUMN foreman.projections.next_attempt_at IS 'When a failing one tries again';
COMMENT ON COLUMN foreman.projections.created_at IS 'When it was created';
COMMENT ON COLUMN foreman.projections.moved_at IS 'When its position changed last';
