// How every function of the API begins: as FOREMAN_FUNCTION does, and errors of our own statements reach the
// user without the CONTEXT lines that name them. The lines of the callers are kept: the bridge adds them
// again.
#pragma once

#include "pg/datum.hpp"
#include "pg/entry.hpp"

// What callers ask for is checked in room request, whose names are at home here.
namespace foreman::request {}

namespace foreman::api {

using namespace request;

Datum without_internals(FunctionCallInfo fcinfo, Datum (*body)(FunctionCallInfo));

}  // namespace foreman::api

// Defines foreman_<name>, exported, as FOREMAN_FUNCTION in pg/entry.hpp. For functions that run no code of
// users.
#define FOREMAN_PUBLIC(name)                                                                   \
    static Datum name##_work(FunctionCallInfo fcinfo);                                         \
    FOREMAN_FUNCTION(name) { return ::foreman::api::without_internals(fcinfo, &name##_work); } \
    static Datum name##_work([[maybe_unused]] FunctionCallInfo fcinfo)
