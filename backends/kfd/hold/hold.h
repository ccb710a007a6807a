#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/hold/resume_socket.h"
#include "backends/kfd/os.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

/// Which queues to keep off the GPU, and for how long.
struct HoldOptions {
  std::vector<Pid> targets;
  /// Theirs, which the caller keeps open; none: opened here.
  std::vector<Fd> pidfds;
  /// The driver's ids, of the one target; none: every compute queue, also those made meanwhile.
  std::vector<std::uint32_t> queues;
  Duration limit = std::chrono::seconds(10);
  std::optional<Duration> grace;  ///< of the waves; nullopt: the driver's default
  /// How long the attaching may take; a process that starts its runtime waits with it.
  Duration attach_patience = std::chrono::seconds(15);
  /// A suspend that takes longer is a sign of firmware that hangs: everything is given back.
  Duration slow = std::chrono::milliseconds(100);
};

/// One queue of what was held.
struct HeldQueue {
  Pid pid;
  GpuId gpu;
  std::uint32_t kernel_id = 0;
  QueueRole role = QueueRole::kUser;
  Outcome outcome = Outcome::kOk;  ///< of the suspend
  bool is_late = false;            ///< made while the others were off
  Duration took{};                 ///< the suspend, from the call to its completion
  Instant off;                     ///< when it was complete
  std::optional<Instant> on;       ///< resumed, or gone with its process
};

struct HoldReport {
  enum class End {
    kLimit,        ///< the time was over
    kInterrupted,  ///< the user ended it
    kResumed,      ///< somebody asked for all that was held
    kExited,       ///< no target is left
    kAnomaly,      ///< a queue with an error, a slow suspend: see `anomaly`
  };
  End end = End::kLimit;
  std::string anomaly;
  std::vector<HeldQueue> queues;  ///< in the order in which they were suspended
};

[[nodiscard]] std::string_view to_string(HoldReport::End end);

/// "queue 3", "queues 0 1 2".
[[nodiscard]] std::string list_of(const std::vector<std::uint32_t>& ids);

/// Attaches to the targets, suspends, waits, and gives everything back whatever happens: closes
/// `backend` before it returns, also with an error. Serves `requests` meanwhile, unless that is
/// null. `say` is told each step in a line. Blocks: for the limit, and as long as the driver does.
/// Errors: those of the attaches; kNoSuchQueue (an id that no queue has, or a target without
/// queues), kProcessExited, kTimedOut (the attach), what `Backend::next_event` has.
[[nodiscard]] Result<HoldReport> hold(Os& os, Backend& backend, const HoldOptions& options,
                                      ResumeSocket* requests,
                                      const std::function<void(std::string_view)>& say);

}  // namespace gpreempt::kfd
