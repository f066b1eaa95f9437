// See listing.hpp.
#include "store/workflows/listing.hpp"

#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_types{
    "workflow_types_and_queues",
    "SELECT t.workflow_type, h.queue FROM foreman.workflow_type t JOIN foreman.handler h ON h.kind " EQ
    " ('workflow:' " CAT " t.workflow_type) ORDER BY t.workflow_type"};

// The index has type, state and number. Each of them is read backwards, and no further than needed: a range of rows
// lets the planner take no other index.
constinit pg::Statement g_find{
    "list_workflows",
    "SELECT x.instance FROM pg_catalog.unnest($1) AS t (type), pg_catalog.unnest(CASE WHEN $2 IS NULL THEN "
    "'{r,c,x,t,f,n}'::pg_catalog.\"char\"[] ELSE ARRAY[$2] END) AS s (state), LATERAL (SELECT i.instance "
    "FROM "
    "foreman.workflow_instance i WHERE (i.workflow_type, i.state, i.instance) " GE
    " (t.type, s.state, 0) AND (i.workflow_type, i.state, i.instance) " LT
    " (t.type, s.state, COALESCE($4, 9223372036854775807)) AND ($3 IS NULL OR i.started_at " GE
    " $3) ORDER BY i.workflow_type DESC, i.state DESC, i.instance DESC LIMIT $5) x ORDER BY x.instance DESC "
    "LIMIT $5",
    {TEXTARRAYOID, CHAROID, TIMESTAMPTZOID, INT8OID, INT8OID}};
constinit pg::Statement g_search{
    "search_workflows",
    "WITH i AS MATERIALIZED (SELECT i.instance, i.workflow_type, i.state, i.started_at FROM "
    "foreman.workflow_instance i WHERE i.search OPERATOR(pg_catalog.@>) $6 AND i.search IS NOT NULL) SELECT "
    "i.instance FROM i WHERE i.workflow_type " EQ " ANY ($1) AND ($2 IS NULL OR i.state " EQ
    " $2) AND ($3 IS NULL OR i.started_at " GE " $3) AND ($4 IS NULL OR i.instance " LT
    " $4) ORDER BY i.instance DESC LIMIT $5",
    {TEXTARRAYOID, CHAROID, TIMESTAMPTZOID, INT8OID, INT8OID, JSONBOID}};

// As the caller.
constinit pg::Statement g_rows{"listed_workflows",
                               "SELECT * FROM foreman.workflows w WHERE w.instance " EQ
                               " ANY ($1) ORDER BY w.instance DESC",
                               {INT8ARRAYOID}};

constinit pg::Statement g_kept{
    "kept_workflow_inputs",
    "SELECT n.first_sequence, n.payload, (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('type', "
    "e.event_type, 'data', e.data, 'version', e.version) ORDER BY e.sequence) FROM foreman.workflow_event e "
    "WHERE "
    "e.instance " EQ " $3 AND e.sequence " GE " n.first_sequence AND e.sequence " LE
    " n.last_sequence), f.recorded_at FROM foreman.workflow_input n JOIN foreman.workflow_event f ON "
    "f.instance " EQ " $3 AND f.sequence " EQ " n.first_sequence AND f.recorded_at " LE
    " n.handled_at WHERE n.workflow_type " EQ " $1 AND n.workflow_id " EQ " $2 AND n.state " EQ
    " 'a' AND NOT EXISTS (SELECT FROM foreman.workflow_event m WHERE m.instance " EQ
    " $3 AND m.event_type " EQ " 'foreman.Masked') ORDER BY n.first_sequence",
    {TEXTOID, TEXTOID, INT8OID}};
constinit pg::Statement g_decision_difference{
    "workflow_decision_difference",
    "SELECT CASE WHEN $2 " EQ
    " (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('type', u.e OPERATOR(pg_catalog.->) 'type', "
    "'data', "
    "COALESCE(u.e OPERATOR(pg_catalog.->) 'data', '{}'), 'version', COALESCE(u.e OPERATOR(pg_catalog.->) "
    "'version', "
    "'1')) ORDER BY u.n) FROM pg_catalog.jsonb_array_elements(CASE WHEN pg_catalog.jsonb_typeof($3) " EQ
    " 'array' THEN $3 ELSE '[]' END) WITH ORDINALITY AS u (e, n)) THEN NULL ELSE "
    "pg_catalog.jsonb_build_object('input', $1, 'recorded', $2, 'decided', $3) END",
    {JSONBOID, JSONBOID, JSONBOID}};

// Events that operators recorded are not of the type's own.
constinit pg::Statement g_graph{
    "workflow_graph",
    "WITH i AS MATERIALIZED (SELECT i.instance, i.state, i.sequence FROM foreman.workflow_instance i WHERE "
    "i.workflow_type " EQ " $1 AND i.state " EQ
    " ANY ('{r,c,x,t,f}'::pg_catalog.\"char\"[]) ORDER BY i.instance DESC LIMIT $2), e AS (SELECT i.state, "
    "e.event_type AS type, pg_catalog.lag(e.event_type) OVER w AS before, pg_catalog.lead(e.event_type) OVER "
    "w "
    "AS after, i.sequence " LE
    " 1000 AS whole FROM i, LATERAL (SELECT v.sequence, v.event_type FROM foreman.workflow_event v WHERE "
    "v.instance " EQ
    " i.instance AND NOT pg_catalog.starts_with(v.event_type, 'foreman.') ORDER BY v.sequence LIMIT 1000) e "
    "WINDOW w AS (PARTITION BY i.instance ORDER BY e.sequence)), n AS MATERIALIZED (SELECT e.type, 'e' " CAT
    " pg_catalog.row_number() OVER (ORDER BY pg_catalog.min(e.type)) AS node FROM e GROUP BY e.type), line "
    "AS "
    "(SELECT 1 AS part, pg_catalog.format('    %s[\"%s\"]', n.node, pg_catalog.replace(n.type, '\"', "
    "'#quot;')) AS text FROM n UNION ALL SELECT 2, pg_catalog.format('    begin((begin)) -->|%s| %s', "
    "pg_catalog.count(*), n.node) FROM e JOIN n ON n.type " EQ
    " e.type WHERE e.before IS NULL GROUP BY n.node UNION ALL SELECT 3, pg_catalog.format('    %s -->|%s| "
    "%s', "
    "a.node, pg_catalog.count(*), b.node) FROM e JOIN n a ON a.type " EQ " e.before JOIN n b ON b.type " EQ
    " e.type GROUP BY a.node, b.node UNION ALL SELECT 4, pg_catalog.format('    %1$s -->|%2$s| "
    "%3$s((%3$s))', "
    "n.node, pg_catalog.count(*), CASE WHEN e.state " EQ " 'c' THEN 'completed' WHEN e.state " EQ
    " 'x' THEN 'cancelled' WHEN e.state " EQ
    " 't' THEN 'terminated' ELSE 'failed' END) FROM e JOIN n ON n.type " EQ
    " e.type WHERE e.after IS NULL AND "
    "e.whole AND e.state " NE
    " 'r' GROUP BY n.node, e.state) SELECT pg_catalog.concat_ws(E'\\n', 'flowchart TD', "
    "pg_catalog.string_agg(line.text, E'\\n' ORDER BY line.part, line.text)) FROM line",
    {TEXTOID, INT8OID}};

constinit pg::Statement g_sample{
    "workflow_sample",
    "SELECT instance, sequence, workflow_id, state, folded, folded_sequence, COALESCE(folded_by, 0) FROM "
    "foreman.workflow_instance WHERE workflow_type " EQ " $1 AND state " EQ
    " ANY ('{r,c,x,t,f}'::pg_catalog.\"char\"[]) ORDER BY instance DESC LIMIT $2",
    {TEXTOID, INT8OID}};
constinit pg::Statement g_both{"workflow_states",
                               "SELECT pg_catalog.jsonb_build_object('stored', $1, 'folded', $2)",
                               {JSONBOID, JSONBOID}};

}  // namespace

void seen_workflow_types(bool with_args, MemoryContext context, pg::vector<Datum>* out) {
    struct Pair {
        Datum type;
        const char* queue;
    };
    pg::ContextResource memory(context);
    pg::vector<Pair> all(&memory);
    {
        const AsOwner scope;
        for (const pg::Row r : g_types.execute(true))
            all.push_back({pg::text_datum(r.view(1), context), pg::copy_text(r.view(2), context)});
    }
    for (const Pair& p : all) {
        if (with_args ? may_see_args(p.queue) : may_see(p.queue)) out->push_back(p.type);
    }
}

void find_instances(const InstanceFilter& f, pg::vector<int64>* out) {
    const AsOwner scope;
    const auto set = [&f](auto* a) {
        a->set(1, pg::array_datum(pg::kText, f.types)).i64(5, f.max_rows);
        if (f.state != '\0') a->letter(2, f.state);
        if (f.since) a->instant(3, *f.since);
        if (f.before) a->i64(4, *f.before);
    };
    if (!f.search) {
        pg::Args<5> a;
        set(&a);
        for (const pg::Row r : g_find.execute(a, true)) out->push_back(r.i64(1));
        return;
    }
    scope.allow_any_plan();  // an index of attributes is read as a bitmap
    pg::Args<6> a;
    set(&a);
    a.set(6, *f.search);
    for (const pg::Row r : g_search.execute(a, true)) out->push_back(r.i64(1));
}

void put_workflows(std::span<const int64> instances, pg::ResultSet* rows) {
    const pg::SpiSession spi;
    pg::Args<1> a;
    a.set(1, pg::int8_array(instances));
    const pg::Rows found = g_rows.execute(a, true);
    const auto columns = static_cast<std::size_t>(rows->desc()->natts);
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Datum> values(columns, &memory);
    std::array<bool, MaxTupleAttributeNumber> nulls{};
    for (const pg::Row r : found) {
        r.all(values.data(), nulls.data());
        rows->put(values.data(), nulls.data());
    }
}

void read_sample(std::string_view type, int64 max, MemoryContext context, pg::vector<Sample>* out) {
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, type).i64(2, max);
    for (const pg::Row r : g_sample.execute(a)) {
        Sample s{r.i64(1), r.i64(2), {},      static_cast<core::InstanceState>(r.letter(4)),
                 {},       r.i64(6), r.i64(7)};
        s.id = {pg::copy_text(r.view(3), context), r.view(3).size()};
        if (!r.is_null(5)) s.folded = pg::copy_varlena(r.datum(5), context);
        out->push_back(s);
    }
}

void read_kept_inputs(std::string_view type, const Sample& instance, MemoryContext context,
                      pg::vector<KeptInput>* out) {
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, type).text(2, instance.id).i64(3, instance.instance);
    for (const pg::Row r : g_kept.execute(a))
        out->push_back({r.i64(1), pg::copy_varlena(r.datum(2), context),
                        pg::copy_varlena(r.datum(3), context), r.instant(4)});
}

std::optional<Datum> decision_difference(const KeptInput& input, Datum decided) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<3> a;
    a.set(1, input.payload).set(2, input.recorded).set(3, decided);
    const pg::Rows rows = g_decision_difference.execute(a);
    if (rows[0].is_null(1)) return std::nullopt;
    return pg::copy_varlena(rows[0].datum(1), context);
}

Datum both_states(Datum stored, Datum folded) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<2> a;
    a.set(1, stored).set(2, folded);
    return pg::copy_varlena(g_both.execute(a)[0].datum(1), context);
}

std::string_view event_graph(std::string_view type, int sample) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, type).i64(2, sample);
    const pg::Rows rows = g_graph.execute(a, true);
    return {pg::copy_text(rows[0].view(1), context), rows[0].view(1).size()};
}

}  // namespace foreman::store
