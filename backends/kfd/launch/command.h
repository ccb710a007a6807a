#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/discovery/stable_process.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// A command that was started here, with all that descends from it. While this process lives it is
/// ended by `stop` and by nothing else; a process that loses its controller to SIGKILL runs on.
class LaunchedCommand {
 public:
  /// Starts `argv` in a process group of its own; `env` ("NAME=value") is added to the environment.
  /// Errors: kInvalidArgument (it cannot be executed), kIo.
  [[nodiscard]] static Result<LaunchedCommand> start(Os& os, std::vector<std::string> argv,
                                                     std::span<const std::string> env);
  LaunchedCommand(LaunchedCommand&&) = default;
  LaunchedCommand& operator=(LaunchedCommand&&) = default;
  LaunchedCommand(const LaunchedCommand&) = delete;
  LaunchedCommand& operator=(const LaunchedCommand&) = delete;
  /// `stop` must have been called: a destructor cannot wait.
  ~LaunchedCommand() = default;

  [[nodiscard]] Pid pid() const { return root_.pid(); }
  /// Readable once the process that was started has ended.
  [[nodiscard]] Fd pidfd() const { return root_.pidfd(); }
  /// As it was written, for messages.
  [[nodiscard]] const std::string& text() const { return text_; }

  /// "exit code 1", "signal 9" once it has ended; nullopt before. "" if somebody else was told how.
  [[nodiscard]] std::optional<std::string> how_it_ended();

  /// Remembers a process of it, which is ended with it even if it has lost its parent by then.
  void keep(Pid pid);

  /// Asks every process of it to end (SIGTERM), and kills after `patience` those that are left.
  /// Nothing may be traced or suspended any more. Blocks: until they have gone, at most for
  /// `patience` and the time that the driver keeps a killed process. Errors: kTimedOut (a killed
  /// process does not go; which). Idempotent.
  [[nodiscard]] Result<void> stop(Duration patience);

 private:
  LaunchedCommand(Os& os, StableProcess root, std::string text)
      : os_(&os), root_(std::move(root)), text_(std::move(text)) {}

  void keep_descendants();
  void signal_all(int number);
  /// Whether all have gone.
  [[nodiscard]] bool await_all(Instant deadline);

  Os* os_;
  StableProcess root_;
  std::string text_;
  std::vector<StableProcess> others_;
  std::optional<std::string> ended_;
};

}  // namespace gpreempt::kfd
