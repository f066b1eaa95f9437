-- Kept statements: they see DDL, and always run their generic plan.
\set SHOW_CONTEXT never
SELECT bridge.find(1), bridge.find(2), bridge.find(3), bridge.find(4);
SELECT bridge.star();
ALTER TABLE bridge.item ADD COLUMN more int;
SELECT bridge.star();
ALTER TABLE bridge.item DROP CONSTRAINT item_pkey;
SELECT bridge.find(1);
ALTER TABLE bridge.item ALTER COLUMN amount TYPE numeric;
ALTER TABLE bridge.item ALTER COLUMN amount TYPE float8;
SELECT bridge.find(2);
ALTER TABLE bridge.item RENAME TO item_gone;
SELECT bridge.find(2);
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.star();
CREATE TABLE bridge.item AS SELECT id + 0 AS id, 'another' AS body, amount, done, at, kind FROM bridge.item_gone;
SELECT bridge.find(2);
SELECT bridge.star();
DROP TABLE bridge.item;
ALTER TABLE bridge.item_gone RENAME TO item;
SELECT bridge.find(2);

-- Arguments, NULL too; rows affected; a statement that cannot be prepared, one without a session.
SELECT bridge.change(2, 'changed'), bridge.find(2);
SELECT bridge.change(2, NULL), bridge.find(1);
SELECT bridge.change(0, 'none');
SELECT bridge.wrong();
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.unconnected();

-- The plan does not flip.
SET plan_cache_mode = force_custom_plan;
SELECT count(bridge.find(i % 3 + 1)) FROM generate_series(1, 20) i;
SHOW plan_cache_mode;
RESET plan_cache_mode;
SELECT count(bridge.find(i % 3 + 1)) FROM generate_series(1, 20) i;
SELECT * FROM bridge.plan_counts();

SELECT bridge.error_beside_rows();
SELECT bridge.long_session(200);
SELECT bridge.nested_sessions();
SELECT bridge.clean();
