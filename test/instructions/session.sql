-- What a client's session does, with the names under which run reads the counts: one for what ran since the mark
-- before. Each part has run once before it is counted.
CALL i.plain_rows(100);
SELECT pg_backend_pid() AS before;
CALL i.plain_rows(1000);
SELECT pg_backend_pid() AS plain;
CALL i.enqueue_one_by_one(100);
SELECT pg_backend_pid() AS before;
CALL i.enqueue_one_by_one(500);
SELECT pg_backend_pid() AS enqueue;
SELECT count(*) FROM foreman.enqueue_array('outside', array_fill(i.payload(), ARRAY[1000]));
SELECT pg_backend_pid() AS before;
SELECT count(*) FROM foreman.enqueue_array('outside', array_fill(i.payload(), ARRAY[1000]));
SELECT count(*) FROM foreman.enqueue_array('outside', array_fill(i.payload(), ARRAY[1000]));
SELECT pg_backend_pid() AS enqueue_array;
CALL i.work_outside(2);
SELECT pg_backend_pid() AS before;
CALL i.work_outside(10);
SELECT pg_backend_pid() AS outside;
