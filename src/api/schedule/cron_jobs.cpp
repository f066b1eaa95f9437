// The functions and triggers of schema cron (extension pg_foreman_cron), with pg_cron's arguments, rules and
// words: cron.schedule(), schedule_in_database(), alter_job(), unschedule().
//
// errors: pg_cron's texts; 22023 for a schedule, with the position of its fault; 42501; 42704; 3D000; 22004.
#include "store/schedules/cron_jobs.hpp"

#include "api/public_function.hpp"
#include "board/slots.hpp"
#include "pg/call.hpp"
#include "pg/encoding.hpp"
#include "pg/memory.hpp"
#include "request/arguments.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/schedules/cron_follow.hpp"
#include "store/schedules/cron_settings.hpp"

namespace foreman::api {

namespace {

// No role or database has a name as long as this; the rest of a text that is none would only fill the message.
constexpr std::size_t kLongestName = 255;

const char* role_name(Oid role) {
    return pg::guarded([role]() -> const char* { return GetUserNameFromId(role, false); });
}

std::string_view this_database() {
    return pg::guarded([]() -> const char* {
        const char* name = get_database_name(MyDatabaseId);
        return name != nullptr ? name : "";
    });
}

std::string_view not_null(OptionalDatum value, const char* argument) {
    const OptionalText text = optional_text(value);
    if (!text) throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "%s can not be NULL", argument);
    return *text;
}

void check_schedule(std::string_view text) {
    core::Schedule parsed;
    const core::ScheduleFault fault = core::parse_schedule(text, core::CronDialect::pg_cron, &parsed);
    if (!fault.any()) return;
    throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "invalid schedule: %.*s",
                      static_cast<int>(text.size()), text.data())
        .detail("At position %zu: %.*s.", fault.position + 1, static_cast<int>(fault.allowed.size()),
                fault.allowed.data())
        .hint("Use cron format (e.g. 5 4 * * *), or interval format '[1-59] seconds'");
}

// A run is a session of the role.
void check_login(Oid role) {
    const bool can = pg::guarded([role] {
        HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
        if (!HeapTupleIsValid(tuple)) return false;
        const bool login = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple))->rolcanlogin;
        ReleaseSysCache(tuple);
        return login;
    });
    if (can) return;
    throw pg::Failure(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, "role \"%s\" can not log in",
                      role_name(role))
        .detail("Jobs may only be run by roles that have the LOGIN attribute.");
}

// The role of a job: the caller, or what a superuser named.
Oid role_for(OptionalText username, const char* refusal) {
    Oid role = GetUserId();
    if (username) {
        if (!pg::call<&superuser>()) throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "%s", refusal);
        const char* name = pg::copy_text(pg::cut(*username, kLongestName));
        role = pg::guarded([name] { return get_role_oid(name, false); });
    }
    check_login(role);
    return role;
}

void check_superuser_jobs(Oid role) {
    if (settings::cron_enable_superuser_jobs || !pg::call<&superuser_arg>(role)) return;
    throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "cannot schedule jobs as superuser")
        .detail("Scheduling jobs as superuser is disallowed when cron.enable_superuser_jobs is set to off.");
}

void check_connect(Oid role, std::string_view database) {
    const char* name = pg::copy_text(pg::cut(database, kLongestName));
    const Oid oid = pg::guarded([name] { return get_database_oid(name, false); });
    if (pg::call<&pg::compat::database_aclcheck>(oid, role, static_cast<AclMode>(ACL_CONNECT)) == ACLCHECK_OK)
        return;
    throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "User %s does not have CONNECT privilege on %s",
                      role_name(role), name);
}

int64 schedule(OptionalText name, std::string_view expression, std::string_view command,
               OptionalText database, OptionalText username, bool active) {
    (void)store::cron();
    check_schedule(expression);
    const Oid role = role_for(username, "must be superuser to create a job for another role");
    store::NewCronJob job;
    job.name = name;
    job.schedule = expression;
    job.command = command;
    job.database = database.value_or(this_database());
    check_connect(role, job.database);
    check_superuser_jobs(role);
    job.username = role_name(role);
    job.active = active;
    return store::put_cron_job(job);
}

int64 schedule_named(FunctionCallInfo fcinfo, OptionalText database, OptionalText username, bool active) {
    const std::string_view name = not_null(pg::optional_argument(fcinfo, 0), "job_name");
    const std::string_view expression = not_null(pg::optional_argument(fcinfo, 1), "schedule");
    const std::string_view command = not_null(pg::optional_argument(fcinfo, 2), "command");
    return schedule(name, expression, command, database, username, active);
}

// The owner of the table, and roles that were given DELETE on it, may remove any job.
void check_may_remove(std::string_view username) {
    if (username == role_name(GetUserId())) return;
    const Oid table = store::cron().job;
    pg::guarded([table] {
        const AclResult acl = pg_class_aclcheck(table, GetUserId(), ACL_DELETE);
        if (acl != ACLCHECK_OK) aclcheck_error(acl, OBJECT_TABLE, get_rel_name(table));
    });
}

// ---- triggers

TriggerData* trigger_of(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw pg::Failure(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "must be called as trigger");
    auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (trigger->tg_relation->rd_id != store::cron().job)
        throw pg::Failure(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "this trigger is for cron.job only");
    return trigger;
}

constexpr int kJobId = 1;
constexpr int kUserName = 7;

Datum column(const TriggerData* trigger, HeapTuple tuple, int number) {
    return pg::guarded([trigger, tuple, number] {
        bool is_null = false;
        return heap_getattr(tuple, number, RelationGetDescr(trigger->tg_relation), &is_null);
    });
}

// Whoever writes a row by hand must be able to act as its role.
void check_writer(Datum username) {
    if (store::TrustedCronWrite::on()) return;
    const char* name = pg::copy_text(pg::text_view(username));
    const Oid role = pg::guarded([name] { return get_role_oid(name, true); });
    if (role == InvalidOid) {
        if (!pg::call<&superuser>())
            throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "role \"%s\" does not exist", name);
        return;
    }
    if (!pg::call<&pg::compat::can_set_role>(GetUserId(), role)) {
        throw pg::Failure(ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to schedule jobs as role \"%s\"",
                          name)
            .hint("Only roles that may SET ROLE to it can write jobs that run as it.");
    }
    check_superuser_jobs(role);
}

}  // namespace

FOREMAN_PUBLIC(cron_schedule) {
    store::require_writable("cron.schedule()");
    return Int64GetDatum(schedule(std::nullopt, not_null(pg::optional_argument(fcinfo, 0), "schedule"),
                                  not_null(pg::optional_argument(fcinfo, 1), "command"), std::nullopt,
                                  std::nullopt, true));
}

FOREMAN_PUBLIC(cron_schedule_named) {
    store::require_writable("cron.schedule()");
    return Int64GetDatum(schedule_named(fcinfo, std::nullopt, std::nullopt, true));
}

FOREMAN_PUBLIC(cron_schedule_in_database) {
    store::require_writable("cron.schedule_in_database()");
    const OptionalDatum active = pg::optional_argument(fcinfo, 5);
    return Int64GetDatum(schedule_named(fcinfo, optional_text(pg::optional_argument(fcinfo, 3)),
                                        optional_text(pg::optional_argument(fcinfo, 4)),
                                        !active || DatumGetBool(*active)));
}

FOREMAN_PUBLIC(cron_alter_job) {
    store::require_writable("cron.alter_job()");
    const OptionalDatum id = pg::optional_argument(fcinfo, 0);
    if (!id) throw pg::Failure(ERRCODE_NULL_VALUE_NOT_ALLOWED, "job_id can not be NULL");
    const int64 job_id = DatumGetInt64(*id);
    store::CronJobChange c;
    c.schedule = optional_text(pg::optional_argument(fcinfo, 1));
    c.command = optional_text(pg::optional_argument(fcinfo, 2));
    c.database = optional_text(pg::optional_argument(fcinfo, 3));
    c.username = optional_text(pg::optional_argument(fcinfo, 4));
    if (const OptionalDatum active = pg::optional_argument(fcinfo, 5)) c.active = DatumGetBool(*active);
    const std::optional<store::CronJob> job = store::read_cron_job(job_id);
    Oid role = role_for(c.username, "must be superuser to alter username");
    const bool any = pg::call<&superuser>();
    const char* caller = role_name(GetUserId());
    if (!c.username && job && any) {  // what counts is the role that it will run as
        const char* name = pg::copy_text(job->username);
        const Oid owner = pg::guarded([name] { return get_role_oid(name, true); });
        if (owner != InvalidOid) role = owner;
    }
    check_superuser_jobs(role);
    if (c.database) check_connect(role, *c.database);
    if (c.schedule) check_schedule(*c.schedule);
    if (!c.schedule && !c.command && !c.database && !c.username && !c.active) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "no updates specified")
            .hint("You must specify at least one job attribute to change when calling alter_job");
    }
    if (!store::change_cron_job(job_id, c, any ? OptionalText() : OptionalText(caller))) {
        throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "Job " INT64_FORMAT " does not exist or you don't own it",
                          job_id);
    }
    return Datum{0};
}

FOREMAN_PUBLIC(cron_unschedule) {
    store::require_writable("cron.unschedule()");
    const int64 job_id = DatumGetInt64(required(pg::optional_argument(fcinfo, 0), "job_id"));
    const std::optional<store::CronJob> job = store::read_cron_job(job_id);
    if (job) check_may_remove(job->username);
    if (!job || !store::delete_cron_job(job_id))
        throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "could not find valid entry for job " INT64_FORMAT,
                          job_id);
    return BoolGetDatum(true);
}

FOREMAN_PUBLIC(cron_unschedule_named) {
    store::require_writable("cron.unschedule()");
    const std::string_view name = required_text(pg::optional_argument(fcinfo, 0), "job_name");
    const std::optional<int64> job_id = store::find_cron_job(name, role_name(GetUserId()));
    if (!job_id || !store::delete_cron_job(*job_id)) {
        throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "could not find valid entry for job '%.*s'",
                          static_cast<int>(name.size()), name.data());
    }
    return BoolGetDatum(true);
}

FOREMAN_PUBLIC(cron_job_cache_invalidate) {
    const TriggerData* trigger = trigger_of(fcinfo);
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) store::forget_cron_jobs();
    return PointerGetDatum(nullptr);
}

FOREMAN_PUBLIC(cron_job_changed) {
    const TriggerData* trigger = trigger_of(fcinfo);
    const bool update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
    const int64 old_id = DatumGetInt64(column(trigger, trigger->tg_trigtuple, kJobId));
    int64 id = old_id;
    if (!TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) {
        HeapTuple row = update ? trigger->tg_newtuple : trigger->tg_trigtuple;
        id = DatumGetInt64(column(trigger, row, kJobId));
        check_writer(column(trigger, row, kUserName));
    }
    if (!row_security) {
        // A restore, in which our own tables may be empty yet: the dispatcher follows when it is let loose.
        store::remember_poke(board::kPokeReread);
        return PointerGetDatum(nullptr);
    }
    store::follow_cron_job(id, true);
    if (id != old_id) store::follow_cron_job(old_id, true);
    return PointerGetDatum(nullptr);
}

}  // namespace foreman::api
