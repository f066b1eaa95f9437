-- Memory resources over contexts.
\set SHOW_CONTEXT never
SELECT bridge.alignment();
SELECT bridge.containers();
SELECT bridge.resource_equality(), bridge.current_scope();

-- Beyond 1 GB, aligned and not; then what no machine has, and what no size type holds.
SELECT bridge.allocate(1, 1), bridge.allocate(1073741824 + 4096, 8), bridge.allocate(1073741824 + 4096, 64);
SELECT bridge.allocate(1::bigint << 60, 8);
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.allocate(1::bigint << 60, 64);
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.allocate(-100, 8);
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.allocate(9223372036854775800, 64);
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.throw('length_error');
\echo :LAST_ERROR_SQLSTATE
SELECT bridge.clean();
SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'bridge %';
