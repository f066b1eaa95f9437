SELECT job_id, args->>'n' AS record, attempt, reason FROM foreman.dead_letters(kind => 'parse_record');
SELECT * FROM foreman.job_events WHERE job_id = (SELECT max(job_id) FROM foreman.jobs WHERE attempt = 2) ORDER BY at;
SELECT foreman.enqueue('leave_note', '{"text": "from you"}', run_at => now() + interval '5 s');
