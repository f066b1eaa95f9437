// Versions: the first two numbers decide.
#include "core/release.hpp"

#include <gtest/gtest.h>

namespace foreman::core {
namespace {

TEST(Release, FirstTwoNumbersDecide) {
    EXPECT_TRUE(same_release("1.0", "1.0"));
    EXPECT_TRUE(same_release("1.0", "1.0.1"));
    EXPECT_TRUE(same_release("1.0.2", "1.0"));
    EXPECT_TRUE(same_release("1.0.2", "1.0.17"));
    EXPECT_FALSE(same_release("1.0", "1.1"));
    EXPECT_FALSE(same_release("1.0", "1.00"));
    EXPECT_FALSE(same_release("1.1", "1.10"));
    EXPECT_FALSE(same_release("1.0", "0.9"));
    EXPECT_FALSE(same_release("1.0", "2.0"));
    EXPECT_FALSE(same_release("1.0", "1"));
    EXPECT_FALSE(same_release("1.0", ""));
    EXPECT_FALSE(same_release("", ""));
}

}  // namespace
}  // namespace foreman::core
