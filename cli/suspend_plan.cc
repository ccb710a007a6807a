#include "cli/suspend_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/pid_namespace.h"
#include "backends/kfd/discovery/queue_warnings.h"
#include "backends/kfd/grace_period.h"
#include "backends/kfd/hold/blast_radius.h"
#include "backends/kfd/hold/hold.h"
#include "backends/kfd/os.h"
#include "backends/kfd/queue_type.h"
#include "backends/kfd/safety/safety_plan.h"
#include "backends/kfd/target_selector.h"
#include "backends/kfd/topology.h"
#include "cli/suspend_options.h"
#include "cli/table.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/units.h"

namespace gpreempt::cli {
namespace {

QueueRole role_of(const kfd::abi::QueueSnapshotEntry& queue) {
  return gpreempt::role_of(kfd::type_of(queue.queue_type), queue.ring_size);
}

/// The driver's grace period has 8 bits of 1000 clocks.
Result<void> check_grace(const SuspendCommandOptions& options,
                         const std::vector<kfd::GpuNode>& topology) {
  std::uint32_t fastest = 0;
  for (const kfd::GpuNode& gpu : topology) {
    fastest = std::max(fastest, gpu.max_clock_mhz);
  }
  const auto units = kfd::to_grace_units(options.grace, fastest);
  if (!units) {
    return fail(Errc::kInvalidArgument, "reading --grace: " + units.error().what);
  }
  return {};
}

Result<void> check_target(const kfd::KfdProcess& target, const SuspendCommandOptions& options) {
  std::vector<std::uint32_t> ids;
  ids.reserve(target.queues.size());
  for (const auto& queue : target.queues) {
    ids.push_back(queue.queue_id);
  }
  std::ranges::sort(ids);
  for (const std::uint32_t id : options.queues) {
    if (!std::ranges::binary_search(ids, id)) {
      return fail(Errc::kNoSuchQueue,
                  fmt::format("suspend queue {} of pid {}: there is none; it has {}", id,
                              target.pid, ids.empty() ? "no queue" : kfd::list_of(ids)));
    }
  }
  if (std::ranges::none_of(target.queues,
                           [&](const auto& queue) { return is_meant(queue, options); })) {
    return fail(Errc::kNoSuchQueue,
                fmt::format("suspend pid {}: it has no compute queue; wait until it uses a GPU, or "
                            "name its workers with tree:{}",
                            target.pid, target.pid));
  }
  return {};
}

/// What its user should know of the choice.
void warn(const kfd::KfdProcess& target, const SuspendCommandOptions& options,
          std::vector<std::string>& warnings) {
  std::vector<QueueRole> all;
  std::vector<QueueRole> chosen;
  for (const auto& queue : target.queues) {
    all.push_back(role_of(queue));
    if (is_meant(queue, options)) {
      chosen.push_back(all.back());
    }
  }
  for (const auto& warning :
       {kfd::warn_of_choice(target.pid, chosen, all),
        options.queues.empty() ? kfd::warn_of_sdma(target.pid, all) : std::nullopt}) {
    if (warning) {
      warnings.push_back(*warning);
    }
  }
  if (target.tracer != Pid(0)) {
    warnings.push_back(
        fmt::format("pid {} is traced by {}, and one tracer is all it can have: "
                    "attaching will fail",
                    target.pid, target.tracer));
  }
  if (!target.context_queues.empty()) {
    const std::size_t more = target.context_queues.size();
    warnings.push_back(
        fmt::format("pid {} has {} more queue{} in secondary contexts: what a debug "
                    "session reaches of them is not known",
                    target.pid, more, more == 1 ? "" : "s"));
  }
}

std::string hex(GpuId id) { return fmt::format("{:x}", id.value()); }

}  // namespace

bool is_meant(const kfd::abi::QueueSnapshotEntry& queue, const SuspendCommandOptions& options) {
  return options.queues.empty()
             ? role_of(queue) != QueueRole::kSdma
             : std::ranges::find(options.queues, queue.queue_id) != options.queues.end();
}

Result<std::vector<Pid>> find_all(kfd::Os& os, std::span<const std::string> selectors) {
  std::vector<Pid> pids;
  for (const std::string& text : selectors) {
    const auto selector = kfd::parse_target(text);
    GPREEMPT_TRY(selector);
    const auto found = kfd::find_targets(os, *selector);
    GPREEMPT_TRY(found);
    pids.insert(pids.end(), found->begin(), found->end());
  }
  std::ranges::sort(pids);
  const auto twice = std::ranges::unique(pids);
  pids.erase(twice.begin(), twice.end());
  return pids;
}

Result<SuspendPlan> make_plan(kfd::Os& os, const SuspendCommandOptions& options) {
  const auto pids = find_all(os, options.targets);
  GPREEMPT_TRY(pids);
  auto named = find_all(os, options.bystanders);
  GPREEMPT_TRY(named);
  const auto topology = kfd::read_topology(os, "/sys");
  GPREEMPT_TRY(topology);
  const auto processes = kfd::list_kfd_processes(os);
  GPREEMPT_TRY(processes);
  SuspendPlan plan;
  GPREEMPT_TRY(check_grace(options, *topology));
  if (kfd::pid_view(os, "/proc") == kfd::PidView::kOther) {
    plan.blind =
        "sysfs has the pids of the initial namespace, and this process has others; run "
        "it with --pid=host";
    plan.targets.resize(pids->size());
    std::ranges::transform(*pids, plan.targets.begin(),
                           [](Pid pid) { return kfd::KfdProcess{.pid = pid}; });
    return plan;
  }
  for (const Pid pid : *pids) {
    const auto found = std::ranges::find(*processes, pid, &kfd::KfdProcess::pid);
    plan.targets.push_back(found == processes->end() ? kfd::KfdProcess{.pid = pid} : *found);
  }
  // A launcher is meant by its command or group as its workers are, and has no queue.
  if (plan.targets.size() > 1) {
    std::erase_if(plan.targets, [](const kfd::KfdProcess& each) { return each.queues.empty(); });
  }
  if (plan.targets.empty()) {
    return fail(Errc::kNoSuchQueue,
                fmt::format("suspend {}: no process of these has a queue on a GPU",
                            fmt::join(options.targets, " ")));
  }
  if (!options.queues.empty() && plan.targets.size() > 1) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --queue: an id means a queue of one process, and {} are named "
                            "(pids {}); name one",
                            plan.targets.size(), fmt::join(*pids, " ")));
  }
  for (const kfd::KfdProcess& target : plan.targets) {
    GPREEMPT_TRY(check_target(target, options));
    warn(target, options, plan.warnings);
  }
  std::vector<Pid> targets(plan.targets.size());
  std::ranges::transform(plan.targets, targets.begin(), &kfd::KfdProcess::pid);
  plan.radius = kfd::blast_radius(*processes, *topology, targets, *named);
  return plan;
}

Result<void> check_bystanders(const SuspendPlan& plan, const SuspendCommandOptions& options) {
  return kfd::check_bystanders(plan.radius, plan.blind,
                               {.verb = "suspend",
                                .targets = {},
                                .named = {},
                                .allow_bystanders = options.allow_bystanders,
                                .exclusive_hive = options.exclusive_hive,
                                .trouble = {},
                                .roots = {}});
}

std::string plan_text(const SuspendPlan& plan, const SuspendCommandOptions& options) {
  Table table({"pid", "name", "queue", "GPU", "role", "ring", "is"});
  for (const kfd::KfdProcess& target : plan.targets) {
    auto queues = target.queues;
    std::ranges::sort(queues, {}, &kfd::abi::QueueSnapshotEntry::queue_id);
    for (const auto& queue : queues) {
      table.add_row({fmt::format("{}", target.pid), target.name, fmt::format("{}", queue.queue_id),
                     hex(GpuId(queue.gpu_id)), std::string(to_string(role_of(queue))),
                     format_bytes(queue.ring_size),
                     is_meant(queue, options) ? "suspended" : "left on"});
    }
  }
  std::string text = table.render(0) + kfd::radius_text(plan.radius, plan.blind);
  for (const std::string& warning : plan.warnings) {
    text += "warning: " + warning + "\n";
  }
  return text;
}

}  // namespace gpreempt::cli
