// See dead.hpp.
#include "store/workflows/dead.hpp"

#include "pg/spi.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"

namespace foreman::store {

namespace {

// Whose each is. The condition on origin is that of the index.
#define DEAD_OF_WORKFLOWS                                                                                  \
    "FROM foreman.dead_letter d CROSS JOIN LATERAL (SELECT i.workflow_type, i.workflow_id, e.key AS name " \
    "FROM "                                                                                                \
    "foreman.workflow_effect e JOIN foreman.workflow_instance i ON i.instance " EQ                         \
    " e.instance WHERE e.effect " EQ " d.origin_id AND d.origin " EQ                                       \
    " ANY ('{e,u}'::pg_catalog.\"char\"[]) UNION ALL SELECT n.workflow_type, "                             \
    "n.workflow_id, n.payload OPERATOR(pg_catalog.->>) 'type' FROM foreman.workflow_input n WHERE "        \
    "n.input " EQ " d.origin_id AND d.origin " EQ                                                          \
    " 'i' UNION ALL SELECT i.workflow_type, i.workflow_id, "                                               \
    "pg_catalog.substr(d.unique_key, pg_catalog.strpos(d.unique_key, ':') " PLUS                           \
    " 1) FROM foreman.workflow_instance i WHERE i.instance " EQ " d.origin_id AND d.origin " EQ            \
    " 't') w WHERE d.origin " EQ                                                                           \
    " ANY ('{e,i,t,u}'::pg_catalog.\"char\"[]) AND ($1 IS NULL OR w.workflow_type " EQ                     \
    " $1) AND ($2 IS NULL OR w.workflow_id " EQ " $2) AND ($3 IS NULL OR d.origin " EQ                     \
    " $3) AND d.job_id " LT " COALESCE($4, 9223372036854775807) ORDER BY d.job_id DESC LIMIT $5"
constexpr Oid kArguments[] = {TEXTOID, TEXTOID, CHAROID, INT8OID, INT8OID};

constinit pg::Statement g_read{"workflow_dead_letters",
                               "SELECT d.queue, d.job_id, CASE WHEN d.origin " EQ
                               " 'e' THEN 'effect' WHEN "
                               "d.origin " EQ " 'u' THEN 'undo' WHEN d.origin " EQ
                               " 'i' THEN 'input' ELSE "
                               "'timer' END, w.workflow_type, w.workflow_id, w.name, d.kind, d.queue, "
                               "d.args, d.attempt::pg_catalog.int4, "
                               "d.discarded_at, d.reason, d.errors " DEAD_OF_WORKFLOWS,
                               std::span<const Oid>(kArguments)};
constinit pg::Statement g_dead_inputs{"dead_workflow_inputs",
                                      "SELECT pg_catalog.count(*) FROM foreman.dead_letter WHERE origin " EQ
                                      " ANY ('{e,i,t,u}'::pg_catalog.\"char\"[]) AND origin " EQ " 'i'"};
constinit pg::Statement g_ids{"workflow_dead_ids", "SELECT d.queue, d.job_id " DEAD_OF_WORKFLOWS,
                              std::span<const Oid>(kArguments)};

pg::Args<5> arguments(const WorkflowDeadFilter& f) {
    pg::Args<5> a;
    if (f.type) a.text(1, *f.type);
    if (f.id) a.text(2, *f.id);
    if (f.origin != '\0') a.letter(3, f.origin);
    if (f.before_id) a.i64(4, *f.before_id);
    return a.i64(5, f.max_rows), a;
}

// Jobs of an effect may be in any queue. The caller is asked for outside the owner's scope.
class Operated {
  public:
    Operated() : user_(GetUserId()) {}
    bool operator()(const pg::Row& r) const {
        const pg::RunAs caller(user_);
        return may(Bundle::operate, r.view(1));
    }

  private:
    Oid user_;
};

}  // namespace

void put_workflow_dead_letters(const WorkflowDeadFilter& f, pg::ResultSet* rows) {
    constexpr int kColumns = 12;
    const Operated operated;
    const AsOwner scope;
    for (const pg::Row r : g_read.execute(arguments(f))) {
        if (!operated(r)) continue;
        std::array<std::optional<Datum>, kColumns> values;
        for (int i = 0; i < kColumns; i++) values[static_cast<std::size_t>(i)] = r.optional_datum(i + 2);
        rows->put(values);
    }
}

void workflow_dead_ids(const WorkflowDeadFilter& f, pg::vector<int64>* out) {
    const Operated operated;
    const AsOwner scope;
    for (const pg::Row r : g_ids.execute(arguments(f))) {
        if (operated(r)) out->push_back(r.i64(2));
    }
}

int64 dead_workflow_inputs() {
    const AsOwner scope;
    return g_dead_inputs.execute(true)[0].i64(1);
}

int64 count_workflow_dead_letters(const WorkflowDeadFilter& f) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> ids(&memory);
    workflow_dead_ids(f, &ids);
    return static_cast<int64>(ids.size());
}

}  // namespace foreman::store
