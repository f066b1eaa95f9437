// The setting foreman.fake_now: the clock of this session's own calls, while the database's workers are
// stopped. Defined by module.cpp with these hooks. Invariant: the clock is set by the assign hook only, from
// what the check hook parsed.
#pragma once

#include "pg/prelude.hpp"

namespace foreman::api {

extern "C" bool foreman_check_fake_now(char** value, void** extra, GucSource source) noexcept;
extern "C" void foreman_assign_fake_now(const char* value, void* extra) noexcept;

/// Where the server keeps the text.
extern char* fake_now_text;

}  // namespace foreman::api
