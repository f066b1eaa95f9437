-- Wait: from due (run_at) to the start of the attempt that ended the job.
SELECT kind AS "jobs of kind",
       count(*) FILTER (WHERE state = 'completed') AS completed,
       count(*) FILTER (WHERE state = 'completed' AND attempt > 1) AS "after retry",
       count(*) FILTER (WHERE state = 'discarded') AS discarded,
       count(*) FILTER (WHERE finished_at IS NULL) AS unfinished,
       CASE WHEN count(*) > 1 THEN round(count(*) / greatest(extract(epoch FROM max(finished_at) - min(started_at)), 0.001)) END AS "jobs/s",
       round(extract(epoch FROM percentile_cont(0.50) WITHIN GROUP (ORDER BY started_at - run_at))::numeric * 1000, 1) AS "wait p50, ms",
       round(extract(epoch FROM percentile_cont(0.99) WITHIN GROUP (ORDER BY started_at - run_at))::numeric * 1000, 1) AS "wait p99, ms"
  FROM foreman.jobs
 GROUP BY kind ORDER BY min(job_id);
