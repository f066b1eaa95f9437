// Memory contexts. MCXT_ALLOC_HUGE goes with MCXT_ALLOC_NO_OOM: without it a request of 1 GB or more ereports
// in spite of NO_OOM (MemoryContextAllocExtended), and so does one above MaxAllocHugeSize with it.
#include "pg/memory.hpp"

namespace foreman::pg {
namespace {

constexpr std::size_t kServerAlignment = MAXIMUM_ALIGNOF;

}  // namespace

Context::Context(const char* name, MemoryContext parent)
    : context_(call<&AllocSetContextCreateInternal>(parent, name, static_cast<Size>(ALLOCSET_DEFAULT_MINSIZE),
                                                    static_cast<Size>(ALLOCSET_DEFAULT_INITSIZE),
                                                    static_cast<Size>(ALLOCSET_DEFAULT_MAXSIZE))) {}

Context::~Context() {
    if (context_ != nullptr) MemoryContextDelete(context_);
}

void* ContextResource::do_allocate(std::size_t bytes, std::size_t alignment) {
    // An over-aligned block begins behind its slack, and the pointer that palloc gave stands just before it.
    const std::size_t slack = alignment > kServerAlignment ? alignment + sizeof(void*) : 0;
    if (bytes > MaxAllocHugeSize - slack) throw std::bad_alloc();
    void* const block =
        MemoryContextAllocExtended(context_, bytes + slack, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
    if (block == nullptr) throw std::bad_alloc();
    if (slack == 0) return block;
    const auto after_pointer = reinterpret_cast<std::uintptr_t>(block) + sizeof(void*);
    void* const aligned = reinterpret_cast<void*>((after_pointer + alignment - 1) & ~(alignment - 1));
    static_cast<void**>(aligned)[-1] = block;
    return aligned;
}

void ContextResource::do_deallocate(void* block, std::size_t, std::size_t alignment) {
    pfree(alignment > kServerAlignment ? static_cast<void**>(block)[-1] : block);
}

bool ContextResource::do_is_equal(const std::pmr::memory_resource& other) const noexcept {
    if (this == &other) return true;
    const auto* const same = dynamic_cast<const ContextResource*>(&other);
    return same != nullptr && same->context_ == context_;
}

void* allocate(std::size_t bytes, MemoryContext context) {
    return call<&MemoryContextAlloc>(context, static_cast<Size>(bytes));
}

char* copy_text(std::string_view text, MemoryContext context) {
    char* const copy = static_cast<char*>(allocate(text.size() + 1, context));
    text.copy(copy, text.size());
    copy[text.size()] = '\0';
    return copy;
}

}  // namespace foreman::pg
