#include "tests/support/allocations.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::uint64_t> asked{0};
}  // namespace

// Not inlined: GCC would otherwise see malloc's memory go to a delete it thinks is not its pair.
[[gnu::noinline]] void* operator new(std::size_t size) {
  asked.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size)) {
    return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}

namespace gpreempt {

std::uint64_t allocations() { return asked.load(); }

}  // namespace gpreempt
