#include "workloads/gang_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/gang_options.h"
#include "core/program.h"
#include "core/time.h"
#include "core/units.h"
#include "workloads/scenario.h"
#include "workloads/work_reader.h"

namespace gpreempt {
namespace {

/// PyTorch's default for NCCL and RCCL since 2.2 (evidence: source, pytorch/pytorch#110947).
constexpr Duration kTimeout = std::chrono::minutes(10);
/// A collective's kernel: a workgroup of 256 threads for each channel (evidence: guess; how many
/// channels RCCL takes depends on size and topology).
constexpr KernelShape kShape{
    .workgroups = 32, .waves = 4, .vgprs = 128, .lds_bytes = std::uint64_t{16} * 1024};

Result<GangCollective> read_collective(const TomlTable& table) {
  constexpr std::uint32_t kMostKernels = 10'000'000;
  GangCollective meeting;
  meeting.collective.shape = kShape;
  GPREEMPT_TRY(store(meeting.collective.every, table.uint32("every", 1, kMostKernels)));
  GPREEMPT_TRY(store(meeting.collective.duration, table.positive_duration("duration")));
  GPREEMPT_TRY(store(meeting.timeout, table.positive_duration("timeout", kTimeout)));
  GPREEMPT_TRY(read_shape(table, meeting.collective.shape));
  if (meeting.timeout <= meeting.collective.duration) {
    return tl::unexpected<Error>(
        table.error("timeout",
                    "no collective could end before it; it must be longer than "
                    "`duration`"));
  }
  return meeting;
}

Result<std::vector<std::uint32_t>> read_gpus(const TomlTable& table) {
  std::vector<std::uint32_t> gpus;
  if (table.kind("gpus") == TomlKind::kString) {
    std::string all;
    GPREEMPT_TRY(store(all, table.choice("gpus", {"all"})));
    return gpus;
  }
  std::vector<std::uint64_t> listed;
  GPREEMPT_TRY(store(listed, table.integers("gpus")));
  if (listed.empty()) {
    return tl::unexpected<Error>(table.error("gpus", "no GPUs; list some, or write \"all\""));
  }
  for (const std::uint64_t gpu : listed) {
    constexpr std::uint64_t kMaxGpus = 64;
    if (gpu >= kMaxGpus) {
      return tl::unexpected<Error>(
          table.error("gpus", fmt::format("{} is no GPU; the most are {}", gpu, kMaxGpus)));
    }
    if (std::ranges::find(gpus, gpu) != gpus.end()) {
      return tl::unexpected<Error>(
          table.error("gpus", fmt::format("{} is there twice; a rank has a GPU of its own", gpu)));
    }
    gpus.push_back(static_cast<std::uint32_t>(gpu));
  }
  return gpus;
}

/// "together", "per-gpu", "one-by-one" or "staggered:GAP".
Result<void> read_split(const TomlTable& table, GangOptions& options) {
  constexpr std::string_view kStaggered = "staggered:";
  std::string split;
  GPREEMPT_TRY(store(split, table.string("split", "together")));
  if (split.starts_with(kStaggered)) {
    const Result<Duration> gap = parse_duration(split.substr(kStaggered.size()));
    if (!gap || *gap <= Duration::zero()) {
      return tl::unexpected<Error>(table.error(
          "split", fmt::format("'{}' has no gap longer than 0; write e.g. staggered:1ms", split)));
    }
    options.split = GangSplit::kStaggered;
    options.gap = *gap;
    return {};
  }
  if (split != "together" && split != "per-gpu" && split != "one-by-one") {
    return tl::unexpected<Error>(
        table.error("split", fmt::format("'{}' is unknown; write together, per-gpu, one-by-one or "
                                         "staggered:<gap>",
                                         split)));
  }
  options.split = split == "per-gpu"      ? GangSplit::kPerGpu
                  : split == "one-by-one" ? GangSplit::kOneByOne
                                          : GangSplit::kTogether;
  return {};
}

}  // namespace

Result<GangOptions> read_gang_options(const TomlTable& table) {
  GangOptions options;
  std::string order;
  std::string on_failure;
  GPREEMPT_TRY(
      store(order, table.choice("order", {"member", "reverse", "slowest-first"}, "member")));
  options.order = order == "reverse"         ? GangOrder::kReverse
                  : order == "slowest-first" ? GangOrder::kSlowestFirst
                                             : GangOrder::kMember;
  GPREEMPT_TRY(read_split(table, options));
  GPREEMPT_TRY(store(on_failure, table.choice("on_failure", {"hold", "release"}, "hold")));
  options.on_failure = on_failure == "release" ? GangFailure::kRelease : GangFailure::kHold;
  if (options.split == GangSplit::kTogether && table.has("order")) {
    return tl::unexpected<Error>(table.error(
        "order",
        "with split = \"together\" there is none: a call serves its GPUs in the driver's "
        "order; choose another split"));
  }
  return options;
}

Result<void> read_gang(const TomlTable& table, TenantScenario& tenant) {
  if (!table.has("gpus")) {
    for (const auto* const key : {"processes", "collective"}) {
      if (table.has(key)) {
        return tl::unexpected<Error>(
            table.error(key, "it is for tenants on several GPUs; name those with `gpus`"));
      }
    }
    return {};
  }
  if (table.has("gpu")) {
    return tl::unexpected<Error>(table.error("gpu", "`gpus` says it already; leave one out"));
  }
  GangScenario gang;
  std::string processes;
  GPREEMPT_TRY(store(gang.gpus, read_gpus(table)));
  GPREEMPT_TRY(store(processes, table.choice("processes", {"per-gpu", "one"}, "per-gpu")));
  gang.one_process = processes == "one";
  if (table.has("collective")) {
    GPREEMPT_TRY(store(gang.meeting, table.table("collective").and_then(read_collective)));
  } else if (tenant.arrivals) {
    return tl::unexpected<Error>(
        table.error("gpus",
                    "the ranks of a request end together; say with `collective` how they "
                    "wait for each other, e.g. { every = 10, duration = \"20us\" }"));
  }
  tenant.gang = std::move(gang);
  return {};
}

Result<void> place_gang(const TomlTable& table, const Scenario& scenario, TenantScenario& tenant) {
  const std::uint32_t gpus = scenario.hardware.gpus;
  if (!tenant.gang) {
    if (tenant.gpu >= gpus) {
      return tl::unexpected<Error>(
          table.error("gpu", fmt::format("{} is not a GPU of this scenario; [hardware] gpus is {}",
                                         tenant.gpu, gpus)));
    }
    return {};
  }
  GangScenario& gang = *tenant.gang;
  if (gang.gpus.empty()) {
    gang.gpus.resize(gpus);
    std::iota(gang.gpus.begin(), gang.gpus.end(), 0U);
  }
  const auto wrong =
      std::ranges::find_if(gang.gpus, [gpus](std::uint32_t gpu) { return gpu >= gpus; });
  if (wrong != gang.gpus.end()) {
    return tl::unexpected<Error>(table.error(
        "gpus",
        fmt::format("{} is not a GPU of this scenario; [hardware] gpus is {}", *wrong, gpus)));
  }
  tenant.gpu = gang.gpus.front();
  if (tenant.offline && gang.meeting && scenario.scheduler.lease >= gang.meeting->timeout) {
    return tl::unexpected<Error>(table.error(
        "collective",
        fmt::format("its timeout of {} is not longer than the lease of {}: a suspension that only "
                    "its lease ends would abort the job; shorten [scheduler] lease",
                    format_duration(gang.meeting->timeout),
                    format_duration(scenario.scheduler.lease))));
  }
  return {};
}

}  // namespace gpreempt
