-- Nanoseconds each, the best of five; figures for the comments in src/pg.
SELECT what, min(bridge.measure(what, n))::numeric(12, 1) AS ns
FROM generate_series(1, 5),
     (VALUES (1, 'raw call', 3000000), (2, 'guarded call', 3000000), (3, 'guarded block', 3000000), (4, 'entry', 3000000),
             (5, 'error caught', 100000), (6, 'run as', 3000000), (7, 'guc scope', 1000000),
             (8, 'guc scope with a setting', 100000), (9, 'raw lwlock', 1000000), (10, 'lwlock', 1000000),
             (11, 'subtransaction', 100000), (12, 'subtransaction rolled back', 100000), (13, 'active snapshot', 300000),
             (14, 'raw spi session', 300000), (15, 'spi session', 300000), (16, 'raw statement', 300000), (17, 'statement', 300000),
             (18, 'statement as another role', 300000), (19, 'statement as both roles', 100000))
       AS operation (position, what, n)
GROUP BY position, what ORDER BY position;
