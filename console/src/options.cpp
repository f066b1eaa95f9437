// The options of the command line, and the combinations that are refused because they would be open to strangers.
#include "options.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace console {

namespace {

int number(const std::string& name, const std::string& text, int low, int high) {
    int value = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end || value < low || value > high) {
        throw Wrong_option(name + " is \"" + text + "\": it must be a number from " + std::to_string(low) +
                           " to " + std::to_string(high));
    }
    return value;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

// https://jobs.example.com/foreman: the origin, and the path without a / at its end.
void set_origin(Options& options, const std::string& url) {
    const size_t scheme = url.find("://");
    if (scheme == std::string::npos ||
        (url.substr(0, scheme) != "https" && url.substr(0, scheme) != "http")) {
        throw Wrong_option(
            "--behind-proxy is \"" + url +
            "\": it must be the address that browsers see, as https://jobs.example.com/foreman");
    }
    const size_t path = url.find('/', scheme + 3);
    options.origin = lower(url.substr(0, path));
    options.prefix = path == std::string::npos ? "" : url.substr(path);
    while (!options.prefix.empty() && options.prefix.back() == '/') {
        options.prefix.pop_back();
    }
    if (options.origin.size() <= scheme + 3 || options.prefix.find_first_of("?#;, \"") != std::string::npos) {
        throw Wrong_option("--behind-proxy is \"" + url + "\": this is no address of a page");
    }
}

bool is_address(const std::string& text) {
    in6_addr room{};
    return inet_pton(AF_INET, text.c_str(), &room) == 1 || inet_pton(AF_INET6, text.c_str(), &room) == 1;
}

void set_peers(Options& options, const std::string& list) {
    size_t at = 0;
    while (at <= list.size()) {
        const size_t end = std::min(list.find(',', at), list.size());
        const std::string peer = list.substr(at, end - at);
        if (peer != "unix" && !is_address(peer)) {
            throw Wrong_option("--trusted-peers names \"" + peer +
                               "\": it must be a list of addresses, as 127.0.0.1,::1, "
                               "and may have \"unix\" for the Unix socket");
        }
        options.trusted_peers.insert(peer);
        at = end + 1;
    }
}

void check_listen(const Options& options) {
    if (options.on_unix_socket()) {
        if (options.listen.size() <= 5) {
            throw Wrong_option("--listen unix: needs the path of a socket");
        }
        return;
    }
    const size_t colon = options.listen.rfind(':');
    std::string address = options.listen.substr(0, colon == std::string::npos ? 0 : colon);
    if (address.size() > 2 && address.front() == '[') {
        address = address.substr(1, address.size() - 2);
    }
    if (colon == std::string::npos || !is_address(address)) {
        throw Wrong_option("--listen is \"" + options.listen + "\": it must be ADDRESS:PORT or unix:PATH");
    }
    number("the port of --listen", options.listen.substr(colon + 1), 0, 65535);
    const bool loopback = address.rfind("127.", 0) == 0 || address == "::1";
    if (!loopback && !options.behind_proxy()) {
        throw Wrong_option(
            "--listen is \"" + options.listen +
            "\", which other machines can reach: the console has no TLS of its own, "
            "so passwords would travel in the clear. Put a proxy before it, and give --behind-proxy");
    }
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
    Options options;
    for (size_t i = 0; i < arguments.size(); ++i) {
        std::string name = arguments[i];
        std::string value;
        const size_t equals = name.find('=');
        const bool joined = name.rfind("--", 0) == 0 && equals != std::string::npos;
        if (joined) {
            value = name.substr(equals + 1);
            name.resize(equals);
        }
        if (name == "--read-only" || name == "--show-secrets") {
            if (joined) {
                throw Wrong_option(name + " takes no value");
            }
            (name == "--read-only" ? options.read_only : options.show_secrets) = true;
            continue;
        }
        static const std::set<std::string> known{
            "--connect",      "--listen",       "--behind-proxy",    "--trusted-header",    "--trusted-peers",
            "--idle-timeout", "--max-sessions", "--max-connections", "--log-ins-per-minute"};
        if (known.count(name) == 0) {
            throw Wrong_option("there is no option \"" + arguments[i] + "\"; --help lists them");
        }
        if (!joined) {
            if (i + 1 >= arguments.size()) {
                throw Wrong_option(name + " needs a value");
            }
            value = arguments[++i];
        }
        if (name == "--connect") {
            options.connect = value;
        } else if (name == "--listen") {
            options.listen = value;
        } else if (name == "--behind-proxy") {
            set_origin(options, value);
        } else if (name == "--trusted-header") {
            options.trusted_header = lower(value);
        } else if (name == "--trusted-peers") {
            set_peers(options, value);
        } else if (name == "--idle-timeout") {
            const bool seconds = value.size() > 1 && value.back() == 's';
            options.idle_seconds = seconds ? number(name, value.substr(0, value.size() - 1), 1, 86400)
                                           : number(name, value, 1, 1440) * 60;
        } else if (name == "--max-sessions") {
            options.max_sessions = number(name, value, 1, 1000);
        } else if (name == "--max-connections") {
            options.max_connections = number(name, value, 1, 10000);
        } else {
            options.log_ins_per_minute = number(name, value, 1, 10000);
        }
    }
    check_listen(options);
    if (!options.trusted_header.empty() && options.trusted_peers.empty()) {
        throw Wrong_option(
            "--trusted-header needs --trusted-peers: whoever can reach the console could name any role "
            "otherwise");
    }
    if (options.trusted_header.empty() && !options.trusted_peers.empty()) {
        throw Wrong_option("--trusted-peers is of use with --trusted-header only");
    }
    return options;
}

std::string help_text() {
    return R"(foreman-console: a web page over the jobs of one database with pg_foreman.

Usage: foreman-console [--connect CONNINFO] [--listen ADDRESS:PORT] [OPTION...]

People log in with a role of the database and its password, and can do there what
that role can do in psql, no more.

  --connect CONNINFO         which server and database, as psql takes it
                             ("host=db1 dbname=app"); PGHOST and so on hold, too
  --listen ADDRESS:PORT      where browsers find it (127.0.0.1:7833); unix:PATH is
                             a Unix socket; port 0 takes a free one
  --behind-proxy URL         a proxy with TLS passes requests on; URL is what
                             browsers see, as https://jobs.example.com/foreman.
                             Without it only addresses of this machine are taken
  --trusted-header NAME      the proxy has authenticated: this header names the
                             role. The role of --connect must be a member of it
  --trusted-peers LIST       addresses of such proxies, as 127.0.0.1,unix
  --read-only                no actions; transactions are read only
  --show-secrets             do not hide values of keys like password and token
  --idle-timeout MINUTES     a log-in ends after this time without use (30); 90s
                             are seconds
  --max-sessions N           log-ins at a time, each with one connection (50)
  --max-connections N        connections of browsers at a time (256)
  --log-ins-per-minute N     failed log-ins of an address or a role (10)
  --help, --version

It prints its address when it is ready, and a line for each log-in and action.
)";
}

}  // namespace console
