------------------------------------------------------------------------------------------------------------------------
-- Last of all, when everything is made.
------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION foreman._installed()
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_installed';
COMMENT ON FUNCTION foreman._installed() IS 'Called by CREATE EXTENSION';

-- PUBLIC's, and those that default privileges gave to anybody on what this script made.
SELECT foreman._revoke_defaults('pg_foreman');

-- Last: says that this database is no copy.
SELECT foreman._installed();
