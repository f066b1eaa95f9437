// See topic.hpp. The order of patterns is that of their bytes with the dot before all others, so patterns with the same
// first segments stand together, and those that end first come first.
#include "core/topic.hpp"

#include <algorithm>

#include "core/validate.hpp"

namespace foreman::core {

namespace {

constexpr std::string_view kAllowedTopic =
    "1 to 255 bytes: segments with a dot between them, none of them empty, without * and #";
constexpr std::string_view kAllowedPattern =
    "1 to 255 bytes: segments with a dot between them, none of them empty; * (one segment) and # (any "
    "number) as whole "
    "segments";

unsigned rank(char c) noexcept { return c == '.' ? 0U : static_cast<unsigned char>(c); }

int compare(std::string_view a, std::string_view b) noexcept {
    const std::size_t n = std::min(a.size(), b.size());
    for (std::size_t i = 0; i < n; i++) {
        if (a[i] != b[i]) return rank(a[i]) < rank(b[i]) ? -1 : 1;
    }
    return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

// What is left of a topic or a pattern, segment by segment.
struct Rest {
    std::string_view text;
    bool done;

    Rest(std::string_view all, std::size_t from) noexcept
        : text(from > all.size() ? std::string_view{} : all.substr(from)), done(from > all.size()) {}
    std::string_view segment() const noexcept { return first_segment(text); }
    void next() noexcept {
        const std::size_t n = segment().size();
        done = n == text.size();
        text.remove_prefix(done ? n : n + 1);
    }
};

template <class Allowed>
Result<std::string_view> check_segments(std::string_view argument, std::optional<std::string_view> text,
                                        std::string_view allowed, Allowed is_allowed) noexcept {
    const Result<std::string_view> name = check_name(argument, text);
    if (!name.ok()) return name;
    for (Rest rest(*text, 0); !rest.done; rest.next()) {
        const std::string_view segment = rest.segment();
        if (segment.empty() || !is_allowed(segment))
            return make_error(ErrorCode::invalid, argument, *text, allowed);
    }
    return name;
}

bool has_wildcard(std::string_view segment) noexcept {
    return segment.find_first_of("*#") != std::string_view::npos;
}

}  // namespace

Result<std::string_view> check_topic(std::string_view argument,
                                     std::optional<std::string_view> topic) noexcept {
    return check_segments(argument, topic, kAllowedTopic,
                          [](std::string_view segment) { return !has_wildcard(segment); });
}

Result<std::string_view> check_pattern(std::string_view argument,
                                       std::optional<std::string_view> pattern) noexcept {
    return check_segments(argument, pattern, kAllowedPattern, [](std::string_view segment) {
        return segment.size() == 1 || !has_wildcard(segment);
    });
}

std::string_view first_segment(std::string_view topic) noexcept { return topic.substr(0, topic.find('.')); }

bool topic_matches(std::string_view pattern, std::string_view topic) noexcept {
    return detail::rest_matches(pattern, 0, topic, 0);
}

char* append_segment(char* to, std::string_view name) noexcept {
    constexpr char kDigits[] = "0123456789ABCDEF";
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f && c != '.' && c != '*' && c != '#' && c != '%') {
            *to++ = c;
            continue;
        }
        *to++ = '%';
        *to++ = kDigits[byte >> 4];
        *to++ = kDigits[byte & 15];
    }
    return to;
}

void sort_patterns(std::span<TopicPattern> patterns) noexcept {
    std::sort(patterns.begin(), patterns.end(), [](const TopicPattern& a, const TopicPattern& b) {
        const int order = compare(a.pattern, b.pattern);
        return order != 0 ? order < 0 : a.number < b.number;
    });
}

namespace detail {

std::span<const TopicPattern> narrow(std::span<const TopicPattern> range, std::size_t offset,
                                     std::string_view segment) noexcept {
    const auto segment_of = [offset](const TopicPattern& p) {
        return first_segment(p.pattern.substr(offset));
    };
    const auto first = std::partition_point(range.begin(), range.end(), [&](const TopicPattern& p) {
        return compare(segment_of(p), segment) < 0;
    });
    const auto last = std::partition_point(first, range.end(),
                                           [&](const TopicPattern& p) { return segment_of(p) == segment; });
    return {first, last};
}

std::size_t ended_before(std::span<const TopicPattern> range, std::size_t offset) noexcept {
    const auto last = std::partition_point(
        range.begin(), range.end(), [offset](const TopicPattern& p) { return p.pattern.size() < offset; });
    return static_cast<std::size_t>(last - range.begin());
}

bool ends_alike(std::string_view pattern, std::string_view topic) noexcept {
    if (pattern.back() == '*' || pattern.back() == '#') return true;
    std::size_t p = pattern.size();
    std::size_t t = topic.size();
    while (p > 0 && t > 0 && pattern[p - 1] != '.' && pattern[p - 1] == topic[t - 1]) {
        p--;
        t--;
    }
    return (p == 0 || pattern[p - 1] == '.') && (t == 0 || topic[t - 1] == '.');
}

// A # takes nothing at first, and one segment more whenever what follows it does not fit; what an earlier # took need
// not be tried again once a later one is reached.
bool rest_matches(std::string_view pattern, std::size_t offset, std::string_view topic,
                  std::size_t at) noexcept {
    Rest p(pattern, offset);
    Rest t(topic, at);
    std::optional<Rest> behind;
    Rest taken = t;
    while (!t.done) {
        if (!p.done && p.segment() == "#") {
            p.next();
            behind = p;
            taken = t;
        } else if (!p.done && (p.segment() == "*" || p.segment() == t.segment())) {
            p.next();
            t.next();
        } else if (behind) {
            taken.next();
            p = *behind;
            t = taken;
        } else {
            return false;
        }
    }
    while (!p.done && p.segment() == "#") p.next();
    return p.done;
}

}  // namespace detail

}  // namespace foreman::core
