#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace gpreempt::sim {

/// An answer that a coroutine waits for and a callback brings: `co_await` it after handing `sink()`
/// to whoever answers. An answer that comes when nobody waits any more is dropped.
template <class T>
class Reply {
 public:
  Reply() : state_(std::make_shared<State>()) {}
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  ~Reply() { state_->waiter = {}; }

  [[nodiscard]] std::function<void(T)> sink() const {
    return [state = state_](T value) {
      state->value = std::move(value);
      if (state->waiter) {
        std::exchange(state->waiter, {}).resume();
      }
    };
  }

  [[nodiscard]] bool await_ready() const noexcept { return state_->value.has_value(); }
  void await_suspend(std::coroutine_handle<> waiter) noexcept { state_->waiter = waiter; }
  [[nodiscard]] T await_resume() { return *std::move(state_->value); }

 private:
  struct State {
    std::optional<T> value;
    std::coroutine_handle<> waiter;
  };
  std::shared_ptr<State> state_;
};

}  // namespace gpreempt::sim
