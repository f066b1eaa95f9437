-- A subtransaction may swallow an error: what it did is undone, what came before stays, everything goes on.
BEGIN;
INSERT INTO bridge.note (body) VALUES ('before');
SELECT bridge.swallow('INSERT INTO bridge.note (body) VALUES (''kept'')');
SELECT bridge.swallow('WITH i AS (INSERT INTO bridge.note (body) VALUES (''undone'') RETURNING id) SELECT 1 / (id - id) FROM i');
SELECT bridge.swallow('SELECT bridge.throw(''failure with hint'')');
SELECT bridge.swallow('SELECT bridge.throw(''bad_alloc'')');
SELECT bridge.swallow($x$DO $do$BEGIN
    RAISE EXCEPTION 'a message' USING ERRCODE = '55P03', DETAIL = 'a detail', HINT = 'a hint', CONSTRAINT = 'a_constraint';
END$do$$x$);
SELECT bridge.swallow('SELECT bridge.swallow(''SELECT 1/0'')');
COMMIT;
SELECT body FROM bridge.note ORDER BY id;
TRUNCATE bridge.note;

-- As often as one likes. Each round has two frames with a destructor.
SELECT * FROM bridge.swallow_many('SELECT 1/0', 100000);
SELECT * FROM bridge.swallow_many('SELECT no_such_function()', 10000);
SELECT * FROM bridge.swallow_many('SELECT bridge.throw(''failure with hint'')', 10000);
SELECT * FROM bridge.swallow_many('SELECT bridge.throw(''unknown'')', 10000);
SELECT * FROM bridge.swallow_many('SELECT 1', 10000);
SELECT bridge.clean();

-- Who took a transaction id?
SELECT bridge.wrote('SELECT 1') AS reading, bridge.wrote('INSERT INTO bridge.note (body) VALUES (''x'')') AS writing;
BEGIN;
SELECT bridge.subtransaction_ids();
SELECT bridge.wrote('SELECT 1'), bridge.wrote('INSERT INTO bridge.note (body) VALUES (''x'')');
SELECT bridge.subtransaction_ids();
SELECT count(bridge.swallow('INSERT INTO bridge.note (body) VALUES (''x'')')) FROM generate_series(1, 70);
SELECT bridge.subtransaction_ids();
ROLLBACK;
SELECT bridge.snapshots(), bridge.surroundings();
