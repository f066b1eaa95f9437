// What the wall costs, in nanoseconds an operation. Not part of the test: figures are printed, not judged.
#include "pg/identity.hpp"
#include "pg/lock.hpp"
#include "probe.hpp"

namespace foreman::bridge {
namespace {

constinit pg::Statement one{"one", "SELECT $1", {INT8OID}};

double now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class F>
double ns_each(int count, F operation) {
    const double start = now_ns();
    for (int i = 0; i < count; ++i) operation();
    return (now_ns() - start) / count;
}

Datum nothing(FunctionCallInfo) { return Datum{0}; }

double measure(std::string_view what, int count) {
    static constinit LWLock lock{};
    LWLockInitialize(&lock, LWTRANCHE_FIRST_USER_DEFINED);
    pg::Args<1> args;
    args.i64(1, 42);
    if (what == "raw call") return ns_each(count, [] { GetCurrentTransactionNestLevel(); });
    if (what == "guarded call") return ns_each(count, [] { pg::call<&GetCurrentTransactionNestLevel>(); });
    if (what == "guarded block") {
        int sum = 0;
        return ns_each(count, [&sum] { pg::guarded([&sum] { sum += GetCurrentTransactionNestLevel(); }); });
    }
    if (what == "entry") return ns_each(count, [] { pg::entry(nullptr, &nothing); });
    if (what == "run as") return ns_each(count, [] { pg::RunAs as(BOOTSTRAP_SUPERUSERID); });
    if (what == "guc scope") return ns_each(count, [] { pg::GucScope scope; });
    if (what == "guc scope with a setting") {
        return ns_each(count, [] { pg::GucScope().set("search_path", "pg_catalog, pg_temp"); });
    }
    if (what == "lwlock") return ns_each(count, [] { pg::LwLockGuard guard(&lock, LW_EXCLUSIVE); });
    if (what == "raw lwlock") {
        return ns_each(count, [] {
            LWLockAcquire(&lock, LW_EXCLUSIVE);
            LWLockRelease(&lock);
        });
    }
    if (what == "error caught") {
        return ns_each(count, [] {
            try {
                pg::guarded([] { ereport(ERROR, (errcode(ERRCODE_NO_DATA), errmsg_internal("none"))); });
            } catch (pg::PgError&) {
            }
        });
    }
    if (what == "subtransaction") {
        return ns_each(count, [] {
            pg::Subtransaction sub;
            sub.commit();
        });
    }
    if (what == "subtransaction rolled back") return ns_each(count, [] { pg::Subtransaction sub; });
    if (what == "active snapshot") return ns_each(count, [] { pg::ActiveSnapshot snapshot; });
    if (what == "raw spi session") {
        return ns_each(count, [] {
            SPI_connect();
            SPI_finish();
        });
    }
    if (what == "spi session") return ns_each(count, [] { pg::SpiSession session; });
    pg::SpiSession session;
    one.execute(args, true);
    if (what == "raw statement") {
        return ns_each(count, [&] {
            SPI_execute_plan(one.plan(), const_cast<Datum*>(args.values()), args.nulls(), true, 0);
            SPI_freetuptable(SPI_tuptable);
        });
    }
    if (what == "statement") return ns_each(count, [&] { one.execute(args, true); });
    if (what == "statement as another role") {
        const Oid other = pg::call<&get_role_oid>("bridge_other", false);
        return ns_each(count, [&] {
            pg::RunAs as(other);
            one.execute(args, true);
        });
    }
    if (what == "statement as both roles") {
        const Oid other = pg::call<&get_role_oid>("bridge_other", false);
        return ns_each(count, [&] {
            one.execute(args, true);
            pg::RunAs as(other);
            one.execute(args, true);
        });
    }
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "nothing to measure");
}

}  // namespace

FOREMAN_FUNCTION(bridge_measure) {
    return Float8GetDatum(
        measure(pg::text_view(pg::argument(fcinfo, 0)), DatumGetInt32(pg::argument(fcinfo, 1))));
}

}  // namespace foreman::bridge
