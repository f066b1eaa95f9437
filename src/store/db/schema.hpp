// Where our objects are in this database: OIDs of schema, tables, types and their owner, looked up once and
// again after invalidation. Everybody who runs a statement of ours does it as owner() (see AsOwner).
// Invariant: after DROP EXTENSION is seen, find() answers false; no OID is used over a transaction's end
// without asking again.
#pragma once

#include "pg/identity.hpp"
#include "pg/prelude.hpp"
#include "pg/spi.hpp"

namespace foreman::store {

struct Schema {
    Oid live_job;
    Oid claim_index;  // live_job_claim; none: somebody dropped it
    Oid job_history;
    Oid handler;
    Oid queue;
    Oid role_grant;
    Oid workflow_type;
    Oid subscription;
    Oid job_id_sequence;
    Oid workflow_instance_sequence;
    Oid workflow_effect_sequence;
    Oid position_sequence;
    Oid owner;
    Oid job_type;        // foreman.job
    Oid job_array_type;  // foreman.job[]
    Oid job_outcome_type;
    Oid event_type;        // foreman.event
    Oid event_array_type;  // foreman.event[]
};

/// The objects of this database.
/// errors: 55000 when the extension is not (or no longer) there, or of another release than this library. needs a
/// transaction.
const Schema& schema();
/// nullptr when the extension is not there, or of another release than this library. needs a transaction.
const Schema* find_schema();

/// Reasons to reload a cache of ours; counters that change when the relation was changed by anybody.
uint64 handler_generation() noexcept;
/// Handlers are read again from their table: a commit is visible before its invalidation arrives.
void distrust_handlers() noexcept;
void distrust_queues() noexcept;
uint64 queue_generation() noexcept;
/// Of live_job, job_history, and everything that has their columns.
uint64 job_tables_generation() noexcept;
uint64 grant_generation() noexcept;
uint64 workflow_type_generation() noexcept;
uint64 subscription_generation() noexcept;
/// Changes whenever any function's definition did.
uint64 function_generation() noexcept;
/// Changes whenever the columns of a table, or a type, did: what a session keeps from before may not fit
/// them.
uint64 definition_generation() noexcept;
/// Changes whenever any role of the cluster did.
uint64 role_generation() noexcept;
/// Tells every process that definitions in a table of ours changed, at commit.
void announce_change(Oid relation);
/// Tells every process that the objects may be of another release, at commit.
void announce_release();

/// No lock_timeout while an executor does what is its own: handlers and roles set it for themselves.
class LockPatience {
  public:
    LockPatience() noexcept;
    ~LockPatience() { LockTimeout = before_; }
    LockPatience(const LockPatience&) = delete;
    LockPatience& operator=(const LockPatience&) = delete;

  private:
    const int before_;
};

/// The scope in which our own statements run: as the tables' owner, on an SPI connection, with safe settings
/// for names (all names are qualified) and with plans that use our indexes whatever the role's settings say.
class AsOwner {
  public:
    AsOwner();
    explicit AsOwner(Oid owner);
    ~AsOwner();
    AsOwner(const AsOwner&) = delete;
    AsOwner& operator=(const AsOwner&) = delete;

    /// For the few statements of upkeep that read whole tables.
    void allow_any_plan() const noexcept { before_.apply(); }

  private:
    pg::RunAs run_as_;
    struct Planner {
        bool seqscan, bitmapscan, sort, hashjoin, mergejoin, jit, indexscan, indexonlyscan, tidscan, nestloop;
        static Planner current() noexcept;
        void apply() const noexcept;
    };
    const Planner before_;
    const LockPatience patience_;
    pg::SpiSession spi_;
};

/// Raises 25006 naming the function when the server is a standby.
void require_primary(const char* function);
/// The same, also when the transaction is read-only.
void require_writable(const char* function);

}  // namespace foreman::store
