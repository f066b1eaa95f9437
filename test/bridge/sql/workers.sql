-- Transactions in background workers; how their main functions end; shared memory and settings.
\set SHOW_CONTEXT never
TRUNCATE bridge.note RESTART IDENTITY;
SELECT bridge.start_worker(0);
SELECT body FROM bridge.note ORDER BY id;
-- The settings of a role do not reach the engine's transactions.
ALTER DATABASE bridge SET default_transaction_isolation = 'serializable';
ALTER DATABASE bridge SET default_transaction_read_only = on;
TRUNCATE bridge.note;
SELECT bridge.start_worker(1);
SELECT body FROM bridge.note ORDER BY id;
ALTER DATABASE bridge RESET ALL;
SELECT bridge.start_worker(2);
SELECT bridge.start_worker(3);
SELECT count(*) FROM bridge.note;

SELECT bridge.visit();
\c
SELECT bridge.visit();
SHOW foreman_bridge.setting;
SET foreman_bridge.setting = 11;
SET foreman_bridge.no_such = 1;
SELECT bridge.request_too_late();
