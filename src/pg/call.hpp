// The bridge from Postgres to C++: a guarded call turns ereport(ERROR) into the exception PgError. The only
// file with sigsetjmp. Everybody who calls a server function that can ereport goes through here.
//
// Invariant: between the setjmp and the server function there is no C++ object with a destructor, so the
// longjmp skips none. The guard therefore stands at each call, deeper than every object it protects, never
// around a block of ordinary C++. FATAL does not come back: the process ends without unwinding.
#pragma once

#include "pg/error.hpp"

namespace foreman::pg {
namespace detail {

// Puts the server's error handling back when the guarded frame is left, also by a C++ exception. Lives in the
// frame that calls setjmp, hence is alive at its second return.
class HandlerScope {
  public:
    HandlerScope() noexcept : handler_(PG_exception_stack), context_(error_context_stack) {}
    ~HandlerScope() {
        PG_exception_stack = handler_;
        error_context_stack = context_;
    }
    HandlerScope(const HandlerScope&) = delete;
    HandlerScope& operator=(const HandlerScope&) = delete;

  private:
    sigjmp_buf* const handler_;
    ErrorContextCallback* const context_;
};

// False: Postgres raised an error, which is still on its error stack.
template <auto Fn, class Result, class... Args>
[[gnu::noinline]] bool protected_call(Result* result, Args... args) {
    HandlerScope scope;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) != 0) return false;
    PG_exception_stack = &here;
    if constexpr (std::is_void_v<Result>) {
        Fn(args...);
    } else {
        *result = Fn(args...);
    }
    return true;
}

template <class F, class Result>
[[gnu::noinline]] bool protected_block(Result* result, F& block) {
    HandlerScope scope;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) != 0) return false;
    PG_exception_stack = &here;
    if constexpr (std::is_void_v<Result>) {
        block();
    } else {
        *result = block();
    }
    return true;
}

template <class T>
inline constexpr bool kMayCross = std::is_trivially_copyable_v<T>&& std::is_trivially_destructible_v<T>;

}  // namespace detail

// does     calls the server function Fn(args...); its ereport(ERROR) is thrown as PgError
// returns  what Fn returns; CurrentMemoryContext stays as Fn leaves it, after an error it is the caller's
// again needs    arguments and result are trivially copyable; Fn calls back no C++ code that throws cost
// measured: about 7 ns over the bare call; an error 1.5 to 3 us
//   int rc = call<&SPI_execute_plan>(plan, values, nulls, false, 0L);
template <auto Fn, class... Args>
auto call(Args... args) {
    using Result = std::invoke_result_t<decltype(Fn), Args...>;
    static_assert((detail::kMayCross<Args> && ...), "arguments of a guarded call must be trivially copyable");
    const MemoryContext context = CurrentMemoryContext;
    if constexpr (std::is_void_v<Result>) {
        if (!detail::protected_call<Fn, void, Args...>(nullptr, args...)) [[unlikely]]
            detail::throw_raised_error(context);
    } else {
        static_assert(detail::kMayCross<Result>, "the result of a guarded call must be trivially copyable");
        Result result;
        if (!detail::protected_call<Fn, Result, Args...>(&result, args...)) [[unlikely]]
            detail::throw_raised_error(context);
        return result;
    }
}

// The same for a block with several calls or macros. The block creates no C++ object that has a destructor
// and calls no C++ function that does, in any depth; it captures references and plain values only.
//   guarded([&] { PushActiveSnapshot(GetTransactionSnapshot()); });
template <class F>
auto guarded(F block) {
    using Result = std::invoke_result_t<F&>;
    static_assert(std::is_trivially_destructible_v<F>,
                  "a guarded block captures references and plain values only");
    const MemoryContext context = CurrentMemoryContext;
    if constexpr (std::is_void_v<Result>) {
        if (!detail::protected_block<F, void>(nullptr, block)) [[unlikely]]
            detail::throw_raised_error(context);
    } else {
        static_assert(detail::kMayCross<Result>, "the result of a guarded block must be trivially copyable");
        Result result;
        if (!detail::protected_block<F, Result>(&result, block)) [[unlikely]]
            detail::throw_raised_error(context);
        return result;
    }
}

// For destructors: runs a clean-up that must not fail; if it does, the process ends with FATAL saying what
// failed.
template <class F>
void must_succeed(const char* what, F block) noexcept {
    static_assert(std::is_trivially_destructible_v<F>,
                  "a guarded block captures references and plain values only");
    const MemoryContext context = CurrentMemoryContext;
    if (!detail::protected_block<F, void>(nullptr, block)) [[unlikely]] {
        MemoryContextSwitchTo(context);
        detail::die_of_failed_cleanup(what);
    }
}

}  // namespace foreman::pg
