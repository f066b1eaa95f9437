// Definition of settings ("GUCs"). Called by _PG_init only, inside run_guarded. Hooks that are passed are
// extern "C" and noexcept, and touch plain data only.
#pragma once

#include "pg/call.hpp"

namespace foreman::pg {

// What all settings have. name is "foreman.noun"; both texts are literals.
struct Setting {
    const char* name;
    const char* description;
    GucContext context = PGC_SIGHUP;
    int flags = 0;  // GUC_UNIT_MS, GUC_UNIT_S, GUC_UNIT_MB, GUC_NO_SHOW_ALL ...
};

// The variable holds the value from here on; it is a constinit global.
void define_bool(const Setting& setting, bool* variable, bool initial, GucBoolCheckHook check = nullptr,
                 GucBoolAssignHook assign = nullptr);
void define_int(const Setting& setting, int* variable, int initial, int least, int greatest,
                GucIntCheckHook check = nullptr, GucIntAssignHook assign = nullptr);
void define_real(const Setting& setting, double* variable, double initial, double least, double greatest,
                 GucRealCheckHook check = nullptr, GucRealAssignHook assign = nullptr);
// initial may be nullptr; the variable may then be nullptr.
void define_string(const Setting& setting, char** variable, const char* initial,
                   GucStringCheckHook check = nullptr, GucStringAssignHook assign = nullptr);
// options ends with {nullptr, 0, false} and is static.
void define_enum(const Setting& setting, int* variable, int initial, const config_enum_entry* options);

// After the last definition: unknown settings with this prefix are refused, and dropped with a warning now.
void reserve_prefix(const char* prefix);

}  // namespace foreman::pg
