#include "workloads/hip/submission.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "config/document.h"
#include "core/error.h"
#include "core/time.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/host.h"

namespace gpreempt::hip {

Result<Finish> await_finish(Gpu& gpu, Host& host, Ticket ticket, std::string_view what) {
  constexpr Duration kPatience = std::chrono::seconds(10);
  constexpr Duration kLook = std::chrono::microseconds(20);  // its stamps are exact, however late
  const Instant deadline = host.now() + kPatience;
  while (host.now() < deadline) {
    std::optional<Finish> finish;
    GPREEMPT_TRY(store(finish, gpu.poll(ticket)));
    if (finish) {
      return *std::move(finish);
    }
    if (host.stop_requested()) {
      return fail(Errc::kInterrupted, fmt::format("{}: asked to stop", what));
    }
    host.wait_until(host.now() + kLook);
  }
  return fail(Errc::kTimedOut,
              fmt::format("{}: not finished within 10 s; its queues are off the GPU, or another "
                          "process keeps it busy",
                          what));
}

}  // namespace gpreempt::hip
