// How the dispatcher runs its duties: each, or a part of one, in a transaction of its own. What fails is said
// when it begins to fail, not at every turn, and health() shows it until it goes well again.
#pragma once

#include <boost/container/flat_set.hpp>
#include <boost/container/static_vector.hpp>
#include <functional>

#include "board/databases.hpp"
#include "pg/error.hpp"
#include "pg/xact.hpp"

namespace foreman::engine {

class Attempts {
  public:
    /// returns: whether it went well.
    /// errors: 57P01 only, so that the process ends
    template <class Body>
    bool attempt(const char* name, Body body) {
        try {
            pg::Transaction tx;
            body();
            tx.commit();
            return true;
        } catch (const pg::PgError& e) {
            if (e.sqlstate() == ERRCODE_ADMIN_SHUTDOWN) throw;
            if (e.sqlstate() == ERRCODE_QUERY_CANCELED && ShutdownRequestPending) return false;
            board::note_failing(name, e.message());
            if (said_failed_.insert(name).second) pg::log(LOG, name, e);
        } catch (const pg::Failure& f) {
            board::note_failing(name, f.message());
            if (said_failed_.insert(name).second) pg::log(LOG, f);
        }
        return false;
    }

    void recovered(const char* name) {
        if (said_failed_.erase(name) > 0) board::note_recovered(name);
    }

    /// The same for a duty that is one part.
    template <class Body>
    bool duty(const char* name, Body body) {
        if (!attempt(name, body)) return false;
        recovered(name);
        return true;
    }

  private:
    static constexpr std::size_t kMostDuties = 32;
    // Names are literals: one address each.
    boost::container::flat_set<const char*, std::less<>,
                               boost::container::static_vector<const char*, kMostDuties>>
        said_failed_;
};

}  // namespace foreman::engine
