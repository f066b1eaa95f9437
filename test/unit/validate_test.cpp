// Checks of arguments: each limit from both sides, and what the refusal says.
#include "core/validate.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace foreman::core {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int32_t kMax32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t kMin32 = std::numeric_limits<std::int32_t>::min();

template <class T>
::testing::AssertionResult refused(const Result<T>& result, ErrorCode code, std::string_view argument,
                                   std::string_view value) {
    if (result.ok()) return ::testing::AssertionFailure() << "was accepted";
    const Error& e = result.error();
    if (e.code != code) return ::testing::AssertionFailure() << "code " << static_cast<int>(e.code);
    if (e.argument != argument) return ::testing::AssertionFailure() << "argument " << e.argument;
    if (e.value != value) return ::testing::AssertionFailure() << "value '" << e.value << "'";
    if (e.allowed[0] == '\0') return ::testing::AssertionFailure() << "does not say what is allowed";
    return ::testing::AssertionSuccess();
}

TEST(CheckName, AcceptsOneToMaxBytes) {
    for (const std::string& name : {std::string("a"), std::string(255, 'x'), std::string(" spaced "),
                                    std::string("caf\xC3\xA9"), std::string("with 'quotes' and \"more\"")}) {
        const auto r = check_name("kind", name);
        ASSERT_TRUE(r.ok()) << name;
        EXPECT_EQ(r.value(), name);
        EXPECT_EQ(r.value().data(), name.data());  // a view, not a copy
    }
    EXPECT_TRUE(check_name("note", std::string(10, 'x'), 10).ok());
}

TEST(CheckName, Refuses) {
    EXPECT_TRUE(refused(check_name("kind", std::nullopt), ErrorCode::null_value, "kind", ""));
    EXPECT_TRUE(refused(check_name("kind", ""), ErrorCode::empty, "kind", ""));
    EXPECT_TRUE(refused(check_name("kind", std::string(256, 'x')), ErrorCode::too_long, "kind",
                        std::string(92, 'x') + "..."));
    EXPECT_TRUE(refused(check_name("note", std::string(11, 'x'), 10), ErrorCode::too_long, "note",
                        std::string(11, 'x')));
    EXPECT_STREQ(check_name("note", "", 10).error().allowed,
                 "1 to 10 bytes of text without control characters");
}

TEST(CheckName, RefusesEveryControlCharacterAnywhere) {
    for (int c = 0; c < 256; c++) {
        const bool control = c < 0x20 || c == 0x7F;
        for (const std::size_t at : {0U, 1U, 2U}) {
            std::string name = "ab";
            name.insert(at, 1, static_cast<char>(c));
            ASSERT_EQ(check_name("queue", name).ok(), !control) << c << " at " << at;
        }
    }
    EXPECT_TRUE(refused(check_name("queue", std::string("a\0b", 3)), ErrorCode::invalid, "queue", "a?b"));
}

TEST(CheckNumbers, LimitsFromBothSides) {
    EXPECT_EQ(check_priority("priority", -100).value(), -100);
    EXPECT_EQ(check_priority("priority", 100).value(), 100);
    EXPECT_TRUE(refused(check_priority("priority", -101), ErrorCode::out_of_range, "priority", "-101"));
    EXPECT_TRUE(refused(check_priority("priority", 101), ErrorCode::out_of_range, "priority", "101"));
    EXPECT_STREQ(check_priority("priority", 101).error().allowed, "a number between -100 and 100");
    // What is cut to 16 bits must not come back into the range.
    EXPECT_FALSE(check_priority("priority", 65536).ok());
    EXPECT_FALSE(check_priority("priority", kMax32).ok());
    EXPECT_FALSE(check_priority("priority", kMin32).ok());

    EXPECT_EQ(check_max_attempts("max_attempts", 1).value(), 1);
    EXPECT_EQ(check_max_attempts("max_attempts", 1000).value(), 1000);
    EXPECT_FALSE(check_max_attempts("max_attempts", 0).ok());
    EXPECT_FALSE(check_max_attempts("max_attempts", 1001).ok());

    EXPECT_EQ(check_max_group("max_group", 1).value(), 1);
    EXPECT_EQ(check_max_group("max_group", 200).value(), 200);
    EXPECT_FALSE(check_max_group("max_group", 0).ok());
    EXPECT_FALSE(check_max_group("max_group", 201).ok());

    EXPECT_EQ(check_qty("qty", 1, 1, 1000).value(), 1);
    EXPECT_EQ(check_qty("qty", 1000, 1, 1000).value(), 1000);
    EXPECT_TRUE(refused(check_qty("qty", 0, 1, 1000), ErrorCode::out_of_range, "qty", "0"));
    EXPECT_FALSE(check_qty("qty", 1001, 1, 1000).ok());

    EXPECT_EQ(check_max_rows("max_rows", kMax, 0, kMax).value(), kMax);
    EXPECT_TRUE(refused(check_max_rows("max_rows", kMin, 0, kMax), ErrorCode::out_of_range, "max_rows",
                        "-9223372036854775808"));
}

Result<Micros> check_timeout(std::int32_t months, std::int32_t days, std::int64_t us) {
    return check_duration("timeout", months, days, us, milliseconds(1),
                          days == 0 ? hours(24) : core::days(365));
}

TEST(CheckDuration, AddsDaysOf24Hours) {
    EXPECT_EQ(check_timeout(0, 0, 1'000).value(), milliseconds(1));
    EXPECT_EQ(check_timeout(0, 0, hours(24).us).value(), hours(24));
    EXPECT_EQ(check_timeout(0, 1, 0).value(), hours(24));
    EXPECT_EQ(check_timeout(0, 365, 0).value(), days(365));
    EXPECT_EQ(check_timeout(0, 2, -hours(1).us).value(), hours(47));
    EXPECT_EQ(check_duration("delay", 0, 0, 0, {}, days(1)).value(), Micros{});
}

TEST(CheckDuration, RefusesWhatIsOutOfRange) {
    EXPECT_TRUE(refused(check_timeout(0, 0, 999), ErrorCode::out_of_range, "timeout", "999 us"));
    EXPECT_TRUE(refused(check_timeout(0, 0, 0), ErrorCode::out_of_range, "timeout", "0"));
    EXPECT_TRUE(refused(check_timeout(0, 0, -seconds(90).us), ErrorCode::out_of_range, "timeout", "-90 s"));
    EXPECT_TRUE(
        refused(check_timeout(0, 0, hours(24).us + 1), ErrorCode::out_of_range, "timeout", "86400000001 us"));
    EXPECT_TRUE(refused(check_timeout(0, -1, 0), ErrorCode::out_of_range, "timeout", "-1 days"));
    EXPECT_TRUE(refused(check_timeout(0, 365, 1), ErrorCode::out_of_range, "timeout", "365 days 1 us"));
    EXPECT_STREQ(check_timeout(0, 0, 0).error().allowed, "a duration between 1 ms and 1 days");
}

TEST(CheckDuration, ANegativeMinimumStillRefusesNegativeDurations) {
    EXPECT_TRUE(refused(check_duration("delay", 0, 0, -1, Micros{-10}, days(1)), ErrorCode::out_of_range,
                        "delay", "-1 us"));
}

TEST(CheckDuration, RefusesMonths) {
    EXPECT_TRUE(refused(check_timeout(1, 0, 0), ErrorCode::unsupported, "timeout", "1 months"));
    EXPECT_TRUE(
        refused(check_timeout(-1, 31, 5), ErrorCode::unsupported, "timeout", "-1 months 31 days 5 us"));
}

TEST(CheckDuration, RefusesOverflow) {
    EXPECT_FALSE(check_duration("d", 0, kMax32, kMax, {}, {kMax}).ok());
    EXPECT_FALSE(check_duration("d", 0, kMin32, kMin, {}, {kMax}).ok());
    EXPECT_EQ(check_duration("d", 0, 1, kMax - days(1).us, {}, {kMax}).value(), Micros{kMax});
    EXPECT_TRUE(refused(check_duration("d", 0, 1, kMax - days(1).us + 1, {}, {kMax}), ErrorCode::out_of_range,
                        "d", "1 days 9223371950454775808 us"));
}

TEST(CheckDuration, RefusesInfinity) {
    EXPECT_TRUE(refused(check_timeout(kMax32, kMax32, kMax), ErrorCode::infinite, "timeout", "infinity"));
    EXPECT_TRUE(refused(check_timeout(kMin32, kMin32, kMin), ErrorCode::infinite, "timeout", "-infinity"));
    EXPECT_TRUE(refused(check_timeout(kMax32, 0, kMax), ErrorCode::unsupported, "timeout",
                        "2147483647 months 9223372036854775807 us"));
    EXPECT_TRUE(refused(check_timeout(kMax32, kMax32, kMax - 1), ErrorCode::unsupported, "timeout",
                        "2147483647 months 2147483647 days 9223372036854775806 us"));
}

TEST(CheckInstant, AcceptsWhatIsFiniteUpToYear9999) {
    for (const Instant t :
         {Instant{0}, kFirstInstant, kLastInstant, Instant{-1}, Instant{800'000'000'000'000}}) {
        ASSERT_TRUE(check_instant("run_at", t.us).ok()) << t.us;
        EXPECT_EQ(check_instant("run_at", t.us).value(), t);
    }
}

TEST(CheckInstant, RefusesInfinityAndWhatIsFarOff) {
    EXPECT_TRUE(refused(check_instant("run_at", kMax), ErrorCode::infinite, "run_at", "infinity"));
    EXPECT_TRUE(refused(check_instant("run_at", kMin), ErrorCode::infinite, "run_at", "-infinity"));
    EXPECT_TRUE(refused(check_instant("run_at", kLastInstant.us + 1), ErrorCode::out_of_range, "run_at",
                        "10000-01-01 00:00:00+00"));
    EXPECT_TRUE(refused(check_instant("run_at", kFirstInstant.us - 1), ErrorCode::out_of_range, "run_at",
                        "4714-11-23 23:59:59+00 BC"));
    // The greatest finite timestamptz, as END_TIMESTAMP - 1 in datatype/timestamp.h.
    EXPECT_TRUE(refused(check_instant("run_at", 9'223'371'331'199'999'999), ErrorCode::out_of_range, "run_at",
                        "294276-12-31 23:59:59+00"));
    EXPECT_TRUE(
        refused(check_instant("run_at", kLastInstant.us + 1 + (31 + 29 - 1) * days(1).us + hours(13).us),
                ErrorCode::out_of_range, "run_at", "10000-02-29 13:00:00+00"));
}

}  // namespace
}  // namespace foreman::core
