// Transactions. As in plpgsql's exception blocks (exec_stmt_block in pl_exec.c), a subtransaction keeps the
// memory context and resource owner of its caller.
#include "pg/xact.hpp"

namespace foreman::pg {

Transaction::Transaction(Started) : context_(CurrentMemoryContext) {
    try {
        guarded([] {
            SetCurrentStatementStartTimestamp();
            StartTransactionCommand();
            compat::suspend_transaction_timeout();
        });
    } catch (...) {
        rollback();
        throw;
    }
}

Transaction::Transaction(SessionDefaults) : Transaction(Started{}) {}

Transaction::Transaction() : Transaction(Started{}) {
    guarded([] {
        // Set by StartTransaction from the role's defaults; free to change until the first snapshot.
        XactIsoLevel = XACT_READ_COMMITTED;
        XactReadOnly = RecoveryInProgress();
        XactDeferrable = false;
        PushActiveSnapshot(GetTransactionSnapshot());
    });
}

Transaction::Transaction(MemoryContext memory) : Transaction() { MemoryContextSwitchTo(memory); }

Transaction::~Transaction() {
    if (open_) rollback();
}

void Transaction::commit() {
    guarded([] {
        if (ActiveSnapshotSet()) PopActiveSnapshot();
        CommitTransactionCommand();
    });
    open_ = false;
    MemoryContextSwitchTo(context_);
}

void Transaction::rollback() {
    open_ = false;
    must_succeed("abort a transaction", [] { AbortCurrentTransaction(); });
    MemoryContextSwitchTo(context_);
}

BetweenTransactions::BetweenTransactions(FunctionCallInfo fcinfo, const char* procedure)
    : context_(CurrentMemoryContext) {
    const auto* call = fcinfo->context != nullptr && IsA(fcinfo->context, CallContext)
                           ? castNode(CallContext, fcinfo->context)
                           : nullptr;
    if (call == nullptr || call->atomic || SPI_inside_nonatomic_context()) {
        throw Failure(ERRCODE_INVALID_TRANSACTION_TERMINATION,
                      "%s cannot run inside a transaction block or a function", procedure)
            .hint("Use CALL at top level, outside BEGIN and COMMIT.");
    }
    guarded([] {
        ForgetPortalSnapshots();
        CommitTransactionCommand();
    });
    MemoryContextSwitchTo(context_);
}

BetweenTransactions::~BetweenTransactions() {
    must_succeed("start a transaction", [] {
        if (!IsTransactionState()) StartTransactionCommand();
    });
    MemoryContextSwitchTo(context_);
}

Subtransaction::Subtransaction() : context_(CurrentMemoryContext), owner_(CurrentResourceOwner) {
    call<&BeginInternalSubTransaction>(static_cast<const char*>(nullptr));
    MemoryContextSwitchTo(context_);
}

Subtransaction::~Subtransaction() {
    if (open_) rollback();
}

// The end of the subtransaction puts it back.
void Subtransaction::follow_read_only_default() noexcept {
    if (DefaultXactReadOnly) XactReadOnly = true;
}

void Subtransaction::commit() {
    const bool wrote = has_id();
    call<&ReleaseCurrentSubTransaction>();
    wrote_ = wrote;
    restore();
}

void Subtransaction::rollback() {
    wrote_ = has_id();
    open_ = false;
    must_succeed("roll back a subtransaction", [] { RollbackAndReleaseCurrentSubTransaction(); });
    restore();
}

void Subtransaction::restore() noexcept {
    open_ = false;
    MemoryContextSwitchTo(context_);
    CurrentResourceOwner = owner_;
}

int subtransaction_ids() noexcept {
    const XidCacheStatus& cache = MyProc->subxidStatus;
    return cache.overflowed ? PGPROC_MAX_CACHED_SUBXIDS + 1 : cache.count;
}

ActiveSnapshot::ActiveSnapshot() {
    guarded([] { PushActiveSnapshot(GetTransactionSnapshot()); });
}

ActiveSnapshot::~ActiveSnapshot() {
    if (std::uncaught_exceptions() == exceptions_) PopActiveSnapshot();
}

LatestSnapshot::LatestSnapshot() {
    guarded([] { PushActiveSnapshot(GetLatestSnapshot()); });
}

LatestSnapshot::LatestSnapshot(Snapshot taken) {
    guarded([taken] { PushActiveSnapshot(taken); });
}

LatestSnapshot::~LatestSnapshot() {
    if (std::uncaught_exceptions() == exceptions_) PopActiveSnapshot();
}

void wait_for_changer(TransactionId xmax) {
    if (!TransactionIdIsNormal(xmax) || TransactionIdIsCurrentTransactionId(xmax)) return;
    call<&XactLockTableWait>(xmax, nullptr, nullptr, XLTW_None);
}

}  // namespace foreman::pg
