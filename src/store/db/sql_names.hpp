// Spellings for our SQL: operators are qualified, since handlers' roles choose the search_path that our plans
// are made under.
#pragma once

#define EQ "OPERATOR(pg_catalog.=)"
#define NE "OPERATOR(pg_catalog.<>)"
#define LT "OPERATOR(pg_catalog.<)"
#define LE "OPERATOR(pg_catalog.<=)"
#define GT "OPERATOR(pg_catalog.>)"
#define GE "OPERATOR(pg_catalog.>=)"
#define PLUS "OPERATOR(pg_catalog.+)"
#define MINUS "OPERATOR(pg_catalog.-)"
#define CAT "OPERATOR(pg_catalog.||)"
