// The HTTP server. Every message has one time limit from its first to its last byte, and limits on its sizes, so a
// client that is slow, huge or broken costs one socket for some seconds and nothing else.
#include "server.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace console {

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol>;
using Stream = beast::basic_stream<asio::generic::stream_protocol>;

constexpr std::chrono::seconds message_limit{10};
constexpr std::chrono::seconds keep_alive_limit{60};
constexpr uint32_t header_limit = 8 * 1024;
constexpr uint64_t body_limit = 64 * 1024;

using Response = http::response<http::string_body>;

Response as_response(Answer answer, unsigned version, bool keep_alive) {
    Response response(static_cast<http::status>(answer.status), version);
    response.keep_alive(keep_alive);
    response.set(http::field::content_type, answer.type);
    response.set(http::field::cache_control, "no-store");
    response.set("Content-Security-Policy", std::string(page_policy()));
    response.set("X-Content-Type-Options", "nosniff");
    response.set("X-Frame-Options", "DENY");
    response.set("Referrer-Policy", "no-referrer");
    response.set("Cross-Origin-Opener-Policy", "same-origin");
    response.set("Cross-Origin-Resource-Policy", "same-origin");
    response.set("Permissions-Policy", "camera=(), geolocation=(), microphone=()");
    for (const auto& [name, value] : answer.headers) {
        response.set(name, value);
    }
    response.body() = std::move(answer.body);
    response.prepare_payload();
    return response;
}

Answer refusal(int status, const std::string& message) {
    return {status, "application/json", json_object({{"error", "wrong"}, {"message", message}}), {}};
}

Request as_request(const http::request<http::string_body>& message, const std::string& peer) {
    Request request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    request.peer = peer;
    request.body = message.body();
    request.header = [&message](const char* name) {
        std::string all;
        const auto [begin, end] = message.equal_range(name);
        for (auto at = begin; at != end; ++at) {
            all += (at == begin ? "" : ",") + std::string(at->value());
        }
        return all;
    };
    return request;
}

// What a message that cannot be read is answered; nothing when there is nobody to answer.
std::optional<Answer> complaint(const beast::error_code& error) {
    if (error == http::error::header_limit) {
        return refusal(431, "The header is larger than 8 kB.");
    }
    if (error == http::error::body_limit) {
        return refusal(413, "The body is larger than 64 kB.");
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message) {
        return std::nullopt;
    }
    if (error.category() == make_error_code(http::error::bad_method).category()) {
        return refusal(400, "This is no request of HTTP/1.1.");
    }
    return std::nullopt;
}

asio::awaitable<void> send(Stream& stream, Response& response, beast::error_code& error) {
    stream.expires_after(message_limit);
    co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
}

asio::awaitable<void> serve(Stream stream, std::string peer, Console& console, std::shared_ptr<void> place) {
    (void)place;  // its end frees the connection's place
    beast::flat_buffer buffer(header_limit + body_limit);
    beast::error_code error;
    bool first = true;
    while (!error) {
        // Between two messages a connection may rest for a while; a message that has begun has its own limit.
        if (!first && buffer.size() == 0) {
            stream.expires_after(keep_alive_limit);
            const size_t got = co_await stream.async_read_some(
                buffer.prepare(1024), asio::redirect_error(asio::use_awaitable, error));
            buffer.commit(got);
            if (error) {
                break;
            }
        }
        first = false;
        http::request_parser<http::string_body> parser;
        parser.header_limit(header_limit);
        parser.body_limit(body_limit);
        stream.expires_after(message_limit);
        co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
        if (error) {
            auto answer = complaint(error);
            error = {};
            if (answer) {
                Response response = as_response(std::move(*answer), 11, false);
                co_await send(stream, response, error);
            }
            break;
        }
        const auto& message = parser.get();
        const Request request = as_request(message, peer);
        stream.expires_never();
        Answer answer = co_await console.answer(request);
        Response response = as_response(std::move(answer), message.version(), message.keep_alive());
        if (message.method() == http::verb::head) {
            const auto length = response.body().size();
            response.body().clear();
            response.content_length(length);
        }
        co_await send(stream, response, error);
        if (response.need_eof()) {
            break;
        }
    }
    stream.socket().shutdown(Socket::shutdown_both, error);
}

std::string peer_of(const Socket& socket, bool local) {
    if (local) {
        return "unix";
    }
    boost::system::error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    asio::ip::tcp::endpoint address;
    if (error || endpoint.size() > address.capacity()) {
        return "unknown";
    }
    std::memcpy(address.data(), endpoint.data(), endpoint.size());
    address.resize(endpoint.size());
    auto ip = address.address();
    if (ip.is_v6() && ip.to_v6().is_v4_mapped()) {
        ip = asio::ip::make_address_v4(asio::ip::v4_mapped, ip.to_v6());
    }
    return ip.to_string();
}

template <class Acceptor>
asio::awaitable<void> accept_all(asio::io_context& loop, Acceptor acceptor, bool local, int limit,
                                 Console& console) {
    const auto open = std::make_shared<int>(0);
    asio::steady_timer pause(loop);
    while (true) {
        Socket socket(loop);
        boost::system::error_code error;
        co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
        if (error) {  // no file descriptors: those that are open come back
            pause.expires_after(std::chrono::milliseconds(100));
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
            continue;
        }
        if (*open >= limit) {
            continue;
        }  // closes it
        ++*open;
        const std::shared_ptr<void> place(nullptr, [open](void*) { --*open; });
        std::string peer = peer_of(socket, local);
        asio::co_spawn(loop, serve(Stream(std::move(socket)), std::move(peer), console, place),
                       [](const std::exception_ptr& failure) {
                           try {
                               if (failure) {
                                   std::rethrow_exception(failure);
                               }
                           } catch (const std::exception& caught) {
                               log_line(std::string("error ") + for_log(caught.what()));
                           }
                       });
    }
}

std::string listen_on_path(asio::io_context& loop, const Options& options, Console& console) {
    const std::string path = options.listen.substr(5);
    struct stat found {};
    if (lstat(path.c_str(), &found) == 0) {
        if (!S_ISSOCK(found.st_mode)) {
            throw std::runtime_error(path + " is there, and is no socket");
        }
        asio::local::stream_protocol::socket other(loop);
        boost::system::error_code error;
        other.connect(path, error);
        if (!error) {
            throw std::runtime_error("another console listens on " + path);
        }
        unlink(path.c_str());
    }
    const mode_t before = umask(0117);
    asio::local::stream_protocol::acceptor acceptor(loop, asio::local::stream_protocol::endpoint(path));
    umask(before);
    asio::co_spawn(loop, accept_all(loop, std::move(acceptor), true, options.max_connections, console),
                   asio::detached);
    return "unix:" + path;
}

}  // namespace

std::string listen(asio::io_context& loop, const Options& options, Console& console) {
    if (options.on_unix_socket()) {
        return listen_on_path(loop, options, console);
    }
    const size_t colon = options.listen.rfind(':');
    std::string address = options.listen.substr(0, colon);
    if (address.front() == '[') {
        address = address.substr(1, address.size() - 2);
    }
    const auto port = static_cast<uint16_t>(std::stoi(options.listen.substr(colon + 1)));
    asio::ip::tcp::acceptor acceptor(loop, {asio::ip::make_address(address), port}, true);
    const auto bound = acceptor.local_endpoint();
    asio::co_spawn(loop, accept_all(loop, std::move(acceptor), false, options.max_connections, console),
                   asio::detached);
    if (options.behind_proxy()) {
        return options.origin + options.prefix + "/";
    }
    const std::string host =
        bound.address().is_v6() ? "[" + bound.address().to_string() + "]" : bound.address().to_string();
    return "http://" + host + ":" + std::to_string(bound.port()) + "/";
}

}  // namespace console
