// See encoding.hpp.
#include "pg/encoding.hpp"

#include "pg/error.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"

namespace foreman::pg {

const char* shown_from_encoding(const char* text, int encoding) {
    try {
        Subtransaction sub;
        const char* converted = from_encoding(text, encoding);
        sub.commit();
        return converted;
    } catch (const PgError& e) {
        if (ERRCODE_TO_CATEGORY(e.sqlstate()) != ERRCODE_DATA_EXCEPTION) throw;
    }
    char* ascii = copy_text(text);
    for (char* c = ascii; *c != '\0'; c++) {
        if ((static_cast<unsigned char>(*c) & 0x80U) != 0) *c = '?';
    }
    return ascii;
}

}  // namespace foreman::pg
