#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/mailbox.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/kernel_log.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::kfd {

struct TroubleOptions {
  std::string kernel_log = "/dev/kmsg";  ///< empty: it is not watched, which the user has asked for
  std::string sysfs_root = "/sys";
  /// How often the error counts are read: each time the driver asks the hardware.
  Duration ras_period = std::chrono::seconds(5);
  /// Nothing is preempted for so long after the last line of trouble; 0: at once.
  Duration back_off = std::chrono::minutes(10);
};

/// Whether a GPU failed so lately that nothing must be preempted yet.
/// Errors: kHardwareFailure (the last of `history` is not `back_off` ago).
[[nodiscard]] Result<void> check_back_off(std::span<const KernelRecord> history, Duration back_off,
                                          Instant now);

/// "180s ago the kernel's log said ..." of the last of `history`; empty without one.
[[nodiscard]] std::string last_trouble(std::span<const KernelRecord> history, Instant now);

/// Looks out for signs that a GPU or its driver fails, on a worker of its own: lines in the
/// kernel's log and error counts that rise.
class TroubleWatch {
 public:
  /// Blocks: as reading the log and the counts does. Errors, and nothing is left then: those of
  /// `KernelLog::open` and `find_gpu_devices`, kParse, kHardwareFailure (the last trouble is not
  /// `back_off` ago), kIo.
  [[nodiscard]] static Result<std::unique_ptr<TroubleWatch>> start(Os& os,
                                                                   const TroubleOptions& options);
  TroubleWatch(const TroubleWatch&) = delete;
  TroubleWatch& operator=(const TroubleWatch&) = delete;
  ~TroubleWatch() = default;

  /// What is not watched and why, and the trouble of long ago: whole sentences.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

  /// The first sign since the start, a sentence; the same at every later call. One worker asks.
  /// Never blocks.
  [[nodiscard]] std::optional<std::string> sign();

  /// Ends the worker. Blocks: until it has. Idempotent.
  void close();

 private:
  class Worker;
  using Box = std::shared_ptr<Mailbox<std::string>>;
  TroubleWatch(Os& os, Box signs, Box stop, WorkerId worker, std::vector<std::string> warnings);

  Os& os_;
  Box signs_;
  Box stop_;
  WorkerId worker_;
  std::vector<std::string> warnings_;
  std::optional<std::string> sign_;
  bool closed_ = false;
};

}  // namespace gpreempt::kfd
