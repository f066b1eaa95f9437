# What each bundle of grant_role() gives, as rows of the table in src/store/definitions/bundle_rights.hpp.
# In the script parts a line stands before what it is about:
#     -- bundle: producer monitor
#     CREATE FUNCTION foreman.why(...
# The types of a function's arguments follow, in parentheses, where two functions share a name.

/^-- bundle: / {
    tag = substr($0, length("-- bundle: ") + 1)
    next
}
tag == "" { next }
/^CREATE (FUNCTION|PROCEDURE|VIEW|TYPE) foreman\./ {
    kind = $2 == "PROCEDURE" ? "FUNCTION" : $2
    name = $3
    sub(/\(.*/, "", name)
    if (i = index(tag, "(")) {
        name = name substr(tag, i)
        tag = substr(tag, 1, i - 1)
    }
    n = split(tag, bundles, " ")
    for (i = 1; i <= n; i++) {
        if (!(bundles[i] in known)) {
            known[bundles[i]] = 1
            order[++count] = bundles[i]
        }
        key = bundles[i] SUBSEP kind
        objects[key] = objects[key] (key in objects && objects[key] != "" ? ", \"\n     \"" : "") name
    }
    tag = ""
    next
}
/^CREATE/ {
    print FILENAME ":" FNR ": nothing of a bundle: " $0 > "/dev/stderr"
    failed = 1
    exit 1
}

function row(bundle, right, catalog, list) {
    if (list != "") printf "    {\"%s\", \"%s\", \"pg_catalog.%s\",\n     \"%s\"},\n", bundle, right, catalog, list
}
END {
    if (failed) exit 1
    print "// Made by make from the tags in sql/parts, by sql/bundles.awk: edit those."
    for (b = 1; b <= count; b++) {
        bundle = order[b]
        row(bundle, "USAGE ON SCHEMA", "pg_namespace", "foreman")
        row(bundle, "USAGE ON TYPE", "pg_type", objects[bundle, "TYPE"])
        row(bundle, "SELECT ON TABLE", "pg_class", objects[bundle, "VIEW"])
        row(bundle, "EXECUTE ON ROUTINE", "pg_proc", objects[bundle, "FUNCTION"])
    }
}
