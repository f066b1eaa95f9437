// Settings scopes. As fmgr_security_definer (fmgr.c) sets a function's own settings.
#include "pg/identity.hpp"

namespace foreman::pg {

GucScope::~GucScope() {
    must_succeed("restore settings", [level = level_] { AtEOXact_GUC(false, level); });
}

void GucScope::set(const char* name, const char* value) {
    guarded([=] {
        (void)set_config_option(name, value, superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION,
                                GUC_ACTION_SAVE, true, 0, false);
    });
}

}  // namespace foreman::pg
