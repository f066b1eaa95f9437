// A jsonb object that is written member by member, without a statement.
#pragma once

#include <string_view>

#include "pg/prelude.hpp"

namespace foreman::pg {

/// The names are constants, and each is given once. What it allocates is in the current memory context.
/// errors: 53200; 54000 for what jsonb does not hold
class JsonObject {
  public:
    JsonObject();
    JsonObject& text(std::string_view name, std::string_view value);
    JsonObject& number(std::string_view name, int64 value);
    JsonObject& json(std::string_view name, Datum jsonb);
    Datum done();

  private:
    void push(std::string_view name, JsonbValue* value);

    JsonbParseState* state_ = nullptr;
};

/// {...} || {...}: members of the second take the place of those of the first.
Datum merged_objects(Datum first, Datum second);

}  // namespace foreman::pg
