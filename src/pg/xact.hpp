// Transactions as objects. Transaction and Subtransaction abort when they are left without commit(), and are
// the only objects after which a PgError may be swallowed: locks, buffers and snapshots are in a known state
// again. A destructor whose abort fails ends the process with FATAL.
#pragma once

#include "pg/call.hpp"

namespace foreman::pg {

// A top-level transaction of a background worker, READ COMMITTED, as long as it takes and, on a primary, read
// write whatever the role's settings say, with an active snapshot. CurrentMemoryContext is put back after its
// end: start it in a context that is not a transaction's. It reports no statistics: under a call of a
// function the server still writes to those that a report frees. Loops of workers report between two calls.
class Transaction {
  public:
    // What BEGIN would give the role, and no snapshot yet, for commands that end their transactions
    // themselves.
    struct SessionDefaults {};

    Transaction();
    // CurrentMemoryContext inside is `memory`, which outlives it. A CurrentScope would not do: it would give back a context
    // that has gone with the transaction.
    explicit Transaction(MemoryContext memory);
    explicit Transaction(SessionDefaults);
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();

    // Also reports statistics. After an exception from here the destructor aborts.
    void commit();
    // Aborts now.
    void rollback();

  private:
    struct Started {};
    explicit Transaction(Started);

    const MemoryContext context_;
    bool open_ = true;
};

// Inside a procedure that was CALLed at top level: the caller's transaction is committed, and a new one
// stands at the end of this scope, as with SPI_commit in spi.c. In between there is none: use Transaction.
// Refused (2D000) where the caller cannot give its transaction up: functions, transaction blocks, procedures
// called by procedures.
class BetweenTransactions {
  public:
    BetweenTransactions(FunctionCallInfo fcinfo, const char* procedure);
    BetweenTransactions(const BetweenTransactions&) = delete;
    BetweenTransactions& operator=(const BetweenTransactions&) = delete;
    ~BetweenTransactions();

  private:
    const MemoryContext context_;
};

// A subtransaction in the caller's memory context. Left without commit() it rolls back, which releases what
// was acquired inside (locks, snapshots, SPI connections); an error that came out may then be swallowed.
// Cost: 0.2 to 0.4 us empty, 0.6 to 0.8 us rolled back; one that writes takes a transaction id besides.
class Subtransaction {
  public:
    Subtransaction();
    Subtransaction(const Subtransaction&) = delete;
    Subtransaction& operator=(const Subtransaction&) = delete;
    ~Subtransaction();

    void commit();
    void rollback();
    // Refuses writes (25006) from here to its end where the session's default is to be read-only.
    void follow_read_only_default() noexcept;

    // Has it taken a transaction id (of its own; those of inner ones count in subtransaction_ids)? Also after
    // its end.
    bool wrote() const noexcept { return open_ ? has_id() : wrote_; }

  private:
    static bool has_id() noexcept { return TransactionIdIsValid(GetCurrentTransactionIdIfAny()); }
    void restore() noexcept;

    const MemoryContext context_;
    const ResourceOwner owner_;
    bool open_ = true;
    bool wrote_ = false;
};

// Transaction ids that subtransactions of the current transaction hold in this process's cache; more than the
// cache holds (PGPROC_MAX_CACHED_SUBXIDS = 64) slows down every snapshot of the server.
int subtransaction_ids() noexcept;

// A fresh snapshot, active as long as this lives. While an exception unwinds, the abort pops it.
class ActiveSnapshot {
  public:
    ActiveSnapshot();
    ActiveSnapshot(const ActiveSnapshot&) = delete;
    ActiveSnapshot& operator=(const ActiveSnapshot&) = delete;
    ~ActiveSnapshot();

  private:
    const int exceptions_ = std::uncaught_exceptions();
};

// A snapshot of the database as it is now, also in a transaction that keeps its first one, active as long as
// this lives; or one that was just taken.
class LatestSnapshot {
  public:
    LatestSnapshot();
    explicit LatestSnapshot(Snapshot taken);
    LatestSnapshot(const LatestSnapshot&) = delete;
    LatestSnapshot& operator=(const LatestSnapshot&) = delete;
    ~LatestSnapshot();

  private:
    const int exceptions_ = std::uncaught_exceptions();
};

/// does: waits for the end of the transaction that has changed or locked a row (xmax), and for no other lock
///     on that row; returns at once for our own, and for none.
/// errors: whatever interrupts the wait
void wait_for_changer(TransactionId xmax);

}  // namespace foreman::pg
