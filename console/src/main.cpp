// foreman-console: starts the server of the console and runs its loop, in one thread, until it is told to end.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "server.hpp"

using namespace console;

namespace {

int run(const Options& options) {
    // Only what the person typed is a password.
    for (const char* name : {"PGPASSWORD", "PGOPTIONS", "PGAPPNAME"}) {
        if (options.trusted_header.empty() || std::string_view(name) != "PGPASSWORD") {
            unsetenv(name);
        }
    }
    std::signal(SIGPIPE, SIG_IGN);
    asio::io_context loop(1);
    asio::signal_set signals(loop, SIGINT, SIGTERM);
    signals.async_wait([&loop](const boost::system::error_code& error, int) {
        if (!error) {
            loop.stop();
        }
    });
    Console console(loop, options);
    const std::string address = listen(loop, options, console);
    asio::co_spawn(loop, console.keep_tidy(), asio::detached);
    std::printf("foreman-console: %s\n", address.c_str());
    std::fflush(stdout);
    loop.run();
    if (options.on_unix_socket()) {
        std::remove(options.listen.c_str() + 5);
    }
    return 0;
}

}  // namespace

int main(int count, char** values) {
    const std::vector<std::string> arguments(values + 1, values + count);
    for (const auto& argument : arguments) {
        if (argument == "--help" || argument == "-h") {
            std::fputs(help_text().c_str(), stdout);
            return 0;
        }
        if (argument == "--version") {
            std::puts("foreman-console 1.0");
            return 0;
        }
    }
    try {
        return run(parse_options(arguments));
    } catch (const Wrong_option& wrong) {
        std::fprintf(stderr, "foreman-console: %s\n", wrong.what());
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "foreman-console: %s\n", error.what());
        return 1;
    }
}
