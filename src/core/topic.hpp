// Topics of publishes and patterns of subscriptions, as AMQP's topic exchanges have them: segments with dots between
// them; in a pattern the segment * stands for one segment, # for any number, none included.
// Invariant: patterns that were sorted by sort_patterns() are matched without looking at each of them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "core/result.hpp"

namespace foreman::core {

/// Topics of this first segment are those of workflows' events; nobody publishes to them.
inline constexpr std::string_view kWorkflowTopics = "workflow";

/// does: checks a topic: 1 to 255 bytes, no empty segment, no wild-card, no control character.
/// errors: null_value, empty, too_long, invalid.
Result<std::string_view> check_topic(std::string_view argument,
                                     std::optional<std::string_view> topic) noexcept;
/// The same for a pattern, in which a segment may be * or #.
Result<std::string_view> check_pattern(std::string_view argument,
                                       std::optional<std::string_view> pattern) noexcept;

std::string_view first_segment(std::string_view topic) noexcept;
/// Whether a pattern matches a topic.
/// cost: the product of their segments, at most
bool topic_matches(std::string_view pattern, std::string_view topic) noexcept;

/// does: appends a name as one segment: what would be no part of one (. * # % and control characters) is written as
///     % and two hexadecimal digits.
/// needs: room for three bytes for each of the name's
/// returns: behind the last byte that was written
char* append_segment(char* to, std::string_view name) noexcept;

struct TopicPattern {
    std::string_view pattern;
    std::size_t number;  ///< of whose it is
};
/// Sorts patterns by their segments; equal ones stay in their order.
void sort_patterns(std::span<TopicPattern> patterns) noexcept;

namespace detail {

/// The patterns of a sorted range whose segment at `offset` is `segment`; the range shares what is before it.
std::span<const TopicPattern> narrow(std::span<const TopicPattern> range, std::size_t offset,
                                     std::string_view segment) noexcept;
/// How many patterns of a sorted range have no segment at `offset`; they stand first.
std::size_t ended_before(std::span<const TopicPattern> range, std::size_t offset) noexcept;
/// Whether the last segment of a pattern is a wild-card or the last one of the topic.
bool ends_alike(std::string_view pattern, std::string_view topic) noexcept;
/// Whether what follows `offset` in a pattern matches what follows `at` in a topic; past its end there is nothing.
bool rest_matches(std::string_view pattern, std::size_t offset, std::string_view topic,
                  std::size_t at) noexcept;

}  // namespace detail

/// does: calls take(number) for each of the sorted patterns that matches, in no order.
/// cost: some binary searches for each segment of the topic; patterns with # are tried one by one from their # on,
///     where they end alike
template <class Take>
void match_topic(std::span<const TopicPattern> sorted, std::string_view topic, const Take& take,
                 std::size_t offset = 0, std::size_t at = 0) {
    if (sorted.empty()) return;
    const std::size_t ended = detail::ended_before(sorted, offset);
    if (at > topic.size()) {
        for (const TopicPattern& p : sorted.first(ended)) take(p.number);
    }
    sorted = sorted.subspan(ended);
    for (const TopicPattern& p : detail::narrow(sorted, offset, "#")) {
        if (detail::ends_alike(p.pattern, topic) && detail::rest_matches(p.pattern, offset, topic, at))
            take(p.number);
    }
    if (at > topic.size()) return;
    const std::string_view segment = first_segment(topic.substr(at));
    match_topic(detail::narrow(sorted, offset, "*"), topic, take, offset + 2, at + segment.size() + 1);
    match_topic(detail::narrow(sorted, offset, segment), topic, take, offset + segment.size() + 1,
                at + segment.size() + 1);
}

}  // namespace foreman::core
