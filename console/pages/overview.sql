-- Overview: how much there is to do. Counters only: no job is read.
SELECT jsonb_build_object(
    'totals', (SELECT jsonb_build_object('available', coalesce(sum(available), 0), 'scheduled', coalesce(sum(scheduled), 0), 'pending', coalesce(sum(pending), 0),
                      'running', coalesce(sum(running), 0), 'queues', count(*), 'paused', count(*) FILTER (WHERE paused),
                      'oldest_s', extract(epoch FROM max(oldest_age) FILTER (WHERE available > 0))) FROM foreman.queues),
    'executors', (SELECT jsonb_build_object('all', count(*) FILTER (WHERE pid IS NOT NULL AND worker_id IS NULL), 'busy', count(*) FILTER (WHERE state = 'busy'),
                         'outside', count(*) FILTER (WHERE worker_id IS NOT NULL)) FROM foreman.workers))
