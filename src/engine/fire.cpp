// See fire.hpp.
#include "engine/fire.hpp"

#include <algorithm>

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/encoding.hpp"
#include "pg/latch.hpp"
#include "pg/xact.hpp"

namespace foreman::engine {

namespace {

/// Fewer than the subtransaction ids that a process's cache holds.
constexpr int kChunk = 25;

// What may be otherwise the next time: no memory or disk, a lock, a connection, a conflict, an interrupt, a
// sequence that somebody set back.
bool may_pass(int sqlstate) noexcept {
    if (sqlstate == ERRCODE_UNIQUE_VIOLATION) return true;
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case ERRCODE_TO_CATEGORY(ERRCODE_CONNECTION_EXCEPTION):
        case ERRCODE_TO_CATEGORY(ERRCODE_INVALID_TRANSACTION_STATE):
        case ERRCODE_TO_CATEGORY(ERRCODE_T_R_SERIALIZATION_FAILURE):
        case ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES):
        case ERRCODE_TO_CATEGORY(ERRCODE_OBJECT_IN_USE):
        case ERRCODE_TO_CATEGORY(ERRCODE_QUERY_CANCELED):
        case ERRCODE_TO_CATEGORY(ERRCODE_IO_ERROR):
        case ERRCODE_TO_CATEGORY(ERRCODE_INTERNAL_ERROR):
            return true;
        default:
            return false;
    }
}

bool ends_the_pass(int sqlstate) noexcept {
    return sqlstate == ERRCODE_ADMIN_SHUTDOWN || sqlstate == ERRCODE_QUERY_CANCELED;
}

}  // namespace

void FirePass::fire(int64 id, store::FireReason reason) {
    int sqlstate = 0;
    store::Collision collision = store::Collision::none;
    char message[2 * pg::Failure::kTextSize + 8] = {};
    pg::Context context("foreman schedule", CurrentMemoryContext);
    try {
        pg::Subtransaction sub;
        store::FireOutcome out;
        {
            const pg::CurrentScope scope(context);
            out = store::fire_schedule(id, reason, now_, context.get());
        }
        sub.commit();
        found_ = found_ || out.found;
        if (out.job_id) fired_++;
        if (out.found)
            troubled_->erase(std::remove(troubled_->begin(), troubled_->end(), id), troubled_->end());
        return;
    } catch (const pg::PgError& e) {
        if (ends_the_pass(e.sqlstate())) throw;
        sqlstate = e.sqlstate();
        collision = store::collision_of(e);
        pg::copy_cut(message, e.message());
    } catch (const pg::Failure& f) {
        sqlstate = f.sqlstate();
        std::snprintf(message, sizeof(message), "%s%s%s", f.message(), f.detail()[0] != '\0' ? ". " : "",
                      f.detail());
    }
    if (collision == store::Collision::occurrence && reason == store::FireReason::due) {
        pg::Subtransaction sub;
        store::pass_over(id, now_, CurrentMemoryContext);
        sub.commit();
        return;
    }
    if (collision == store::Collision::run_id) {
        pg::Subtransaction sub;
        store::move_run_ids_on();
        sub.commit();
    }
    give_up(id, sqlstate, message);
}

void FirePass::give_up(int64 id, int sqlstate, const char* message) {
    if (may_pass(sqlstate)) {
        failed_ = true;
        if (std::find(troubled_->begin(), troubled_->end(), id) != troubled_->end()) return;
        if (troubled_->size() < troubled_->capacity()) troubled_->push_back(id);
        pg::log(LOG, "pg_foreman: schedule " INT64_FORMAT " could not be fired and is tried again: %s", id,
                message);
        return;
    }
    pg::Subtransaction sub;
    const std::string_view name = store::disable_schedule(id, message, now_, CurrentMemoryContext);
    sub.commit();
    pg::log(LOG, pg::Failure(sqlstate, "pg_foreman: schedule \"%.*s\" is switched off: %s",
                             static_cast<int>(name.size()), name.data(), message)
                     .hint("Repair it and run foreman.alter_schedule(..., active => true)."));
}

bool FirePass::step_due() {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<store::DueSchedule> due(&memory);
    store::find_due(now_, cursor_, kChunk, &due);
    for (const store::DueSchedule& d : due) {
        pg::check_interrupts();
        fire(d.id, store::FireReason::due);
        cursor_ = d;
    }
    if (due.size() == kChunk) return true;
    // Once more from the beginning: one that catches up is due again.
    if (!std::exchange(found_, false)) return false;
    cursor_ = kBeginning;
    return true;
}

bool FirePass::step_others(store::FireReason reason) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> ids(&memory);
    store::find_others(reason, now_, cursor_.id, kChunk, &ids);
    for (const int64 id : ids) {
        pg::check_interrupts();
        fire(id, reason);
        cursor_.id = id;
    }
    return ids.size() == kChunk;
}

bool FirePass::step() {
    bool more = false;
    switch (stage_) {
        case Stage::ahead:
            more = step_others(store::FireReason::ahead);
            break;
        case Stage::started:
            more = step_others(store::FireReason::started);
            break;
        case Stage::due:
            more = step_due();
            break;
        case Stage::buffered:
            more = step_others(store::FireReason::buffered);
            break;
        case Stage::done:
            break;
    }
    if (!more && stage_ != Stage::done) {
        stage_ = static_cast<Stage>(static_cast<uint8>(stage_) + 1);
        cursor_ = kBeginning;
        found_ = false;
    }
    return stage_ != Stage::done;
}

}  // namespace foreman::engine
