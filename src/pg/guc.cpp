// Definition of settings. Guarded blocks and not call<>: from 17 on these functions have format attributes,
// which a template argument loses with a warning.
#include "pg/guc.hpp"

namespace foreman::pg {

void define_bool(const Setting& setting, bool* variable, bool initial, GucBoolCheckHook check,
                 GucBoolAssignHook assign) {
    guarded([&] {
        DefineCustomBoolVariable(setting.name, setting.description, nullptr, variable, initial,
                                 setting.context, setting.flags, check, assign, nullptr);
    });
}

void define_int(const Setting& setting, int* variable, int initial, int least, int greatest,
                GucIntCheckHook check, GucIntAssignHook assign) {
    guarded([&] {
        DefineCustomIntVariable(setting.name, setting.description, nullptr, variable, initial, least,
                                greatest, setting.context, setting.flags, check, assign, nullptr);
    });
}

void define_real(const Setting& setting, double* variable, double initial, double least, double greatest,
                 GucRealCheckHook check, GucRealAssignHook assign) {
    guarded([&] {
        DefineCustomRealVariable(setting.name, setting.description, nullptr, variable, initial, least,
                                 greatest, setting.context, setting.flags, check, assign, nullptr);
    });
}

void define_string(const Setting& setting, char** variable, const char* initial, GucStringCheckHook check,
                   GucStringAssignHook assign) {
    guarded([&] {
        DefineCustomStringVariable(setting.name, setting.description, nullptr, variable, initial,
                                   setting.context, setting.flags, check, assign, nullptr);
    });
}

void define_enum(const Setting& setting, int* variable, int initial, const config_enum_entry* options) {
    guarded([&] {
        DefineCustomEnumVariable(setting.name, setting.description, nullptr, variable, initial, options,
                                 setting.context, setting.flags, nullptr, nullptr, nullptr);
    });
}

void reserve_prefix(const char* prefix) { call<&MarkGUCPrefixReserved>(prefix); }

}  // namespace foreman::pg
