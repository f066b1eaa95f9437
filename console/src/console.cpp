// Routes, rights and answers. Whatever is not found here is refused.
#include "console.hpp"

#include <sys/random.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <ctime>

namespace console {

namespace {

using Clock = std::chrono::steady_clock;

// The page asks as often as the answer is shared, a little later.
constexpr std::chrono::milliseconds early{100};
constexpr size_t max_shared = 512;
constexpr size_t max_shared_bytes = size_t{256} * 1024;
constexpr int max_logging_in = 8;
constexpr const char* cookie_name = "foreman_console";

std::string random_name() {
    std::array<char, 32> bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        throw Failure(500, "wrong", "This machine gives no random numbers.");
    }
    return to_hex(std::string_view(bytes.data(), bytes.size()));
}

Answer failed(const Failure& failure) {
    Answer answer;
    answer.status = failure.status;
    answer.body = json_object({{"error", failure.word},
                               {"message", failure.message},
                               {"hint", failure.hint},
                               {"sqlstate", failure.sqlstate}});
    if (failure.status == 429) {
        answer.headers.emplace_back("Retry-After", "60");
    }
    return answer;
}

bool starts_with(std::string_view text, std::string_view begin) {
    return text.substr(0, begin.size()) == begin;
}

}  // namespace

/// An answer that several viewers of a page get.
struct Console::Shared {
    explicit Shared(asio::io_context& loop) : done(loop) { done.expires_at(Clock::time_point::max()); }
    asio::steady_timer done;
    bool asking = true;
    bool good = false;
    Clock::time_point until{};
    std::string body;
};

void log_line(const std::string& text) {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    std::array<char, 32> stamp{};
    gmtime_r(&now, &parts);
    std::strftime(stamp.data(), stamp.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    std::fprintf(stderr, "%s %s\n", stamp.data(), text.c_str());
}

bool Failures::too_many(const std::string& who, int limit) {
    const auto found = times.find(who);
    if (found == times.end()) {
        return false;
    }
    const auto since = Clock::now() - std::chrono::minutes(1);
    auto& list = found->second;
    list.erase(std::remove_if(list.begin(), list.end(), [&](auto at) { return at < since; }), list.end());
    return static_cast<int>(list.size()) >= limit;
}

void Failures::forgive(const std::string& who) {
    const auto found = times.find(who);
    if (found != times.end() && !found->second.empty()) {
        found->second.pop_back();
    }
}

void Failures::sweep() {
    const auto since = Clock::now() - std::chrono::minutes(1);
    for (auto at = times.begin(); at != times.end();) {
        at = at->second.empty() || at->second.back() < since ? times.erase(at) : std::next(at);
    }
}

Console::Console(asio::io_context& loop_, Options options_) : loop(loop_), options(std::move(options_)) {}

// Behind a proxy the last address that it wrote down: those before it are what the client said.
std::string Console::from(const Request& request) const {
    if (!options.behind_proxy()) {
        return request.peer;
    }
    const std::string list = request.header("x-forwarded-for");
    const size_t comma = list.rfind(',');
    std::string last = comma == std::string::npos ? list : list.substr(comma + 1);
    last.erase(std::remove(last.begin(), last.end(), ' '), last.end());
    return last.empty() ? request.peer : for_log(last, 60);
}

std::string Console::cookie(const std::string& value, bool over) const {
    std::string text =
        std::string(cookie_name) + '=' + value + "; Path=" + options.prefix + "/; HttpOnly; SameSite=Strict";
    if (starts_with(options.origin, "https:")) {
        text += "; Secure";
    }
    return over ? text + "; Max-Age=0" : text;
}

// A page of somebody else may let its own name stand for this machine's address, and then read what is here.
void Console::check_host(const Request& request) const {
    if (options.behind_proxy() || request.peer == "unix") {
        return;
    }
    std::string host = request.header("host");
    if (!host.empty() && host.back() != ']') {
        host = host.substr(0, host.rfind(':'));
    }
    if (host != "localhost" && host != "[::1]" && !starts_with(host, "127.")) {
        throw Failure(421, "wrong",
                      "This console is at localhost; under another name it needs --behind-proxy.");
    }
}

// A form or a script of another site can send neither this header nor our origin.
void Console::check_post(const Request& request) const {
    const std::string expected = options.behind_proxy() ? options.origin : "http://" + request.header("host");
    if (request.header("origin") != expected) {
        throw Failure(403, "origin", "This request does not come from the console's own page.");
    }
    if (request.header("x-foreman-console") != "1") {
        throw Failure(403, "origin", "This request lacks the header of the console's own page.");
    }
}

void Console::drop(const std::string& key) {
    const auto found = sessions.find(key);
    if (found == sessions.end()) {
        return;
    }
    found->second->connection->close();
    sessions.erase(found);
}

asio::awaitable<Answer> Console::answer(const Request& request) {
    std::optional<Failure> failure;
    try {
        co_return co_await route(request);
    } catch (const Failure& caught) {
        failure = caught;
    } catch (const std::exception& caught) {
        log_line(std::string("error ") + for_log(caught.what()));
        failure = Failure(500, "wrong", "The console could not do this; its log says why.");
    }
    co_return failed(*failure);
}

asio::awaitable<Answer> Console::route(const Request& request) {
    check_host(request);
    std::string path = request.target.substr(0, request.target.find('?'));
    const std::string query =
        path.size() < request.target.size() ? request.target.substr(path.size() + 1) : "";
    if (!options.prefix.empty() && starts_with(path, options.prefix + "/")) {
        path.erase(0, options.prefix.size());
    }
    const bool get = request.method == "GET" || request.method == "HEAD";
    if (get && path == "/") {
        Answer page;
        const bool gzip = request.header("accept-encoding").find("gzip") != std::string::npos;
        page.type = "text/html; charset=utf-8";
        page.body = gzip ? page_html_gzip() : page_html();
        if (gzip) {
            page.headers.emplace_back("Content-Encoding", "gzip");
        }
        page.headers.emplace_back("Vary", "Accept-Encoding");
        co_return page;
    }
    if (get && path == "/healthz") {
        co_return Answer{200, "text/plain", "ok\n", {}};
    }
    const bool known_post = request.method == "POST" && starts_with(path, "/api/");
    if (known_post) {
        check_post(request);
        if (path == "/api/log-in") {
            co_return co_await log_in(request);
        }
        if (path == "/api/log-out") {
            co_return log_out(request);
        }
        if (starts_with(path, "/api/action/")) {
            co_return co_await action(request, path.substr(12));
        }
    }
    if (get && starts_with(path, "/api/page/")) {
        const auto fields = parse_fields(query);
        if (!fields) {
            throw Failure(400, "wrong", "The query of this address is malformed.");
        }
        co_return co_await page(request, path.substr(10), *fields);
    }
    if (!get && !known_post) {
        throw Failure(405, "wrong", "The console knows GET, HEAD and POST only.");
    }
    throw Failure(404, "wrong", "There is no such page.");
}

asio::awaitable<Answer> Console::log_in(const Request& request) {
    if (!options.trusted_header.empty()) {
        throw Failure(403, "refused", "The proxy logs people in.");
    }
    const auto fields = parse_fields(request.body);
    const auto value = [&](const char* name) {
        return fields && fields->count(name) ? fields->find(name)->second : "";
    };
    const std::string role = value("role");
    const std::string password = value("password");
    const std::string peer = from(request);
    if (role.empty() || role.size() > 63 || password.empty() || password.size() > 1024) {
        throw Failure(400, "refused", "A role and its password are needed.");
    }
    const std::string of_peer = "peer " + peer;
    const std::string of_role = "role " + role;
    if (failures.too_many(of_peer, options.log_ins_per_minute) ||
        failures.too_many(of_role, options.log_ins_per_minute) || logging_in >= max_logging_in) {
        log_line("log-in role=" + for_log(role) + " from=" + peer + " refused: too many failed");
        throw Failure(429, "refused", "Too many log-ins failed. Try again in a minute.");
    }
    if (static_cast<int>(sessions.size()) + logging_in >= options.max_sessions) {
        throw Failure(503, "refused", "As many people are logged in as the console takes. Try again later.");
    }
    failures.add(of_peer);
    failures.add(of_role);
    ++logging_in;
    const auto connection = std::make_shared<Connection>(loop);
    std::optional<Failure> failure;
    try {
        co_await connection->open(options.connect, role, password, "foreman-console " + peer);
    } catch (const Failure& caught) {
        failure = caught;
    }
    --logging_in;
    if (!failure || failure->word == "away") {
        failures.forgive(of_peer);
        failures.forgive(of_role);
    }
    if (failure) {
        log_line("log-in role=" + for_log(role) + " from=" + peer +
                 " failed: " + for_log(failure->log.empty() ? failure->message : failure->log));
        throw *failure;
    }
    const std::string key = random_name();
    sessions[key] = std::make_shared<Session>(Session{role, peer, connection, Clock::now(), true});
    log_line("log-in role=" + for_log(role) + " from=" + peer);
    Answer answer{200, "application/json", R"({"ok": true})", {}};
    answer.headers.emplace_back("Set-Cookie", cookie(key, false));
    co_return answer;
}

Answer Console::log_out(const Request& request) {
    const std::string key(find_cookie(request.header("cookie"), cookie_name));
    const auto found = sessions.find(key);
    if (options.trusted_header.empty() && found != sessions.end()) {
        log_line("log-out role=" + for_log(found->second->role) + " from=" + from(request));
        drop(key);
    }
    Answer answer{200, "application/json", R"({"ok": true})", {}};
    answer.headers.emplace_back("Set-Cookie", cookie("", true));
    return answer;
}

asio::awaitable<Console::Session_ptr> Console::session_of(const Request& request) {
    if (!options.trusted_header.empty()) {
        co_return co_await trusted_session(request);
    }
    const std::string key(find_cookie(request.header("cookie"), cookie_name));
    const auto found = sessions.find(key);
    if (found == sessions.end()) {
        throw Failure(401, "log_in", "Please log in.");
    }
    const Session_ptr session = found->second;
    if (!session->connection->is_open()) {
        sessions.erase(found);
        throw Failure(401, "log_in", "The connection to the database server was lost. Please log in again.");
    }
    // A page that is only left open does not keep a log-in alive.
    if (request.header("x-foreman-live").empty()) {
        session->used = Clock::now();
    }
    co_return session;
}

// All requests of a role that a proxy has authenticated share one connection, made when it is needed.
asio::awaitable<Console::Session_ptr> Console::trusted_session(const Request& request) {
    if (options.trusted_peers.count(request.peer) == 0) {
        throw Failure(403, "denied", "This address is not on the list of trusted proxies.");
    }
    const std::string role = request.header(options.trusted_header.c_str());
    // SET ROLE none would be the console's own role.
    if (role.empty() || role.size() > 63 || role == "none" || role.find(',') != std::string::npos) {
        throw Failure(401, "proxy", "The proxy names no role.");
    }
    const std::string key = "role " + role;
    auto found = sessions.find(key);
    if (found != sessions.end() && found->second->ready && !found->second->connection->is_open()) {
        sessions.erase(found);
        found = sessions.end();
    }
    if (found == sessions.end()) {
        if (static_cast<int>(sessions.size()) >= options.max_sessions) {
            throw Failure(503, "refused",
                          "As many people are logged in as the console takes. Try again later.");
        }
        const auto made = std::make_shared<Session>(
            Session{role, from(request), std::make_shared<Connection>(loop), Clock::now(), false});
        sessions[key] = made;
        std::optional<Failure> failure;
        try {
            co_await made->connection->open(options.connect, "", "", "foreman-console " + role);
            co_await made->connection->run("SET ROLE " + made->connection->quoted(role));
        } catch (const Failure& caught) {
            failure = caught;
        }
        made->ready = true;
        if (failure) {
            drop(key);
            log_line("log-in role=" + for_log(role) + " from=" + from(request) +
                     " failed: " + for_log(failure->log.empty() ? failure->message : failure->log));
            if (failure->status < 500) {
                failure->status = 403;
            }
            throw *failure;
        }
        log_line("log-in role=" + for_log(role) + " from=" + from(request));
        co_return made;
    }
    const Session_ptr session = found->second;
    if (!session->ready) {
        throw Failure(503, "away", "The connection is being made.");
    }
    session->used = Clock::now();
    co_return session;
}

asio::awaitable<std::string> Console::ask(Session_ptr session, const char* sql, std::string parameter) {
    std::optional<std::string> given;
    if (std::string_view(sql).find("$1") != std::string_view::npos) {
        given = std::move(parameter);
    }
    const auto row = co_await session->connection->run(sql, std::move(given));
    if (!row || row->empty() || row->front().empty()) {
        throw Failure(404, "missing", "There is no such thing, or this role does not see it.");
    }
    if (options.show_secrets) {
        co_return row->front();
    }
    co_return mask_secrets(row->front());
}

asio::awaitable<std::string> Console::shared_answer(Session_ptr session, std::string key,
                                                    const Statement& statement, std::string parameter) {
    for (auto found = answers.find(key); found != answers.end(); found = answers.find(key)) {
        const std::shared_ptr<Shared> other = found->second;
        if (!other->asking) {
            if (other->good && Clock::now() < other->until) {
                co_return other->body;
            }
            break;
        }
        boost::system::error_code ignored;
        co_await other->done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    const auto mine = std::make_shared<Shared>(loop);
    if (answers.size() < max_shared) {
        answers[key] = mine;
    }
    std::optional<Failure> failure;
    try {
        mine->body = co_await ask(session, statement.sql, std::move(parameter));
    } catch (const Failure& caught) {
        failure = caught;
    }
    mine->asking = false;
    mine->good = !failure && mine->body.size() <= max_shared_bytes;
    mine->until = Clock::now() + std::chrono::seconds(statement.seconds) - early;
    const std::string body = mine->body;
    if (!mine->good) {
        mine->body.clear();
    }
    mine->done.cancel();
    if (failure) {
        throw *failure;
    }
    co_return body;
}

asio::awaitable<Answer> Console::page(const Request& request, std::string name, Fields fields) {
    const Statement* statement = find_page(name);
    if (statement == nullptr) {
        throw Failure(404, "wrong", "There is no such page.");
    }
    const Session_ptr session = co_await session_of(request);
    fields["read_only"] = options.read_only ? "yes" : "no";
    fields["proxy"] = options.trusted_header.empty() ? "no" : "yes";
    const std::string parameter = json_object(fields);
    Answer answer;
    if (request.header("x-foreman-live").empty()) {
        answer.body = co_await ask(session, statement->sql, parameter);
    } else {
        const std::string key = session->role + '\n' + name + '\n' + parameter;
        answer.body = co_await shared_answer(session, key, *statement, parameter);
    }
    co_return answer;
}

asio::awaitable<Answer> Console::action(const Request& request, std::string name) {
    const Statement* statement = find_action(name);
    if (statement == nullptr) {
        throw Failure(404, "wrong", "There is no such action.");
    }
    if (!starts_with(request.header("content-type"), "application/json")) {
        throw Failure(415, "wrong", "An action takes JSON.");
    }
    const Session_ptr session = co_await session_of(request);
    const std::string who = "action=" + name + " role=" + for_log(session->role) + " from=" + from(request);
    if (options.read_only) {
        log_line(who + " refused: read only");
        throw Failure(403, "read_only", "This console is read only.");
    }
    std::optional<Row> row;
    std::optional<Failure> failure;
    try {
        row = co_await session->connection->act(statement->sql, request.body);
    } catch (const Failure& caught) {
        failure = caught;
    }
    if (!failure && (!row || row->size() != 3)) {
        failure =
            Failure(400, "wrong", "The request lacks something that this action needs. Nothing has changed.");
    }
    if (failure) {
        log_line(who + " failed: " + failure->sqlstate + ' ' +
                 for_log(failure->log.empty() ? failure->message : failure->log));
        throw *failure;
    }
    log_line(who + " count=" + (*row)[1] + " what=\"" + for_log((*row)[2]) + '"');
    answers.clear();
    co_return Answer{200, "application/json", (*row)[0], {}};
}

asio::awaitable<void> Console::keep_tidy() {
    asio::steady_timer timer(loop);
    while (true) {
        timer.expires_after(std::chrono::seconds(1));
        co_await timer.async_wait(asio::use_awaitable);
        failures.sweep();
        const auto since = Clock::now() - std::chrono::seconds(options.idle_seconds);
        for (auto at = sessions.begin(); at != sessions.end();) {
            const Session_ptr session = at->second;
            if (session->ready && (session->used < since || !session->connection->is_open())) {
                log_line("log-out role=" + for_log(session->role) + " from=" + session->from +
                         " idle or lost");
                session->connection->close();
                at = sessions.erase(at);
            } else {
                ++at;
            }
        }
        for (auto at = answers.begin(); at != answers.end();) {
            const bool old = !at->second->asking && Clock::now() > at->second->until;
            at = old ? answers.erase(at) : std::next(at);
        }
    }
}

}  // namespace console
