// Text with a size limit: utf8.hpp, the texts of errors in result.hpp, and the length of error logs.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "core/error_log.hpp"
#include "core/result.hpp"
#include "core/utf8.hpp"

namespace foreman::core {
namespace {

TEST(TruncateUtf8, KeepsWhatFits) {
    EXPECT_EQ(truncate_utf8("", 0), "");
    EXPECT_EQ(truncate_utf8("abc", 3), "abc");
    EXPECT_EQ(truncate_utf8("abc", 100), "abc");
    EXPECT_EQ(truncate_utf8("abc", 2), "ab");
    EXPECT_EQ(truncate_utf8("abc", 0), "");
    // What lies behind the view is not looked at.
    EXPECT_EQ(truncate_utf8(std::string_view("abc\x80").substr(0, 3), 3), "abc");
}

TEST(TruncateUtf8, CutsBeforeACharacterThatDoesNotFit) {
    const std::string_view text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";  // 1 + 2 + 3 + 4 + 1 bytes
    const std::size_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (std::size_t max = 0; max < std::size(ends); max++) {
        EXPECT_EQ(truncate_utf8(text, max).size(), ends[max]) << "max_bytes " << max;
    }
}

TEST(TruncateUtf8, CutsBytesThatAreNoUtf8WhereAsked) {
    const std::string tails(10, '\x80');
    EXPECT_EQ(truncate_utf8(tails, 6).size(), 6U);
    EXPECT_LE(truncate_utf8(tails, 2).size(), 2U);
}

// Random strings of whole characters: the cut is a prefix, fits, ends at a character, and no character more
// would fit.
TEST(TruncateUtf8, IsTheLongestWholePrefix) {
    const std::string characters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    std::mt19937 random(2);
    for (int round = 0; round < 2'000; round++) {
        std::string text;
        std::size_t expected = 0;
        const std::size_t max = random() % 40;
        for (int n = 0; n < 12; n++) {
            text += characters[random() % 4];
            if (text.size() <= max) expected = text.size();
        }
        ASSERT_EQ(truncate_utf8(text, max), std::string_view(text).substr(0, expected));
    }
}

TEST(Error, CarriesItsThreeParts) {
    const Error e = make_error(ErrorCode::out_of_range, "priority", "101", "a number");
    EXPECT_EQ(e.code, ErrorCode::out_of_range);
    EXPECT_EQ(e.argument, "priority");
    EXPECT_STREQ(e.value, "101");
    EXPECT_STREQ(e.allowed, "a number");
}

TEST(Error, CutsLongTextsAtACharacter) {
    EXPECT_EQ(std::string(make_error(ErrorCode::invalid, "x", std::string(95, 'v'), "").value),
              std::string(95, 'v'));
    EXPECT_EQ(std::string(make_error(ErrorCode::invalid, "x", std::string(96, 'v'), "").value),
              std::string(92, 'v') + "...");
    std::string accents;
    for (int i = 0; i < 100; i++) accents += "\xE2\x82\xAC";
    const std::string value = make_error(ErrorCode::invalid, "x", accents, accents).value;
    EXPECT_EQ(value, accents.substr(0, 90) + "...");
    EXPECT_EQ(std::string(make_error(ErrorCode::invalid, "x", "", accents).allowed).size(), 156U + 3);
}

TEST(Error, ValuesCannotForgeLogLines) {
    const std::string_view nasty(
        "a\nb\x00"
        "c\x7F",
        6);
    EXPECT_STREQ(make_error(ErrorCode::invalid, "x", nasty, "").value, "a?b?c?");
}

TEST(Error, OfANullArgument) {
    const Error e = null_argument("kind");
    EXPECT_EQ(e.code, ErrorCode::null_value);
    EXPECT_EQ(e.argument, "kind");
    EXPECT_STREQ(e.value, "");
}

TEST(Result, HoldsTheOneOrTheOther) {
    const Result<int> good = 7;
    ASSERT_TRUE(good.ok());
    EXPECT_EQ(good.value(), 7);
    const Result<int> bad = null_argument("n");
    ASSERT_FALSE(bad.ok());
    EXPECT_EQ(bad.error().argument, "n");
}

TEST(ErrorLog, NeverHoldsMoreThanTheCap) {
    int kept = 0;
    for (int appended = 1; appended <= 1000; appended++) {
        kept = kept - errors_to_drop(kept) + 1;
        ASSERT_EQ(kept, std::min(appended, kMaxErrors));
    }
    EXPECT_EQ(errors_to_drop(kMaxErrors - 1), 0);
    EXPECT_EQ(errors_to_drop(kMaxErrors), 1);
    EXPECT_EQ(errors_to_drop(kMaxErrors + 8), 9);
}

}  // namespace
}  // namespace foreman::core
