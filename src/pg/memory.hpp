// Memory contexts as owned objects, and containers over them. A container names its resource explicitly and
// dies before its context is reset: declare the context first. Never build a resource on
// CurrentMemoryContext: SPI and transaction ends replace it. Nothing here is freed twice: resetting a context
// frees all that its resources gave.
#pragma once

#include <boost/container/flat_map.hpp>
#include <boost/container/small_vector.hpp>
#include <boost/container/static_vector.hpp>
#include <boost/container/vector.hpp>
#include <string>

#include "pg/call.hpp"

namespace foreman::pg {

// Owns one AllocSet. The parent must outlive it. name must be a literal: Postgres keeps the pointer.
class Context {
  public:
    explicit Context(const char* name, MemoryContext parent = TopMemoryContext);
    Context(Context&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context();

    void reset() { MemoryContextReset(context_); }
    MemoryContext get() const noexcept { return context_; }

  private:
    MemoryContext context_;
};

// CurrentMemoryContext is the given one as long as this lives. The one before must live longer than this: a transaction
// that begins before it must not end before it.
class CurrentScope {
  public:
    explicit CurrentScope(MemoryContext context) noexcept : previous_(MemoryContextSwitchTo(context)) {}
    explicit CurrentScope(const Context& context) noexcept : CurrentScope(context.get()) {}
    CurrentScope(const CurrentScope&) = delete;
    CurrentScope& operator=(const CurrentScope&) = delete;
    ~CurrentScope() {
        Assert(MemoryContextIsValid(previous_));
        MemoryContextSwitchTo(previous_);
    }

  private:
    MemoryContext previous_;
};

// Memory of one context for std::pmr allocators. Throws bad_alloc, never ereports; sizes beyond 1 GB are
// allowed. Alignments above the server's (8) cost their size and a pointer more per block.
class ContextResource final : public std::pmr::memory_resource {
  public:
    explicit ContextResource(MemoryContext context) noexcept : context_(context) {}
    explicit ContextResource(const Context& context) noexcept : context_(context.get()) {}

    MemoryContext context() const noexcept { return context_; }

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override;
    void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override;

    MemoryContext context_;
};

// Construct these with a resource: vector<int64> ids(&resource).
template <class T>
using allocator = std::pmr::polymorphic_allocator<T>;
template <class T>
using vector = boost::container::vector<T, allocator<T>>;
using string = std::pmr::string;  // Boost's makes g++ 12 see overflows that are none
template <class Key, class Value, class Less = std::less<Key>>
using flat_map = boost::container::flat_map<Key, Value, Less, allocator<std::pair<Key, Value>>>;
// Has an allocator type of its own: Small v(Small::allocator_type{&resource}).
template <class T, std::size_t N>
using small_vector = boost::container::small_vector<T, N, allocator<T>>;
template <class T, std::size_t N>
using static_vector = boost::container::static_vector<T, N>;

// Raw blocks for the server's functions: palloc'd, guarded (53200 when there is no memory).
void* allocate(std::size_t bytes, MemoryContext context = CurrentMemoryContext);
// A zero-terminated copy.
char* copy_text(std::string_view text, MemoryContext context = CurrentMemoryContext);

}  // namespace foreman::pg
