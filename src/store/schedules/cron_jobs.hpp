// The rows of cron.job (extension pg_foreman_cron). Each job that can run has one schedule in
// foreman.schedule (cron_follow.hpp), whose id is the job's with a minus: the engine knows them by the sign.
// Called by api/schedule/cron_jobs.cpp (functions and triggers) and by what follows the rows.
#pragma once

#include "store/schedules/schedules.hpp"

namespace foreman::store {

/// Queue of the jobs that commands of cron.job run as.
inline constexpr std::string_view kCronQueue = "cron";

/// Reason of a run that was unscheduled or switched off.
inline constexpr const char* kCanceled = "job canceled";

inline constexpr bool is_cron_schedule(int64 schedule_id) noexcept { return schedule_id < 0; }
inline constexpr int64 cron_job_of(int64 schedule_id) noexcept { return -schedule_id; }

/// Where extension pg_foreman_cron has its tables. needs a transaction.
struct CronSchema {
    Oid job;
    Oid owner;
};
std::optional<CronSchema> find_cron();
/// errors: 55000 when the extension is not there
CronSchema cron();
/// does: takes the lock that reading cron.job needs, for the transaction.
/// returns: false when somebody has locked the table: who has other work does not wait for users
bool lock_cron_jobs(const CronSchema& tables);

struct CronJob {
    std::string_view schedule, command, database, username;
    bool active;
};

// ---- what the functions do; triggers keep the schedules

struct NewCronJob {
    std::optional<std::string_view> name;
    std::string_view schedule, command, database, username;
    bool active = true;
};
/// does: inserts it; a job of this name and role gets its schedule, command and database.
/// returns: its id
int64 put_cron_job(const NewCronJob& job);

struct CronJobChange {
    std::optional<std::string_view> schedule, command, database, username;
    std::optional<bool> active;
};
/// owner: only a job of this role.
/// returns: false when there is none
bool change_cron_job(int64 id, const CronJobChange& change, std::optional<std::string_view> owner);
bool delete_cron_job(int64 id);
/// Texts in CurrentMemoryContext; nothing when there is none.
std::optional<CronJob> read_cron_job(int64 id);
/// The job of this name of a role.
std::optional<int64> find_cron_job(std::string_view name, std::string_view username);

/// While one lives, the triggers trust what is written: the rights were checked.
class TrustedCronWrite {
  public:
    TrustedCronWrite() noexcept : before_(on_) { on_ = true; }
    ~TrustedCronWrite() { on_ = before_; }
    TrustedCronWrite(const TrustedCronWrite&) = delete;
    TrustedCronWrite& operator=(const TrustedCronWrite&) = delete;
    static bool on() noexcept { return on_; }

  private:
    static constinit bool on_;
    const bool before_;
};

}  // namespace foreman::store
