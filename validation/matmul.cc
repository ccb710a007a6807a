// V6: one process with many threads, each 30 naive matrix products, on MI308X.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "config/document.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/target.h"

namespace gpreempt::validation {
namespace {

constexpr Duration kKernel = std::chrono::microseconds(15'850);
constexpr std::uint32_t kKernelsPerTask = 30;
/// 2048 x 2048 outputs, 16 x 16 of them a workgroup.
constexpr KernelShape kMatmul{.workgroups = 128 * 128, .waves = 4, .vgprs = 32};

/// Each thread has a stream of its own and runs `tasks` tasks, one after another.
Result<std::vector<RequestRecord>> run_threads(Hardware& hardware, std::uint32_t threads,
                                               std::uint32_t tasks) {
  sim::GpuParameters gpu;
  GPREEMPT_TRY(store(gpu, hardware.gpu("mi308x")));
  sim::PlainTimeline timeline;
  sim::System system(timeline, {.gpu = gpu, .gpus = 1, .personality = {.name = "matmul"}});
  Program program{.name = "matmul", .queues = threads};
  program.trains = {{{.count = kKernelsPerTask, .duration = kKernel, .shape = kMatmul}}};
  program.arrivals = {{.at = {}, .train = 0}};
  program.clients = threads;
  program.issue_until = kKernel * kKernelsPerTask * threads * tasks;
  Pid pid;
  GPREEMPT_TRY(store(pid, system.launch(std::move(program))));
  const Instant start = system.start();
  timeline.run_until(start + kKernel * kKernelsPerTask * threads * (tasks + 2));
  std::vector<RequestRecord> done;
  for (const RequestRecord& request : system.requests(pid)) {
    if (request.end != kForever) {
      done.push_back(request);
    }
  }
  return done;
}

Target matmul_target(std::string name, std::uint32_t threads, double expected, double percent,
                     Label label) {
  return {
      .group = "V6",
      .name = std::move(name),
      .unit = "ms",
      .expected = expected,
      .tolerance = within_percent(percent),
      .label = label,
      .source = "zhenhantech/amdgpudriver lv1_testlog 07, 08: one task alone, and of 16 threads",
      .run = [threads](Hardware& hardware) -> Result<double> {
        std::vector<RequestRecord> done;
        GPREEMPT_TRY(store(done, run_threads(hardware, threads, 10)));
        std::vector<Duration> latencies;
        latencies.reserve(done.size());
        for (const RequestRecord& request : done) {
          latencies.push_back(request.end - request.arrival);
        }
        const auto middle = latencies.begin() + static_cast<std::ptrdiff_t>(latencies.size() / 2);
        std::nth_element(latencies.begin(), middle, latencies.end());
        return static_cast<double>(to_ns(*middle)) / 1e6;
      }};
}

}  // namespace

std::vector<Target> matmul_targets() {
  // The profile's `interference` comes from the second one.
  return {matmul_target("v6-1-thread-p50", 1, 475.4, 5, Label::kInput),
          matmul_target("v6-16-threads-p50", 16, 8154, 5, Label::kFitted)};
}

}  // namespace gpreempt::validation
