// Versions of releases: which ones fit each other.
#pragma once

#include <string_view>

namespace foreman::core {

/// Whether a library and a script of these versions work together: they do when their first two numbers are the same.
/// The third one changes where a script changes nothing that the library relies on.
inline constexpr bool same_release(std::string_view library, std::string_view script) noexcept {
    const auto two_numbers = [](std::string_view version) {
        const std::size_t first = version.find('.');
        const std::size_t second = first == version.npos ? first : version.find('.', first + 1);
        return version.substr(0, second);
    };
    return !library.empty() && two_numbers(library) == two_numbers(script);
}

}  // namespace foreman::core
