-- What the catalogue knows of the members of our extensions, a line for each fact: for the comparison of a fresh schema
-- with an upgraded one. Numbers that differ between databases (OIDs, file nodes) and the order of columns' storage are
-- no facts; the order of columns is one.
WITH member AS (
    SELECT d.classid, d.objid, e.extname
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
    WHERE d.deptype = 'e' AND e.extname LIKE 'pg\_foreman%'),
rel AS (SELECT c.*, c.oid::regclass::text AS name FROM pg_class c JOIN member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid),
fn AS (SELECT p.*, p.oid::regprocedure::text AS name FROM pg_proc p JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid),
typ AS (SELECT t.*, t.oid::regtype::text AS name FROM pg_type t JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid)
SELECT one_line.fact FROM (
    SELECT format('member %s', pg_describe_object(classid, objid, 0)) AS fact FROM member
    UNION ALL
    SELECT format('relation %s: kind %s, persistence %s, options %s, row security %s %s, replica identity %s, partition by %s, bounds %s',
                  name, relkind, relpersistence, reloptions, relrowsecurity, relforcerowsecurity, relreplident, pg_get_partkeydef(oid),
                  pg_get_expr(relpartbound, oid))
    FROM rel
    UNION ALL SELECT format('view %s: %s', name, pg_get_viewdef(oid)) FROM rel WHERE relkind = 'v'
    UNION ALL
    SELECT format('column %s.%s: number %s, %s, not null %s, default %s, identity %s, generated %s, storage %s, compression %s, collation %s, statistics %s, options %s, rights %s, comment %s',
                  r.name, a.attname, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), format_type(a.atttypid, a.atttypmod), a.attnotnull,
                  pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attstorage, a.attcompression, a.attcollation::regcollation, a.attstattarget,
                  (SELECT array_agg(o) FROM unnest(a.attoptions) o WHERE o LIKE 'n\_distinct%'), a.attacl, col_description(a.attrelid, a.attnum))
    FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
    UNION ALL SELECT format('constraint %s on %s: %s, comment %s', c.conname, r.name, pg_get_constraintdef(c.oid), obj_description(c.oid, 'pg_constraint'))
    FROM rel r JOIN pg_constraint c ON c.conrelid = r.oid
    UNION ALL SELECT format('index %s: %s, clustered %s, comment %s', x.indexrelid::regclass, pg_get_indexdef(x.indexrelid), x.indisclustered, obj_description(x.indexrelid, 'pg_class'))
    FROM rel r JOIN pg_index x ON x.indrelid = r.oid
    UNION ALL SELECT format('statistics %s: %s', s.stxname, pg_get_statisticsobjdef(s.oid)) FROM rel r JOIN pg_statistic_ext s ON s.stxrelid = r.oid
    UNION ALL SELECT format('trigger %s: %s, enabled %s', t.tgname, pg_get_triggerdef(t.oid), t.tgenabled) FROM rel r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL SELECT format('rule %s: %s', w.rulename, pg_get_ruledef(w.oid)) FROM rel r JOIN pg_rewrite w ON w.ev_class = r.oid
    UNION ALL SELECT format('policy %s on %s: %s %s %s', p.polname, r.name, p.polcmd, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) FROM rel r JOIN pg_policy p ON p.polrelid = r.oid
    UNION ALL SELECT format('sequence %s: %s', r.name, (SELECT to_jsonb(s) - 'seqrelid' - 'seqtypid' FROM pg_sequence s WHERE s.seqrelid = r.oid)) FROM rel r WHERE r.relkind = 'S'
    UNION ALL SELECT format('rights on relation %s: %s, owner %s', name, relacl, relowner::regrole) FROM rel
    UNION ALL SELECT format('relation %s: comment %s', name, obj_description(oid, 'pg_class')) FROM rel
    UNION ALL
    SELECT format('function %s: %s', name, pg_get_functiondef(oid)) FROM fn WHERE prokind IN ('f', 'p')
    UNION ALL SELECT format('rights on function %s: %s, owner %s, leakproof %s, cost %s, rows %s', name, proacl, proowner::regrole, proleakproof, procost, prorows) FROM fn
    UNION ALL SELECT format('function %s: comment %s', name, obj_description(oid, 'pg_proc')) FROM fn
    UNION ALL SELECT format('type %s: kind %s, base %s, rights %s, comment %s', name, typtype, format_type(typbasetype, typtypmod), typacl, obj_description(oid, 'pg_type')) FROM typ
    UNION ALL SELECT format('type %s: value %s is %s', t.name, e.enumsortorder, e.enumlabel) FROM typ t JOIN pg_enum e ON e.enumtypid = t.oid
    UNION ALL SELECT format('schema %s: rights %s, comment %s', n.nspname, n.nspacl, obj_description(n.oid, 'pg_namespace')) FROM pg_namespace n JOIN member m ON m.classid = 'pg_namespace'::regclass AND m.objid = n.oid
    UNION ALL SELECT format('dumped with condition %s: %s', c.oid::regclass, c.condition) FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS c(oid, condition) WHERE e.extname LIKE 'pg\_foreman%'
    UNION ALL SELECT format('extension %s: version %s, schema %s, relocatable %s', extname, extversion, extnamespace::regnamespace, extrelocatable) FROM pg_extension WHERE extname LIKE 'pg\_foreman%'
) f
CROSS JOIN LATERAL (SELECT regexp_replace(f.fact, '\s*\n\s*', ' ', 'g') AS fact) one_line
ORDER BY 1
