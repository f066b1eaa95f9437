// What the console answers to each request: the page, its data, log-ins, actions. It knows nothing of sockets.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "database.hpp"
#include "options.hpp"
#include "text.hpp"

namespace console {

struct Request {
    std::string method;
    std::string target;
    std::string peer;  ///< address, or "unix"
    std::string body;
    std::function<std::string(const char*)> header;  ///< empty when there is none
};

struct Answer {
    int status = 200;
    std::string type = "application/json";
    std::string body{};
    std::vector<std::pair<std::string, std::string>> headers{};
};

struct Statement;

/// A log-in: the open connection is all that there is of the password.
struct Session {
    std::string role;
    std::string from;
    std::shared_ptr<Connection> connection;
    std::chrono::steady_clock::time_point used{};
    bool ready = true;  ///< false while the connection of a trusted role is made
};

/// How often log-ins of somebody failed within a minute.
class Failures {
  public:
    bool too_many(const std::string& who, int limit);
    void add(const std::string& who) { times[who].push_back(std::chrono::steady_clock::now()); }
    void forgive(const std::string& who);
    void sweep();

  private:
    std::unordered_map<std::string, std::vector<std::chrono::steady_clock::time_point>> times;
};

class Console {
  public:
    Console(asio::io_context& loop_, Options options_);

    /// does:   answers one request; errors become answers, too.
    asio::awaitable<Answer> answer(const Request& request);

    /// does:   closes log-ins that are idle; never returns.
    asio::awaitable<void> keep_tidy();

  private:
    using Session_ptr = std::shared_ptr<Session>;
    struct Shared;

    asio::awaitable<Answer> route(const Request& request);
    asio::awaitable<Answer> log_in(const Request& request);
    Answer log_out(const Request& request);
    asio::awaitable<Answer> page(const Request& request, std::string name, Fields fields);
    asio::awaitable<Answer> action(const Request& request, std::string name);
    asio::awaitable<Session_ptr> session_of(const Request& request);
    asio::awaitable<Session_ptr> trusted_session(const Request& request);
    asio::awaitable<std::string> shared_answer(Session_ptr session, std::string key,
                                               const Statement& statement, std::string parameter);
    asio::awaitable<std::string> ask(Session_ptr session, const char* sql, std::string parameter);
    void check_host(const Request& request) const;
    void check_post(const Request& request) const;
    void drop(const std::string& key);
    std::string from(const Request& request) const;
    std::string cookie(const std::string& value, bool over) const;

    asio::io_context& loop;
    const Options options;
    std::unordered_map<std::string, Session_ptr>
        sessions;  ///< by cookie, or "role " and the name behind a proxy
    std::unordered_map<std::string, std::shared_ptr<Shared>> answers;
    Failures failures;
    int logging_in = 0;
};

/// does:    writes a line to the log, with the time.
void log_line(const std::string& text);

/// The statements of console/pages and console/actions, and the page itself, put into the program by make.
struct Statement {
    const char* name;
    const char* sql;
    int seconds;  ///< how long viewers share an answer
};
const Statement* find_page(const std::string& name);
const Statement* find_action(const std::string& name);
std::string_view page_html();
std::string_view page_html_gzip();
std::string_view page_policy();

}  // namespace console
