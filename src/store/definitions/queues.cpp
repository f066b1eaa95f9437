// See queues.hpp. The texts of the statements are made from kQueueSettings when this is compiled.
#include "store/definitions/queues.hpp"

#include <algorithm>

#include "pg/xact.hpp"
#include "store/db/clock.hpp"
#include "store/db/relation_cache.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/db/sql_text.hpp"
#include "store/definitions/definitions.hpp"
#include "store/definitions/queue_settings.hpp"

namespace foreman::store {

namespace {

struct QueueRow {
    char name[kCacheKeyBytes];
    Queue queue;
};
constinit RelationCache<QueueRow> g_queues{"foreman queues", queue_generation};

// ---- statements -------------------------------------------------------------

constexpr void add_name(SqlText& t, int i) { t.add(kQueueSettings[i].name); }

// Their arguments: the name is $1, the settings are $2 and on, and the time of creation is last.
constexpr int kFirst = 2;
constexpr int kCreatedAt = kFirst + kQueueSettingCount;

constexpr std::array<Oid, kCreatedAt> argument_types() {
    std::array<Oid, kCreatedAt> types{TEXTOID};
    for (int i = 0; i < kQueueSettingCount; i++)
        types[static_cast<std::size_t>(i) + 1] = kQueueSettings[i].column_type();
    types.back() = TIMESTAMPTZOID;
    return types;
}
constexpr std::array<Oid, kCreatedAt> kTypes = argument_types();

constexpr SqlText kReadText =
    SqlText().add("SELECT queue, paused, ").list(kQueueSettingCount, add_name).add(" FROM foreman.queue ");
constexpr SqlText kReadOneText = SqlText(kReadText).add("WHERE queue " EQ " $1");
constexpr SqlText kReadAllText = SqlText(kReadText).add("ORDER BY queue");

constexpr SqlText kInsertText =
    SqlText()
        .add("INSERT INTO foreman.queue (queue, ")
        .list(kQueueSettingCount, add_name)
        .add(", created_at) VALUES ($1, ")
        .list(kQueueSettingCount, [](SqlText& t, int i) { t.add("$").number(kFirst + i); })
        .add(", $")
        .number(kCreatedAt)
        .add(") ON CONFLICT (queue) DO NOTHING");

constexpr SqlText kUpdateText =
    SqlText()
        .add("UPDATE foreman.queue SET ")
        .list(kQueueSettingCount,
              [](SqlText& t, int i) {
                  const char* const name = kQueueSettings[i].name;
                  t.add(name).add(" = COALESCE($").number(kFirst + i).add(", ").add(name).add(")");
              })
        .add(" WHERE queue " EQ " $1 RETURNING queue, paused, ")
        .list(kQueueSettingCount, add_name);

constinit pg::Statement g_read{"queue", kReadOneText.c_str(), {TEXTOID}};
constinit pg::Statement g_read_all{"queues", kReadAllText.c_str()};
constinit pg::Statement g_insert{"insert_queue", kInsertText.c_str(), kTypes};
constinit pg::Statement g_update{"update_queue", kUpdateText.c_str(),
                                 std::span(kTypes).first(kCreatedAt - 1)};
constinit pg::Statement g_in_use{
    "queue_in_use", "SELECT 1 FROM foreman.live_job WHERE queue " EQ " $1 LIMIT 1", {TEXTOID}};
constinit pg::Statement g_delete{
    "delete_queue", "DELETE FROM foreman.queue WHERE queue " EQ " $1", {TEXTOID}};

// ---- rows -------------------------------------------------------------------

// Columns: queue, paused, the settings.
Queue read_row(const pg::Row& row) {
    Queue q;
    q.declared = true;
    q.paused = row.boolean(2);
    for (int i = 0; i < kQueueSettingCount; i++) {
        if (const auto value = row.optional_datum(3 + i)) kQueueSettings[i].read(&q, *value);
    }
    return q;
}

template <int N>
void set_columns(pg::Args<N>* a, const NewQueue& q) {
    a->text(1, q.name);
    int number = kFirst;
    for (const std::optional<Datum>& value : q.values) {
        if (value) a->set(number, *value);
        number++;
    }
}

[[noreturn]] void refuse_less(const char* max, const char* base) {
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "%s must not be less than %s", max, base)
        .hint("Give both, or a %s that is not less than what the queue has.", max);
}

// Each may be fine by itself, and not with the other that the queue has already.
void refuse_contradiction(const Queue& q) {
    if (q.backoff_max_us >= 0 && q.backoff_max_us < q.backoff_base_us)
        refuse_less("backoff_max", "backoff_base");
    if (q.throttle.max.us >= 0 && q.throttle.max < q.throttle.base)
        refuse_less("throttle_max", "throttle_base");
}

void reset_settings(std::string_view queue, std::span<const std::string_view> names) {
    const Datum name = pg::text_datum(queue);
    for (const std::string_view wanted : names) {
        const auto* setting = std::find_if(std::begin(kQueueSettings), std::end(kQueueSettings),
                                           [wanted](const QueueSetting& s) { return s.name == wanted; });
        if (setting == std::end(kQueueSettings)) {
            throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE,
                              "reset names \"%.*s\", which is no setting of a queue",
                              static_cast<int>(std::min<std::size_t>(wanted.size(), 64)), wanted.data())
                .hint("Allowed are the names of alter_queue()'s parameters.");
        }
        pg::guarded([&] {
            Oid types[] = {TEXTOID};
            Datum values[] = {name};
            const int rc = SPI_execute_with_args(
                psprintf("UPDATE foreman.queue SET %s = NULL WHERE queue " EQ " $1", setting->name), 1, types,
                values, nullptr, false, 0);
            if (rc < 0) elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
        });
    }
}

}  // namespace

int64 interval_us(std::optional<Datum> interval) {
    if (!interval) return -1;
    const pg::IntervalParts p = pg::interval_parts(*interval);
    return static_cast<int64>(p.days) * USECS_PER_DAY + p.us;
}

const Queue& find_queue(std::string_view queue) {
    const auto read = [queue](QueueRow* row, MemoryContext) {
        const AsOwner scope;
        const pg::LatestSnapshot latest;
        pg::Args<1> a;
        a.text(1, queue);
        const pg::Rows rows = g_read.execute(a, true);
        row->queue = rows.empty() ? Queue{} : read_row(rows[0]);
    };
    return g_queues.find(queue, read).queue;
}

Queue read_own_queue(std::string_view queue) {
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, queue);
    const pg::Rows rows = g_read.execute(a);
    return rows.empty() ? Queue{} : read_row(rows[0]);
}

void read_all_queues(void (*found)(std::string_view queue, const Queue& settings, void* arg), void* arg) {
    for (const pg::Row row : g_read_all.execute(true)) found(row.view(1), read_row(row), arg);
}

bool insert_queue(const NewQueue& q) {
    const AsOwner scope;
    pg::Args<kCreatedAt> a;
    set_columns(&a, q);
    a.instant(kCreatedAt, now());
    if (g_insert.execute(a).processed() == 0) return false;
    queue_changed(q.name);
    return true;
}

bool update_queue(const NewQueue& q, std::span<const std::string_view> reset) {
    const AsOwner scope;
    reset_settings(q.name, reset);
    pg::Args<kCreatedAt - 1> a;
    set_columns(&a, q);
    {
        const pg::Rows rows = g_update.execute(a);
        if (rows.empty()) return false;
        refuse_contradiction(read_row(rows[0]));
    }
    queue_changed(q.name);
    return true;
}

bool delete_queue(std::string_view name) {
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, name);
    if (!g_in_use.execute(a).empty()) {
        throw pg::Failure(ERRCODE_OBJECT_IN_USE, "queue \"%.*s\" has unfinished jobs",
                          static_cast<int>(name.size()), name.data())
            .hint("Wait until they are done, or cancel them.");
    }
    if (g_delete.execute(a).processed() == 0) return false;
    remove_grants_of_queue(name);
    queue_changed(name);
    return true;
}

}  // namespace foreman::store
