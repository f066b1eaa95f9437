// The version of this library, and whether the objects in this database are of the same release. Between the
// installation of a new library and ALTER EXTENSION ... UPDATE they may not be; everything of ours pauses then.
#pragma once

#include <optional>

#include "pg/extension.hpp"

namespace foreman::store {

inline constexpr const char* kExtension = "pg_foreman";
inline constexpr const char* kCronExtension = "pg_foreman_cron";

/// What this library was built as: the version of its script.
const char* library_version() noexcept;

/// Objects of one of our extensions that are of another release than the library.
struct Misfit {
    const char* extension;
    pg::ExtensionVersion objects;
};
/// does: looks whether there are such objects in this database.
/// needs: a transaction
/// cost: two scans of pg_extension
std::optional<Misfit> find_misfit();

/// What to say of them.
pg::Failure misfit_failure(const Misfit& misfit);

}  // namespace foreman::store
