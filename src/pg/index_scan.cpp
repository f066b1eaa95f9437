// See index_scan.hpp. Deleting is heap_delete() as nodeModifyTable.c calls it, but without a wait: a row that somebody
// has locked is passed over, as by SKIP LOCKED, and needs no lock of ours before.
#include "pg/index_scan.hpp"

#include "pg/call.hpp"

namespace foreman::pg {

int find_columns(Oid table, std::span<const char* const> names, std::span<const Oid> types,
                 AttrNumber* numbers) {
    return guarded([&] {
        for (std::size_t i = 0; i < names.size(); i++) {
            numbers[i] = get_attnum(table, names[i]);
            if (numbers[i] == InvalidAttrNumber || get_atttype(table, numbers[i]) != types[i]) return 0;
        }
        const Relation rel = table_open(table, AccessShareLock);
        const int columns = RelationGetNumberOfAttributes(rel);
        table_close(rel, NoLock);
        return columns;
    });
}

bool is_index_of(Oid index, Oid table) {
    return guarded([index, table] {
        if (!OidIsValid(index) || IndexGetRelation(index, true) != table) return false;
        const Relation rel = index_open(index, AccessShareLock);
        const bool usable = rel->rd_index->indisvalid && rel->rd_rel->relam == BTREE_AM_OID;
        index_close(rel, NoLock);
        return usable;
    });
}

ScanKeyData scan_key(int column, StrategyNumber strategy, Oid function, Datum value, Oid collation) noexcept {
    ScanKeyData key{};
    key.sk_attno = static_cast<AttrNumber>(column);
    key.sk_strategy = strategy;
    key.sk_collation = collation;
    key.sk_argument = value;
    // Functions of the server itself: nothing is looked up, and nothing can fail.
    fmgr_info(function, &key.sk_func);
    return key;
}

RowBound::RowBound(Side side, int column, Oid first, Datum first_value, Oid second,
                   Datum second_value) noexcept
    : strategy_(side == Side::from ? BTGreaterEqualStrategyNumber : BTLessEqualStrategyNumber),
      members_{scan_key(column, strategy_, first, first_value),
               scan_key(column + 1, strategy_, second, second_value)} {
    members_[0].sk_flags = SK_ROW_MEMBER;
    // The server marks the first column only as one whose failure ends a scan. Of two columns without a gap the second ends
    // it as well; else a scan would go on to the end of the page where many rows have the same first column.
    members_[1].sk_flags = SK_ROW_MEMBER | SK_ROW_END | (side == Side::to ? SK_BT_REQFWD : 0);
}

ScanKeyData RowBound::key() const noexcept {
    ScanKeyData header{};
    header.sk_flags = SK_ROW_HEADER;
    header.sk_attno = members_[0].sk_attno;
    header.sk_strategy = strategy_;
    header.sk_argument = PointerGetDatum(members_);
    return header;
}

IndexScan::IndexScan(Oid table, Oid index, std::span<const ScanKeyData> keys, For what, bool looks_ahead) {
    guarded([&] {
        const LOCKMODE lock = what == For::deleting ? RowExclusiveLock : AccessShareLock;
        table_ = table_open(table, lock);
        index_ = index_open(index, lock);
        scan_ = compat::index_beginscan(table_, index_, GetActiveSnapshot(), static_cast<int>(keys.size()));
        scan_->xs_want_itup = looks_ahead;
        index_rescan(scan_, const_cast<ScanKey>(keys.data()), static_cast<int>(keys.size()), nullptr, 0);
        slot_ = table_slot_create(table_, nullptr);
    });
}

IndexScan::~IndexScan() {
    if (std::uncaught_exceptions() != exceptions_) return;
    must_succeed("close a scan", [this] {
        ExecDropSingleTupleTableSlot(slot_);
        index_endscan(scan_);
        index_close(index_, NoLock);
        table_close(table_, NoLock);
    });
}

bool IndexScan::next() {
    return guarded([this] {
        if (!index_getnext_slot(scan_, ForwardScanDirection, slot_)) return false;
        slot_getallattrs(slot_);
        return true;
    });
}

const Datum* IndexScan::next_entry() {
    const bool there = guarded([this] {
        if (index_getnext_tid(scan_, ForwardScanDirection) == nullptr) return false;
        bool nulls[INDEX_MAX_KEYS];
        index_deform_tuple(scan_->xs_itup, scan_->xs_itupdesc, entry_, nulls);
        return true;
    });
    return there ? entry_ : nullptr;
}

namespace {

bool take_row(Relation table, TupleTableSlot* slot) {
    return guarded([table, slot] {
        TM_FailureData failure;
        return table_tuple_delete(table, &slot->tts_tid, GetCurrentCommandId(true), GetActiveSnapshot(),
                                  InvalidSnapshot, false, &failure, false) == TM_Ok;
    });
}

}  // namespace

bool IndexScan::take() { return take_row(table_, slot_); }

// As the page says, and not as any snapshot does. The slot holds the page.
bool IndexScan::is_untouched() const {
    return guarded([this] {
        const auto* row = reinterpret_cast<const BufferHeapTupleTableSlot*>(slot_);
        LockBuffer(row->buffer, BUFFER_LOCK_SHARE);
        const TM_Result state =
            HeapTupleSatisfiesUpdate(row->base.tuple, GetCurrentCommandId(false), row->buffer);
        LockBuffer(row->buffer, BUFFER_LOCK_UNLOCK);
        return state == TM_Ok;
    });
}

RowAt::RowAt(Oid table, ItemPointerData place) {
    guarded([&] {
        table_ = table_open(table, RowExclusiveLock);
        slot_ = table_slot_create(table_, nullptr);
        seen_ = table_tuple_fetch_row_version(table_, &place, GetActiveSnapshot(), slot_);
        if (seen_) slot_getallattrs(slot_);
    });
}

RowAt::~RowAt() {
    if (std::uncaught_exceptions() != exceptions_) return;
    must_succeed("leave a row", [this] {
        ExecDropSingleTupleTableSlot(slot_);
        table_close(table_, NoLock);
    });
}

bool RowAt::take() { return take_row(table_, slot_); }

}  // namespace foreman::pg
