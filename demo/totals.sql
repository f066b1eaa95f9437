-- What the jobs put into the tables, beside what one query over the raw file says. The query shares nothing
-- with the handlers: no PL/pgSQL, no table but the file.
WITH raw AS MATERIALIZED (
    SELECT substring(record FROM '(?n)^Section: (.*)$') AS section,
           coalesce(substring(record FROM '(?n)^Installed-Size: (.*)$'), '0')::bigint AS kb,
           regexp_replace(coalesce(',' || substring(record FROM '(?n)^Pre-Depends: (.*(?:\n[ \t].*)*)$'), '')
                       || coalesce(',' || substring(record FROM '(?n)^Depends: (.*(?:\n[ \t].*)*)$'), ''), '\([^)]*\)', '', 'g') AS depends
      FROM demo.record WHERE trouble IS DISTINCT FROM 'always'),
by_query AS (
    SELECT (SELECT count(*) FROM demo.record WHERE trouble = 'always') AS refused,
           count(*) AS packages, sum(kb) AS kb, count(DISTINCT coalesce(section, 'none')) AS sections,
           sum(regexp_count(depends, '[^,|\s]+')) AS dependencies,
           (SELECT count(DISTINCT m[1]) FROM raw, regexp_matches(depends, '([^,|:\s]+)(?::\w+)?', 'g') AS m) AS targets,
           (SELECT md5(string_agg(line, E'\n' ORDER BY line COLLATE "C"))
              FROM (SELECT format('%s %s %s', coalesce(section, 'none'), count(*), sum(kb)) FROM raw GROUP BY coalesce(section, 'none')) AS s (line)) AS digest
      FROM raw),
by_jobs AS (
    SELECT (SELECT foreman.count_dead_letters(kind => 'parse_record')) AS refused,
           (SELECT count(*) FROM demo.package) AS packages,
           (SELECT sum(installed_kb) FROM demo.section) AS kb,
           (SELECT count(*) FROM demo.section) AS sections,
           (SELECT count(*) FROM demo.dependency) AS dependencies,
           (SELECT count(DISTINCT target) FROM demo.dependency) AS targets,
           (SELECT md5(string_agg(format('%s %s %s', section, packages, installed_kb), E'\n'
                       ORDER BY format('%s %s %s', section, packages, installed_kb) COLLATE "C")) FROM demo.section) AS digest)
SELECT t.total, t.by_jobs AS "by the jobs", t.by_query AS "by one query",
       CASE WHEN t.by_jobs = t.by_query THEN 'equal' ELSE 'NOT EQUAL' END AS "?"
  FROM by_jobs AS j, by_query AS q,
       LATERAL (VALUES ('packages', j.packages::text, q.packages::text),
                       ('dependencies', j.dependencies::text, q.dependencies::text),
                       ('packages depended on', j.targets::text, q.targets::text),
                       ('sections', j.sections::text, q.sections::text),
                       ('installed size, kB', j.kb::text, q.kb::text),
                       ('sizes by section, digest', left(j.digest, 12), left(q.digest, 12)),
                       ('records refused', j.refused::text, q.refused::text)) AS t (total, by_jobs, by_query);
