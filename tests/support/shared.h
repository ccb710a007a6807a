#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <new>
#include <type_traits>

namespace gpreempt {

/// An object that this process and those that it forks have in common.
template <class T>
class Shared {
 public:
  static_assert(std::is_trivially_destructible_v<T>);

  Shared()
      : place_(
            ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
        object_(place_ == MAP_FAILED ? nullptr : new(place_) T()) {
    EXPECT_NE(object_, nullptr);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(place_, sizeof(T)); }

  [[nodiscard]] T* operator->() const { return object_; }

 private:
  void* place_;
  T* object_;
};

}  // namespace gpreempt
