// See current_job.hpp.
#include "store/jobs/current_job.hpp"

#include "pg/error.hpp"

namespace foreman::store {

namespace {
constinit CurrentJob g_current{};
}

CurrentJob& current_job() noexcept { return g_current; }

const Job& require_current_job(const char* function) {
    if (!g_current.inside) {
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "%s can only be called inside a handler",
                          function)
            .hint("It speaks of the job that the handler runs for.");
    }
    if (g_current.job == nullptr) {
        throw pg::Failure(ERRCODE_FEATURE_NOT_SUPPORTED, "%s cannot be called in a handler of lane batch",
                          function)
            .hint("Return rows of foreman.job_outcome.");
    }
    return *g_current.job;
}

}  // namespace foreman::store
