// See projections.hpp.
#include "store/feed/projections.hpp"

#include <algorithm>
#include <cstring>

#include "board/settings.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/spi.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/ended.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

// So many events that do not concern a projection are read again at most, after a restart or by a view.
constexpr int64 kMostUnseen = 10'000;
// Its errors may be mended at any time: it does not give up before this, and then begins to count anew.
constexpr int16 kAttempts = 1000;

#define PROJECTION_COLUMNS \
    "projection_id, name, state, batch, workflow_types, event_types, replaces, on_switch, handler"
#define FIND "SELECT " PROJECTION_COLUMNS " FROM foreman.projection WHERE name " EQ " $1"
constinit pg::Statement g_find{"projection", FIND, {TEXTOID}};
constinit pg::Statement g_lock{"lock_projection", FIND " FOR NO KEY UPDATE", {TEXTOID}};
constinit pg::Statement g_try_lock{"try_lock_projection", FIND " FOR NO KEY UPDATE SKIP LOCKED", {TEXTOID}};
constinit pg::Statement g_all{"projections",
                              "SELECT " PROJECTION_COLUMNS " FROM foreman.projection ORDER BY projection_id"};

constinit pg::Statement g_add{
    "add_projection",
    "INSERT INTO foreman.projection (projection_id, name, batch, workflow_types, event_types, replaces, "
    "on_switch, "
    "created_at, handler) VALUES (pg_catalog.nextval('foreman.projection_id_seq'), $1, $2, $3, $4, $5, $6, "
    "$7, $8) ON "
    "CONFLICT (name) DO NOTHING RETURNING projection_id",
    {TEXTOID, INT4OID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID}};
constinit pg::Statement g_begin{
    "begin_projection",
    "INSERT INTO foreman.projection_place (projection_id, position, handled) VALUES ($1, $2, 0)",
    {INT8OID, INT8OID}};
// Of the newest row; what is left of those before, for a snapshot that somebody keeps, is not read.
constinit pg::Statement g_place{"projection_place",
                                "SELECT position FROM foreman.projection_place WHERE projection_id " EQ
                                " $1 ORDER BY position DESC LIMIT 1",
                                {INT8OID}};
constinit pg::Statement g_remove{
    "remove_projection",
    "WITH p AS (DELETE FROM foreman.projection WHERE name " EQ
    " $1 RETURNING projection_id), c AS (DELETE FROM foreman.projection_place WHERE projection_id " EQ
    " (SELECT p.projection_id FROM p)) SELECT 1 FROM p",
    {TEXTOID}};
constinit pg::Statement g_set_state{"set_projection_state",
                                    "UPDATE foreman.projection SET state = $2 WHERE name " EQ " $1",
                                    {TEXTOID, CHAROID}};
constinit pg::Statement g_stop_crashing{
    "stop_crashing_projection",
    "UPDATE foreman.projection SET state = 'p' WHERE name " EQ
    " ANY (ARRAY (SELECT p.name FROM foreman.projection p WHERE p.projection_id " EQ
    " $1 FOR NO KEY UPDATE SKIP LOCKED))",
    {INT8OID}};
constinit pg::Statement g_take_over{"take_over_projection",
                                    "UPDATE foreman.projection p SET workflow_types = n.workflow_types, "
                                    "event_types = n.event_types, batch = n.batch, "
                                    "handler = n.handler FROM foreman.projection n WHERE p.name " EQ
                                    " $1 AND n.name " EQ " $2",
                                    {TEXTOID, TEXTOID}};
constinit pg::Statement g_take_handler{"take_over_projection_handler",
                                       "UPDATE foreman.handler h SET handler = n.handler, shape = n.shape, "
                                       "run_as = n.run_as FROM foreman.handler n "
                                       "WHERE h.kind " EQ " ('projection:' " CAT " $1) AND n.kind " EQ
                                       " ('projection:' " CAT " $2)",
                                       {TEXTOID, TEXTOID}};
constinit pg::Statement g_move{"move_projection",
                               "WITH old AS (DELETE FROM foreman.projection_place WHERE projection_id " EQ
                               " $1 AND position " EQ
                               " $2 RETURNING handled) INSERT INTO foreman.projection_place (projection_id, "
                               "position, handled, moved_at) SELECT "
                               "$1, $3, old.handled " PLUS " $4, $5 FROM old",
                               {INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}};
constinit pg::Statement g_least{
    "least_projection_position",
    "SELECT pg_catalog.min(c.position) FROM foreman.projection p CROSS JOIN LATERAL (SELECT l.position FROM "
    "foreman.projection_place l WHERE l.projection_id " EQ
    " p.projection_id ORDER BY l.position DESC LIMIT 1) c"};
constinit pg::Statement g_has_job{
    "projection_has_job", "SELECT 1 FROM foreman.live_job WHERE job_id " EQ " $1", {INT8OID}};
constinit pg::Statement g_jobs{"jobs_of_projection",
                               "SELECT job_id FROM foreman.live_job WHERE queue " EQ " $1 AND kind " EQ
                               " $2 AND state " EQ " 'w' ORDER BY job_id LIMIT 10",
                               {TEXTOID, TEXTOID}};
constinit pg::Statement g_failing{
    "failing_projection",
    "SELECT p.name, pg_catalog.count(*) OVER () FROM foreman.projection p JOIN foreman.handler h ON "
    "h.kind " EQ " ('projection:' " CAT " p.name) WHERE CASE WHEN p.state " EQ
    " 'r' THEN EXISTS (SELECT FROM foreman.live_job l WHERE l.queue " EQ " h.queue AND l.kind " EQ
    " h.kind AND l.state " EQ " 'w' AND l.attempt " GT
    " 0) ELSE EXISTS (SELECT FROM foreman.dead_letter d WHERE d.queue " EQ " h.queue AND d.kind " EQ
    " h.kind AND d.origin_id " EQ " p.projection_id AND d.discarded_at " GT
    " COALESCE((SELECT l.moved_at FROM foreman.projection_place l WHERE l.projection_id " EQ
    " p.projection_id ORDER BY l.position DESC LIMIT 1), p.created_at)) END ORDER BY p.name LIMIT 1"};

Projection projection_of(const pg::Row& r, MemoryContext context) {
    Projection p;
    p.id = r.i64(1);
    p.name = r.copy(2, context);
    p.state = r.letter_of<ProjectionState>(3);
    p.batch = r.i32(4);
    if (!r.is_null(5)) p.filter.types = pg::copy_varlena(r.datum(5), context);
    if (!r.is_null(6)) p.filter.event_types = pg::copy_varlena(r.datum(6), context);
    p.replaces = r.copy(7, context);
    p.on_switch = r.copy(8, context);
    p.handler = r.copy(9, context);
    return p;
}

// In a statement of its own: the one that locks the projection took its snapshot before it had the lock.
int64 place_of(int64 projection) {
    pg::Args<1> a;
    a.i64(1, projection);
    const pg::Rows rows = g_place.execute(a);
    return rows.empty() ? 0 : rows[0].i64(1);
}

struct Kind {
    explicit Kind(std::string_view name) noexcept {
        const std::size_t n = std::min(name.size(), sizeof(text) - kProjectionKind.size());
        kProjectionKind.copy(text, kProjectionKind.size());
        name.copy(text + kProjectionKind.size(), n);
        length = kProjectionKind.size() + n;
    }
    char text[256];
    std::size_t length;
    std::string_view view() const noexcept { return {text, length}; }
};

bool has_job(int64 job_id) {
    if (job_id == 0) return false;
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    return !g_has_job.execute(a).empty();
}

// returns: 0 when nobody can run it
int64 make_job(const Projection& p) {
    const Handler& handler = projection_handler(p.name);
    if (!handler.exists) return 0;
    const AsOwner scope;
    NewJob job;
    job.kind = handler.kind();
    job.queue = handler.queue_name();
    job.priority = find_queue(job.queue).priority;
    job.max_attempts = kAttempts;
    job.run_at = now();
    job.role = handler.run_as;
    job.args = pg::jsonb_from_text("{}");
    job.origin = core::Origin::projection;
    job.origin_id = p.id;
    return insert_job(job).id;
}

void waiting_jobs(std::string_view name, pg::vector<int64>* out) {
    const Handler& handler = projection_handler(name);
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, handler.queue_name()).text(2, handler.kind());
    for (const pg::Row r : g_jobs.execute(a)) out->push_back(r.i64(1));
}

// Nothing behind its position was for it up to `settled`.
void pass_by(const Projection& p, int64 settled) {
    Projection locked;
    if (!read_projection(p.name, RowLock::skip, CurrentMemoryContext, &locked) ||
        locked.position != p.position)
        return;
    if (const int64 last = last_event_before(settled); last > p.position) move_projection(locked, last, 0);
}

// Whatever its job came to, there may be more to see. One that crashed the server too often would do so with the next
// job as well: it is paused until somebody resumes it.
void jobs_ended(std::span<const Ended> ended) {
    for (const Ended& e : ended) {
        if (e.job->origin != core::Origin::projection || e.next == core::Next::complete) continue;
        remember_poke(board::kPokeFeed);
        if (e.next != core::Next::discard || e.job->crashes < settings::max_crashes) continue;
        const AsOwner scope;
        pg::Args<1> a;
        a.i64(1, e.job->origin_id);
        g_stop_crashing.execute(a);
    }
}

bool never_once(const Job&) { return false; }

constexpr EndObserver kObserver{never_once, jobs_ended};

void read_projections(MemoryContext context, pg::vector<Projection>* out) {
    const AsOwner scope;
    for (const pg::Row r : g_all.execute()) out->push_back(projection_of(r, context));
    for (Projection& p : *out) p.position = place_of(p.id);
}

}  // namespace

void observe_projection_jobs() noexcept { observe_ends(kObserver); }

const Handler& projection_handler(std::string_view name) { return find_handler(Kind(name).view()); }

bool read_projection(std::string_view name, RowLock lock, MemoryContext context, Projection* out) {
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, name);
    pg::Statement& s = lock == RowLock::none ? g_find : lock == RowLock::wait ? g_lock : g_try_lock;
    {
        const pg::Rows rows = s.execute(a);
        if (rows.empty()) return false;
        *out = projection_of(rows[0], context);
    }
    out->position = place_of(out->id);
    return true;
}

bool add_projection(const NewProjection& p) {
    {
        const AsOwner scope;
        pg::Args<8> a;
        a.text(1, p.name).i32(2, p.batch).instant(7, now()).text(8, p.handler);
        if (p.filter.types) a.set(3, *p.filter.types);
        if (p.filter.event_types) a.set(4, *p.filter.event_types);
        if (!p.replaces.empty()) a.text(5, p.replaces);
        if (!p.on_switch.empty()) a.text(6, p.on_switch);
        int64 id = 0;
        {
            const pg::Rows rows = g_add.execute(a);
            if (rows.empty()) return false;
            id = rows[0].i64(1);
        }
        pg::Args<2> at;
        at.i64(1, id).i64(2, p.position);
        g_begin.execute(at);
    }
    const Kind kind(p.name);
    NewHandler h{};
    h.kind = kind.view();
    h.function = p.handler;
    h.shape = static_cast<char>(p.takes_array ? Shape::events : Shape::event);
    h.lane = "transaction";
    h.queue = p.queue;
    h.max_group = 1;
    h.run_as = p.run_as;
    h.session = "kept";
    put_handler(h);
    remember_poke(board::kPokeFeed);
    return true;
}

bool remove_projection(std::string_view name) {
    const Kind kind(name);
    const MemoryContext context = CurrentMemoryContext;
    pg::ContextResource memory(context);
    pg::vector<int64> jobs(&memory);
    waiting_jobs(name, &jobs);
    for (const int64 id : jobs) {
        Job job;
        if (take_waiting(id, context, &job)) delete_taken(job);
    }
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, name);
    if (g_remove.execute(a).empty()) return false;
    remove_handler(kind.view());
    return true;
}

void set_projection_state(std::string_view name, ProjectionState state) {
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, name).letter(2, state);
    g_set_state.execute(a);
}

bool hurry_projection(std::string_view name) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> jobs(&memory);
    waiting_jobs(name, &jobs);
    bool moved = false;
    for (const int64 id : jobs) moved |= move_waiting(id, now(), std::nullopt, GetUserId());
    remember_poke(board::kPokeFeed);
    return moved;
}

void take_over_projection(const Projection& old, const Projection& rebuilt) {
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, old.name).text(2, rebuilt.name);
    g_take_over.execute(a);
    g_take_handler.execute(a);
    announce_change(schema().handler);
    move_projection(old, place_of(rebuilt.id), 0);
    remove_projection(rebuilt.name);
    // What the old handler failed at is none of the new one's.
    hurry_projection(old.name);
    remember_poke(board::kPokeHandlers | board::kPokeFeed);
}

void move_projection(const Projection& p, int64 to, int64 handled) {
    const AsOwner scope;
    pg::Args<5> a;
    a.i64(1, p.id).i64(2, p.position).i64(3, to).i64(4, handled).instant(5, now());
    if (g_move.execute(a).processed() == 1) return;
    throw pg::Failure(ERRCODE_T_R_SERIALIZATION_FAILURE,
                      "the position of projection \"%.*s\" is no longer " INT64_FORMAT,
                      static_cast<int>(p.name.size()), p.name.data(), p.position)
        .hint("Somebody else moved it; what this transaction did with the events is undone.");
}

std::optional<int64> least_projection_position() {
    const AsOwner scope;
    const pg::Rows rows = g_least.execute();
    if (rows.empty() || rows[0].is_null(1)) return std::nullopt;
    return rows[0].i64(1);
}

void pass_by_idle_projections() {
    if (!board::board_present()) return;
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Projection> all(&memory);
    read_projections(CurrentMemoryContext, &all);
    for (const Projection& p : all) {
        if (p.state != ProjectionState::running) continue;
        const int64 settled = settled_position();
        if (!feed_has(p.filter, p.position, settled)) pass_by(p, settled);
    }
}

FailingProjection failing_projection(MemoryContext context) {
    const AsOwner scope;
    const pg::Rows rows = g_failing.execute();
    if (rows.empty()) return {};
    return {rows[0].copy(1, context), rows[0].i64(2)};
}

namespace {

// Of a dispatcher before this one, say, or of a session that tests.
int64 job_that_is_there(std::string_view name) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> jobs(&memory);
    waiting_jobs(name, &jobs);
    return jobs.empty() ? 0 : jobs.front();
}

}  // namespace

FeedLook look_for_work(pg::vector<ProjectionWatch>* watches) {
    pg::ContextResource memory(CurrentMemoryContext);
    const MemoryContext context = CurrentMemoryContext;
    pg::vector<Projection> all(&memory);
    read_projections(context, &all);
    const auto gone = [&all](const ProjectionWatch& w) {
        return std::none_of(all.begin(), all.end(), [&w](const Projection& p) { return p.id == w.id; });
    };
    watches->erase(std::remove_if(watches->begin(), watches->end(), gone), watches->end());
    FeedLook look{true, 0};
    for (const Projection& p : all) {
        if (p.state != ProjectionState::running) continue;
        auto watch =
            std::find_if(watches->begin(), watches->end(), [&p](const auto& w) { return w.id == p.id; });
        if (watch == watches->end())
            watch = watches->insert(watches->end(), ProjectionWatch{p.id, job_that_is_there(p.name), 0, 0});
        if (watch->position != p.position) watch->scanned = 0;  // somebody moved it back
        watch->position = p.position;
        if (has_job(watch->job_id)) continue;
        const int64 settled = settled_position();
        if (feed_has(p.filter, std::max(p.position, watch->scanned), settled) || !p.replaces.empty()) {
            watch->job_id = make_job(p);
            if (watch->job_id == 0) {
                look.covered = false;
            } else {
                look.made++;
            }
        } else {
            watch->scanned = settled;
            if (settled - p.position >= kMostUnseen) pass_by(p, settled);
            look.covered = false;
        }
    }
    return look;
}

}  // namespace foreman::store
