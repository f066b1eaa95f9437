// See extension.hpp. No cache of the server holds pg_extension, so this is a scan of it.
#include "pg/extension.hpp"

#include "pg/call.hpp"

namespace foreman::pg {

namespace {

// May ereport: no object with a destructor in here.
void read(const char* extension, ExtensionVersion* found) {
    Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum(extension));
    SysScanDesc scan = systable_beginscan(catalog, ExtensionNameIndexId, true, nullptr, 1, &key);
    if (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple)) {
        bool null = false;
        const Datum version =
            heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(catalog), &null);
        found->installed = true;
        if (!null) text_to_cstring_buffer(DatumGetTextPP(version), found->text, sizeof(found->text));
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
}

}  // namespace

ExtensionVersion extension_version(const char* extension) {
    ExtensionVersion found;
    guarded([extension, &found] { read(extension, &found); });
    return found;
}

}  // namespace foreman::pg
