// What the functions that only tests have ask first; see debug.cpp.
#pragma once

namespace foreman::api {

/// errors: 42501 unless the session is a superuser's; 55000 where there is no board
void require_debugger();

}  // namespace foreman::api
