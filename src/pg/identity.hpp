// Who we are and which settings hold, for one scope inside one (sub)transaction. Meant for going up, for
// static statements over our own tables; going down to run foreign code this way is not safe (the session
// user stays).
#pragma once

#include "pg/call.hpp"

namespace foreman::pg {

// The given role is the current user as long as this lives; SET ROLE is refused meanwhile. Starting or ending
// a transaction inside is a mistake; a subtransaction is fine. Measured: 2 ns.
class RunAs {
  public:
    // restrictions: SECURITY_RESTRICTED_OPERATION besides, for functions of users.
    explicit RunAs(Oid role, int restrictions = 0) noexcept {
        GetUserIdAndSecContext(&role_, &security_);
        SetUserIdAndSecContext(role, security_ | SECURITY_LOCAL_USERID_CHANGE | restrictions);
    }
    RunAs(const RunAs&) = delete;
    RunAs& operator=(const RunAs&) = delete;
    ~RunAs() { SetUserIdAndSecContext(role_, security_); }

  private:
    Oid role_;
    int security_;
};

// Settings changed inside are as before at the end, in every case. Inside one (sub)transaction.
class GucScope {
  public:
    GucScope() noexcept : level_(NewGUCNestLevel()) {}
    GucScope(const GucScope&) = delete;
    GucScope& operator=(const GucScope&) = delete;
    ~GucScope();

    // Like a function's SET clause, with the rights of the current user. May throw PgError (22023, 42501
    // ...).
    void set(const char* name, const char* value);

  private:
    const int level_;
};

}  // namespace foreman::pg
