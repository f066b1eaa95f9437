-- One queue: its depth and settings.
SELECT jsonb_build_object('queue', to_jsonb(u) || jsonb_build_object('oldest_s', CASE WHEN u.available > 0 THEN extract(epoch FROM u.oldest_age) END))
  FROM foreman.queues u WHERE u.queue = $1::jsonb->>'name'
