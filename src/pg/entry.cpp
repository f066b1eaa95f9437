// Exceptions to ereport. What escaped is described by plain data outside of the catch block; reporting it
// comes after the block, as a longjmp out of it would leave the exception alive for ever.
#include "pg/entry.hpp"

namespace foreman::pg {
namespace {

enum class Escaped { pg_error, failure, out_of_memory };

// One report at a time: ereport formats it at once. Static, to keep 1.5 kB off the stack of every entry.
alignas(Failure) constinit unsigned char failure_storage[sizeof(Failure)] = {};
constinit ErrorData* escaped_data = nullptr;

static_assert(std::is_trivially_copyable_v<Failure> && std::is_trivially_destructible_v<Failure>);

Escaped keep(const Failure& failure) noexcept {
    std::memcpy(failure_storage, &failure, sizeof failure);
    return Escaped::failure;
}

// To be called in a catch block only.
Escaped describe_current_exception() noexcept {
    try {
        throw;
    } catch (PgError& error) {
        escaped_data = error.release();
        return Escaped::pg_error;
    } catch (const Failure& failure) {
        return keep(failure);
    } catch (const std::bad_alloc&) {
        return Escaped::out_of_memory;
    } catch (const std::exception& error) {
        return keep(Failure(ERRCODE_INTERNAL_ERROR, "internal error of pg_foreman: %s", error.what()));
    } catch (...) {
        return keep(Failure(ERRCODE_INTERNAL_ERROR, "internal error of pg_foreman: unknown C++ exception"));
    }
}

[[noreturn, gnu::cold]] void report(Escaped escaped) {
    switch (escaped) {
        case Escaped::pg_error:
            detail::raise(std::exchange(escaped_data, nullptr));
        case Escaped::failure:
            detail::raise(*std::launder(reinterpret_cast<const Failure*>(failure_storage)));
        case Escaped::out_of_memory:
            break;
    }
    ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
                    errdetail_internal("Failed on a request of pg_foreman.")));
}

// What the server's error handling was when it called us; an exception may have left it elsewhere.
struct HandlerState {
    sigjmp_buf* handler = PG_exception_stack;
    ErrorContextCallback* context = error_context_stack;

    void restore() const noexcept {
        PG_exception_stack = handler;
        error_context_stack = context;
    }
};

}  // namespace

Datum entry(FunctionCallInfo fcinfo, Datum (*impl)(FunctionCallInfo)) {
    const HandlerState state;
    Escaped escaped;
    try {
        return impl(fcinfo);
    } catch (...) {
        escaped = describe_current_exception();
    }
    state.restore();
    report(escaped);
}

void run_guarded(void (*body)(void*), void* arg) {
    const HandlerState state;
    Escaped escaped;
    try {
        body(arg);
        return;
    } catch (...) {
        escaped = describe_current_exception();
    }
    state.restore();
    report(escaped);
}

}  // namespace foreman::pg
