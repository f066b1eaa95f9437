// What a job needs of the server and is in its way: room on the board, a handler, a worker that is free. See
// question.hpp.
#include "board/leases.hpp"
#include "board/parts.hpp"
#include "board/queue_limits.hpp"
#include "board/settings.hpp"
#include "pg/launch.hpp"
#include "store/commit/identity.hpp"
#include "store/definitions/access.hpp"
#include "store/upkeep/roles.hpp"
#include "store/why/question.hpp"

namespace foreman::store {

void Question::add_full_table(board::BoardTable table) {
    const board::TableReading t = board::read_board_tables(now_)[static_cast<std::size_t>(table)];
    Detail d(context());
    d.text("table", t.name).number("used", t.used).number("capacity", t.capacity);
    add("no_room", d.text("setting", t.setting));
}

// Where a table of the board is full, what has no entry there is served later, or not before there is room.
void Question::check_room() {
    if (!board::board_present() || job_.state != core::StoredState::claimable || job_.run_at > now_) return;
    const board::RangeState range =
        board::read_range_state({MyDatabaseId, job_.queue, job_.kind, job_.priority, job_.alone});
    if (!range.known && board::is_off_board(MyDatabaseId)) add_full_table(board::BoardTable::ranges);
    if (range.no_room) add_full_table(board::BoardTable::keys);
    const Queue& queue = find_queue(job_.queue);
    if ((queue.max_running > 0 || queue.rate_limit > 0) &&
        board::queue_entry_of(job_.queue) == board::kNoIndex)
        add_full_table(board::BoardTable::queues);
}

void Question::check_handler() {
    const Handler& h = find_handler(job_.kind, job_.queue, job_.alone);
    if (h.exists) return check_workers(h);
    Detail d(context());
    d.text("kind", job_.kind);
    const Handler& any = find_handler(job_.kind);
    if (any.exists && !any.serves(job_.queue)) d.text("handler", "serves other queues");
    if (any.exists && any.serves(job_.queue))
        d.text("handler", "came later").text("handler_queue", any.queue_name());
    if (board::board_present())
        d.number("outside_workers", board::place_of_worker(MyDatabaseId, job_.queue, {}, now_).workers);
    add("no_handler", d);
}

void Question::check_workers(const Handler& h) {
    Detail d(context());
    const board::DatabaseSlot* slot = board::board_present() ? board::database_slot(MyDatabaseId) : nullptr;
    const Permission permission = read_permission();
    if (!board::board_present())
        return add("not_preloaded", d.text("shared_preload_libraries", "lacks pg_foreman"));
    if (RecoveryInProgress()) return add("standby", d);
    if (!settings::enabled) return add("disabled", d.text("setting", "foreman.enabled"));
    if (permission != Permission::runs)
        return add(permission == Permission::stopped ? "stopped" : "copied", d);
    if (slot == nullptr || slot->pid == 0) return add("no_worker", d.text("lacks", "dispatcher"));
    switch (pg::session_bar(h.run_as, settings::superuser_handlers)) {
        case pg::SessionBar::none:
            return check_executors(h.run_as);
        case pg::SessionBar::no_such_role:
            return add("role", d.text("role", shown_role_of(job_.kind)).text("lacks", "existence"));
        case pg::SessionBar::no_login:
            return add("role", d.role("role", h.run_as).text("lacks", "LOGIN"));
        case pg::SessionBar::no_connect:
            return add("role", d.role("role", h.run_as).text("lacks", "CONNECT"));
        case pg::SessionBar::superuser:
            return add("role", d.role("role", h.run_as).text("lacks", "foreman.superuser_handlers"));
    }
}

// Nothing else is in its way: whether somebody is free to run it. A role without executors gets one as soon
// as any executor, of whatever role or database, is not busy: that one makes room.
void Question::check_executors(Oid role) {
    if (out_.size() > (job_.interruptions > 0 ? 1 : 0)) return;
    int mine = 0;
    int idle = 0;
    for (const board::SlotReading& s : executors_) {
        if (s.role != role) continue;
        mine++;
        if (s.state != board::SlotState::busy) idle++;
    }
    Detail d(context());
    d.role("role", role).number("executors", mine);
    if (idle > 0) return add("ready", d);
    if (mine == 0 && busy_ < settings::max_executors) return add("no_worker", d);
    pg::vector<int64> jobs(&memory_);
    for (const board::SlotReading& s : executors_) {
        if ((mine == 0 || s.role == role) && s.job_id != 0 && may_see(board::name_view(s.queue)))
            jobs.push_back(s.job_id);
    }
    d.number("max_executors", settings::max_executors);
    add("executors_busy", d.numbers("running", {jobs.data(), jobs.size()}));
}

}  // namespace foreman::store
