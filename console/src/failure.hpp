// What went wrong, as a browser is told: a status of HTTP, a word for the page, a text for people.
#pragma once

#include <exception>
#include <string>

namespace console {

struct Failure : std::exception {
    Failure(int status_, std::string word_, std::string message_)
        : status(status_), word(std::move(word_)), message(std::move(message_)) {}

    const char* what() const noexcept override { return message.c_str(); }

    int status;
    std::string word;     ///< what the page looks at: log_in, denied, away, wrong, ...
    std::string message;  ///< for people
    std::string hint{};
    std::string sqlstate{};
    std::string log{};  ///< what only the log is told
};

}  // namespace console
