-- Identity, settings, locks, interrupts, latches.
\set SHOW_CONTEXT never
SELECT bridge.run_as('bridge_other', 'SELECT 1');
SELECT bridge.run_as('bridge_other', 'CREATE TABLE bridge.not_allowed ()');
SELECT bridge.run_as('bridge_other', 'SET ROLE postgres');
SELECT bridge.run_as('bridge_other', 'DO $$BEGIN IF current_user <> ''bridge_other'' THEN RAISE ''%'', current_user; END IF; END$$');
SELECT current_user;

SELECT bridge.guc_scope('work_mem', '7MB', false);
SHOW work_mem;
SELECT bridge.guc_scope('work_mem', '7MB', true);
SHOW work_mem;
SELECT bridge.guc_scope('work_mem', 'much', false);
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.guc_scope('no_such_setting', 'x', false);
BEGIN;
SET LOCAL work_mem = '5MB';
SELECT bridge.guc_scope('work_mem', '7MB', false);
SHOW work_mem;
SELECT bridge.swallow('SELECT bridge.guc_scope(''work_mem'', ''9MB'', true)');
SHOW work_mem;
COMMIT;
SHOW work_mem;

SELECT bridge.error_under_lock();
SELECT bridge.clean();

-- A cancel during guarded calls is an error like others, and may be swallowed.
SELECT bridge.cancel_self();
SELECT bridge.destroyed();
SET statement_timeout = '100ms';
SELECT bridge.run('SELECT pg_sleep(10)', 5);
\echo :LAST_ERROR_SQLSTATE
SET statement_timeout = 0;
SELECT bridge.destroyed();
SELECT bridge.clean();
SELECT bridge.latch();
