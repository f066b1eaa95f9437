// See projection.hpp.
#include "engine/projection.hpp"

#include <algorithm>

#include "engine/callable.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/error.hpp"
#include "pg/error_context.hpp"
#include "pg/identity.hpp"
#include "pg/server_timeouts.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/feed/projections.hpp"
#include "store/jobs/current_job.hpp"

namespace foreman::engine {

namespace {

// What one transaction may take. More would be lost with an event that fails; less would commit more often than needed.
constexpr core::Micros kProjectionTime = core::milliseconds(100);
// Each batch is a subtransaction: as many as a process keeps the ids of (subtransaction_ids()).
constexpr int kMostBatches = 50;
constexpr core::Micros kLockedPause = core::milliseconds(20);

// A failure that is felt by the whole transaction (a deferred constraint at its commit, a time-out) does not say which
// event it is of. So each attempt does less, down to one event: what went well before is kept, and the error that stays
// is that of the first event which fails.
constexpr int kLessEachAttempt = 4;
int64 most_events(const store::Projection& projection, int attempts) noexcept {
    if (attempts == 0) return PG_INT64_MAX;
    int64 most = projection.batch;
    for (int i = 0; i < attempts && most > 1; i++) most /= kLessEachAttempt;
    return std::max<int64>(most, 1);
}

// What the handler is given now, for the CONTEXT of what it raises.
struct Given {
    std::string_view projection;
    int64 first = 0, last = 0;
};

void describe(void* given) {
    const auto* g = static_cast<const Given*>(given);
    if (g->first == g->last) {
        errcontext("projection \"%.*s\" at position " INT64_FORMAT, static_cast<int>(g->projection.size()),
                   g->projection.data(), g->first);
    } else {
        errcontext("projection \"%.*s\" at positions " INT64_FORMAT " to " INT64_FORMAT,
                   static_cast<int>(g->projection.size()), g->projection.data(), g->first, g->last);
    }
}

class Pass {
  public:
    Pass(const store::Projection& projection, const store::Handler& handler, const store::Job& job,
         bool in_executor)
        : projection_(projection),
          handler_(handler),
          in_executor_(in_executor),
          most_(most_events(projection, job.attempt)),
          size_(projection.batch),
          position_(projection.position),
          given_{projection.name} {}

    enum class End : uint8 { caught_up, interrupted };
    /// until it has caught up, or its time is over, or an event failed after others went well; some event goes well, or
    /// the error of the first one is raised, however long that takes
    End run();
    /// Where it stands, in its row.
    void store_position() {
        if (position_ == projection_.position) return;
        store::move_projection(projection_, position_, handled_);
        projection_.position = position_;
    }

  private:
    bool is_over() const {
        if (handled_ == 0) return false;
        return handled_ >= most_ || batches_ >= kMostBatches || pg::steady_now() - began_ >= kProjectionTime;
    }
    bool give(std::span<const store::FeedEvent> events);
    void call(std::span<const store::FeedEvent> events);

    store::Projection projection_;
    const store::Handler& handler_;
    const bool in_executor_;
    const int64 most_;
    int32 size_;  // of a batch: less where one failed
    int64 position_;
    int64 handled_ = 0;
    int batches_ = 0;
    Given given_;
    const core::Instant began_ = pg::steady_now();
};

Pass::End Pass::run() {
    pg::Context context("foreman events", CurrentMemoryContext);
    while (!is_over()) {
        context.reset();
        pg::ContextResource memory(context);
        pg::vector<store::FeedEvent> events(&memory);
        (void)store::read_feed(projection_.filter, position_, store::settled_position(),
                               std::min<int64>(size_, most_ - handled_), context.get(), &events);
        if (events.empty()) return End::caught_up;
        batches_++;
        if (!give({events.data(), events.size()})) {
            if (events.size() == 1) return End::interrupted;
            continue;
        }
        position_ = events.back().position;
        handled_ += static_cast<int64>(events.size());
        size_ = std::min(size_ * 2, projection_.batch);
    }
    return End::interrupted;
}

// false: one of them failed, and nothing is left of what was done with any; the next batch is smaller.
bool Pass::give(std::span<const store::FeedEvent> events) {
    const pg::ErrorContext context(&describe, &given_);
    try {
        pg::Subtransaction sub;
        call(events);
        sub.commit();
        return true;
    } catch (const pg::PgError& e) {
        const bool ends_all =
            e.sqlstate() == ERRCODE_QUERY_CANCELED || e.sqlstate() == ERRCODE_ADMIN_SHUTDOWN;
        if (ends_all || (events.size() == 1 && handled_ == 0)) throw;
    }
    const auto failed = std::find_if(events.begin(), events.end(), [this](const store::FeedEvent& e) {
        return e.position == given_.first;
    });
    const auto before = static_cast<int32>(failed - events.begin());
    size_ = std::max(before > 0 ? before : static_cast<int32>(events.size()) / 2, 1);
    return false;
}

void Pass::call(std::span<const store::FeedEvent> events) {
    Callable& callable = callable_for(handler_);
    given_.first = events.front().position;
    given_.last = events.back().position;
    const int statement_ms = callable.function.statement_ms();
    if (callable.shape == store::Shape::events) {
        const pg::GucScope settings_scope;
        const pg::HandlerTimers timers(in_executor_, statement_ms);
        pg::ContextResource memory(CurrentMemoryContext);
        pg::vector<Datum> rows(&memory);
        for (const store::FeedEvent& e : events) rows.push_back(e.event);
        const Datum array =
            pg::array_datum(pg::element_type(store::schema().event_type), {rows.data(), rows.size()});
        (void)callable.function.call({&array, 1});
        return;
    }
    for (const store::FeedEvent& e : events) {
        const pg::GucScope settings_scope;  // what it sets, and SET ROLE, is not for the next one
        const pg::HandlerTimers timers(in_executor_, statement_ms);
        given_.first = given_.last = e.position;
        (void)callable.function.call({&e.event, 1});
    }
}

void come_back() {
    store::Wish& wish = store::current_job().wish;
    wish.outcome = core::Outcome::busy;
    wish.run_in = kLockedPause;
}

// Both stand still meanwhile: who reads sees what the old handler made, or all that the new one did. Where it does not come
// to that, the caller stores how far the new one is.
void take_its_place(const store::Projection& p, Pass* pass) {
    store::Projection old;
    if (!store::read_projection(p.replaces, store::RowLock::skip, CurrentMemoryContext, &old)) {
        if (store::read_projection(p.replaces, store::RowLock::none, CurrentMemoryContext, &old))
            return come_back();
        throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "projection \"%.*s\" is gone",
                          static_cast<int>(p.replaces.size()), p.replaces.data())
            .hint("Drop projection \"%.*s\", too.", static_cast<int>(p.name.size()), p.name.data());
    }
    if (pass->run() != Pass::End::caught_up) return;
    pass->store_position();
    store::take_over_projection(old, p);
    if (p.on_switch.empty()) return;
    const Oid function = pg::find_stored(pg::copy_text(p.on_switch));
    if (!OidIsValid(function))
        throw pg::Failure(ERRCODE_UNDEFINED_FUNCTION, "on_switch of projection \"%.*s\" does not exist: %.*s",
                          static_cast<int>(p.replaces.size()), p.replaces.data(),
                          static_cast<int>(p.on_switch.size()), p.on_switch.data());
    const pg::ActiveSnapshot snapshot;
    pg::Function on_switch;
    on_switch.load(function, CurrentMemoryContext);
    (void)on_switch.call({});
}

}  // namespace

void run_projection_job(const store::Handler& handler, const store::Job& job, bool in_executor) {
    const std::string_view name = job.kind.substr(store::kProjectionKind.size());
    store::Projection p;
    if (!store::read_projection(name, store::RowLock::skip, CurrentMemoryContext, &p)) {
        if (store::read_projection(name, store::RowLock::none, CurrentMemoryContext, &p)) come_back();
        return;
    }
    if (p.state != store::ProjectionState::running) return;
    // A rebuild may have taken its place between the look at the handler and the lock.
    if (p.handler != handler.function) store::distrust_handlers();
    const store::Handler& current = p.handler == handler.function ? handler : store::projection_handler(name);
    // What is appended from here on is looked at when this transaction has ended.
    store::remember_poke(board::kPokeFeed);
    Pass pass(p, current, job, in_executor);
    const Pass::End end = pass.run();
    if (end == Pass::End::caught_up && !p.replaces.empty()) take_its_place(p, &pass);
    pass.store_position();
}

}  // namespace foreman::engine
