// See unwritten.hpp.
#include "store/jobs/unwritten.hpp"

#include <algorithm>

#include "board/debug_points.hpp"
#include "board/queue_limits.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/range_scan.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_lock{"lock_unwritten",
                               "SELECT job_id, state, token, queue, kind, priority, alone, run_at FROM "
                               "foreman.live_job WHERE job_id " EQ " ANY ($1) AND state " EQ
                               " ANY ('{w,r}'::pg_catalog.\"char\"[]) FOR UPDATE SKIP LOCKED",
                               {INT8ARRAYOID}};

constinit pg::Statement g_write{
    "write_lease",
    "UPDATE foreman.live_job SET state = 'r', token = $2, claimed_at = $3, worker = $4, lease_us = $5, "
    "worker_pid = NULL WHERE job_id " EQ " $1 AND state " EQ " 'w'::pg_catalog.\"char\"",
    {INT8OID, UUIDOID, TIMESTAMPTZOID, TEXTOID, INT8OID}};

constinit pg::Statement g_exists{
    "unwritten_exists", "SELECT job_id FROM foreman.live_job WHERE job_id " EQ " ANY ($1)", {INT8ARRAYOID}};

constinit const Settled* g_settled = nullptr;

// Random bits of version 4, as gen_random_uuid() makes them.
void make_tokens(pg::UuidBytes* tokens, int count) {
    const auto bytes = sizeof(pg::UuidBytes::bytes) * static_cast<std::size_t>(count);
    static_assert(sizeof(pg::UuidBytes) == sizeof(pg::UuidBytes::bytes));
    if (!pg::call<&pg_strong_random>(static_cast<void*>(tokens), bytes))
        throw pg::Failure(ERRCODE_INTERNAL_ERROR, "the server has no random numbers for tokens of leases");
    for (int i = 0; i < count; i++) {
        auto& b = tokens[i].bytes;
        b[6] = static_cast<std::uint8_t>((b[6] & 0x0f) | 0x40);
        b[8] = static_cast<std::uint8_t>((b[8] & 0x3f) | 0x80);
    }
}

// Of one claim.
struct Scan {
    RangeOfLease range;
    const LeaseClaim* claim;
    bool no_room;
};

// Puts the lease on the board, and then looks whether the row is free.
bool take_row(Scan* scan, const pg::UuidBytes& token, const WaitingRow& row) {
    const core::Key key = row.key();
    if (scan->no_room || board::is_unwritten(key.job_id)) return false;
    const board::NewLease lease{key.job_id,       row.place(),         token,
                                scan->claim->now, scan->claim->length, scan->claim->worker};
    pg::UuidBytes holder{};
    board::Took took = take_unwritten_lease(scan->range, key, lease, &holder);
    if (took == board::Took::held_in_row && row.is_untouched()) {
        // The row says that the job waits: that lease has ended, and the board has not heard of it.
        board::drop_lease(MyDatabaseId, key.job_id, holder);
        took = take_unwritten_lease(scan->range, key, lease, &holder);
    }
    scan->no_room = took == board::Took::no_room;
    if (took != board::Took::yes) return false;
    board::debug_point(board::DebugPoint::inside_claim);
    if (row.is_untouched()) return true;
    give_last_unwritten_back();
    return false;
}

}  // namespace

bool lease_on_board(const RangeSpec& range, core::Key from, int qty, const LeaseClaim& claim,
                    MemoryContext context, pg::vector<LeasedJob>* out) {
    pg::ContextResource memory(context);
    pg::vector<pg::UuidBytes> tokens(static_cast<std::size_t>(qty), pg::UuidBytes{}, &memory);
    make_tokens(tokens.data(), qty);
    const std::string_view queue{pg::copy_text(range.queue, context), range.queue.size()};
    const std::string_view kind{pg::copy_text(range.kind, context), range.kind.size()};
    Scan scan{{queue, kind, range.priority, range.alone}, &claim, false};
    std::size_t taken = 0;
    const pg::LatestSnapshot snapshot;
    const bool read = scan_due(range, from, claim.now, qty, [&](const WaitingRow& row) {
        if (!take_row(&scan, tokens[taken], row)) return false;
        LeasedJob l{};
        row.read(context, &l.job);
        l.job.queue = queue;
        l.job.kind = kind;
        l.token = tokens[taken++];
        l.on_board = true;
        out->push_back(l);
        return true;
    });
    return read && !scan.no_room;
}

void give_places(std::span<const LeasedJob> jobs, uint32 queue) noexcept {
    for (const LeasedJob& l : jobs) {
        if (!l.on_board) continue;
        board::give_place_to_lease(l.job.job_id, queue);
        board::hand_over_place(queue);
    }
}

Settled::Settled(std::span<const TokenPair> pairs, pg::ContextResource* memory)
    : leases_(memory), before_(g_settled) {
    leases_.reserve(pairs.size());
    for (const TokenPair& p : pairs) {
        One one{p.job_id, p.token, false, {}};
        one.unwritten = settle_unwritten_lease(p.job_id, p.token, &one.claimed_at);
        leases_.push_back(one);
    }
    std::sort(leases_.begin(), leases_.end(), [](const One& x, const One& y) { return x.job_id < y.job_id; });
    g_settled = this;
}

Settled::~Settled() { g_settled = before_; }

namespace {

template <class Leases>
auto of_job(const Leases& leases, int64 job_id) {
    struct ById {
        bool operator()(const typename Leases::value_type& x, int64 id) const { return x.job_id < id; }
        bool operator()(int64 id, const typename Leases::value_type& x) const { return id < x.job_id; }
    };
    return std::equal_range(leases.begin(), leases.end(), job_id, ById{});
}

}  // namespace

const Settled::One* Settled::find_unwritten(int64 job_id) const noexcept {
    const auto [first, last] = of_job(leases_, job_id);
    const auto it = std::find_if(first, last, [](const One& one) { return one.unwritten; });
    return it == last ? nullptr : &*it;
}

bool Settled::may_take(int64 job_id, core::StoredState state, const pg::UuidBytes* token) const noexcept {
    if (state == core::StoredState::claimable) return find_unwritten(job_id) != nullptr;
    if (state != core::StoredState::running || token == nullptr) return false;
    const auto [first, last] = of_job(leases_, job_id);
    return std::any_of(first, last, [token](const One& one) { return one.token.bytes == token->bytes; });
}

void Settled::describe(LeasedJob* job) const noexcept {
    const One* one = find_unwritten(job->job.job_id);
    if (one == nullptr) return;
    job->token = one->token;
    job->job.claimed_at = one->claimed_at;
}

bool may_take_row(int64 job_id, core::StoredState state, const pg::UuidBytes* token) noexcept {
    return g_settled != nullptr && g_settled->may_take(job_id, state, token);
}

namespace {

// What is gone by a snapshot that was taken after the look at the board.
void forget_gone(const pg::vector<board::UnwrittenLease>& leases, const pg::vector<int64>& ids) {
    const pg::LatestSnapshot fresh;
    pg::Args<1> a;
    a.set(1, pg::int8_array({ids.data(), ids.size()}));
    pg::vector<int64> there(ids.get_allocator());
    for (const pg::Row row : g_exists.execute(a, true)) there.push_back(row.i64(1));
    std::sort(there.begin(), there.end());
    for (const board::UnwrittenLease& l : leases) {
        if (!std::binary_search(there.begin(), there.end(), l.job_id) &&
            board::may_be_written(l.job_id, l.token))
            board::drop_lease(MyDatabaseId, l.job_id, l.token);
    }
}

// Whoever raised the head of its range passed over it.
void end_prepared(const board::UnwrittenLease& l, const pg::Row& row) {
    remember_lease_end(l.job_id, l.token);
    const std::string_view queue = row.view(4);
    const std::string_view kind = row.view(5);
    remember_work(queue, kind, row.i16(6), row.i16(7), role_of(kind, queue, row.i16(7)),
                  {row.instant(8).us, l.job_id});
}

void write_one(const board::UnwrittenLease& l) {
    pg::Args<5> a;
    a.i64(1, l.job_id).set(2, pg::uuid_datum(l.token)).instant(3, l.claimed_at).text(4, l.worker_name());
    a.i64(5, l.length.us);
    g_write.execute(a);
}

}  // namespace

WritePass write_leases(core::Instant before, std::size_t most) {
    WritePass pass{0, core::kPlusInfinity};
    const pg::Context context("foreman leases", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<board::UnwrittenLease> leases(&memory);
    board::leases_to_write(before, most, &leases, &pass.next);
    if (leases.empty()) return pass;
    const AsOwner scope;
    pg::vector<int64> ids(&memory);
    pg::flat_map<int64, const board::UnwrittenLease*> by_id(&memory);
    for (const board::UnwrittenLease& l : leases) {
        ids.push_back(l.job_id);
        by_id.emplace(l.job_id, &l);
    }
    pg::Args<1> a;
    a.set(1, pg::int8_array({ids.data(), ids.size()}));
    std::size_t seen = 0;
    board::debug_point(board::DebugPoint::before_write);
    const pg::Rows rows = g_lock.execute(a);
    for (const pg::Row row : rows) {
        const board::UnwrittenLease& l = *by_id.at(row.i64(1));
        seen++;
        const bool is_written = row.letter_of<core::StoredState>(2) == core::StoredState::running;
        if (is_written ? row.is_null(3) || pg::uuid_bytes(row.datum(3)).bytes != l.token.bytes
                       : !board::may_be_written(l.job_id, l.token))
            continue;
        if (l.prepared && !is_written) {
            end_prepared(l, row);
            continue;
        }
        if (!is_written) write_one(l);
        remember_written(l.job_id, l.token);
        pass.written++;
    }
    board::debug_point(board::DebugPoint::after_write);
    if (seen < leases.size()) forget_gone(leases, ids);
    if (pass.written < static_cast<int64>(leases.size())) pass.next = std::min(pass.next, before);
    return pass;
}

}  // namespace foreman::store
