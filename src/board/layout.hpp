// The layout of the board: the shared memory that launcher, dispatchers, executors and client sessions share.
// Outside of board/, functions of board/board.hpp and its kind are the way to these structs; the
// rest of the house asks them. Invariant: everything here is standard layout without pointers, and can be
// lost at a crash: the tables know better.
#pragma once

#include "board/instant.hpp"
#include "core/group_pace.hpp"
#include "core/histogram.hpp"
#include "core/index_table.hpp"
#include "core/job_state.hpp"
#include "core/range_head.hpp"
#include "core/token_bucket.hpp"
#include "pg/prelude.hpp"

namespace foreman::board {

constexpr int kMaxDatabases = 128;
constexpr int kMaxSlots = 64;
constexpr int kNameBytes = 256;  // names are at most 255 bytes
constexpr int kNoteBytes = 256;
constexpr uint32 kNoIndex = 0xFFFFFFFF;

// A name inside the board; len <= 255.
struct BoardName {
    uint16 len;
    char text[kNameBytes];
};

enum class SlotState : uint32 { free = 0, starting, idle, busy, dead };

// Why an executor ended while a job was in its hands; decides whether an attempt is charged.
// terminated: by somebody who is none of us.
enum class Death : uint32 { none = 0, interrupted, terminated, own_fault };

struct ExecutorSlot {
    pg_atomic_uint32 state;        // SlotState
    pg_atomic_uint32 proven;       // its executor has committed something, or came to rest
    pg_atomic_uint32 leave;        // 1: exit at the next group's end; 2: interrupt what runs
    pg_atomic_uint32 unsettled;    // what it ran last is not to be claimed yet (unsettled.hpp)
    pg_atomic_uint64 current_job;  // 0: none; may be read without the mutex
    pg_atomic_uint64 jobs_done;
    pg_atomic_uint64 interrupt_target;  // the job that the last SIGINT of ours was meant for
    int32 pid;
    int32 procno;
    Oid database;
    Oid role;
    int64 since;           // when state last changed between idle and busy
    int64 tenure_since;    // steady clock: when this slot was given to (database, role)
    pg_atomic_uint32 xid;  // of the transaction in which it locks rows that stay; 0: none
    slock_t mutex;         // guards everything below
    int64 started_at;
    int32 attempt;
    uint32 death;        // Death
    bool outside_group;  // the job of a dead slot was leased (lane procedure), not claimed by delete
    bool has_progress;
    uint32 held_range;  // index of the range of held_key, or kNoIndex
    uint32 held_generation;
    core::Key held_key;
    double progress;
    BoardName kind;
    BoardName queue;
    uint16 note_len;
    char note[kNoteBytes];
};

// Reasons to wake a dispatcher, as bits.
enum Poke : uint32 {
    kPokeDue = 1,           // a head or an executor changed: look at the heads
    kPokeRequests = 2,      // rows in job_request
    kPokeReread = 4,        // heads are not to be trusted: read them from the rows
    kPokeExecutor = 8,      // an executor ended
    kPokeHandlers = 16,     // handlers were registered or unregistered
    kPokeExpiry = 32,       // an expires_at came closer
    kPokeIdentity = 64,     // start() or stop()
    kPokeLeases = 128,      // a lease ends earlier than the dispatcher knew
    kPokeBlocked = 256,     // a blocked job may go on
    kPokeQueues = 512,      // settings of queues changed
    kPokeSchedules = 1024,  // a schedule is due earlier than the dispatcher knew
    kPokeOrphans = 2048,    // a session that runs lane procedure itself ends
    kPokePrepared = 4096,   // a prepared transaction committed: what it asked for was told to nobody
    kPokeRecords = 8192,    // a run of cron.job is to be recorded
    kPokeNewKinds = 16384,  // ranges came whose kind had no handler when it was looked up
    kPokeFeed = 32768       // events were appended, or a projection goes on
};

// Entries that are hints to the dispatcher, in the order in which they came; guarded by the lock of waits.
struct HintList {
    uint32 first = kNoIndex;
    uint32 last = kNoIndex;
};
struct HintLink {
    uint32 before, after;
};

struct DatabaseSlot {
    Oid database;  // InvalidOid: free
    int32 pid;     // of the dispatcher, 0: none
    int32 procno;
    int32 clerk_pid;  // of the process that records runs of cron.job, 0: none
    int32 clerk_procno;
    pg_atomic_uint32 pokes;
    pg_atomic_uint32 request_generation;  // changes with every committed request
    pg_atomic_uint32 requests_open;       // 0: no row of job_request is left
    pg_atomic_uint32 off_board;           // ranges are missing on the board: their rows tell
    pg_atomic_uint32 off_board_notes;     // how often that was said
    BoardInstant off_board_due;           // a lower bound on the head of those that executors run
    pg_atomic_uint32 counted;             // the queue counters have been set from the rows
    // What the last count of jobs saw (board/depths.hpp). Under the ranges lock.
    uint64 counted_below;               // transactions from here on began after it
    uint32 running_count;               // of those before, so many were running
    pg_atomic_uint32 leases_off_board;  // some had no room: their rows tell when they end
    pg_atomic_uint32 leases_loaded;     // what is leased is on the board: limits may be trusted
    pg_atomic_uint32 unwritten_leases;  // so many rows do not say yet that their jobs are leased
    pg_atomic_uint32 waits_overflow;    // a key or an awaited job did not fit: look at all blocked rows
    pg_atomic_uint32 wants_room;        // a role has more due work, and others hold the slots
    pg_atomic_uint32 waits_off_board;   // keys with parked jobs, or ends that jobs wait for, are missing
    HintList key_hints;                 // keys whose parked jobs may go on
    HintList end_hints;                 // jobs and batches that ended and are waited for
    pg_atomic_uint32 settings_loaded;   // the queue entries have the settings of their rows
    uint32 settings_generation;         // changes with every committed change of a queue's settings
    BoardInstant next_wake;             // the instant the dispatcher sleeps to
    BoardInstant next_expiry;           // a lower bound on the earliest expires_at
    BoardInstant next_lease_end;        // a lower bound on the earliest leased_until
    BoardInstant next_lease_write;    // a lower bound on when the first unwritten lease is due to be written
    pg_atomic_uint64 database_bytes;  // int64: as the dispatcher measured last
    BoardInstant next_fire;           // a lower bound on the time of the first schedule
    pg_atomic_uint32 wants_appends;   // the dispatcher wants to hear of the next appended events
    int32 held_by;                    // pid of a session that keeps the workers out, 0: none
    bool stopped;                     // the identity says so
    bool has_extension;
    bool look_again;  // whoever poked the launcher meant this database
    int32 exit;       // DispatcherExit of the last dispatcher
    // A duty of the dispatcher that fails again and again; empty: none. Under the directory lock.
    char failing[64];
    char failing_error[160];
    int64 failing_since;
};

struct RangeHot {
    slock_t mutex;  // guards head, pending, lowered and raiser_pid
    bool no_room;   // the board had no room for the key of a job that was to start
    bool unsure;    // the role of its kind is to be looked up
    uint8 kind_hash;
    Oid database;  // InvalidOid: free
    Oid role;      // whose executors run the kind; InvalidOid: no handler
    int16 priority;
    int16 alone;
    uint32 queue_index;
    int32 raiser_pid;
    pg_atomic_uint32 claimed;  // rows claimed from outside since the last raise
    uint32 lowered;            // changes whenever a row became claimable, even above the head
    core::RangeHead keys;
};

struct RangeCold {
    uint32 next;        // in the hash chain or the free list
    uint32 generation;  // changes when the entry is given to another range
    uint32 hash;
    // Somebody claims all that is due there, see note_drained(); guarded by the mutex of its RangeHot.
    uint32 drained_at;
    int64 drained_until;
    uint16 queue_len;
    uint16 kind_len;
    char queue[kNameBytes];
    char kind[kNameBytes];
};

// What claims need to know of a queue's row. Written under the ranges lock, read without it: each member is
// valid by itself.
struct QueueSettings {
    bool paused;
    int32 ageing;       // every n-th job is the oldest due one whatever its priority; 0: none
    int32 max_running;  // 0: unlimited
    int32 rate_limit;   // so many jobs in rate_period_us; 0: unlimited
    int64 rate_period_us;
};

struct QueueEntry {
    uint32 next;
    uint32 hash;
    Oid database;
    bool ranges_stay;       // only while sweep_locked() runs
    bool in_count;          // a count is under way that has not come to this queue
    int64 live_before;      // what it found here at its beginning
    pg_atomic_uint64 live;  // int64 counters; this one changes under the ranges lock, which may be shared
    pg_atomic_uint64 enqueued;
    pg_atomic_uint64 completed;
    pg_atomic_uint64 failed;
    pg_atomic_uint64 discarded;
    pg_atomic_uint64 cancelled;
    pg_atomic_uint64 scheduled;  // waiting jobs that were due later, as the dispatcher counted last
    pg_atomic_uint64 leased;     // by workers outside, the same
    pg_atomic_uint64 pending;    // that wait for other jobs, the same
    pg_atomic_uint64 throttled_until;
    pg_atomic_uint32 throttle_windows;  // in a row; changes with throttled_until under the ranges lock
    pg_atomic_uint32 claims;            // jobs claimed while ageing was on
    pg_atomic_uint32 running;           // executors that run its jobs, and leases
    pg_atomic_uint32 full_seen;         // somebody found it full: tell when a place is free
    pg_atomic_uint64 rate_opens;        // int64: no token before
    slock_t rate_mutex;                 // guards the bucket
    core::TokenBucket bucket;
    QueueSettings settings;
    uint16 name_len;
    char name[kNameBytes];
};

// How long jobs of a queue waited and ran. Only the first queues of the board have one, at the same index.
struct QueueTimes {
    pg_atomic_uint32 wait[core::kHistogramBuckets];
    pg_atomic_uint32 run[core::kHistogramBuckets];
    pg_atomic_uint64 wait_us;  // sums
    pg_atomic_uint64 run_us;
};

// A session in await(), woken when the job ends, or in wait_for_job(), woken when one of its queues has
// something.
constexpr int kMaxWaitedQueues = 16;
struct Waiter {
    int32 pid;  // 0: free
    int32 procno;
    Oid database;
    Oid role;      // whose share of the table it is
    int64 job_id;  // 0: wait_for_job()
    bool woken;    // for one job: the next job wakes another
    int32 queue_count;
    uint32 queues[kMaxWaitedQueues];  // hashes of their names
};

// The bucket of a named rate limit.
constexpr int kMaxScopes = 512;
struct ScopeEntry {
    Oid database;  // InvalidOid: free
    uint32 hash;
    core::BucketRule rule;
    core::TokenBucket bucket;
    BoardName name;
};

// An attempt that an outside worker holds. What changes often about it is here; token, owner and length are
// in the row as well, once the dispatcher has written them (see unwritten_leases.hpp).
constexpr int kLeaseNoteBytes = 96;
constexpr int kLeaseWorkerBytes = 64;
struct LeaseEntry {
    uint32 next;
    Oid database;  // InvalidOid: free
    Oid role;      // whose share of the table it is
    int64 job_id;
    uint8 token[16];
    int64 leased_until;
    int64 renewed_at;  // when leased_until was reckoned
    int64 length_us;
    uint32 keys[2];  // entries of KeyEntry that it holds
    uint32 queue;    // entry of QueueEntry whose place it holds
    bool cancel_requested;
    bool ending;  // its rescue is under way: no heartbeat saves it any more
    bool has_progress;
    bool unwritten;  // the row does not say yet that the job is leased
    bool open;       // the transaction of its claim has not ended
    bool prepared;   // a prepared transaction ends it, of whose commit nobody tells
    uint8 settling;  // so many open transactions end it
    uint8 worker_len;
    int64 claimed_at;
    char worker[kLeaseWorkerBytes];  // while unwritten
    uint16 note_len;
    ItemPointerData place;  // while unwritten, of the row that was leased
    double progress;
    char note[kLeaseNoteBytes];
};

// An outside worker that said so with worker_heartbeat(); gone when it has been silent for a while.
constexpr int kMaxWorkers = 1024;
struct WorkerEntry {
    Oid database;  // InvalidOid: free
    Oid role;      // that announced it
    int64 first_seen;
    int64 last_seen;
    int32 queue_count;
    BoardName id;
    BoardName label;
    BoardName queues[kMaxWaitedQueues];
};

// A key that jobs run under, or that has parked ones.
struct KeyEntry {
    uint32 next;
    uint32 hash;
    Oid database;  // InvalidOid: free
    Oid role;      // whose share of the table it is, while `running`
    int32 running;
    char type;  // BlockedOn
    bool parked;
    bool hinted;  // in the list of its database
    HintLink hint;
    uint16 queue_len;
    uint16 key_len;
    core::ParkedHead places;     // of the parked jobs; only while `parked`
    char names[2 * kNameBytes];  // queue, then key
};

// A job or a batch whose end is waited for.
struct AwaitedEntry {
    uint32 next;
    Oid database;  // InvalidOid: free
    int64 id;
    core::EndKind kind;
    bool hinted;  // in the list of its database
    HintLink hint;
    core::EndId end() const noexcept { return {kind, id}; }
};

// What is counted for each type of workflow. The first ones are how many there are, and the dispatcher counts them at
// its start; the others only grow, from the start of the server on.
enum class WorkflowCount : int {
    running,
    parked,
    pending_inputs,
    started,
    completed,
    failed,
    cancelled,
    terminated,
    continued,
    accepted,
    rejected,
    already_completed,
    events,
    count
};
constexpr int kWorkflowCounts = static_cast<int>(WorkflowCount::count);
constexpr int kWorkflowGauges = static_cast<int>(WorkflowCount::started);
constexpr uint32 kMaxWorkflowTypes = 512;
struct WorkflowTypeEntry {
    Oid database;  // InvalidOid: free
    uint32 hash;
    bool in_count;                  // a count is under way,
    int64 before[kWorkflowGauges];  // what was told here at its beginning,
    int64 found[kWorkflowGauges];   // and what it has found
    pg_atomic_uint64 counts[kWorkflowCounts];
    BoardName type;
};

struct Demand {    // a (database, role) with due work and no executor
    Oid database;  // InvalidOid: free
    Oid role;
    int64 since;  // steady clock
};
constexpr int kMaxDemands = 256;

// What was running in the process that crashed the server, until the dispatcher of its database has charged
// it: one job, or the jobs of one call of a batch handler.
struct Suspect {
    Oid database;
    int32 count;
    int64 job_ids[core::kMaxChunk];
};

// The tables of the board, each of a fixed size.
enum class BoardTable : int {
    ranges,
    queues,
    leases,
    keys,
    awaited,
    waiters,
    workers,
    scopes,
    workflow_types,
    count
};
constexpr int kBoardTables = static_cast<int>(BoardTable::count);
// How many entries of a table each role has. Roles of one bucket share their share. Guarded as the table is.
constexpr uint32 kShareBuckets = 1024;
struct RoleShares {
    uint32 used;
    uint32 held[kShareBuckets];
};

struct TableUse {
    pg_atomic_uint32 used;
    pg_atomic_uint64 refused_at;  // int64: when somebody last found no room
};

// What a process appends to the feed. See board/feed.hpp.
struct Appender {
    // int64: 1 more than the position that was the last one before its own; 0: it appends nothing
    pg_atomic_uint64 after;
    Oid database;
    int32 pid;
    int64 since;  // when its transaction began
};

struct Board {
    int64 began_at;  // when this memory was set up
    TableUse tables[kBoardTables];
    int32 suspect_count;
    Suspect suspects[kMaxSlots];
    int32 launcher_pid;
    int32 launcher_procno;
    pg_atomic_uint32 launcher_poked;
    pg_atomic_uint32 settings_generation;  // of roles and databases
    pg_atomic_uint32 wants_room;           // some database does
    pg_atomic_uint32 unsettled;            // so many slots say so
    core::TableHead ranges;
    uint32 range_hand;  // where the search for an entry to give away goes on
    core::TableHead queues;
    uint32 times_capacity;
    uint32 waiter_capacity;
    core::TableHead leases;
    RoleShares lease_shares;
    core::TableHead keys;
    uint32 key_hand;        // where the search for an entry to give away goes on
    RoleShares key_shares;  // of those that are `running`
    core::TableHead awaited;
    uint32 snapshot_capacity;
    DatabaseSlot databases[kMaxDatabases];
    ExecutorSlot slots[kMaxSlots];
    Demand demands[kMaxDemands];
    ScopeEntry scopes[kMaxScopes];                        // under the lock of waits
    uint32 workflow_types_used;                           // none behind the first so many is in use
    WorkflowTypeEntry workflow_types[kMaxWorkflowTypes];  // under the ranges lock
    // followed by the arrays below, found by offset
    Size hot_offset;
    Size cold_offset;
    Size range_bucket_offset;
    Size queue_offset;
    Size queue_bucket_offset;
    Size times_offset;
    Size waiter_offset;
    Size lease_offset;
    Size lease_bucket_offset;
    Size worker_offset;
    Size key_offset;
    Size key_bucket_offset;
    Size awaited_offset;
    Size awaited_bucket_offset;
    Size snapshot_offset;
    uint32 appender_capacity;
    Size appender_offset;
};

}  // namespace foreman::board
