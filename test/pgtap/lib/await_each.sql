-- Asks await() for the state of each job of t.told; CALL only works at top level, so this file includes itself.
SELECT min(id) AS id, count(*) > 0 AS any FROM t.told WHERE await IS NULL \gset
\if :any
CALL foreman.await(:id, '0 s') \gset
UPDATE t.told SET await = :'state' WHERE id = :id;
\ir await_each.sql
\endif
