// The type foreman.role_ref: its input, output and casts. Text is the name of the role; a ? before it says
// that the role is missing, and a backslash that the name itself begins so. Input never fails, so that a dump
// is restored whole where its roles are not.
//
// errors: 42704 from a number that no role has.  cost: a look-up in the catalogue's cache
#include "api/public_function.hpp"
#include "pg/call.hpp"
#include "pg/memory.hpp"
#include "store/upkeep/roles.hpp"

namespace foreman::api {

namespace {

// As it is stored: fixed length, see CREATE TYPE.
struct RoleRef {
    Oid role;
    NameData name;
};
static_assert(sizeof(RoleRef) == 68);

constexpr char kLiteralSign = '\\';

const RoleRef& ref_argument(FunctionCallInfo fcinfo) noexcept {
    return *static_cast<const RoleRef*>(static_cast<void*>(DatumGetPointer(pg::argument(fcinfo, 0))));
}

Datum ref_datum(const RoleRef& ref) {
    void* copy = pg::allocate(sizeof(RoleRef));
    std::memcpy(copy, &ref, sizeof(RoleRef));
    return PointerGetDatum(copy);
}

void set_name(RoleRef* ref, const char* name) {
    std::memset(&ref->name, 0, sizeof(ref->name));
    const int bytes = pg::guarded(
        [name] { return pg_mbcliplen(name, static_cast<int>(std::strlen(name)), NAMEDATALEN - 1); });
    std::memcpy(ref->name.data, name, static_cast<std::size_t>(bytes));
}

const char* name_of(Oid role) {
    return role == store::kNobody
               ? nullptr
               : pg::guarded([role]() -> const char* { return GetUserNameFromId(role, true); });
}

RoleRef now_of(const RoleRef& stored) {
    RoleRef ref = stored;
    if (const char* name = name_of(stored.role)) {
        set_name(&ref, name);
    } else {
        ref.role = store::kNobody;
    }
    return ref;
}

RoleRef parse(const char* text) {
    RoleRef ref{store::kNobody, {}};
    const bool missing = text[0] == store::kMissingSign;
    if (missing || text[0] == kLiteralSign) text++;
    set_name(&ref, text);
    if (missing) return ref;
    const char* name = ref.name.data;
    const Oid role = pg::guarded([name] { return get_role_oid(name, true); });
    if (OidIsValid(role)) ref.role = role;
    return ref;
}

const char* shown(const RoleRef& stored) {
    const RoleRef ref = now_of(stored);
    const char* name = ref.name.data;
    const bool missing = ref.role == store::kNobody;
    const bool marked = missing || name[0] == store::kMissingSign || name[0] == kLiteralSign;
    if (!marked) return pg::copy_text(name);
    const char sign = missing ? store::kMissingSign : kLiteralSign;
    return pg::guarded([=]() -> const char* { return psprintf("%c%s", sign, name); });
}

}  // namespace

FOREMAN_PUBLIC(role_in) {
    return ref_datum(
        parse(static_cast<const char*>(static_cast<void*>(DatumGetPointer(pg::argument(fcinfo, 0))))));
}

FOREMAN_PUBLIC(role_out) { return PointerGetDatum(shown(ref_argument(fcinfo))); }

FOREMAN_PUBLIC(role_recv) {
    auto* buffer = static_cast<StringInfo>(static_cast<void*>(DatumGetPointer(pg::argument(fcinfo, 0))));
    const char* text = pg::guarded([buffer]() -> const char* {
        int bytes = 0;
        return pq_getmsgtext(buffer, buffer->len - buffer->cursor, &bytes);
    });
    return ref_datum(parse(text));
}

FOREMAN_PUBLIC(role_send) {
    const char* text = shown(ref_argument(fcinfo));
    return pg::guarded([text] {
        StringInfoData buffer;
        pq_begintypsend(&buffer);
        pq_sendtext(&buffer, text, static_cast<int>(std::strlen(text)));
        return PointerGetDatum(pq_endtypsend(&buffer));
    });
}

FOREMAN_PUBLIC(role_of_oid) {
    const Oid role = DatumGetObjectId(pg::argument(fcinfo, 0));
    const char* name = name_of(role);
    if (name == nullptr) throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "role with OID %u does not exist", role);
    RoleRef ref{role, {}};
    set_name(&ref, name);
    return ref_datum(ref);
}

FOREMAN_PUBLIC(role_oid) { return ObjectIdGetDatum(ref_argument(fcinfo).role); }

FOREMAN_PUBLIC(role_now) { return ref_datum(now_of(ref_argument(fcinfo))); }

FOREMAN_PUBLIC(role_changed) {
    const RoleRef& stored = ref_argument(fcinfo);
    const RoleRef now = now_of(stored);
    return BoolGetDatum(std::memcmp(&now, &stored, sizeof(RoleRef)) != 0);
}

FOREMAN_PUBLIC(role_stored) { return pg::text_datum(NameStr(ref_argument(fcinfo).name)); }

}  // namespace foreman::api
