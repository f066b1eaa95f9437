// Keeping and reporting errors. Each kept error has a small memory context to itself: CopyErrorData copies
// strings that FreeErrorData does not free (file and function names, domains; elog.c), so freeing one by one
// would leak.
#include "pg/error.hpp"

#include "pg/call.hpp"

namespace foreman::pg {
namespace {

// Given to ReThrowError, which copies it and does not return; freed when the next error is kept.
constinit ErrorData* handed_over = nullptr;

void free_error(ErrorData* data) noexcept {
    if (data != nullptr) MemoryContextDelete(GetMemoryChunkContext(data));
}

__attribute__((format(printf, 2, 0))) void print(char (&text)[Failure::kTextSize], const char* format,
                                                 std::va_list args) noexcept {
    const int wanted = std::vsnprintf(text, sizeof text, format, args);
    if (wanted < 0) {
        text[0] = '\0';
    } else if (static_cast<std::size_t>(wanted) >= sizeof text) {
        const int length = static_cast<int>(sizeof text) - 1;
        text[pg_mbcliplen(text, length, length)] = '\0';
    }
}

// May ereport. Leaves CurrentMemoryContext in the error's own context. What was handed over goes after the copy: the
// error that is raised now may be that one, and ReThrowError copies neither the names of its file and function nor
// its domain.
ErrorData* keep_raised_error() {
    // These sizes let aset.c recycle contexts.
    MemoryContextSwitchTo(
        AllocSetContextCreateInternal(TopMemoryContext, "foreman errors", ALLOCSET_SMALL_SIZES));
    ErrorData* const kept = CopyErrorData();
    free_error(std::exchange(handed_over, nullptr));
    return kept;
}

void report(int level, int sqlstate, const char* message, const char* detail, const char* hint,
            const char* context) {
    guarded([=] {
        ereport(level, (errcode(sqlstate), errmsg_internal("%s", message),
                        *detail != '\0' ? errdetail_internal("%s", detail) : 0,
                        *hint != '\0' ? errhint("%s", hint) : 0,
                        *context != '\0' ? errcontext_msg("%s", context) : 0));
    });
}

}  // namespace

PgError& PgError::operator=(PgError&& other) noexcept {
    if (this != &other) {
        discard();
        data_ = std::exchange(other.data_, nullptr);
    }
    return *this;
}

PgError& PgError::without_context() noexcept {
    if (data_->context != nullptr) pfree(std::exchange(data_->context, nullptr));
    return *this;
}

void PgError::discard() noexcept { free_error(std::exchange(data_, nullptr)); }

Failure::Failure(int sqlstate, const char* format, ...) noexcept : sqlstate_(sqlstate) {
    std::va_list args;
    va_start(args, format);
    print(message_, format, args);
    va_end(args);
    detail_[0] = '\0';
    hint_[0] = '\0';
}

Failure& Failure::detail(const char* format, ...) noexcept {
    std::va_list args;
    va_start(args, format);
    print(detail_, format, args);
    va_end(args);
    return *this;
}

Failure& Failure::hint(const char* format, ...) noexcept {
    std::va_list args;
    va_start(args, format);
    print(hint_, format, args);
    va_end(args);
    return *this;
}

void log(int level, const char* format, ...) {
    Assert(level < ERROR);
    char text[1024];
    std::va_list args;
    va_start(args, format);
    const int wanted = std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (wanted >= static_cast<int>(sizeof text)) {
        const int length = static_cast<int>(sizeof text) - 1;
        text[pg_mbcliplen(text, length, length)] = '\0';
    }
    report(level, 0, text, "", "", "");
}

void log(int level, const Failure& failure) {
    Assert(level < ERROR);
    report(level, failure.sqlstate(), failure.message(), failure.detail(), failure.hint(), "");
}

void log(int level, const char* prefix, const PgError& error) {
    Assert(level < ERROR);
    guarded([&] {
        ereport(level, (errcode(error.sqlstate()), errmsg_internal("%s: %s", prefix, error.message()),
                        *error.detail() != '\0' ? errdetail_internal("%s", error.detail()) : 0,
                        *error.hint() != '\0' ? errhint("%s", error.hint()) : 0,
                        *error.context() != '\0' ? errcontext_msg("%s", error.context()) : 0));
    });
}

namespace detail {

void throw_raised_error(MemoryContext context) {
    ErrorData* data = nullptr;
    auto keep = [&data] { data = keep_raised_error(); };
    const bool kept = protected_block<decltype(keep), void>(nullptr, keep);
    FlushErrorState();
    MemoryContextSwitchTo(context);
    if (!kept) throw std::bad_alloc();
    throw PgError(data);
}

void raise(ErrorData* data) {
    handed_over = data;
    // Without context, because it was dropped or because there was none: the callers' lines are collected
    // again.
    if (data->context == nullptr) ThrowErrorData(data);
    ReThrowError(data);
}

void raise(const Failure& failure) {
    ereport(ERROR, (errcode(failure.sqlstate()), errmsg_internal("%s", failure.message()),
                    *failure.detail() != '\0' ? errdetail_internal("%s", failure.detail()) : 0,
                    *failure.hint() != '\0' ? errhint("%s", failure.hint()) : 0));
}

void die_of_failed_cleanup(const char* what) noexcept {
    ErrorData* data = nullptr;
    auto keep = [&data] { data = keep_raised_error(); };
    const bool kept = protected_block<decltype(keep), void>(nullptr, keep);
    FlushErrorState();
    MemoryContextSwitchTo(TopMemoryContext);
    ereport(FATAL, (errcode(kept ? data->sqlerrcode : ERRCODE_OUT_OF_MEMORY),
                    errmsg_internal("could not %s: %s", what, kept ? data->message : "out of memory")));
}

}  // namespace detail
}  // namespace foreman::pg
