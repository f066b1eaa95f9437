// Which rights each bundle gives, on which objects. Read by grants.cpp, which gives them, and by
// stray_rights.cpp, which finds what nobody gave. A bundle is told beside each object in sql/parts.
#pragma once

namespace foreman::store {

struct BundleRight {
    const char* bundle;
    const char* right;    // as GRANT spells it
    const char* catalog;  // of the objects
    const char* objects;  // without arguments where no two functions share a name
};

/// Stands among the bundles for what register_handler() gives to the role of a handler.
inline constexpr const char* kHandlerBundle = "handler";

inline constexpr BundleRight kBundleRights[] = {
#include "store/definitions/bundle_rights.inc"
};

}  // namespace foreman::store
