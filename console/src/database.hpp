// One connection to the server, without blocking: libpq on the loop of Asio.
#pragma once

#include <libpq-fe.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "failure.hpp"

namespace console {

namespace asio = boost::asio;

/// A coroutine at a time; others wait for their turn.
class Turn {
  public:
    explicit Turn(asio::io_context& loop) : gate(loop) {
        gate.expires_at(asio::steady_timer::time_point::max());
    }
    asio::awaitable<void> take();
    void give() {
        taken = false;
        gate.cancel_one();
    }

  private:
    asio::steady_timer gate;
    bool taken = false;
};

using Row = std::vector<std::string>;  ///< NULL is an empty string

class Connection : public std::enable_shared_from_this<Connection> {
  public:
    explicit Connection(asio::io_context& loop) : socket(loop), timer(loop), turn(loop) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { close(); }

    /// does:   connects; with a role and its password, which must have been asked for.
    /// errors: Failure log_in (refused), away (no server).
    asio::awaitable<void> open(std::string conninfo, std::string role, std::string password,
                               std::string name);

    /// does:    runs one statement with one parameter.
    /// returns: its first row; nothing where it has none.
    /// errors:  Failure; away closes the connection.
    asio::awaitable<std::optional<Row>> run(std::string sql,
                                            std::optional<std::string> parameter = std::nullopt);

    /// does:   runs an action in a transaction that may write.
    /// errors: Failure, and then nothing has changed.
    asio::awaitable<std::optional<Row>> act(std::string sql, std::string parameter);

    /// returns: the name in quotes as SQL has it.
    std::string quoted(const std::string& name);

    bool is_open() const { return connection != nullptr; }
    void close();
    Turn& my_turn() { return turn; }

  private:
    enum class For { reading, writing };
    asio::awaitable<void> wait(For what);
    asio::awaitable<PGresult*> next_result();
    asio::awaitable<std::optional<Row>> execute(std::string sql, std::optional<std::string> parameter);
    void begin(std::chrono::seconds limit);
    [[noreturn]] void fail(const PGresult* result);

    PGconn* connection = nullptr;
    asio::posix::stream_descriptor socket;
    asio::steady_timer timer;
    Turn turn;
    bool late = false;
};

}  // namespace console
