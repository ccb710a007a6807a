#include "backends/kfd/safety/safety_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/pid_namespace.h"
#include "backends/kfd/hold/blast_radius.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/kernel_log.h"
#include "backends/kfd/safety/trouble_watch.h"
#include "backends/kfd/topology.h"
#include "backends/kfd/visible_gpus.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mutant.h"

namespace gpreempt::kfd {
namespace {

/// A process that is to come: nobody knows yet on which GPU of those that it is shown it will have
/// queues. Attaching reaches all that it may use.
KfdProcess process_to_come(std::span<const GpuNode> topology, std::span<const GpuNode> shown) {
  KfdProcess process;
  for (const GpuNode& gpu : topology) {
    process.gpus.push_back(gpu.info.id);
  }
  for (const GpuNode& gpu : shown) {
    abi::QueueSnapshotEntry queue{};
    queue.gpu_id = gpu.info.id.value();
    process.queues.push_back(queue);
  }
  return process;
}

/// What is to be watched, looked at once.
std::optional<Error> look_for_trouble(Os& os, const TroubleOptions& options,
                                      std::vector<std::string>& warnings) {
  if (options.kernel_log.empty()) {
    return std::nullopt;
  }
  auto log = KernelLog::open(os, options.kernel_log);
  if (!log) {
    return std::move(log).error();
  }
  const auto history = (*log)->history();
  (*log)->close();
  if (auto waited = check_back_off(history, options.back_off, os.now()); !waited) {
    return std::move(waited).error();
  }
  if (!history.empty()) {
    warnings.push_back(last_trouble(history, os.now()));
  }
  return std::nullopt;
}

std::size_t count_gpus_with_counts(Os& os, const std::string& sysfs,
                                   std::span<const GpuNode> topology) {
  return static_cast<std::size_t>(std::ranges::count_if(topology, [&](const GpuNode& gpu) {
    return os.list_dir(sysfs + "/bus/pci/devices/" + gpu.pci_address + "/ras").has_value();
  }));
}

std::string watches_text(const SafetyPlan& plan, const SafetyRequest& request) {
  const std::string& log = request.trouble.kernel_log;
  return fmt::format("watches\n  {}\n  {}\n",
                     log.empty() ? "not the kernel's log, as asked" : "the kernel's log " + log,
                     plan.gpus_with_counts == 0
                         ? "no error counts: no GPU shows any"
                         : fmt::format("the error counts of {} GPU{}", plan.gpus_with_counts,
                                       plan.gpus_with_counts == 1 ? "" : "s"));
}

}  // namespace

Result<SafetyPlan> plan_safety(Os& os, const SafetyRequest& request) {
  const auto topology = read_topology(os, request.roots.sysfs);
  GPREEMPT_TRY(topology);
  auto processes = list_kfd_processes(os, request.roots);
  GPREEMPT_TRY(processes);
  SafetyPlan plan;
  plan.trouble = look_for_trouble(os, request.trouble, plan.warnings);
  plan.gpus_with_counts = count_gpus_with_counts(os, request.roots.sysfs, *topology);
  if (pid_view(os, request.roots.proc) == PidView::kOther) {
    plan.blind =
        "sysfs has the pids of the initial namespace, and this process has others; run it with "
        "--pid=host";
  }
  std::vector<Pid> targets = request.targets;
  for (const Pid pid : targets) {
    const auto found = std::ranges::find(*processes, pid, &KfdProcess::pid);
    plan.targets.push_back(found == processes->end() || !plan.blind.empty() ? KfdProcess{.pid = pid}
                                                                            : *found);
  }
  if (!plan.blind.empty()) {
    return plan;
  }
  if (request.launches) {
    const auto shown = visible_gpus(os, *topology, request.roots.proc);
    GPREEMPT_TRY(shown);
    processes->push_back(process_to_come(*topology, *shown));
    targets.push_back(processes->back().pid);
  }
  plan.radius = blast_radius(*processes, *topology, targets, request.named);
  return plan;
}

Result<void> check_bystanders(const BlastRadius& radius, std::string_view blind,
                              const SafetyRequest& request) {
  const bool is_allowed =
      request.allow_bystanders && (!request.exclusive_hive || GPREEMPT_MUTANT("hive-not-checked"));
  if (is_allowed || (radius.bystanders.empty() && blind.empty())) {
    return {};
  }
  const std::string_view or_allow = request.exclusive_hive ? "" : "; or add --allow-bystanders";
  if (!blind.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{}: whom it would disturb cannot be seen: {}{}", request.verb, blind,
                            or_allow));
  }
  std::vector<std::string> others;
  others.reserve(radius.bystanders.size());
  for (const BlastRadius::Bystander& each : radius.bystanders) {
    others.push_back(describe(each));
  }
  const Pid first = radius.bystanders.front().pid;
  return fail(
      Errc::kInvalidArgument,
      request.exclusive_hive
          ? fmt::format("{}: --exclusive-hive says that nobody else uses these GPUs or their hive, "
                        "but {}; end them, or name those of yours as --bystander {}",
                        request.verb, fmt::join(others, "; "), first)
          : fmt::format("{}: {}; name those that may be, as --bystander {}, or add "
                        "--allow-bystanders",
                        request.verb, fmt::join(others, "; "), first));
}

Result<void> check_safety(const SafetyPlan& plan, const SafetyRequest& request) {
  if (request.is_risky && !request.exclusive_hive) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{}: it can hang a GPU, and then all of its hive are reset, or take "
                            "all that one can do; when nobody else uses them, add "
                            "--exclusive-hive",
                            request.verb));
  }
  GPREEMPT_TRY(check_bystanders(plan.radius, plan.blind, request));
  return plan.trouble ? Result<void>(tl::unexpected<Error>(*plan.trouble)) : Result<void>();
}

std::string radius_text(const BlastRadius& radius, std::string_view blind) {
  std::string text = "preempts\n";
  for (const BlastRadius::Gpu& gpu : radius.gpus) {
    text += fmt::format(
        "  GPU {:x}{}: {}\n", gpu.id.value(),
        gpu.hive == 0 ? "" : fmt::format(" of hive {:x}", gpu.hive),
        gpu.queues == 0 ? "only by attaching and detaching" : "by each suspend and resume");
  }
  text += "disturbs\n";
  if (!blind.empty()) {
    return text + fmt::format("  nobody knows whom: {}\n", blind);
  }
  for (const BlastRadius::Bystander& each : radius.bystanders) {
    text += "  " + describe(each) + "\n";
  }
  return radius.bystanders.empty() ? text + "  nobody else\n" : text;
}

std::string plan_text(const SafetyPlan& plan, const SafetyRequest& request) {
  std::string text = "controls\n";
  for (const KfdProcess& target : plan.targets) {
    text += fmt::format("  pid {}{}: {} queue{} now\n", target.pid,
                        target.name.empty() ? "" : " (" + target.name + ")", target.queues.size(),
                        target.queues.size() == 1 ? "" : "s");
  }
  if (request.launches) {
    text += "  processes that it starts, on any GPU\n";
  }
  text += radius_text(plan.radius, plan.blind) + watches_text(plan, request);
  for (const std::string& warning : plan.warnings) {
    text += "warning: " + warning + "\n";
  }
  if (const auto refused = check_safety(plan, request); !refused) {
    text += "refused: " + refused.error().what + "\n";
  }
  return text;
}

}  // namespace gpreempt::kfd
