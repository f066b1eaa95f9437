-- pg_foreman 1.0: tables, types, functions, views and rights of schema foreman.
-- Every name and operator is qualified, no object is created conditionally, and nothing is granted to PUBLIC.

\echo Use "CREATE EXTENSION pg_foreman" to load this file. \quit

-- Not to be found ready-made: somebody else could own it.
CREATE SCHEMA foreman;
COMMENT ON SCHEMA foreman IS 'pg_foreman: background jobs';
