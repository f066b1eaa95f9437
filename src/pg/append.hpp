// Rows appended to a table, with its indexes, without a statement: what COPY does once it has read its lines. For
// tables of ours whose rows nobody else's triggers, checks or policies concern.
#pragma once

#include <span>

#include "pg/prelude.hpp"

namespace foreman::pg {

/// A table that stands for the keys in [from, to) of one that is partitioned by the range of an instant.
struct Leaf {
    Oid table = InvalidOid;
    int64 from = 0;
    int64 to = 0;
};

/// does: finds the partition that takes rows of that instant.
/// returns: no table where there is none, or it is partitioned itself
/// needs: a lock on the parent
Leaf leaf_of(Oid parent, int64 instant);

/// Whether the table, or one that is partitioned, has triggers of its own.
bool has_triggers(Oid table);
/// Whether rows may be appended as they are: a plain table without triggers, checks, made columns and policies.
bool takes_plain_rows(Oid table);

/// does: appends rows and their index entries. values, nulls: row after row, in the order of the columns
/// cost: a quarter of an INSERT's
void append_rows(Oid table, std::size_t rows, const Datum* values, const bool* nulls);

}  // namespace foreman::pg
