// The jsonb object beside a reason of why(), written member by member.
#pragma once

#include <span>
#include <string_view>

#include "pg/prelude.hpp"

namespace foreman::store {

class Detail {
  public:
    explicit Detail(MemoryContext context);
    Detail& number(const char* name, int64 value);
    Detail& numbers(const char* name, std::span<const int64> values);
    Detail& text(const char* name, std::string_view value);
    /// Its name; its number where there is no such role.
    Detail& role(const char* name, Oid role);
    /// The object, in the context.
    Datum done();

  private:
    void begin(const char* name);

    const MemoryContext context_;
    StringInfoData text_;
};

}  // namespace foreman::store
