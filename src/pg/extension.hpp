// What the catalogue says of an extension.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::pg {

struct ExtensionVersion {
    bool installed = false;
    char text[32] = "";  ///< a longer one is cut
};

/// The version of an extension's objects in this database.
/// needs: a transaction
/// errors: those of a catalogue scan
/// cost: an index scan of pg_extension
ExtensionVersion extension_version(const char* extension);

}  // namespace foreman::pg
