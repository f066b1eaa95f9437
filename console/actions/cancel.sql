-- Cancels jobs.
WITH asked AS (
    SELECT CASE WHEN jsonb_array_length($1::jsonb->'ids') <= 1000 THEN ARRAY(SELECT i::int8 FROM jsonb_array_elements_text($1::jsonb->'ids') i) END AS ids
), done AS MATERIALIZED (SELECT d.job_id, d.outcome::text AS outcome FROM asked, foreman.cancel_many(asked.ids, nullif($1::jsonb->>'reason', '')) d)
SELECT jsonb_build_object('count', (SELECT count(*) FROM done),
                          'outcomes', (SELECT coalesce(jsonb_object_agg(outcome, jobs), '{}') FROM (SELECT outcome, count(*) AS jobs FROM done GROUP BY outcome) o)),
       (SELECT count(*) FROM done), 'jobs ' || (SELECT array_to_string(ids, ',') FROM asked)
