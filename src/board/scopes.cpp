// See scopes.hpp.
#include "board/scopes.hpp"

#include "board/parts.hpp"
#include "board/tables.hpp"

namespace foreman::board {

ScopeEntry* find_scope(std::string_view scope, bool add) noexcept {
    const uint32 hash = name_hash(scope);
    ScopeEntry* free_one = nullptr;
    for (ScopeEntry& e : board().scopes) {
        if (e.database == InvalidOid) {
            if (free_one == nullptr) free_one = &e;
        } else if (e.hash == hash && e.database == MyDatabaseId && name_view(e.name) == scope) {
            return &e;
        }
    }
    if (!add) return nullptr;
    if (free_one == nullptr) {
        refuse_entry(BoardTable::scopes);
        return nullptr;
    }
    free_one->hash = hash;
    set_name(&free_one->name, scope);
    free_one->rule = {0, 0};
    free_one->bucket = {0, Instant{PgStartTime}};
    free_one->database = MyDatabaseId;
    return free_one;
}

void clear_scopes(Oid database) noexcept {
    const PartGuard guard(BoardLock::waits, LW_EXCLUSIVE);
    for (ScopeEntry& e : board().scopes) {
        if (e.database == database) e.database = InvalidOid;
    }
}

}  // namespace foreman::board
