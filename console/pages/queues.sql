-- All queues.
SELECT jsonb_build_object('queues', (SELECT coalesce(jsonb_agg(to_jsonb(q) || jsonb_build_object('oldest_s', CASE WHEN q.available > 0 THEN extract(epoch FROM q.oldest_age) END) ORDER BY q.queue), '[]')
                                       FROM foreman.queues q))
