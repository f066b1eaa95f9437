// Rows found through an index and deleted without a statement: what the nodes of such a plan would do for each row,
// and nothing around it. For tables of ours whose rows nobody else's triggers or policies concern.
#pragma once

#include <span>

#include "pg/prelude.hpp"

namespace foreman::pg {

/// Where columns are in a table.
/// returns: how many columns the table has; 0: one is not there, or has another type
int find_columns(Oid table, std::span<const char* const> names, std::span<const Oid> types,
                 AttrNumber* numbers);
/// Whether an index of that table can be used.
bool is_index_of(Oid index, Oid table);

/// One comparison that all rows of a scan pass. `collation` is for texts.
ScanKeyData scan_key(int column, StrategyNumber strategy, Oid function, Datum value,
                     Oid collation = InvalidOid) noexcept;

/// (first, second) >= or <= (values) for two neighbouring columns of a B-tree: the scan begins, or ends, there. The
/// object outlives the scan.
class RowBound {
  public:
    enum class Side : uint8 { from, to };
    /// first, second: functions that compare, as btint8cmp
    RowBound(Side side, int column, Oid first, Datum first_value, Oid second, Datum second_value) noexcept;
    RowBound(const RowBound&) = delete;
    RowBound& operator=(const RowBound&) = delete;
    ScanKeyData key() const noexcept;

  private:
    const StrategyNumber strategy_;
    ScanKeyData members_[2];
};

/// A scan in the order of a B-tree index, with the active snapshot.
class IndexScan {
  public:
    enum class For : uint8 { reading, deleting };
    /// looks_ahead: next_entry() will be called
    /// needs: an active snapshot, which outlives the scan. For deleting: as a statement sees it
    IndexScan(Oid table, Oid index, std::span<const ScanKeyData> keys, For what, bool looks_ahead);
    IndexScan(const IndexScan&) = delete;
    IndexScan& operator=(const IndexScan&) = delete;
    /// While an exception unwinds, the abort closes it.
    ~IndexScan();

    /// The next row that the snapshot sees; false: there is none.
    bool next();
    /// Deletes the row. false: somebody holds or has changed it, and it stays.
    bool take();
    /// Whether the row is live at this moment, and no other transaction that is still open has changed, deleted or locked
    /// it. The table is a heap.
    bool is_untouched() const;
    /// The next entry of the index, without a look at its row: its values, in the order of the index, valid until the
    /// next call. nullptr: there is none. Then the scan is over.
    /// needs: looks_ahead
    const Datum* next_entry();
    /// Where the row stands.
    ItemPointerData place() const noexcept { return slot_->tts_tid; }
    /// Every column of the row, in the order of the table, from index 0. Valid until next().
    const Datum* values() const noexcept { return slot_->tts_values; }
    const bool* nulls() const noexcept { return slot_->tts_isnull; }

  private:
    const int exceptions_ = std::uncaught_exceptions();
    Relation table_ = nullptr;
    Relation index_ = nullptr;
    IndexScanDesc scan_ = nullptr;
    TupleTableSlot* slot_ = nullptr;
    Datum entry_[INDEX_MAX_KEYS];
};

/// A row at a place where a scan has seen it a moment ago.
class RowAt {
  public:
    /// needs: an active snapshot, as a statement sees it
    RowAt(Oid table, ItemPointerData place);
    RowAt(const RowAt&) = delete;
    RowAt& operator=(const RowAt&) = delete;
    /// While an exception unwinds, the abort closes it.
    ~RowAt();

    /// Whether the snapshot sees a row there. It may be another one by now.
    bool is_seen() const noexcept { return seen_; }
    /// As those of IndexScan.
    bool take();
    const Datum* values() const noexcept { return slot_->tts_values; }
    const bool* nulls() const noexcept { return slot_->tts_isnull; }

  private:
    const int exceptions_ = std::uncaught_exceptions();
    Relation table_ = nullptr;
    TupleTableSlot* slot_ = nullptr;
    bool seen_ = false;
};

}  // namespace foreman::pg
