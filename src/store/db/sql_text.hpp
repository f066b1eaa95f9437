// Text of a statement that is put together by the compiler, from a table of columns.
#pragma once

#include <cstddef>
#include <string_view>

namespace foreman::store {

class SqlText {
  public:
    constexpr SqlText& add(std::string_view more) {
        for (const char c : more) text_[size_++] = c;
        return *this;
    }
    constexpr SqlText& number(int n) {
        if (n >= 10) number(n / 10);
        text_[size_++] = static_cast<char>('0' + n % 10);
        return *this;
    }
    /// "a, b, c": piece(this, i) writes each, i counts from 0.
    template <class Piece>
    constexpr SqlText& list(int count, Piece piece) {
        for (int i = 0; i < count; i++) {
            if (i > 0) add(", ");
            piece(*this, i);
        }
        return *this;
    }
    /// "$1, $2, $3"
    constexpr SqlText& parameters(int count) {
        return list(count, [](SqlText& t, int i) { t.add("$").number(i + 1); });
    }
    constexpr const char* c_str() const { return text_; }

  private:
    char text_[2000] = {};
    std::size_t size_ = 0;
};

}  // namespace foreman::store
