#include "workloads/hip/queues.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/host.h"
#include "workloads/hip/runner.h"
#include "workloads/hip/submission.h"

namespace gpreempt::hip {

std::uint32_t queues_wanted(const Program& program) {
  constexpr std::uint32_t kOwn = 3;  // for copies, for the heartbeat, and the runtime's default one
  return program.runtime == Runtime::kHip ? 0 : program.queues + kOwn;
}

bool is_idle(const Program& program) {
  return !program.endless && program.arrivals.empty() && program.clients == 0 && !program.heartbeat;
}

Result<std::vector<StreamId>> make_streams(Gpu& gpu, Host& host, std::uint32_t count,
                                           std::uint32_t hardware_priority) {
  constexpr std::array<KernelBatch, 1> kSmall = {};  // one kernel of one wave
  std::vector<StreamId> streams;
  std::vector<Ticket> tickets;
  for (std::uint32_t i = 0; i < count; ++i) {
    StreamId stream = 0;
    GPREEMPT_TRY(store(stream, gpu.add_stream(hardware_priority)));
    streams.push_back(stream);
    Ticket ticket = 0;
    GPREEMPT_TRY(store(ticket, gpu.submit(stream, kSmall, false)));
    tickets.push_back(ticket);
  }
  for (const Ticket ticket : tickets) {
    GPREEMPT_TRY(await_finish(gpu, host, ticket, fmt::format("make {} queues", count)));
  }
  return streams;
}

RunOutcome stay_idle(Host& host, Instant end) {
  constexpr Duration kLook = std::chrono::milliseconds(50);
  RunOutcome outcome;
  for (Instant now = host.now(); now < end && !outcome.stopped; now = host.now()) {
    host.wait_until(std::min(end, now + kLook));
    outcome.stopped = host.stop_requested();
  }
  return outcome;
}

}  // namespace gpreempt::hip
