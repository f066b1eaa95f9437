// What nearly every file of the rooms that speak to Postgres includes: the Makefile compiles it once and has
// the compiler begin each file with it. No file includes it by name, and none may rely on it.
#pragma once

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/prelude.hpp"
#include "pg/spi.hpp"
#include "pg/xact.hpp"
