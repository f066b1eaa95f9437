-- Who is logged in, where, and what the page may offer. The rights themselves are checked by the server.
SELECT jsonb_build_object(
    'role', current_user, 'database', current_database(), 'server', current_setting('server_version'),
    'extension', (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pg_foreman'),
    'standby', pg_is_in_recovery(), 'read_only', $1::jsonb->>'read_only' = 'yes', 'proxy', $1::jsonb->>'proxy' = 'yes',
    'may', (SELECT jsonb_build_object(
                'see', coalesce(bool_or(p.proname = 'list_jobs'), false),
                'operate', coalesce(bool_or(p.proname = 'cancel'), false),
                'produce', coalesce(bool_or(p.proname = 'enqueue'), false))
              FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = 'foreman' AND p.proname IN ('list_jobs', 'cancel', 'enqueue')
               AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')))
