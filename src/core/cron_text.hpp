// Reading a schedule's text character by character, for cron.cpp and cron_interval.cpp. ASCII only: every
// other byte is nobody's first character. Invariant: the cursor never leaves the text.
#pragma once

#include "core/cron.hpp"

namespace foreman::core {

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr bool is_space(char c) noexcept {
    return is_blank(c) || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_letter(char c) noexcept { return lower(c) >= 'a' && lower(c) <= 'z'; }

constexpr bool same_word(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); i++) {
        if (lower(a[i]) != b[i]) return false;
    }
    return true;
}

class Cursor {
  public:
    constexpr explicit Cursor(std::string_view text) noexcept : text_(text) {}
    constexpr bool at_end() const noexcept { return at_ == text_.size(); }
    /// '\0' at the end; a zero byte in the text is nobody's first character.
    constexpr char peek() const noexcept { return at_end() ? '\0' : text_[at_]; }
    constexpr std::size_t position() const noexcept { return at_; }
    constexpr void go_back_to(std::size_t position) noexcept { at_ = position; }
    constexpr bool take(char c) noexcept {
        if (at_end() || text_[at_] != c) return false;
        at_++;
        return true;
    }
    template <class Is>
    constexpr std::string_view take_while(Is is) noexcept {
        const std::size_t begin = at_;
        while (!at_end() && is(text_[at_])) at_++;
        return text_.substr(begin, at_ - begin);
    }
    /// At the end of a field: a blank, or nothing more.
    constexpr bool at_gap() const noexcept { return at_end() || is_space(peek()); }
    ScheduleFault fault(std::string_view allowed) const noexcept { return {at_, allowed}; }

  private:
    std::string_view text_;
    std::size_t at_ = 0;
};

// Digits as a number, held at a bound that no field and no interval reaches.
inline constexpr std::int64_t kTooMuch = 1'000'000'000'000;
constexpr std::int64_t number_of(std::string_view digits) noexcept {
    std::int64_t value = 0;
    for (const char c : digits) {
        value = value * 10 + (c - '0');
        if (value > kTooMuch) return kTooMuch;
    }
    return value;
}

inline constexpr ScheduleFault kNoFault{};

}  // namespace foreman::core
