#pragma once

#include <coroutine>
#include <functional>
#include <memory>
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
      state->answered = true;
      if (state->waiter) {
        std::exchange(state->waiter, {}).resume();
      }
    };
  }

  [[nodiscard]] bool await_ready() const noexcept { return state_->answered; }
  void await_suspend(std::coroutine_handle<> waiter) const noexcept { state_->waiter = waiter; }
  [[nodiscard]] T await_resume() const { return std::move(state_->value); }

 private:
  struct State {
    T value{};
    bool answered = false;
    std::coroutine_handle<> waiter;
  };
  std::shared_ptr<State> state_;
};

}  // namespace gpreempt::sim
