// libpq without blocking. Whatever happens, a statement ends within its limit: the server has a statement_timeout,
// and where the server itself does not answer, the connection is closed.
#include "database.hpp"

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "text.hpp"

namespace console {

namespace {

constexpr std::chrono::seconds connect_limit{8};
constexpr std::chrono::seconds statement_limit{8};

// The server's own limits are shorter, so that it is the one that speaks first.
constexpr const char* settings =
    "-c statement_timeout=5s -c lock_timeout=1s -c idle_in_transaction_session_timeout=10s "
    "-c default_transaction_read_only=on -c datestyle=ISO "
    "-c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=1";

struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;

std::string field(const PGresult* result, int code) {
    const char* text = PQresultErrorField(result, code);
    return text == nullptr ? "" : text;
}

// What the server refuses, as a status of HTTP and a word for the page.
std::pair<int, std::string> judged(const std::string& state) {
    const std::string group = state.substr(0, 2);
    if (state == "42501") {
        return {403, "denied"};
    }
    if (state == "57014") {
        return {504, "slow"};
    }
    if (state == "55P03") {
        return {409, "locked"};
    }
    if (state == "25006") {
        return {409, "read_only"};
    }
    if (state == "3F000" || state == "42P01" || state == "42883" || state == "42703") {
        return {503, "extension"};
    }
    if (state == "08P01") {
        return {500, "wrong"};
    }
    if (group == "57" || group == "08" || group == "53") {
        return {503, "away"};
    }
    if (group == "XX") {
        return {500, "wrong"};
    }
    return {400, "wrong"};
}

Failure unproven() {
    return {403, "refused",
            "The server did not ask for a password, so this log-in proves nothing: pg_hba.conf must demand "
            "scram-sha-256 for connections of the console."};
}

}  // namespace

asio::awaitable<void> Turn::take() {
    while (taken) {
        boost::system::error_code ignored;
        co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    taken = true;
}

void Connection::close() {
    if (connection == nullptr) {
        return;
    }
    timer.cancel();
    if (socket.is_open()) {
        socket.release();
    }
    PQfinish(connection);
    connection = nullptr;
}

void Connection::begin(std::chrono::seconds limit) {
    late = false;
    timer.expires_after(limit);
    std::weak_ptr<Connection> self = weak_from_this();
    timer.async_wait([self](const boost::system::error_code& error) {
        const auto alive = self.lock();
        if (error || !alive || alive->timer.expiry() > std::chrono::steady_clock::now()) {
            return;
        }
        alive->late = true;
        boost::system::error_code ignored;
        alive->socket.cancel(ignored);
    });
}

asio::awaitable<void> Connection::wait(For what) {
    boost::system::error_code error;
    const auto kind = what == For::reading ? asio::posix::stream_descriptor::wait_read
                                           : asio::posix::stream_descriptor::wait_write;
    if (!late) {
        co_await socket.async_wait(kind, asio::redirect_error(asio::use_awaitable, error));
    }
    if (connection == nullptr) {
        throw Failure(401, "log_in", "You are logged out.");
    }
    if (late || error) {
        close();
        throw Failure(503, "away", "The database server does not answer.");
    }
}

asio::awaitable<void> Connection::open(std::string conninfo, std::string role, std::string password,
                                       std::string name) {
    const bool log_in = !role.empty();
    // The conninfo comes first: what follows it wins. No password file may stand in for the person.
    std::vector<const char*> keys{"dbname", "application_name", "options", "client_encoding"};
    std::vector<const char*> values{conninfo.c_str(), name.c_str(), settings, "UTF8"};
    if (log_in) {
        for (const auto& [key, value] :
             {std::pair{"user", role.c_str()}, std::pair{"password", password.c_str()},
              std::pair{"passfile", "/dev/null"}}) {
            keys.push_back(key);
            values.push_back(value);
        }
        if (PQlibVersion() >= 160000) {
            keys.push_back("require_auth");
            values.push_back("scram-sha-256");
        }
    }
    keys.push_back(nullptr);
    values.push_back(nullptr);
    connection = PQconnectStartParams(keys.data(), values.data(), 1);
    if (connection == nullptr) {
        throw Failure(503, "away", "There is no memory for a connection.");
    }
    begin(connect_limit);
    auto status = PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
        // libpq may have another socket now, even one of the same number.
        if (socket.is_open()) {
            socket.release();
        }
        socket.assign(PQsocket(connection));
        co_await wait(status == PGRES_POLLING_READING ? For::reading : For::writing);
        status = PQconnectPoll(connection);
    }
    timer.cancel();
    if (status != PGRES_POLLING_OK) {
        const std::string said = PQerrorMessage(connection);
        // Since 16 libpq sees by itself that it was not asked.
        const bool proves_nothing = said.find("authentication method requirement") != std::string::npos;
        const bool asked =
            PQconnectionNeedsPassword(connection) != 0 || PQconnectionUsedPassword(connection) != 0;
        const bool refused = asked || said.find("FATAL:") != std::string::npos;
        const bool starting = said.find("starting up") != std::string::npos ||
                              said.find("shutting down") != std::string::npos ||
                              said.find("recovery mode") != std::string::npos ||
                              said.find("too many") != std::string::npos ||
                              said.find("remaining connection slots") != std::string::npos;
        close();
        if (proves_nothing) {
            throw unproven();
        }
        if (refused && !starting) {
            Failure failure(403, "refused",
                            "The server refuses this role or this password for this database.");
            failure.log = said;
            throw failure;
        }
        Failure failure(503, "away", "The database server does not take connections now.");
        failure.log = said;
        throw failure;
    }
    if (socket.is_open()) {
        socket.release();
    }
    socket.assign(PQsocket(connection));
    PQsetnonblocking(connection, 1);
    if (log_in && PQconnectionUsedPassword(connection) == 0) {
        close();
        throw unproven();
    }
}

asio::awaitable<PGresult*> Connection::next_result() {
    while (PQisBusy(connection) != 0) {
        co_await wait(For::reading);
        if (PQconsumeInput(connection) == 0) {
            fail(nullptr);
        }
    }
    co_return PQgetResult(connection);
}

void Connection::fail(const PGresult* result) {
    const std::string state = result == nullptr ? "" : field(result, PG_DIAG_SQLSTATE);
    if (state.empty() || PQstatus(connection) == CONNECTION_BAD) {
        close();
        throw Failure(503, "away", "The connection to the database server is lost.");
    }
    const auto [status, word] = judged(state);
    Failure failure(status, word, shortened(field(result, PG_DIAG_MESSAGE_PRIMARY)));
    failure.hint = shortened(field(result, PG_DIAG_MESSAGE_HINT));
    failure.sqlstate = state;
    throw failure;
}

asio::awaitable<std::optional<Row>> Connection::execute(std::string sql,
                                                        std::optional<std::string> parameter) {
    if (connection == nullptr) {
        throw Failure(503, "away", "The connection to the database server is lost.");
    }
    const std::array<const char*, 1> values{parameter ? parameter->c_str() : nullptr};
    begin(statement_limit);
    if (PQsendQueryParams(connection, sql.c_str(), parameter ? 1 : 0, nullptr, values.data(), nullptr,
                          nullptr, 0) == 0) {
        fail(nullptr);
    }
    int flushed = PQflush(connection);
    while (flushed == 1) {
        co_await wait(For::writing);
        if (PQconsumeInput(connection) == 0) {
            fail(nullptr);
        }
        flushed = PQflush(connection);
    }
    if (flushed < 0) {
        fail(nullptr);
    }
    Result first(co_await next_result());
    if (first == nullptr) {
        fail(nullptr);
    }
    while (true) {
        Result other(co_await next_result());
        if (other == nullptr) {
            break;
        }
        if (PQresultStatus(other.get()) == PGRES_FATAL_ERROR) {
            first = std::move(other);
        }
    }
    timer.cancel();
    const ExecStatusType status = PQresultStatus(first.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        fail(first.get());
    }
    if (PQntuples(first.get()) == 0) {
        co_return std::nullopt;
    }
    Row row;
    for (int column = 0; column < PQnfields(first.get()); ++column) {
        row.emplace_back(PQgetvalue(first.get(), 0, column),
                         static_cast<size_t>(PQgetlength(first.get(), 0, column)));
    }
    co_return row;
}

asio::awaitable<std::optional<Row>> Connection::run(std::string sql, std::optional<std::string> parameter) {
    const auto self = shared_from_this();
    co_await turn.take();
    std::optional<Row> row;
    std::optional<Failure> failure;
    try {
        row = co_await execute(std::move(sql), std::move(parameter));
    } catch (const Failure& caught) {
        failure = caught;
    }
    turn.give();
    if (failure) {
        throw *failure;
    }
    co_return row;
}

asio::awaitable<std::optional<Row>> Connection::act(std::string sql, std::string parameter) {
    const auto self = shared_from_this();
    co_await turn.take();
    std::optional<Row> row;
    std::optional<Failure> failure;
    bool begun = false;
    try {
        co_await execute("BEGIN READ WRITE", std::nullopt);
        begun = true;
        row = co_await execute(std::move(sql), std::move(parameter));
        co_await execute("COMMIT", std::nullopt);
    } catch (const Failure& caught) {
        failure = caught;
    }
    // What a server says that is in recovery.
    if (!begun && failure->sqlstate == "0A000") {
        failure->status = 409;
        failure->word = "read_only";
        failure->message = "This server is a standby: actions are done on the primary.";
    }
    if (failure && connection != nullptr) {
        try {
            co_await execute("ROLLBACK", std::nullopt);
        } catch (const Failure&) {
            close();
        }
    }
    turn.give();
    if (failure) {
        throw *failure;
    }
    co_return row;
}

std::string Connection::quoted(const std::string& name) {
    if (connection == nullptr) {
        throw Failure(503, "away", "The connection to the database server is lost.");
    }
    char* text = PQescapeIdentifier(connection, name.c_str(), name.size());
    if (text == nullptr) {
        throw Failure(403, "refused", "This is no name of a role.");
    }
    std::string out = text;
    PQfreemem(text);
    return out;
}

}  // namespace console
