// See rate_limits.hpp.
#include "store/definitions/rate_limits.hpp"

#include <optional>

#include "board/parts.hpp"
#include "board/scopes.hpp"
#include "pg/datum.hpp"
#include "pg/xact.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

constexpr core::Micros kUnknownRetry = core::seconds(60);

constinit pg::Statement g_put{
    "put_rate_limit",
    "INSERT INTO foreman.rate_limit AS r (scope, capacity, refill_per_second, tokens, refilled_at) VALUES "
    "($1, $2, "
    "$3, $2, $4) ON CONFLICT (scope) DO UPDATE SET capacity = excluded.capacity, refill_per_second = "
    "excluded.refill_per_second, tokens = LEAST(r.tokens, excluded.capacity) RETURNING (r.xmax " EQ
    " '0'::pg_catalog.xid)",
    {TEXTOID, FLOAT8OID, FLOAT8OID, TIMESTAMPTZOID}};

constinit pg::Statement g_read{"rate_limit",
                               "SELECT capacity, refill_per_second FROM foreman.rate_limit WHERE scope " EQ
                               " $1",
                               {TEXTOID}};

constinit pg::Statement g_lock{
    "lock_rate_limit",
    "SELECT capacity, refill_per_second, tokens, refilled_at FROM foreman.rate_limit "
    "WHERE scope " EQ " $1 FOR UPDATE",
    {TEXTOID}};

constinit pg::Statement g_keep{"keep_tokens",
                               "UPDATE foreman.rate_limit SET tokens = $2, refilled_at = $3 WHERE scope " EQ
                               " $1",
                               {TEXTOID, FLOAT8OID, TIMESTAMPTZOID}};

std::optional<core::BucketRule> read_rule(std::string_view scope) {
    const AsOwner scope_of_owner;
    const pg::LatestSnapshot latest;
    pg::Args<1> a;
    a.text(1, scope);
    const pg::Rows rows = g_read.execute(a, true);
    if (rows.empty()) return std::nullopt;
    return core::BucketRule{rows[0].f64(1), rows[0].f64(2)};
}

Acquired take(const core::BucketRule& rule, core::TokenBucket& bucket, core::Instant at, int cost) noexcept {
    if (core::take_all(rule, bucket, at, cost)) return {true, {}};
    return {false, core::until_tokens(rule, bucket, cost)};
}

Acquired take_from_row(std::string_view scope, int cost, bool drain) {
    const AsOwner scope_of_owner;
    pg::Args<1> one;
    one.text(1, scope);
    const pg::Rows rows = g_lock.execute(one);
    if (rows.empty()) return {false, kUnknownRetry};
    const core::BucketRule rule{rows[0].f64(1), rows[0].f64(2)};
    core::TokenBucket bucket{rows[0].f64(3), rows[0].instant(4)};
    Acquired answer = take(rule, bucket, now(), cost);
    if (drain) {
        bucket.tokens = 0;
        answer = {true, {}};
    }
    pg::Args<3> keep;
    keep.text(1, scope).f64(2, bucket.tokens).instant(3, bucket.at);
    g_keep.execute(keep);
    return answer;
}

}  // namespace

bool put_rate_limit(std::string_view scope, const core::BucketRule& rule) {
    const AsOwner scope_of_owner;
    pg::Args<4> a;
    a.text(1, scope).f64(2, rule.capacity).f64(3, rule.refill_per_second).instant(4, now());
    const bool is_new = g_put.execute(a)[0].boolean(1);
    if (board::board_present()) {
        const board::PartGuard guard(board::BoardLock::waits, LW_EXCLUSIVE);
        if (board::ScopeEntry* e = board::find_scope(scope, is_new)) {
            const core::Instant at = now();
            core::refill(e->rule, e->bucket, at);
            // Full, whatever was there under a rule before it, or under none.
            if (is_new) e->bucket = {rule.capacity, at};
            e->rule = rule;
            e->bucket.tokens = std::min(e->bucket.tokens, rule.capacity);
        }
    }
    return is_new;
}

Acquired acquire_tokens(std::string_view scope, int cost) {
    const std::optional<core::BucketRule> rule = read_rule(scope);
    if (!rule) return {false, kUnknownRetry};
    const core::Instant at = now();
    if (board::board_present()) {
        const board::PartGuard guard(board::BoardLock::waits, LW_EXCLUSIVE);
        if (board::ScopeEntry* e = board::find_scope(scope, true)) {
            e->rule = *rule;
            return take(*rule, e->bucket, at, cost);
        }
    }
    return take_from_row(scope, cost, false);
}

bool drain_scope(std::string_view scope) {
    if (!read_rule(scope)) return false;
    if (board::board_present()) {
        const board::PartGuard guard(board::BoardLock::waits, LW_EXCLUSIVE);
        if (board::ScopeEntry* e = board::find_scope(scope, true)) {
            e->bucket = {0, now()};
            return true;
        }
    }
    take_from_row(scope, 0, true);
    return true;
}

}  // namespace foreman::store
