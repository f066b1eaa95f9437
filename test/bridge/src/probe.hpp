// What the test functions share: an object that counts its destructions, and running SQL given as text.
#pragma once

#include "pg/entry.hpp"
#include "pg/spi.hpp"
#include "pg/xact.hpp"

namespace foreman::bridge {

// Destructors that ran since the process began.
inline constinit int destroyed = 0;

struct Counted {
    Counted() = default;
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { ++destroyed; }
};

// Runs SQL that is known at run time only, with a destructor in each of `depth` frames.
int run_sql(const char* sql, int depth = 1);

// sqlstate | message | detail | hint | context, of an error that was caught.
void describe(const pg::PgError& error, char* text, std::size_t size);

// Bytes in use: of all memory contexts, and of the C++ heap.
std::int64_t context_bytes();
std::int64_t heap_bytes();

}  // namespace foreman::bridge
