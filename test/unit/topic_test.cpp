// Topics and patterns: what is allowed, what matches, and that the sorted patterns find what one by one does.
#include "core/topic.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace foreman::core {
namespace {

TEST(Topic, Validity) {
    for (const char* good :
         {"a", "a.b", "order.placed.eu", "with space", "A-b_c:1", "\xC3\xA4.\xC3\xB6", "a%2Eb"})
        EXPECT_TRUE(check_topic("topic", good).ok()) << good;
    for (const char* bad :
         {"", ".", "a.", ".a", "a..b", "*", "#", "a.*", "a.#", "a*", "#b", "a.b*c", "a\nb", "a\x7f"})
        EXPECT_FALSE(check_topic("topic", bad).ok()) << bad;
    EXPECT_TRUE(check_topic("topic", std::string(255, 'x')).ok());
    EXPECT_EQ(check_topic("topic", std::string(256, 'x')).error().code, ErrorCode::too_long);
    EXPECT_EQ(check_topic("topic", std::nullopt).error().code, ErrorCode::null_value);
    EXPECT_EQ(check_topic("topic", "").error().code, ErrorCode::empty);
    EXPECT_EQ(check_topic("topic", "a..b").error().code, ErrorCode::invalid);
}

TEST(Topic, ValidityOfPatterns) {
    for (const char* good : {"a", "*", "#", "a.*", "a.#", "#.a", "*.*", "a.#.b.*", "#.#"})
        EXPECT_TRUE(check_pattern("pattern", good).ok()) << good;
    for (const char* bad : {"", ".", "a.", ".*", "*..#", "a*", "*a", "##", "a.b#", "a.**", "#*"})
        EXPECT_FALSE(check_pattern("pattern", bad).ok()) << bad;
    EXPECT_EQ(check_pattern("pattern", std::string(256, '*')).error().code, ErrorCode::too_long);
}

struct Case {
    const char *pattern, *topic;
    bool matches;
};

TEST(Topic, Matching) {
    const Case cases[] = {{"a", "a", true},
                          {"a", "b", false},
                          {"a", "a.b", false},
                          {"a.b", "a", false},
                          {"*", "a", true},
                          {"*", "a.b", false},
                          {"a.*", "a", false},
                          {"a.*", "a.b", true},
                          {"a.*", "a.b.c", false},
                          {"*.b", "a.b", true},
                          {"*.b", "a.c", false},
                          {"*.*", "a.b", true},
                          {"#", "a", true},
                          {"#", "a.b.c", true},
                          {"a.#", "a", true},
                          {"a.#", "a.b.c", true},
                          {"a.#", "b.a", false},
                          {"#.c", "c", true},
                          {"#.c", "a.b.c", true},
                          {"#.c", "a.c.b", false},
                          {"a.#.c", "a.c", true},
                          {"a.#.c", "a.b.b.c", true},
                          {"a.#.c", "a.b", false},
                          {"#.#", "a", true},
                          {"#.*", "a", true},
                          {"*.#", "a", true},
                          {"#.a.#", "b.a.c", true},
                          {"#.a.#", "b.c", false},
                          {"#.a.#.b", "a.x.b.b", true},
                          {"#.*.#.*", "a", false},
                          {"#.*.#.*", "a.b", true},
                          {"a.#", "ab", false},
                          {"a.#", "a-.b", false},
                          {"a-.*", "a-.b", true},
                          {"a.*.c", "a.b.d", false},
                          {"A", "a", false}};
    for (const Case& c : cases)
        EXPECT_EQ(topic_matches(c.pattern, c.topic), c.matches) << c.pattern << " " << c.topic;
}

TEST(Topic, ManyWildcardsAreNoLongerThanTheirProduct) {
    std::string pattern, topic;
    for (int i = 0; i < 60; i++) pattern += "#.a.";
    pattern += "b";
    for (int i = 0; i < 127; i++) topic += "a.";
    topic += "c";
    EXPECT_FALSE(topic_matches(pattern, topic));
}

TEST(Topic, NamesAsOneSegment) {
    char to[64];
    const auto segment = [&to](std::string_view name) {
        return std::string(to, static_cast<std::size_t>(append_segment(to, name) - to));
    };
    EXPECT_EQ(segment("OrderPlaced"), "OrderPlaced");
    EXPECT_EQ(segment("shop.order"), "shop%2Eorder");
    EXPECT_EQ(segment("*#%\n"), "%2A%23%25%0A");
    EXPECT_EQ(segment("\xC3\xA4 b"), "\xC3\xA4 b");
}

// Words of few segments from few letters, so that most things meet.
TEST(Topic, SortedPatternsFindWhatOneByOneDoes) {
    std::mt19937 random(7);
    constexpr std::string_view in_patterns[] = {"a", "b", "ab", "a-", "a!", "*", "#"};
    constexpr std::string_view in_topics[] = {"a", "b", "ab", "a-", "a!", "c"};
    const auto word = [&random](std::span<const std::string_view> segments) {
        std::string text;
        for (int n = static_cast<int>(random() % 4) + 1; n > 0; n--)
            text.append(segments[random() % segments.size()]).append(n > 1 ? "." : "");
        return text;
    };
    for (int round = 0; round < 200; round++) {
        std::vector<std::string> texts;
        std::vector<TopicPattern> patterns;
        for (int i = 0; i < 60; i++) texts.push_back(word(in_patterns));
        for (std::size_t i = 0; i < texts.size(); i++) patterns.push_back({texts[i], i});
        sort_patterns(patterns);
        for (int i = 0; i < 20; i++) {
            const std::string topic = word(in_topics);
            std::vector<std::size_t> found, expected;
            match_topic(patterns, topic, [&found](std::size_t number) { found.push_back(number); });
            for (std::size_t p = 0; p < texts.size(); p++) {
                if (topic_matches(texts[p], topic)) expected.push_back(p);
            }
            std::sort(found.begin(), found.end());
            ASSERT_EQ(found, expected) << topic;
        }
    }
}

}  // namespace
}  // namespace foreman::core
