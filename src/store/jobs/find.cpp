// See find.hpp.
#include "store/jobs/find.hpp"

#include "board/parts.hpp"
#include "board/unwritten_leases.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_find{
    "find_job",
    "SELECT 'l'::pg_catalog.\"char\", state, queue FROM foreman.live_job WHERE job_id " EQ
    " $1 "
    "UNION ALL SELECT 'h'::pg_catalog.\"char\", outcome, queue FROM foreman.job_history WHERE job_id " EQ
    " $1 "
    "UNION ALL SELECT 'd'::pg_catalog.\"char\", 'd'::pg_catalog.\"char\", queue FROM foreman.dead_letter "
    "WHERE job_id " EQ " $1 LIMIT 1",
    {INT8OID}};

constinit pg::Statement g_answer{
    "answer",
    "SELECT state, attempt " GT " 0, run_at, NULL::pg_catalog.jsonb FROM foreman.live_job WHERE job_id " EQ
    " $1 "
    "UNION ALL SELECT outcome, false, finished_at, result FROM foreman.job_history WHERE job_id " EQ
    " $1 "
    "UNION ALL SELECT 'd'::pg_catalog.\"char\", false, discarded_at, NULL FROM foreman.dead_letter WHERE "
    "job_id " EQ " $1 LIMIT 1",
    {INT8OID}};

}  // namespace

Found find_job(int64 job_id) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_find.execute(a);
    Found f{};
    if (rows.empty()) return f;
    f.place = rows[0].letter_of<Place>(1);
    f.state = rows[0].letter_of<core::StoredState>(2);
    if (f.state == core::StoredState::claimable && board::is_unwritten(job_id))
        f.state = core::StoredState::running;
    board::set_name(&f.queue, rows[0].view(3));
    return f;
}

std::optional<Answer> read_answer(int64 job_id, core::Instant at, MemoryContext context) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_answer.execute(a);
    if (rows.empty()) return std::nullopt;
    const pg::Row r = rows[0];
    auto state = r.letter_of<core::StoredState>(1);
    if (state == core::StoredState::claimable && board::is_unwritten(job_id))
        state = core::StoredState::running;
    Answer answer{core::state_name(state, r.boolean(2), r.instant(3) <= at), core::is_terminal(state),
                  std::nullopt};
    if (!r.is_null(4)) answer.result = pg::copy_varlena(r.datum(4), context);
    return answer;
}

}  // namespace foreman::store
