// Result<T>: a value, or the reason why an argument was refused. What core returns where failure is expected.
// The api room turns an Error into the SQL error that the user reads, so it carries all three of its parts:
// which argument, what it was, what is allowed. Invariant: nothing here allocates or throws.
#pragma once

#include <string_view>
#include <utility>
#include <variant>

namespace foreman::core {

enum class ErrorCode { null_value, empty, too_long, out_of_range, invalid, infinite, unsupported };

struct Error {
    ErrorCode code = ErrorCode::invalid;
    std::string_view argument;  ///< the argument's name; must live as long as the program (a literal)
    char value[96] = {};        ///< the refused value, printable and cut at a character; empty for NULL
    char allowed[160] = {};     ///< what is allowed, in words
};

/// does: builds an Error. Texts are cut at a character boundary, control characters in `value` become '?'.
Error make_error(ErrorCode code, std::string_view argument, std::string_view value,
                 std::string_view allowed) noexcept;

/// does: the Error of an argument that must not be NULL; for arguments whose check takes no optional.
Error null_argument(std::string_view argument) noexcept;

/// Holds a T or an Error. value() needs ok(), error() needs !ok(). T must be trivially copyable or
/// noexcept-movable.
template <class T>
class Result {
  public:
    constexpr Result(const T& value) noexcept : held_(std::in_place_index<0>, value) {}  // NOLINT: implicit
    constexpr Result(const Error& error) noexcept
        : held_(std::in_place_index<1>, error) {}  // NOLINT: implicit

    constexpr bool ok() const noexcept { return held_.index() == 0; }
    constexpr const T& value() const noexcept { return *std::get_if<0>(&held_); }
    constexpr const Error& error() const noexcept { return *std::get_if<1>(&held_); }

  private:
    std::variant<T, Error> held_;
};

}  // namespace foreman::core
