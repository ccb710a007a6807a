#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/time.h"
#include "workloads/hip/host.h"

struct gpreempt_hints;  // NOLINT(readability-identifier-naming): of a header for C

namespace gpreempt::hip {

/// The host as Linux has it.
class LinuxHost final : public Host {
 public:
  /// From now on SIGTERM, SIGINT and SIGHUP are requests to stop. To be made before any thread is,
  /// and the GPU's runtime makes some. Errors: kIo.
  [[nodiscard]] static Result<std::unique_ptr<LinuxHost>> open();
  LinuxHost(const LinuxHost&) = delete;
  LinuxHost& operator=(const LinuxHost&) = delete;
  ~LinuxHost() override;

  [[nodiscard]] Instant now() override;
  void wait_until(Instant at) override;
  [[nodiscard]] bool stop_requested() override;
  void hint_arrived(std::uint64_t request, Instant at) override;
  void hint_finished(std::uint64_t request, Instant at, Instant first_wave) override;
  void hint_work(Duration work, std::uint64_t kernels) override;
  void hint_bystander(Duration off) override;

  /// How many hardware queues of a priority the GPU's runtime may make; 0: as many as by default.
  /// To be called before the GPU is opened. Errors: kIo.
  [[nodiscard]] static Result<void> allow_queues(std::uint32_t count);

  /// Connects to a scheduler (docs/run-anything.md). Errors: kIo (nobody listens there).
  [[nodiscard]] Result<void> listen_to(const std::string& socket);
  /// From now on the end of that scheduler is a request to stop: of a program that it has started
  /// for itself, which nobody else would end.
  void end_with_scheduler() { ends_with_scheduler_ = true; }
  /// Prints `ready pid=N`, and returns when to begin: what the scheduler says, or, without one, the
  /// next full second. nullopt: asked to stop. Blocks: until a scheduler has said so.
  /// Errors: kIo (it went away).
  [[nodiscard]] Result<std::optional<Instant>> await_start();

  /// Keeps every other process of this kind from the GPU at this address until the returned value
  /// is gone: two that calibrate at the same time would both be wrong. Blocks: until it is alone,
  /// or asked to stop. Errors: kIo, kInterrupted.
  class Turn {
   public:
    explicit Turn(int file) : file_(file) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

   private:
    int file_;
  };
  [[nodiscard]] Result<std::unique_ptr<Turn>> await_turn(const std::string& bus);

 private:
  explicit LinuxHost(int signals);
  [[nodiscard]] bool scheduler_is_gone() const;

  int signals_;
  bool stop_ = false;
  bool ends_with_scheduler_ = false;
  std::unique_ptr<gpreempt_hints> hints_;
};

}  // namespace gpreempt::hip
