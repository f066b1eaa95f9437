// The HTTP server: sockets, limits and headers. The only part that knows Boost.Beast.
#pragma once

#include "console.hpp"

namespace console {

/// does:    listens and serves until the loop stops.
/// returns: the address for people.
/// errors:  std::exception where the address cannot be had.
std::string listen(asio::io_context& loop, const Options& options, Console& console);

}  // namespace console
