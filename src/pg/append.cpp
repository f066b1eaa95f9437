// See append.hpp. As in copyfrom.c: a multi-insert into the table, then the index entries row by row.
#include "pg/append.hpp"

#include "pg/call.hpp"

namespace foreman::pg {

namespace {

// Without an end the range is as long as the type allows.
int64 bound_of(const PartitionBoundInfoData& bounds, int i, int64 open) noexcept {
    if (i < 0 || i >= bounds.ndatums || bounds.kind[i][0] != PARTITION_RANGE_DATUM_VALUE) return open;
    return DatumGetInt64(bounds.datums[i][0]);
}

}  // namespace

Leaf leaf_of(Oid parent, int64 instant) {
    return guarded([parent, instant] {
        Leaf leaf;
        const Relation rel = table_open(parent, NoLock);
        const PartitionKey key = RelationGetPartitionKey(rel);
        if (key != nullptr && key->strategy == PARTITION_STRATEGY_RANGE && key->partnatts == 1) {
            const PartitionDesc parts = RelationGetPartitionDesc(rel, true);
            const PartitionBoundInfo bounds = parts->boundinfo;
            if (parts->nparts > 0) {
                bool equal = false;
                Datum value = Int64GetDatum(instant);
                const int below = partition_range_datum_bsearch(key->partsupfunc, key->partcollation, bounds,
                                                                1, &value, &equal);
                const int i = bounds->indexes[below + 1];
                if (i >= 0 && parts->is_leaf[i])
                    leaf = {parts->oids[i], bound_of(*bounds, below, PG_INT64_MIN),
                            bound_of(*bounds, below + 1, PG_INT64_MAX)};
            }
        }
        table_close(rel, NoLock);
        return leaf;
    });
}

bool has_triggers(Oid table) {
    return guarded([table] {
        const Relation rel = table_open(table, NoLock);
        const bool has = rel->trigdesc != nullptr;
        table_close(rel, NoLock);
        return has;
    });
}

bool takes_plain_rows(Oid table) {
    return guarded([table] {
        const Relation rel = table_open(table, RowExclusiveLock);
        const TupleConstr* constraints = rel->rd_att->constr;
        const bool plain =
            rel->rd_rel->relkind == RELKIND_RELATION && rel->trigdesc == nullptr &&
            !rel->rd_rel->relrowsecurity && !rel->rd_rel->relhasrules &&
            (constraints == nullptr || (constraints->num_check == 0 && !constraints->has_generated_stored));
        table_close(rel, NoLock);
        return plain;
    });
}

void append_rows(Oid table, std::size_t rows, const Datum* values, const bool* nulls) {
    guarded([=] {
        const Relation rel = table_open(table, RowExclusiveLock);
        EState* const state = CreateExecutorState();
        const MemoryContext before = MemoryContextSwitchTo(state->es_query_cxt);
        ResultRelInfo* const into = makeNode(ResultRelInfo);
        InitResultRelInfo(into, rel, 1, nullptr, 0);
        ExecOpenIndices(into, false);
        const auto columns = static_cast<std::size_t>(RelationGetNumberOfAttributes(rel));
        // A copy is not counted by the resource owner, which would cost as much as making the row.
        const TupleDesc desc = CreateTupleDescCopy(RelationGetDescr(rel));
        auto** const slots = static_cast<TupleTableSlot**>(palloc(rows * sizeof(TupleTableSlot*)));
        for (std::size_t i = 0; i < rows; i++) {
            slots[i] = MakeSingleTupleTableSlot(desc, &TTSOpsHeapTuple);
            std::memcpy(slots[i]->tts_values, values + i * columns, columns * sizeof(Datum));
            std::memcpy(slots[i]->tts_isnull, nulls + i * columns, columns * sizeof(bool));
            ExecStoreVirtualTuple(slots[i]);
        }
        table_multi_insert(rel, slots, static_cast<int>(rows), GetCurrentCommandId(true), 0, nullptr);
        for (std::size_t i = 0; i < rows && into->ri_NumIndices > 0; i++) {
            compat::insert_index_tuples(into, slots[i], state);
            ResetPerTupleExprContext(state);
        }
        ExecCloseIndices(into);
        table_close(rel, NoLock);
        MemoryContextSwitchTo(before);
        FreeExecutorState(state);
        CommandCounterIncrement();
    });
}

}  // namespace foreman::pg
