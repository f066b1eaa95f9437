// The two kinds of exception that cross our code, and log messages.
// PgError is an error that Postgres raised (thrown by call.hpp); Failure is an error of our own on its way to
// the user. entry.hpp turns both back into ereport. Neither derives from std::exception, so that a handler
// for library errors cannot swallow them: only Transaction and Subtransaction may be followed by swallowing,
// because they abort.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::pg {

// An error that Postgres raised, complete. Owns its ErrorData, which lives in the context "foreman errors"
// under TopMemoryContext and so survives the abort that follows. Move-only.
class PgError {
  public:
    // data has a memory context to itself.
    explicit PgError(ErrorData* data) noexcept : data_(data) {}
    PgError(PgError&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    PgError& operator=(PgError&& other) noexcept;
    PgError(const PgError&) = delete;
    PgError& operator=(const PgError&) = delete;
    ~PgError() { discard(); }

    // Encoded as ERRCODE_...; compare with those.
    int sqlstate() const noexcept { return data_->sqlerrcode; }
    // Five characters and a zero; valid until the next call of sqlstate_text on any error.
    const char* sqlstate_text() const noexcept { return unpack_sql_state(data_->sqlerrcode); }
    // Empty strings where the error has none. Valid as long as this object.
    const char* message() const noexcept { return or_empty(data_->message); }
    const char* detail() const noexcept { return or_empty(data_->detail); }
    const char* hint() const noexcept { return or_empty(data_->hint); }
    const char* context() const noexcept { return or_empty(data_->context); }
    const char* constraint() const noexcept { return or_empty(data_->constraint_name); }
    const ErrorData& data() const noexcept { return *data_; }

    // Users need no CONTEXT lines of our own statements: drops all before the error is rethrown. The bridge
    // adds those of the callers again.
    PgError& without_context() noexcept;

    // Gives the ErrorData away (to the bridge); this object is then empty.
    ErrorData* release() noexcept { return std::exchange(data_, nullptr); }

  private:
    static const char* or_empty(const char* text) noexcept { return text == nullptr ? "" : text; }
    void discard() noexcept;

    ErrorData* data_;
};

// An error of our own. Fixed-size and trivially copyable: making and throwing it takes no memory of Postgres.
// Texts longer than kTextSize - 1 bytes are cut at a character boundary of the database encoding.
//   throw Failure(ERRCODE_INVALID_PARAMETER_VALUE, "qty %d is out of range", n).hint("Use 1 to %d.",
//   kMaxQty);
class Failure {
  public:
    static constexpr std::size_t kTextSize = 512;

    Failure(int sqlstate, const char* format, ...) noexcept __attribute__((format(printf, 3, 4)));
    Failure& detail(const char* format, ...) noexcept __attribute__((format(printf, 2, 3)));
    Failure& hint(const char* format, ...) noexcept __attribute__((format(printf, 2, 3)));

    int sqlstate() const noexcept { return sqlstate_; }
    const char* message() const noexcept { return message_; }
    const char* detail() const noexcept { return detail_; }
    const char* hint() const noexcept { return hint_; }

  private:
    int sqlstate_;
    char message_[kTextSize];
    char detail_[kTextSize];
    char hint_[kTextSize];
};

// Reports below ERROR (LOG, WARNING, NOTICE, DEBUG1 ...), guarded: a PgError may be thrown when even that
// fails.
void log(int level, const char* format, ...) __attribute__((format(printf, 2, 3)));
// The same with SQLSTATE, detail and hint; and with the error of another, its SQLSTATE, message, detail, hint
// and context kept ("prefix: message").
void log(int level, const Failure& failure);
void log(int level, const char* prefix, const PgError& error);

namespace detail {

// Takes the error that Postgres just raised off its error stack and throws it as PgError; bad_alloc when
// there is no memory to keep it. context is where CurrentMemoryContext goes back to.
[[noreturn]] void throw_raised_error(MemoryContext context);

// Hands edata to Postgres and does not return. Frees it at the next captured error, as ReThrowError copies
// it. Call it only where no C++ object with a destructor is alive in any frame up to the caller of the
// bridge.
[[noreturn]] void raise(ErrorData* data);
[[noreturn]] void raise(const Failure& failure);

// Ends the process, from a destructor whose clean-up failed: nothing after it could be trusted.
[[noreturn]] void die_of_failed_cleanup(const char* what) noexcept;

}  // namespace detail
}  // namespace foreman::pg
