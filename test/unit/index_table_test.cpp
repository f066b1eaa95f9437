// The hash table in shared memory: every entry is found while it is there, none is lost or handed out twice,
// and a full table says so. Compared with a map over random steps.
#include "core/index_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace foreman::core {
namespace {

struct Entry {
    std::uint32_t next;
    std::uint32_t key;
};

class Table {
  public:
    explicit Table(std::uint32_t capacity)
        : entries_(capacity),
          buckets_(buckets_for(capacity)),
          table_(head_, entries_.data(), buckets_.data()) {
        table_.clear(capacity);
    }
    // Few hashes, so that chains are long.
    static std::uint32_t hash(std::uint32_t key) { return key % 3; }
    std::uint32_t find(std::uint32_t key) {
        return table_.find(hash(key), [&](std::uint32_t i) { return entries_[i].key == key; });
    }
    std::uint32_t add(std::uint32_t key) {
        const std::uint32_t i = table_.take([this](std::uint32_t fresh) { begun_.insert(fresh); });
        if (i == kNoEntry) return i;
        entries_[i].key = key;
        table_.chain(i, hash(key));
        return i;
    }
    void remove(std::uint32_t i) {
        table_.unchain(i, hash(entries_[i].key));
        table_.give_back(i);
    }
    IndexTable<Entry>& table() { return table_; }
    const std::set<std::uint32_t>& begun() const { return begun_; }

  private:
    TableHead head_{};
    std::vector<Entry> entries_;
    std::vector<std::uint32_t> buckets_;
    IndexTable<Entry> table_;
    std::set<std::uint32_t> begun_;
};

TEST(IndexTable, ABucketForEachEntryAtLeast) {
    EXPECT_EQ(buckets_for(0), 1U);
    EXPECT_EQ(buckets_for(1), 1U);
    EXPECT_EQ(buckets_for(5), 8U);
    EXPECT_EQ(buckets_for(64), 64U);
}

TEST(IndexTable, AnEmptyTableHasNothing) {
    Table t(4);
    EXPECT_EQ(t.find(1), kNoEntry);
    EXPECT_EQ(t.table().high(), 0U);
    EXPECT_FALSE(t.table().is_full());
}

TEST(IndexTable, AFullTableSaysSoAndAnEntryThatIsGivenBackIsUsedAgain) {
    Table t(2);
    const std::uint32_t first = t.add(10);
    EXPECT_NE(t.add(11), kNoEntry);
    EXPECT_TRUE(t.table().is_full());
    EXPECT_EQ(t.add(12), kNoEntry);
    t.remove(first);
    EXPECT_FALSE(t.table().is_full());
    EXPECT_EQ(t.add(12), first);
    EXPECT_EQ(t.find(10), kNoEntry);
    EXPECT_EQ(t.find(12), first);
}

TEST(IndexTable, AnEntryIsMadeReadyOnceBeforeItsFirstUse) {
    Table t(3);
    const std::uint32_t i = t.add(1);
    t.remove(i);
    t.add(2);
    EXPECT_EQ(t.begun(), std::set<std::uint32_t>{i});
    EXPECT_EQ(t.table().high(), 1U);
}

TEST(IndexTable, RandomStepsAgreeWithAMap) {
    std::mt19937 random(20261128);
    for (int round = 0; round < 50; round++) {
        Table t(1 + static_cast<std::uint32_t>(random() % 40));
        std::map<std::uint32_t, std::uint32_t> known;
        for (int step = 0; step < 2000; step++) {
            const auto key = static_cast<std::uint32_t>(random() % 60);
            const auto at = known.find(key);
            ASSERT_EQ(t.find(key), at == known.end() ? kNoEntry : at->second);
            if (at != known.end()) {
                t.remove(at->second);
                known.erase(at);
            } else {
                const bool full = t.table().is_full();
                const std::uint32_t i = t.add(key);
                ASSERT_EQ(i == kNoEntry, full);
                if (full) continue;
                for (const auto& [other, index] : known) ASSERT_NE(index, i) << other;
                known[key] = i;
            }
        }
    }
}

}  // namespace
}  // namespace foreman::core
