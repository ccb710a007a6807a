#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/ids.h"

namespace gpreempt {

/// A process forked from the test, gone with this object. Start it before any worker.
class ForkedProcess {
 public:
  /// `body` runs in the child with the writing end of a pipe; then the child exits with 0.
  explicit ForkedProcess(const std::function<void(int report)>& body);
  ForkedProcess(const ForkedProcess&) = delete;
  ForkedProcess& operator=(const ForkedProcess&) = delete;
  ~ForkedProcess();

  [[nodiscard]] Pid pid() const { return pid_; }
  /// Sends a signal with a number attached, as sigqueue does.
  void send(int signal, int value = 0) const;
  /// The next number that the child reported; nullopt if there is none for a long time.
  [[nodiscard]] std::optional<int> read() const;
  /// Waits until all its threads are gone; false if they are not for long.
  [[nodiscard]] bool await_end() const;

 private:
  Pid pid_;
  int report_ = -1;
};

/// In the child: tells the test a number. Safe in a signal handler.
void report_number(int report, int number);

/// A line of /proc/PID/task/TID/status, e.g. "TracerPid"; empty if there is none.
[[nodiscard]] std::string status_of(Pid pid, int tid, const std::string& key);
/// Waits until the leader's state begins with one of `states`; false if it does not for long.
[[nodiscard]] bool await_state(Pid pid, const std::string& states);

}  // namespace gpreempt
