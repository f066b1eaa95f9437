// For tests only, as debug.cpp: random operations on the board by several sessions at once, each of which knows what it has
// there and compares. The database is a number that no database has, so that no dispatcher mends what is wrong.
#include <algorithm>
#include <cstdio>
#include <random>

#include "api/testing/debug.hpp"
#include "board/board.hpp"
#include "board/debug_points.hpp"
#include "board/leases.hpp"
#include "board/queue_limits.hpp"
#include "board/waits.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/entry.hpp"

namespace foreman::api {

namespace {

constexpr int kThings = 2500;   // of each kind that a session has to itself
constexpr int kShared = 12;     // keys that all sessions use
constexpr int kSharedMost = 3;  // how many may run under each of them
constexpr core::Micros kHour = core::seconds(3600);

struct Lease {
    bool held, cancelled;
    pg::UuidBytes token;
};
struct OwnKey {
    int running;
    uint32 entry;
};
struct Range {
    bool known;
    core::Key least;  // of what was made claimable and not claimed; kNoKey: nothing is
};

class Storm {
  public:
    Storm(Oid database, int session, uint64 seed, pg::ResultSet* found)
        : database_(database), session_(session), random_(seed), found_(found) {}

    void step() {
        switch (below(5)) {
            case 0:
                return lease(below(kThings));
            case 1:
                return key(below(kThings));
            case 2:
                return shared_key(below(kShared));
            case 3:
                return range(below(kThings));
            default:
                return wait(below(kThings));
        }
    }
    void end();

  private:
    int below(int n) { return static_cast<int>(random_() % static_cast<uint64>(n)); }
    int64 job(int i) const { return int64{session_} * 1000000 + i; }
    void expect(bool holds, const char* what, int i);
    board::KeyName key_name(const char* prefix, int owner, int i);
    void lease(int i);
    void end_lease(int i);
    void key(int i);
    void shared_key(int i);
    void range(int i);
    void raise(int i, board::RangeRef ref);
    void wait(int i);

    const Oid database_;
    const int session_;
    std::mt19937_64 random_;
    pg::ResultSet* found_;
    char name_[300];
    Lease leases_[kThings] = {};
    OwnKey keys_[kThings] = {};
    OwnKey shared_[kShared] = {};
    Range ranges_[kThings] = {};
};

void Storm::expect(bool holds, const char* what, int i) {
    if (holds) return;
    const Datum values[] = {pg::text_datum(what), Int32GetDatum(i)};
    found_->put(values);
}

// Of many lengths, up to the longest.
board::KeyName Storm::key_name(const char* prefix, int owner, int i) {
    int n = std::snprintf(name_, sizeof(name_), "%s %d %d ", prefix, owner, i);
    for (; n < 5 + (i * 37) % 250; n++) name_[n] = 'x';
    return {i % 2 == 0 ? board::BlockedOn::key : board::BlockedOn::sequence,
            "storm",
            {name_, static_cast<std::size_t>(n)}};
}

void Storm::lease(int i) {
    Lease& mine = leases_[i];
    const core::Instant now = pg::clock_now();
    const uint32 no_keys[2] = {board::kNoKeyEntry, board::kNoKeyEntry};
    const pg::UuidBytes before = mine.token;
    if (!mine.held || below(8) == 0) {
        for (auto& byte : mine.token.bytes) byte = static_cast<uint8>(random_());
        const bool had = mine.held;
        mine.held =
            board::add_lease(database_, job(i), mine.token, now + kHour, kHour, no_keys, board::kNoIndex);
        mine.cancelled = false;
        expect(!had || mine.held, "a lease that is there is given a new token", i);
        if (had)
            expect(
                board::beat_lease(database_, job(i), before, now, kHour, nullptr, {}) == board::Beat::unknown,
                "a former token is unknown", i);
        return;
    }
    board::LeaseReading seen{};
    const double progress = 0.5;
    const bool there = board::read_lease(database_, job(i), &seen);
    expect(there && seen.token.bytes == mine.token.bytes && seen.cancel_requested == mine.cancelled,
           "a lease is read as it was written", i);
    switch (below(4)) {
        case 0:
            expect(board::beat_lease(database_, job(i), mine.token, now, kHour, &progress,
                                     std::string_view(name_, static_cast<std::size_t>(below(200)))) ==
                       (mine.cancelled ? board::Beat::cancel_requested : board::Beat::active),
                   "a heartbeat is answered", i);
            return;
        case 1:
            mine.cancelled = board::mark_lease_cancelled(database_, job(i));
            return expect(mine.cancelled, "a lease that is held is cancelled", i);
        default:
            return end_lease(i);
    }
}

void Storm::end_lease(int i) {
    Lease& mine = leases_[i];
    if (!mine.held) return;
    board::LeaseReading seen{};
    pg::UuidBytes other = mine.token;
    other.bytes[0] ^= 1;
    board::drop_lease(database_, job(i), other);
    expect(board::read_lease(database_, job(i), &seen), "another token ends nothing", i);
    board::drop_lease(database_, job(i), mine.token);
    expect(!board::read_lease(database_, job(i), &seen), "a lease that was dropped is gone", i);
    mine.held = false;
}

// Nobody else uses them: what runs under them is known exactly, whatever others add and drop meanwhile. Jobs that are
// parked behind a thousand more keys want room, and get it from one another only.
void Storm::key(int i) {
    OwnKey& mine = keys_[i];
    board::hint_key(database_, key_name("parked", session_, i), true, core::kFirstPlace);
    const board::KeyName name = key_name("own", session_, i);
    expect(board::key_running(database_, name) == mine.running, "as many run under a key as were taken", i);
    bool no_room = false;
    if (mine.running > 0 && below(3) > 0) {
        board::give_key(mine.entry);
        mine.running--;
    } else {
        const uint32 entry = board::take_key(database_, name, 2, &no_room);
        expect(mine.running == 0 || !no_room, "there is room for a key that is there", i);
        expect(mine.running < 2 || entry == board::kNoKeyEntry, "no more than its limit", i);
        expect(mine.running != 1 || entry == mine.entry, "a key keeps its entry", i);
        if (entry == board::kNoKeyEntry) return;
        mine = {mine.running + 1, entry};
    }
    expect(board::key_running(database_, name) == mine.running, "and after that as well", i);
}

void Storm::shared_key(int i) {
    OwnKey& mine = shared_[i];
    const board::KeyName name = key_name("all", 0, i);
    bool no_room = false;
    if (mine.running > 0 && below(2) == 0) {
        board::give_key(mine.entry);
        mine.running--;
    } else if (const uint32 entry = board::take_key(database_, name, kSharedMost, &no_room);
               entry != board::kNoKeyEntry) {
        expect(mine.running == 0 || mine.entry == entry, "a key keeps its entry while it is held", i);
        mine = {mine.running + 1, entry};
    }
    const int running = board::key_running(database_, name);
    expect(running >= mine.running && running <= kSharedMost, "all sessions together keep the limit", i);
}

// The head of a range is never above the least key that is claimable in it, whatever left the board for others.
void Storm::range(int i) {
    Range& mine = ranges_[i];
    const board::KeyName named = key_name("range", session_, i % 40);
    char kind[32];
    std::snprintf(kind, sizeof(kind), "kind %d", i);
    const board::RangeName name{database_, named.key, kind, static_cast<int16>(i % 3), 0};
    const core::Key added{below(1000), below(1000)};
    if (!mine.known) mine = {true, core::kNoKey};
    if (below(2) == 0) {
        board::lower_head(name, InvalidOid, added);
        mine.least = std::min(mine.least, added);
    }
    const board::RangeRef ref = board::find_range(name, InvalidOid, below(2) == 0);
    if (!ref.valid()) return;
    expect(board::range_head(ref) <= mine.least || board::range_head(ref) == core::kNoKey,
           "the head of a range is a lower bound", i);
    raise(i, ref);
    board::RangeChoice seen;
    if (board::describe_range(ref, &seen))
        expect(seen.queue_name() == named.key && seen.kind_name() == kind, "a range has its names", i);
    const uint32 queue = board::queue_entry_of(ref);
    if (queue == board::kNoIndex) return;
    board::take_place(queue);
    expect(board::read_queue_use(queue).running >= 1, "a place that is taken counts", i);
    board::leave_place(queue);
}

// As a raiser does it: what becomes claimable in the middle counts; then what was there before is claimed.
void Storm::raise(int i, board::RangeRef ref) {
    Range& mine = ranges_[i];
    core::Key from{};
    if (!board::begin_raise(ref, &from)) return;
    expect(from <= mine.least, "a raise begins at or below the least key", i);
    const core::Key first_seen = below(2) == 0 ? mine.least : core::kNoKey;
    core::Key least = first_seen;
    if (below(3) == 0) {
        const core::Key late{below(1000), below(1000)};
        board::lower_head(ref, late);
        least = std::min(least, late);
    }
    if (below(4) == 0) {
        board::abandon_raise(ref);
        mine.least = std::min(mine.least, least);
    } else {
        board::finish_raise(ref, first_seen);
        mine.least = least;
    }
    const core::Key head = board::range_head(ref);
    expect(head <= mine.least || head == core::kNoKey, "after a raise it is a lower bound as well", i);
}

void Storm::wait(int i) {
    const core::EndId end{i % 2 == 0 ? core::EndKind::job : core::EndKind::batch, job(i)};
    const int64 ids[] = {job(i), job(i) + 1};
    board::await_end(database_, end);
    board::tell_ends(database_, end.kind, ids);
    board::forget_end(database_, end);
}

void Storm::end() {
    for (int i = 0; i < kThings; i++) {
        end_lease(i);
        for (; keys_[i].running > 0; keys_[i].running--) board::give_key(keys_[i].entry);
        expect(board::key_running(database_, key_name("own", session_, i)) == 0, "no key is left", i);
    }
    for (OwnKey& k : shared_) {
        for (; k.running > 0; k.running--) board::give_key(k.entry);
    }
}

}  // namespace

// storm(database, session, seed, rounds): what was not as it should be. rounds 0: takes everything of the database off the board.
FOREMAN_FUNCTION(board_storm) {
    require_debugger();
    const Oid database = DatumGetObjectId(pg::argument(fcinfo, 0));
    const int32 rounds = DatumGetInt32(pg::argument(fcinfo, 3));
    pg::ResultSet rows(fcinfo);
    if (rounds == 0) {
        board::clear_database(database);
        return rows.done();
    }
    auto* storm = new (pg::allocate(sizeof(Storm)))
        Storm(database, DatumGetInt32(pg::argument(fcinfo, 1)),
              static_cast<uint64>(DatumGetInt64(pg::argument(fcinfo, 2))), &rows);
    for (int32 i = 0; i < rounds; i++) {
        storm->step();
        if (i % 64 == 0) pg::call<&ProcessInterrupts>();
    }
    storm->end();
    return rows.done();
}

}  // namespace foreman::api
