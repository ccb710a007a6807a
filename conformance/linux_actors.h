#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conformance/actors.h"
#include "conformance/linux_worker.h"
#include "conformance/operation.h"
#include "conformance/scenario.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::conformance {

/// Actors on this machine, in real time: a forked process each, told over sockets. Needs root.
/// Cases change the permissions of /dev/kfd; `clear` puts them back.
class LinuxActors final : public Actors {
 public:
  /// Whether `scenarios` can be run here. Errors: kNoSuchDevice (no /dev/kfd, or it cannot be
  /// used), kNotPermitted (not root, or one of them could crash the running driver).
  [[nodiscard]] static Result<void> check(std::span<const Scenario> scenarios);

  LinuxActors();
  ~LinuxActors() override;
  LinuxActors(const LinuxActors&) = delete;
  LinuxActors& operator=(const LinuxActors&) = delete;

  void clear() override;
  [[nodiscard]] Result<Id> start(std::uint32_t user) override;
  [[nodiscard]] Result<Id> fork(Id parent, bool apart) override;
  [[nodiscard]] Result<void> exec(Id process) override;
  [[nodiscard]] std::int32_t number(Id process, Thread thread) override;
  [[nodiscard]] Result<void> kill(Id process) override;
  [[nodiscard]] Result<void> send(Id process, Thread thread, const Operation& operation) override;
  [[nodiscard]] Result<std::optional<Answer>> receive(Id process, Thread thread,
                                                      Duration within) override;

 private:
  struct Process {
    std::int32_t pid = 0;
    std::array<std::int32_t, 2> numbers{};
    ActorSockets sockets{-1, -1};
  };
  [[nodiscard]] Result<Id> add(std::int32_t pid, const ActorSockets& sockets);
  /// The first message of each of its threads.
  [[nodiscard]] static Result<void> read_numbers(Process& process);
  /// Starts a process that sets the device's permissions to `mode` once this one is gone, however.
  void start_guard(std::uint32_t mode);

  std::vector<Process> processes_;
  std::optional<std::uint32_t> device_mode_;
  int guard_ = -1;  ///< a pipe whose end tells the guard
};

/// The personality that the running kernel's driver should have, by its version.
[[nodiscard]] std::string running_personality();
/// "Linux 6.12.107+deb13-amd64"
[[nodiscard]] std::string running_kernel();

}  // namespace gpreempt::conformance
