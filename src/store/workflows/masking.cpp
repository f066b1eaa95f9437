// See masking.hpp.
#include "store/workflows/masking.hpp"

#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_runs{
    "workflow_runs",
    "SELECT instance, sequence FROM foreman.workflow_instance WHERE workflow_type " EQ " $1 AND state " EQ
    " ANY ('{r,c,x,t,f,n}'::pg_catalog.\"char\"[]) AND workflow_id " EQ " $2 ORDER BY instance",
    {TEXTOID, TEXTOID}};
constinit pg::Statement g_replace{"replace_workflow_event",
                                  "UPDATE foreman.workflow_event SET data = $3 WHERE instance " EQ
                                  " $1 AND sequence " EQ " $2 AND data " NE " $3",
                                  {INT8OID, INT8OID, JSONBOID}};
constinit pg::Statement g_forget{"forget_workflow_state",
                                 "UPDATE foreman.workflow_instance SET folded = NULL, folded_sequence = 0, "
                                 "folded_by = NULL WHERE instance " EQ " $1",
                                 {INT8OID}};
constinit pg::Statement g_record{"workflow_masking",
                                 "SELECT pg_catalog.jsonb_build_object('masker', $1, 'events', $2)",
                                 {TEXTOID, INT8OID}};

}  // namespace

void runs_of(std::string_view type, std::string_view id, pg::vector<Run>* out) {
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, type).text(2, id);
    for (const pg::Row r : g_runs.execute(a)) out->push_back({r.i64(1), r.i64(2)});
}

bool replace_event_data(int64 instance, int64 sequence, Datum data) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, instance).i64(2, sequence).set(3, data);
    return g_replace.execute(a).processed() > 0;
}

void forget_state(int64 instance) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, instance);
    g_forget.execute(a);
}

Datum masking_record(std::string_view masker, int64 events) {
    const MemoryContext context = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, masker).i64(2, events);
    return pg::copy_varlena(g_record.execute(a)[0].datum(1), context);
}

}  // namespace foreman::store
