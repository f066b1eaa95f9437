// See role_ref.hpp.
#include "store/definitions/role_ref.hpp"

#include "pg/memory.hpp"

namespace foreman::store {

std::string_view shown_missing(std::string_view name) {
    return pg::guarded([name]() -> const char* {
        return psprintf("%c%.*s", kMissingSign, static_cast<int>(name.size()), name.data());
    });
}

}  // namespace foreman::store
