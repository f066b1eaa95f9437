// The options of the command line.
#pragma once

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace console {

struct Options {
    std::string connect;                    ///< conninfo of libpq: which server and database
    std::string listen = "127.0.0.1:7833";  ///< ADDRESS:PORT, or unix:PATH
    std::string origin;                     ///< of --behind-proxy: what browsers see, without the path
    std::string prefix;  ///< of --behind-proxy: the path that the proxy serves it under; no / at its end
    std::string trusted_header;           ///< in lower case; names the role that the proxy has authenticated
    std::set<std::string> trusted_peers;  ///< addresses of those proxies; "unix" for a Unix socket
    bool read_only = false;
    bool show_secrets = false;
    int idle_seconds = 30 * 60;
    int max_sessions = 50;
    int max_connections = 256;
    int log_ins_per_minute = 10;  ///< that failed, for an address and for a role

    bool behind_proxy() const { return !origin.empty(); }
    bool on_unix_socket() const { return listen.rfind("unix:", 0) == 0; }
};

/// What is wrong with the command line, for people.
struct Wrong_option : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// does:   reads the command line.
/// errors: Wrong_option.
Options parse_options(const std::vector<std::string>& arguments);

/// returns: what --help prints.
std::string help_text();

}  // namespace console
