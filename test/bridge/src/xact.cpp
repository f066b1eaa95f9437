// Subtransactions, snapshots, identity, settings, locks, interrupts.
#include "pg/identity.hpp"
#include "pg/latch.hpp"
#include "pg/lock.hpp"
#include "probe.hpp"

namespace foreman::bridge {
namespace {

char* argument_text(FunctionCallInfo fcinfo, int index) {
    return pg::copy_text(pg::text_view(pg::argument(fcinfo, index)));
}

}  // namespace

// swallow(sql): runs it in a subtransaction; the error as text, or 'ok'.
FOREMAN_FUNCTION(bridge_swallow) {
    char* const sql = argument_text(fcinfo, 0);
    const MemoryContext context = CurrentMemoryContext;
    char text[2048] = "ok";
    pg::SpiSession session;
    try {
        pg::Subtransaction sub;
        run_sql(sql);
        sub.commit();
    } catch (const pg::PgError& error) {
        describe(error, text, sizeof text);
    }
    session.finish();
    Assert(CurrentMemoryContext == context);
    return pg::text_datum(text, context);
}

// swallow_many(sql, n): the errors swallowed, and whether memory stayed where it was after the first 1000.
FOREMAN_FUNCTION(bridge_swallow_many) {
    char* const sql = argument_text(fcinfo, 0);
    const int count = DatumGetInt32(pg::argument(fcinfo, 1));
    std::int64_t contexts = 0, heap = 0;
    int caught = 0;
    destroyed = 0;
    pg::SpiSession session;
    for (int i = 0; i < count; ++i) {
        if (i == 1000) {
            contexts = context_bytes();
            heap = heap_bytes();
        }
        try {
            pg::Subtransaction sub;
            pg::SpiSession inner;
            run_sql(sql, 2);
            inner.finish();
            sub.commit();
        } catch (pg::PgError&) {
            ++caught;
        }
    }
    const bool flat = context_bytes() <= contexts && heap_bytes() <= heap + 1024;
    if (!flat) {
        pg::log(NOTICE, "contexts %+lld, heap %+lld", static_cast<long long>(context_bytes() - contexts),
                static_cast<long long>(heap_bytes() - heap));
    }
    session.finish();
    pg::ResultSet result(fcinfo);
    result.put(std::array<std::optional<Datum>, 3>{Int32GetDatum(caught), Int32GetDatum(destroyed),
                                                   BoolGetDatum(flat)});
    return result.done();
}

// wrote(sql): did the subtransaction take an id, seen inside, after commit, after rollback?
FOREMAN_FUNCTION(bridge_wrote) {
    char* const sql = argument_text(fcinfo, 0);
    pg::SpiSession session;
    pg::Subtransaction committed;
    run_sql(sql);
    bool same = true;
    const bool inside = committed.wrote();
    committed.commit();
    same = same && committed.wrote() == inside;
    pg::Subtransaction rolled_back;
    run_sql(sql);
    rolled_back.rollback();
    same = same && rolled_back.wrote() == inside;
    return BoolGetDatum(same && inside);
}

FOREMAN_FUNCTION(bridge_subtransaction_ids) { return Int32GetDatum(pg::subtransaction_ids()); }

// Memory context and resource owner after a subtransaction are those before it, which are not its parent's: a
// function runs with its portal's.
FOREMAN_FUNCTION(bridge_surroundings) {
    const MemoryContext context = CurrentMemoryContext;
    const ResourceOwner owner = CurrentResourceOwner;
    const auto same = [=] { return CurrentMemoryContext == context && CurrentResourceOwner == owner; };
    bool good = true;
    {
        pg::Subtransaction sub;
        good = good && CurrentMemoryContext == context && CurrentResourceOwner != owner;
        sub.commit();
        good = good && same();
    }
    {
        pg::Subtransaction sub;
        MemoryContextSwitchTo(TopMemoryContext);
    }
    return BoolGetDatum(good && same() && owner != TopTransactionResourceOwner);
}

// A snapshot of its own, in the good case and while an error passes.
FOREMAN_FUNCTION(bridge_snapshots) {
    const Snapshot before = GetActiveSnapshot();
    {
        pg::ActiveSnapshot fresh;
        if (GetActiveSnapshot() == before) return BoolGetDatum(false);
    }
    if (GetActiveSnapshot() != before) return BoolGetDatum(false);
    try {
        pg::Subtransaction sub;
        pg::ActiveSnapshot fresh;
        pg::guarded([] { elog(ERROR, "an error"); });
    } catch (pg::PgError&) {
    }
    return BoolGetDatum(GetActiveSnapshot() == before);
}

// run_as(role, sql): as that role; the role is put back, error or not.
FOREMAN_FUNCTION(bridge_run_as) {
    const Oid role = DatumGetObjectId(pg::argument(fcinfo, 0));
    char* const sql = argument_text(fcinfo, 1);
    const Oid before = GetUserId();
    pg::SpiSession session;
    try {
        pg::Subtransaction sub;
        pg::RunAs as(role);
        run_sql(sql);
        sub.commit();
    } catch (pg::PgError& error) {
        if (GetUserId() != before) pg::log(WARNING, "the role was not put back");
        throw;
    }
    return BoolGetDatum(GetUserId() == before);
}

// guc_scope(name, value, fail): the setting inside; it is restored at the end.
FOREMAN_FUNCTION(bridge_guc_scope) {
    char* const name = argument_text(fcinfo, 0);
    char* const value = argument_text(fcinfo, 1);
    const bool fails = DatumGetBool(pg::argument(fcinfo, 2));
    pg::GucScope settings;
    settings.set(name, value);
    const char* const inside = pg::call<&GetConfigOption>(name, false, false);
    if (fails) throw pg::Failure(ERRCODE_INTERNAL_ERROR, "failing with %s = %s", name, inside);
    return pg::text_datum(inside);
}

// An error while an LWLock is held (a mistake, but it must not make the process deaf).
FOREMAN_FUNCTION(bridge_error_under_lock) {
    static constinit LWLock lock{};
    LWLockInitialize(&lock, LWTRANCHE_FIRST_USER_DEFINED);
    try {
        pg::Subtransaction sub;
        pg::LwLockGuard guard(&lock, LW_EXCLUSIVE);
        pg::guarded([] { elog(ERROR, "an error under a lock"); });
    } catch (pg::PgError&) {
    }
    const bool released = !LWLockHeldByMe(&lock) && InterruptHoldoffCount == 0;
    {
        pg::LwLockGuard guard(&lock, LW_SHARED);
        if (!LWLockHeldByMe(&lock) || InterruptHoldoffCount != 1) return BoolGetDatum(false);
        guard.release();
        if (LWLockHeldByMe(&lock) || InterruptHoldoffCount != 0) return BoolGetDatum(false);
    }
    try {
        pg::Subtransaction sub;
        pg::HoldInterrupts hold;
        pg::guarded([] { elog(ERROR, "an error while interrupts are held"); });
    } catch (pg::PgError&) {
    }
    return BoolGetDatum(released && InterruptHoldoffCount == 0);
}

// Cancels itself, then looks: the error is an exception, and may be swallowed.
FOREMAN_FUNCTION(bridge_cancel_self) {
    pg::SpiSession session;
    char text[256] = "not cancelled";
    try {
        pg::Subtransaction sub;
        const Counted counted;
        run_sql("SELECT pg_catalog.pg_cancel_backend(pg_catalog.pg_backend_pid())");
        for (int i = 0; i < 20; ++i) pg::wait_latch(core::milliseconds(100), PG_WAIT_EXTENSION);
    } catch (const pg::PgError& error) {
        describe(error, text, sizeof text);
    }
    session.finish();
    return pg::text_datum(text);
}

// Its own latch, by number; and a time-out, rounded up.
FOREMAN_FUNCTION(bridge_latch) {
    const pg::ProcessRef me = pg::this_process();
    if (!pg::set_latch_of(me)) return pg::text_datum("not found");
    if (pg::set_latch_of(me.procno, me.pid + 1) || pg::set_latch_of(-1, me.pid) ||
        pg::set_latch_of(std::numeric_limits<int>::max(), me.pid) || pg::set_latch_of(me.procno, 0)) {
        return pg::text_datum("found another");
    }
    if (pg::wait_latch(pg::kForever, pg::wait_event("BridgeWait")) != pg::Wake::latch) {
        return pg::text_datum("not woken");
    }
    const core::Instant before = pg::clock_now();
    while (pg::wait_latch(core::Micros{1500}, PG_WAIT_EXTENSION) == pg::Wake::latch) {
    }
    return pg::text_datum((pg::clock_now() - before) >= core::milliseconds(1) ? "ok" : "too early");
}

}  // namespace foreman::bridge
