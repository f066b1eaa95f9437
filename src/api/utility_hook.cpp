// See utility_hook.hpp. The hook itself has no objects with destructors: the command below it may longjmp
// past it. Invariant: our workers are asked to leave only after the caller's right to the command was
// checked, so that nobody else can evict them; when it is missing, the command itself says so.
#include "api/utility_hook.hpp"

#include "board/eviction.hpp"
#include "board/my_slot.hpp"
#include "pg/datum.hpp"
#include "pg/entry.hpp"
#include "pg/latch.hpp"
#include "store/commit/remember.hpp"
#include "store/db/release.hpp"
#include "store/db/schema.hpp"
#include "store/db/session_effect.hpp"
#include "store/definitions/session_settings.hpp"
#include "store/schedules/cron_follow.hpp"
#include "store/schedules/cron_jobs.hpp"
#include "store/upkeep/roles.hpp"

namespace foreman::api {

namespace {

constexpr core::Micros kPatience = core::seconds(1);
constexpr core::Micros kLookAgain = core::milliseconds(10);

constinit ProcessUtility_hook_type g_previous = nullptr;

// ---- which database must be empty; these may ereport ------------------------

bool owns_database(Oid database) {
    return OidIsValid(database) && pg::compat::database_ownercheck(database, GetUserId());
}

Oid database_if_owned(const char* name) {
    const Oid database = get_database_oid(name, true);
    return owns_database(database) ? database : InvalidOid;
}

bool owns_extension() {
    const Oid extension = get_extension_oid(store::kExtension, true);
    return OidIsValid(extension) && pg::compat::extension_ownercheck(extension, GetUserId());
}

Oid here_if(bool condition) { return condition ? MyDatabaseId : InvalidOid; }

Oid template_of(const CreatedbStmt* stmt) {
    for (ListCell* lc = list_head(stmt->options); lc != nullptr; lc = lnext(stmt->options, lc)) {
        auto* option = lfirst_node(DefElem, lc);
        if (std::strcmp(option->defname, "template") == 0 && option->arg != nullptr)
            return database_if_owned(defGetString(option));
    }
    return InvalidOid;
}

Oid moved_database(const AlterDatabaseStmt* stmt) {
    for (ListCell* lc = list_head(stmt->options); lc != nullptr; lc = lnext(stmt->options, lc)) {
        if (std::strcmp(lfirst_node(DefElem, lc)->defname, "tablespace") == 0)
            return database_if_owned(stmt->dbname);
    }
    return InvalidOid;
}

bool names(const List* objects, const char* wanted) {
    for (ListCell* lc = list_head(objects); lc != nullptr; lc = lnext(objects, lc)) {
        auto* node = static_cast<Node*>(lfirst(lc));
        if (IsA(node, String) && std::strcmp(strVal(node), wanted) == 0) return true;
    }
    return false;
}

Oid dropped_from(const DropStmt* stmt) {
    if (stmt->removeType == OBJECT_EXTENSION && names(stmt->objects, store::kExtension))
        return here_if(owns_extension());
    return InvalidOid;
}

Oid database_to_empty(Node* stmt) {
    switch (nodeTag(stmt)) {
        case T_DropdbStmt:
            return database_if_owned(castNode(DropdbStmt, stmt)->dbname);
        case T_CreatedbStmt:
            return template_of(castNode(CreatedbStmt, stmt));
        case T_AlterDatabaseStmt:
            return moved_database(castNode(AlterDatabaseStmt, stmt));
        case T_RenameStmt: {
            const auto* rename = castNode(RenameStmt, stmt);
            return rename->renameType == OBJECT_DATABASE ? database_if_owned(rename->subname) : InvalidOid;
        }
        case T_DropStmt:
            return dropped_from(castNode(DropStmt, stmt));
        case T_AlterExtensionStmt:
            return here_if(std::strcmp(castNode(AlterExtensionStmt, stmt)->extname, store::kExtension) == 0 &&
                           owns_extension());
        case T_AlterExtensionContentsStmt:
            return here_if(
                std::strcmp(castNode(AlterExtensionContentsStmt, stmt)->extname, store::kExtension) == 0 &&
                owns_extension());
        default:
            return InvalidOid;
    }
}

bool may_need_empty_database(Node* stmt) noexcept {
    switch (nodeTag(stmt)) {
        case T_DropdbStmt:
        case T_CreatedbStmt:
        case T_AlterDatabaseStmt:
        case T_RenameStmt:
        case T_DropStmt:
        case T_AlterExtensionStmt:
        case T_AlterExtensionContentsStmt:
            return true;
        default:
            return false;
    }
}

// ---- emptying it ------------------------------------------------------------

// An executor whose handler runs such a command on its own database cannot wait for itself to leave.
void empty_database(Node* stmt) {
    const Oid database = pg::guarded([stmt] { return database_to_empty(stmt); });
    if (!OidIsValid(database) || (database == MyDatabaseId && board::my_slot() != nullptr)) return;
    const bool held = board::hold_database(database);
    if (!held && board::workers_left(database) == 0) return;
    const core::Instant patience = pg::steady_now() + kPatience;
    const uint32 event = pg::wait_event("ForemanWorkersLeave");
    while (board::workers_left(database) > 0 && pg::steady_now() < patience)
        pg::wait_latch(kLookAgain, event);
}

// ---- schedules of an extension that goes ------------------------------------

bool drops_objects(Node* stmt) noexcept { return IsA(stmt, DropStmt) || IsA(stmt, DropOwnedStmt); }

bool cron_is_there() {
    return pg::guarded([] { return OidIsValid(get_extension_oid(store::kCronExtension, true)); });
}

// ---- roles that go or get another name --------------------------------------

bool changes_roles(Node* stmt) noexcept {
    return IsA(stmt, DropRoleStmt) ||
           (IsA(stmt, RenameStmt) && castNode(RenameStmt, stmt)->renameType == OBJECT_ROLE);
}

void forget_grants(const DropOwnedStmt* stmt) {
    if (store::find_schema() == nullptr) return;
    for (ListCell* lc = list_head(stmt->roles); lc != nullptr; lc = lnext(stmt->roles, lc))
        store::forget_grants(pg::call<&get_rolespec_oid>(lfirst_node(RoleSpec, lc), true));
}

// Other databases hear of it from their dispatchers.
void follow_roles() {
    pg::call<&CommandCounterIncrement>();
    if (store::find_schema() != nullptr) store::follow_roles();
}

// ---- objects of another release ---------------------------------------------

bool changes_release(Node* stmt) noexcept {
    if (!IsA(stmt, AlterExtensionStmt)) return false;
    const char* name = castNode(AlterExtensionStmt, stmt)->extname;
    return std::strcmp(name, store::kExtension) == 0 || std::strcmp(name, store::kCronExtension) == 0;
}

// Nobody else hears of a change of pg_extension, which no cache holds.
void follow_release() {
    store::announce_release();
    store::remember_launcher();
}

// ---- the others -------------------------------------------------------------

bool is_commit_prepared(Node* stmt) noexcept {
    return IsA(stmt, TransactionStmt) && castNode(TransactionStmt, stmt)->kind == TRANS_STMT_COMMIT_PREPARED;
}

bool changes_settings(Node* stmt) noexcept {
    return IsA(stmt, AlterRoleSetStmt) || IsA(stmt, AlterDatabaseSetStmt);
}

bool outlives_subtransaction(Node* stmt) noexcept {
    if (IsA(stmt, ConstraintsSetStmt) || IsA(stmt, ListenStmt)) return true;
    return IsA(stmt, DeclareCursorStmt) &&
           (castNode(DeclareCursorStmt, stmt)->options & CURSOR_OPT_HOLD) != 0;
}

extern "C" void foreman_process_utility(PlannedStmt* planned, const char* query, bool read_only_tree,
                                        ProcessUtilityContext context, ParamListInfo params,
                                        QueryEnvironment* environment, DestReceiver* dest,
                                        QueryCompletion* completion) {
    Node* stmt = planned->utilityStmt;
    if (may_need_empty_database(stmt))
        pg::run_guarded([](void* arg) { empty_database(static_cast<Node*>(arg)); }, stmt);
    if (board::my_slot() != nullptr && outlives_subtransaction(stmt)) store::note_session_effect();
    const bool commit_prepared = is_commit_prepared(stmt);
    if (changes_settings(stmt)) pg::run_guarded([](void*) { store::note_settings_change(); }, nullptr);
    bool cron_before = false;
    if (drops_objects(stmt))
        pg::run_guarded([](void* arg) { *static_cast<bool*>(arg) = cron_is_there(); }, &cron_before);
    const ProcessUtility_hook_type next = g_previous != nullptr ? g_previous : standard_ProcessUtility;
    next(planned, query, read_only_tree, context, params, environment, dest, completion);
    if (commit_prepared) {
        store::distrust_heads();
        store::tell_settings_changed();
    }
    if (changes_release(stmt)) pg::run_guarded([](void*) { follow_release(); }, nullptr);
    if (changes_roles(stmt)) pg::run_guarded([](void*) { follow_roles(); }, nullptr);
    if (IsA(stmt, DropOwnedStmt)) {
        pg::run_guarded([](void* arg) { forget_grants(static_cast<const DropOwnedStmt*>(arg)); },
                        static_cast<void*>(planned->utilityStmt));
    }
    // Its tables are gone, and what stood for their rows in ours goes with them.
    if (cron_before) {
        pg::run_guarded(
            [](void*) {
                if (!cron_is_there() && store::find_schema() != nullptr) store::forget_cron_jobs();
            },
            nullptr);
    }
}

}  // namespace

void install_utility_hook() noexcept {
    g_previous = ProcessUtility_hook;
    ProcessUtility_hook = foreman_process_utility;
}

}  // namespace foreman::api
