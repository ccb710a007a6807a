#pragma once

#include <coroutine>
#include <deque>
#include <exception>
#include <list>
#include <utility>

#include "backends/sim/timeline.h"
#include "core/time.h"

/// Driver and firmware work that takes virtual time, written in the order in which the kernel does
/// it: coroutines on a `Timeline`. Nothing here blocks a thread or an actor.
namespace gpreempt::sim {

/// A coroutine that another one awaits, or that a `TaskScope` starts. Owns its frame.
class [[nodiscard]] Task {
 public:
  // NOLINTBEGIN(readability-identifier-naming): names fixed by the language
  struct promise_type {
    std::coroutine_handle<> continuation = std::noop_coroutine();

    struct FinalAwaiter {
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      [[nodiscard]] std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> handle) const noexcept {
        return handle.promise().continuation;
      }
      void await_resume() const noexcept {}
    };

    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    FinalAwaiter final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  // NOLINTEND(readability-identifier-naming)

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) {
      handle_.destroy();
    }
  }

  [[nodiscard]] bool done() const { return handle_.done(); }
  void start() { handle_.resume(); }

  struct Awaiter {
    std::coroutine_handle<promise_type> handle;
    [[nodiscard]] bool await_ready() const noexcept { return handle.done(); }
    [[nodiscard]] std::coroutine_handle<> await_suspend(
        std::coroutine_handle<> continuation) const noexcept {
      handle.promise().continuation = continuation;
      return handle;
    }
    void await_resume() const noexcept {}
  };
  Awaiter operator co_await() const noexcept { return Awaiter{handle_}; }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

/// Runs tasks side by side; ends those still under way when it goes.
class TaskScope {
 public:
  /// Runs `task` until it first waits.
  void start(Task task) {
    std::erase_if(tasks_, [](const Task& each) { return each.done(); });
    tasks_.push_back(std::move(task));
    tasks_.back().start();
  }
  void clear() { tasks_.clear(); }

 private:
  std::list<Task> tasks_;
};

/// `co_await Delay(timeline, d)`: goes on `d` later.
class Delay {
 public:
  Delay(Timeline& timeline, Duration duration) : timeline_(timeline), duration_(duration) {}
  Delay(const Delay&) = delete;
  Delay& operator=(const Delay&) = delete;
  ~Delay() { timeline_.cancel(event_); }

  [[nodiscard]] bool await_ready() const noexcept { return duration_ <= Duration::zero(); }
  void await_suspend(std::coroutine_handle<> handle) {
    event_ = timeline_.after(duration_, [this, handle] {
      event_ = 0;
      handle.resume();
    });
  }
  void await_resume() const noexcept {}

 private:
  Timeline& timeline_;
  Duration duration_;
  Timeline::EventId event_ = 0;
};

/// A counting semaphore in virtual time whose waiters can be interrupted, as by a signal.
class Semaphore {
 public:
  /// `co_await semaphore.down()`: whether it was counted down, and not interrupted.
  class Down {
   public:
    explicit Down(Semaphore& semaphore) : semaphore_(semaphore) {}
    Down(const Down&) = delete;
    Down& operator=(const Down&) = delete;
    ~Down() { std::erase(semaphore_.waiting_, this); }
    [[nodiscard]] bool await_ready() noexcept {
      counted_ = semaphore_.count_ > 0;
      semaphore_.count_ -= counted_ ? 1 : 0;
      return counted_;
    }
    void await_suspend(std::coroutine_handle<> handle) {
      handle_ = handle;
      semaphore_.waiting_.push_back(this);
    }
    [[nodiscard]] bool await_resume() const noexcept { return counted_; }

   private:
    friend class Semaphore;
    Semaphore& semaphore_;
    std::coroutine_handle<> handle_;
    bool counted_ = false;
  };

  [[nodiscard]] Down down() { return Down(*this); }
  /// Lets the longest waiter go on at once, or the next one to come pass.
  void up() {
    if (waiting_.empty()) {
      ++count_;
      return;
    }
    waiting_.front()->counted_ = true;
    go_on();
  }
  void interrupt() {
    while (!waiting_.empty()) {
      go_on();
    }
  }

 private:
  void go_on() {
    const std::coroutine_handle<> next = waiting_.front()->handle_;
    waiting_.pop_front();
    next.resume();
  }

  int count_ = 0;
  std::deque<Down*> waiting_;
};

/// A mutex in virtual time, first come first served: the kernel's dqm lock, a process' mutex.
class FifoLock {
 public:
  class Acquire {
   public:
    explicit Acquire(FifoLock& lock) : lock_(lock) {}
    Acquire(const Acquire&) = delete;
    Acquire& operator=(const Acquire&) = delete;
    ~Acquire() { std::erase(lock_.waiting_, handle_); }
    [[nodiscard]] bool await_ready() const noexcept { return !std::exchange(lock_.held_, true); }
    void await_suspend(std::coroutine_handle<> handle) {
      handle_ = handle;
      lock_.waiting_.push_back(handle);
    }
    void await_resume() const noexcept {}

   private:
    FifoLock& lock_;
    std::coroutine_handle<> handle_;
  };

  [[nodiscard]] Acquire acquire() { return Acquire(*this); }
  /// Hands the lock to the longest waiter, which runs at once.
  void release() {
    if (waiting_.empty()) {
      held_ = false;
      return;
    }
    const std::coroutine_handle<> next = waiting_.front();
    waiting_.pop_front();
    next.resume();
  }

 private:
  bool held_ = false;
  std::deque<std::coroutine_handle<>> waiting_;
};

}  // namespace gpreempt::sim
