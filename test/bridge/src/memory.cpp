// Containers and blocks over memory contexts.
#include <malloc.h>

#include "probe.hpp"

namespace foreman::bridge {

std::int64_t context_bytes() {
    return static_cast<std::int64_t>(MemoryContextMemAllocated(TopMemoryContext, true));
}

std::int64_t heap_bytes() {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

namespace {

constexpr const char* kLongName = "a name that is too long to be kept inside of the string object itself";

bool is_aligned(const void* block, std::size_t alignment) {
    return reinterpret_cast<std::uintptr_t>(block) % alignment == 0;
}

}  // namespace

// Blocks of every alignment, filled to the last byte, then given back in another order.
FOREMAN_FUNCTION(bridge_alignment) {
    pg::Context context("bridge alignment", CurrentMemoryContext);
    pg::ContextResource resource(context);
    struct Block {
        void* start;
        std::size_t bytes, alignment;
    };
    pg::static_vector<Block, 13 * 40> blocks;
    bool good = true;
    for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        for (std::size_t bytes = 1; bytes <= 40; ++bytes) {
            void* const start = resource.allocate(bytes, alignment);
            good = good && is_aligned(start, alignment);
            std::memset(start, static_cast<int>(bytes), bytes);
            blocks.push_back({start, bytes, alignment});
        }
    }
    for (std::size_t step = 0; step < blocks.size(); ++step) {
        const Block& block = blocks[step * 7 % blocks.size()];
        const auto* const bytes = static_cast<const unsigned char*>(block.start);
        good = good && bytes[0] == block.bytes && bytes[block.bytes - 1] == block.bytes;
    }
    for (const Block& block : blocks) resource.deallocate(block.start, block.bytes, block.alignment);
    return BoolGetDatum(good);
}

// Containers of the kinds that we use, on one context; all of it is gone with the context.
FOREMAN_FUNCTION(bridge_containers) {
    const std::int64_t before = context_bytes();
    std::int64_t sum = 0;
    {
        pg::Context context("bridge containers", TopMemoryContext);
        pg::ContextResource resource(context);
        pg::vector<std::int64_t> numbers(&resource);
        for (std::int64_t i = 1; i <= 100'000; ++i) numbers.push_back(i);
        for (const std::int64_t number : numbers) sum += number;
        pg::flat_map<int, pg::string> names(&resource);
        for (int i = 0; i < 100; ++i) names.emplace(i, pg::string(kLongName, &resource));
        sum += static_cast<std::int64_t>(names.at(99).size());
        using Small = pg::small_vector<int, 4>;
        Small small(Small::allocator_type{&resource});
        for (int i = 0; i < 10; ++i) small.push_back(i);
        sum += small.back();
    }
    const bool freed = context_bytes() == before;
    return Int64GetDatum(freed ? sum : -1);
}

// allocate(bytes, alignment): 'given' or the exception, by way of 53200.
FOREMAN_FUNCTION(bridge_allocate) {
    pg::Context context("bridge allocate", CurrentMemoryContext);
    pg::ContextResource resource(context);
    const auto bytes = static_cast<std::size_t>(DatumGetInt64(pg::argument(fcinfo, 0)));
    const auto alignment = static_cast<std::size_t>(DatumGetInt64(pg::argument(fcinfo, 1)));
    auto* const block = static_cast<char*>(resource.allocate(bytes, alignment));
    block[0] = 'a';
    block[bytes - 1] = 'z';
    const bool good = is_aligned(block, alignment);
    resource.deallocate(block, bytes, alignment);
    return pg::text_datum(good ? "given" : "misaligned");
}

FOREMAN_FUNCTION(bridge_resource_equality) {
    pg::Context one("bridge one", CurrentMemoryContext);
    pg::Context two("bridge two", CurrentMemoryContext);
    const pg::ContextResource a(one), b(one), c(two);
    return BoolGetDatum(a == b && !(a == c) && !(a == *std::pmr::new_delete_resource()));
}

FOREMAN_FUNCTION(bridge_current_scope) {
    pg::Context context("bridge scope", CurrentMemoryContext);
    const MemoryContext before = CurrentMemoryContext;
    bool inside = false;
    try {
        pg::CurrentScope scope(context);
        inside = CurrentMemoryContext == context.get();
        throw 1;
    } catch (int) {
        return BoolGetDatum(inside && CurrentMemoryContext == before);
    }
}

}  // namespace foreman::bridge
