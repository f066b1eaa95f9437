// The list of due ranges: the least of many in order, whichever way they came, and its first one after its head moved.
#include "core/due_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

namespace foreman::core {
namespace {

DueRange range(int priority, std::int64_t run_at, std::uint32_t index) {
    return {static_cast<std::int16_t>(priority), {run_at, 1}, index, 1};
}

void fill(DueList* list, const std::vector<DueRange>& ranges) {
    list->begin();
    for (const DueRange& r : ranges) {
        if (list->wants(r.priority, r.head)) list->add(r);
    }
    list->end();
}

std::vector<std::uint32_t> taken(DueList* list) {
    std::vector<std::uint32_t> all;
    for (; !list->empty(); list->drop_first()) all.push_back(list->first().index);
    return all;
}

TEST(DueList, NothingIsDue) {
    DueList list;
    fill(&list, {});
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.size(), 0U);
}

TEST(DueList, PriorityComesBeforeTime) {
    DueList list;
    fill(&list, {range(0, 10, 1), range(5, 1, 2), range(-3, 90, 3), range(0, 9, 4)});
    EXPECT_EQ(taken(&list), (std::vector<std::uint32_t>{3, 4, 1, 2}));
}

TEST(DueList, KeepsTheLeastOfMany) {
    std::mt19937 random(7);
    std::vector<DueRange> all;
    for (std::uint32_t i = 0; i < 5000; i++)
        all.push_back(range(static_cast<int>(random() % 3), static_cast<std::int64_t>(random()), i));
    DueList list;
    fill(&list, all);
    std::sort(all.begin(), all.end(), [](const DueRange& a, const DueRange& b) {
        return std::tie(a.priority, a.head) < std::tie(b.priority, b.head);
    });
    ASSERT_EQ(list.size(), DueList::kRoom);
    for (std::size_t i = 0; i < DueList::kRoom; i++, list.drop_first())
        EXPECT_EQ(list.first().index, all[i].index);
    fill(&list, {range(0, 1, 77)});
    EXPECT_EQ(taken(&list), (std::vector<std::uint32_t>{77}));
}

TEST(DueList, AHeadThatRoseMovesItsRangeBack) {
    DueList list;
    fill(&list, {range(0, 1, 1), range(0, 5, 2), range(0, 9, 3), range(1, 0, 4)});
    EXPECT_TRUE(list.move_first({4, 1}));
    EXPECT_EQ(list.first().index, 1U);
    EXPECT_FALSE(list.move_first({7, 1}));
    EXPECT_EQ(list.size(), 4U);
    EXPECT_EQ(taken(&list), (std::vector<std::uint32_t>{2, 1, 3, 4}));
}

TEST(DueList, BehindItsPriorityItDoesNotMove) {
    DueList list;
    fill(&list, {range(0, 1, 1), range(1, 2, 2)});
    EXPECT_TRUE(list.move_first({1000, 1}));
    list.drop_first();
    EXPECT_TRUE(list.move_first({1000, 1}));
    EXPECT_EQ(taken(&list), (std::vector<std::uint32_t>{2}));
}

}  // namespace
}  // namespace foreman::core
