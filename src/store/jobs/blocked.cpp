// See blocked.hpp.
#include "store/jobs/blocked.hpp"

#include <algorithm>

#include "board/parts.hpp"
#include "board/waits.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/batches.hpp"
#include "store/jobs/blocked_parts.hpp"

namespace foreman::store {

namespace {

constexpr core::Micros kFirstPause = core::milliseconds(20);
constexpr core::Micros kMaxPause = core::seconds(1);
// More that is locked at a time, or does not fit on the board, is found again among all rows.
constexpr std::size_t kMostRetries = 500;

}  // namespace

int64 remember_released(const pg::Rows& rows) {
    for (const pg::Row r : rows)
        remember_work(r.view(1), r.view(2), r.i16(3), r.i16(4), role_of(r.view(2), r.view(1), r.i16(4)),
                      {r.instant(5).us, r.i64(6)});
    return static_cast<int64>(rows.size());
}

BlockedWork::BlockedWork(bool takes_hints)
    : takes_hints_(takes_hints && board::board_present()),
      context_("foreman blocked"),
      memory_(context_),
      scratch_("foreman blocked step", context_.get()),
      walks_(&memory_),
      retries_(&memory_) {}

void BlockedWork::look_at_all() {
    if (phase_ != Phase::none) {
        once_more_ = true;
        return;
    }
    all_at_ = core::kPlusInfinity;
    if (takes_hints_) board::trust_keys(MyDatabaseId);
    phase_ = Phase::keys;
    place_ = {};
    more_ = true;
}

void BlockedWork::undo() {
    walks_.clear();
    retries_.clear();
    phase_ = Phase::none;
    once_more_ = more_ = false;
    all_at_ = pg::steady_now() + kMaxPause;
}

core::Instant BlockedWork::next() const {
    if (more_) return core::kMinusInfinity;
    core::Instant next = all_at_;
    for (const Retry& r : retries_) next = std::min(next, r.at);
    return next;
}

void BlockedWork::retry_later(const Item& item) {
    const auto same = [&item](const Retry& r) {
        return r.item.type == item.type && r.item.end == item.end &&
               board::name_view(r.item.queue) == board::name_view(item.queue) &&
               board::name_view(r.item.key) == board::name_view(item.key);
    };
    if (std::any_of(retries_.begin(), retries_.end(), same)) return;
    if (retries_.size() < kMostRetries) {
        retries_.push_back({item, pg::steady_now() + kFirstPause, kFirstPause});
    } else {
        all_at_ = std::min(all_at_, pg::steady_now() + kMaxPause);
    }
}

void BlockedWork::walk(EndWalk walk, core::Instant now) {
    BlockedPass pass;
    if (look_at_dependants(&walk, scratch_.get(), now, &pass)) walks_.push_back(walk);
    released_ += pass.released;
    if (pass.locked) retry_later({core::BlockedOn::dependency, {core::EndKind::job, walk.id}, {}, {}});
}

// Of a job's end: begins the walk.
void BlockedWork::look(const Item& item, core::Instant now) {
    if (item.type == core::BlockedOn::dependency && item.end.kind == core::EndKind::job) {
        const bool walked =
            std::any_of(walks_.begin(), walks_.end(), [&](const EndWalk& w) { return w.id == item.end.id; });
        // Who began to wait since may have been passed by: the hint is taken again at the end of the walk.
        if (walked) return retry_later(item);
        return walk({.id = item.end.id}, now);
    }
    BlockedPass pass;
    if (item.type == core::BlockedOn::dependency) {
        const BatchLook seen = look_at_batch(item.end.id, true, now);
        pass.locked = seen == BatchLook::locked;
        if (seen == BatchLook::done && board::board_present()) board::forget_end(MyDatabaseId, item.end);
    } else {
        look_at_key({item.type, board::name_view(item.queue), board::name_view(item.key)}, &pass);
    }
    released_ += pass.released;
    if (pass.locked) retry_later(item);
}

bool BlockedWork::look_at_hints(core::Instant now) {
    bool any = false;
    if (!takes_hints_) return any;
    for (const board::HintOrder order : {board::HintOrder::newest, board::HintOrder::oldest}) {
        board::KeyHint key{};
        if (board::take_key_hint(MyDatabaseId, order, &key)) {
            look({key.type, {}, key.queue, key.key}, now);
            any = true;
        }
        core::EndId end;
        if (board::take_end_hint(MyDatabaseId, order, &end)) {
            look({core::BlockedOn::dependency, end, {}, {}}, now);
            any = true;
        }
    }
    return any;
}

bool BlockedWork::go_on_walking(core::Instant now) {
    if (walks_.empty()) return false;
    const EndWalk first = walks_.front();
    walks_.erase(walks_.begin());
    walk(first, now);
    return true;
}

// The first of those whose pause is over.
bool BlockedWork::look_at_locked(core::Instant now) {
    const core::Instant steady = pg::steady_now();
    const auto due =
        std::find_if(retries_.begin(), retries_.end(), [&](const Retry& r) { return r.at <= steady; });
    if (due == retries_.end()) return false;
    const Retry taken = *due;
    retries_.erase(due);
    const std::size_t others = retries_.size();
    look(taken.item, now);
    if (retries_.size() > others) {
        Retry& again = retries_.back();
        again.pause = std::min(taken.pause + taken.pause, kMaxPause);
        again.at = steady + again.pause;
    }
    return true;
}

bool BlockedWork::look_at_next(core::Instant now) {
    switch (phase_) {
        case Phase::none:
            return false;
        case Phase::keys:
        case Phase::sequences: {
            place_.type = phase_ == Phase::keys ? core::BlockedOn::key : core::BlockedOn::sequence;
            if (next_parked(place_.type, &place_.queue, &place_.key)) {
                const board::KeyName name{place_.type, board::name_view(place_.queue),
                                          board::name_view(place_.key)};
                if (board::board_present()) board::know_key(MyDatabaseId, name);
                look(place_, now);
                return true;
            }
            place_.queue = place_.key = {};
            place_.end.id = PG_INT64_MIN;
            phase_ = phase_ == Phase::keys ? Phase::sequences : Phase::ends;
            return true;
        }
        case Phase::ends:
            place_.type = core::BlockedOn::dependency;
            if (next_awaited(&place_.end.id)) {
                if (board::board_present()) remember_awaited({core::EndKind::job, place_.end.id});
                walk({.id = place_.end.id}, now);
                return true;
            }
            phase_ = Phase::batches;
            place_.end.id = PG_INT64_MIN;
            return true;
        case Phase::batches:
            if (next_open_batch(&place_.end.id)) {
                if (look_at_batch(place_.end.id, false, now) == BatchLook::locked)
                    retry_later({core::BlockedOn::dependency, {core::EndKind::batch, place_.end.id}, {}, {}});
                return true;
            }
            phase_ = Phase::none;
            if (std::exchange(once_more_, false)) look_at_all();
            return phase_ != Phase::none;
    }
    return false;
}

int64 BlockedWork::step(core::Instant now, core::Micros most) {
    const AsOwner scope;
    const core::Instant end = pg::steady_now() + most;
    released_ = 0;
    if (pg::steady_now() >= all_at_) look_at_all();
    do {
        scratch_.reset();
        more_ = look_at_hints(now);
        more_ |= look_at_locked(now);
        more_ |= go_on_walking(now);
        more_ |= look_at_next(now);
        pg::call<&ProcessInterrupts>();
    } while (more_ && pg::steady_now() < end);
    return released_;
}

}  // namespace foreman::store
