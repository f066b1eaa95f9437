// See release.hpp.
#include "store/db/release.hpp"

#include "core/release.hpp"
#include "pg/error.hpp"

namespace foreman::store {

const char* library_version() noexcept { return FOREMAN_VERSION; }

std::optional<Misfit> find_misfit() {
    for (const char* extension : {kExtension, kCronExtension}) {
        const pg::ExtensionVersion v = pg::extension_version(extension);
        if (v.installed && !core::same_release(library_version(), v.text)) return Misfit{extension, v};
    }
    return std::nullopt;
}

pg::Failure misfit_failure(const Misfit& misfit) {
    return pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "pg_foreman is paused in this database: the library is of version %s, the objects of "
                       "extension %s are of %s",
                       library_version(), misfit.extension, misfit.objects.text)
        .detail("Nothing is lost: all work waits, and goes on as soon as both are of the same release.")
        .hint(
            "Run ALTER EXTENSION %s UPDATE if the library is newer; otherwise install the newer library and "
            "restart the server.",
            misfit.extension);
}

}  // namespace foreman::store
