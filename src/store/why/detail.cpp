// See detail.hpp.
#include "store/why/detail.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"

namespace foreman::store {

Detail::Detail(MemoryContext context) : context_(context) {
    const pg::CurrentScope scope(context);
    pg::guarded([this] {
        initStringInfo(&text_);
        appendStringInfoChar(&text_, '{');
    });
}

Detail& Detail::number(const char* name, int64 value) {
    begin(name);
    pg::guarded([&] { appendStringInfo(&text_, INT64_FORMAT, value); });
    return *this;
}

Detail& Detail::numbers(const char* name, std::span<const int64> values) {
    begin(name);
    pg::guarded([&] {
        appendStringInfoChar(&text_, '[');
        for (std::size_t i = 0; i < values.size(); i++)
            appendStringInfo(&text_, i == 0 ? INT64_FORMAT : ", " INT64_FORMAT, values[i]);
        appendStringInfoChar(&text_, ']');
    });
    return *this;
}

Detail& Detail::text(const char* name, std::string_view value) {
    begin(name);
    pg::guarded([&] {
        appendStringInfoChar(&text_, '"');
        for (const char c : value) {
            if (static_cast<unsigned char>(c) < ' ') {
                appendStringInfo(&text_, "\\u%04x", static_cast<unsigned>(c));
            } else {
                if (c == '"' || c == '\\') appendStringInfoChar(&text_, '\\');
                appendStringInfoChar(&text_, c);
            }
        }
        appendStringInfoChar(&text_, '"');
    });
    return *this;
}

Detail& Detail::role(const char* name, Oid role) {
    const char* known = pg::guarded([role] { return GetUserNameFromId(role, true); });
    return known == nullptr ? number(name, role) : text(name, known);
}

Datum Detail::done() {
    pg::guarded([this] { appendStringInfoChar(&text_, '}'); });
    return pg::jsonb_from_text({text_.data, static_cast<std::size_t>(text_.len)}, context_);
}

void Detail::begin(const char* name) {
    pg::guarded([&] { appendStringInfo(&text_, text_.len > 1 ? ", \"%s\": " : "\"%s\": ", name); });
}

}  // namespace foreman::store
