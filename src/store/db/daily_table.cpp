// See daily_table.hpp.
#include "store/db/daily_table.hpp"

#include <cstdio>
#include <cstring>

#include "pg/call.hpp"
#include "pg/command.hpp"
#include "pg/guc.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

constexpr int kDaysAhead = 3;
constexpr std::size_t kDayDigits = 8;

// Takes everybody's rights on $2 away, then gives those on $1. Statements come in this order.
constinit pg::Statement g_copy_rights{
    "copy_rights",
    "WITH held AS (SELECT c.oid, NULL::pg_catalog.text AS columns, a.grantee, a.privilege_type, "
    "a.is_grantable FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(COALESCE(c.relacl, "
    "pg_catalog.acldefault('r', c.relowner))) a UNION ALL SELECT t.attrelid, pg_catalog.format(' (%I)', "
    "t.attname), a.grantee, a.privilege_type, a.is_grantable FROM pg_catalog.pg_attribute t CROSS JOIN "
    "LATERAL pg_catalog.aclexplode(t.attacl) a), named AS (SELECT h.*, CASE WHEN h.grantee " EQ
    " 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(h.grantee)) END AS role FROM "
    "held h WHERE h.oid " EQ
    " ANY (ARRAY[$1::pg_catalog.regclass, $2::pg_catalog.regclass])) SELECT "
    "s.command FROM (SELECT DISTINCT 1 AS step, pg_catalog.format('REVOKE ALL ON %s FROM %s', $2, n.role) "
    "AS command FROM named n WHERE n.oid " EQ
    " $2::pg_catalog.regclass UNION ALL SELECT 2, pg_catalog.format('GRANT %s%s ON %s TO %s%s', "
    "n.privilege_type, n.columns, $2, n.role, CASE WHEN n.is_grantable THEN ' WITH GRANT OPTION' ELSE '' "
    "END) FROM named n WHERE n.oid " EQ " $1::pg_catalog.regclass) s ORDER BY s.step",
    {TEXTOID, TEXTOID}};

void copy_rights(const char* from, const char* to) {
    pg::Args<2> a;
    a.text(1, from).text(2, to);
    for (const pg::Row row : g_copy_rights.execute(a)) pg::run_utility(pg::copy_text(row.view(1)));
}

struct Day {
    int64 number;  // days since 2000-01-01
    core::Instant start() const noexcept { return {number * USECS_PER_DAY}; }
    core::Instant end() const noexcept { return {(number + 1) * USECS_PER_DAY}; }
};

Day day_of(core::Instant t) noexcept {
    int64 n = t.us / USECS_PER_DAY;
    if (t.us % USECS_PER_DAY < 0) n--;
    return {n};
}

// yyyymmdd, for names and bounds.
struct DayText {
    char compact[16];
    char bound[40];
};
DayText text_of(Day day) noexcept {
    int y = 0;
    int m = 0;
    int d = 0;
    j2date(static_cast<int>(day.number) + POSTGRES_EPOCH_JDATE, &y, &m, &d);
    DayText t{};
    std::snprintf(t.compact, sizeof(t.compact), "%04d%02d%02d", y % 10000, m % 100, d % 100);
    std::snprintf(t.bound, sizeof(t.bound), "%04d-%02d-%02d 00:00:00+00", y % 10000, m % 100, d % 100);
    return t;
}

bool partition_exists(const DailyTable& table, int64 day) {
    const PartitionName name = partition_name(table, day);
    return pg::guarded(
        [&name] { return OidIsValid(get_relname_relid(name.text, get_namespace_oid("foreman", false))); });
}

// Names and bounds are our own: nothing in them needs quotes.
template <class... Args>
const char* text(const char* format, Args... args) {
    return pg::guarded([&]() -> const char* { return psprintf(format, args...); });
}

void make_partition(const DailyTable& t, Day day) {
    const PartitionName name = partition_name(t, day.number);
    const char* part = name.text;
    const DayText from = text_of(day);
    const DayText to = text_of({day.number + 1});
    pg::Args<2> a;
    a.instant(1, day.start()).instant(2, day.end());
    const bool move = !t.rows_of_default->execute(a).empty();
    pg::run_utility(text("CREATE TABLE foreman.%s (LIKE foreman.%s) WITH %s", part, t.name, t.storage));
    pg::run_utility(text("ALTER TABLE foreman.%s REPLICA IDENTITY FULL", part));
    copy_rights(text("foreman.%s", t.name), text("foreman.%s", part));
    for (const char* index : t.indexes) pg::run_utility(text("CREATE INDEX ON foreman.%s %s", part, index));
    if (move)
        pg::run_once(text("WITH m AS (DELETE FROM foreman.%s_default WHERE %s " GE " '%s' AND %s " LT
                          " '%s' RETURNING *) INSERT INTO foreman.%s SELECT * FROM m",
                          t.name, t.column, from.bound, t.column, to.bound, part));
    pg::run_utility(
        text("ALTER TABLE foreman.%s ATTACH PARTITION foreman.%s FOR VALUES FROM ('%s') TO ('%s')", t.name,
             part, from.bound, to.bound));
}

}  // namespace

int make_partitions(const DailyTable& table, core::Instant now) {
    const AsOwner scope;
    pg::GucScope settings;
    settings.set("lock_timeout", "100ms");
    settings.set("search_path", "pg_catalog, pg_temp");
    int made = 0;
    const Day today = day_of(now);
    for (int i = 0; i <= kDaysAhead; i++) {
        const Day day{today.number + i};
        if (partition_exists(table, day.number)) continue;
        make_partition(table, day);
        made++;
    }
    return made;
}

PartitionName partition_name(const DailyTable& table, int64 day) noexcept {
    PartitionName name{};
    std::snprintf(name.text, sizeof(name.text), "%s_%s", table.name, text_of({day}).compact);
    return name;
}

bool parse_partition_name(const DailyTable& table, std::string_view name, int64* day) noexcept {
    const std::string_view stem = table.name;
    if (name.size() != stem.size() + 1 + kDayDigits || !name.starts_with(stem) || name[stem.size()] != '_')
        return false;
    int digits[kDayDigits];
    for (std::size_t i = 0; i < kDayDigits; i++) {
        const char c = name[name.size() - kDayDigits + i];
        if (c < '0' || c > '9') return false;
        digits[i] = c - '0';
    }
    const int y = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3];
    *day = date2j(y, digits[4] * 10 + digits[5], digits[6] * 10 + digits[7]) - POSTGRES_EPOCH_JDATE;
    return true;
}

bool partition_ready(const DailyTable& table, core::Instant at) {
    return partition_exists(table, day_of(at).number);
}

}  // namespace foreman::store
