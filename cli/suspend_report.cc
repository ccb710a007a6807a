#include "cli/suspend_report.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/hold/blast_radius.h"
#include "backends/kfd/hold/hold.h"
#include "backends/kfd/queue_type.h"
#include "cli/suspend_options.h"
#include "cli/suspend_plan.h"
#include "cli/suspend_run.h"
#include "cli/table.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::cli {
namespace {

using HoldJson = nlohmann::ordered_json;

std::string gpu_text(GpuId id) { return fmt::format("{:x}", id.value()); }

std::string dumped(const HoldJson& json) {
  constexpr int kIndent = 2;
  // A process may have any bytes as its name.
  return json.dump(kIndent, ' ', false, HoldJson::error_handler_t::replace) + "\n";
}

/// Short: microseconds are enough for people.
std::string rounded(Duration duration) {
  constexpr Duration kStep = std::chrono::microseconds(1);
  return format_duration(duration / kStep * kStep);
}

std::string_view sentence(kfd::HoldReport::End end) {
  using End = kfd::HoldReport::End;
  switch (end) {
    case End::kLimit: return "the time is over";
    case End::kInterrupted: return "ended by a signal";
    case End::kResumed: return "ended by `gpreempt resume`";
    case End::kExited: return "the process has exited";
    case End::kAnomaly: return "ended because something is wrong";
  }
  return "";
}

std::string_view how_name(kfd::BlastRadius::How how) {
  using How = kfd::BlastRadius::How;
  switch (how) {
    case How::kPreempted: return "preempted";
    case How::kRefreshed: return "refreshed";
    case How::kReset: return "reset";
  }
  return "";
}

HoldJson radius_json(const SuspendPlan& plan) {
  HoldJson json;
  json["gpus"] = HoldJson::array();
  for (const kfd::BlastRadius::Gpu& gpu : plan.radius.gpus) {
    HoldJson each;
    each["gpu"] = gpu_text(gpu.id);
    each["hive"] = gpu.hive == 0 ? HoldJson() : HoldJson(fmt::format("{:x}", gpu.hive));
    each["queues"] = gpu.queues;
    json["gpus"].push_back(std::move(each));
  }
  json["bystanders"] = plan.blind.empty() ? HoldJson::array() : HoldJson();
  for (const kfd::BlastRadius::Bystander& bystander : plan.radius.bystanders) {
    HoldJson each;
    each["pid"] = bystander.pid.value();
    each["name"] = bystander.name;
    each["container"] = bystander.container;
    each["how"] = std::string(how_name(bystander.how));
    each["queues"] = bystander.queues;
    each["gpus"] = HoldJson::array();
    for (const GpuId gpu : bystander.gpus) {
      each["gpus"].push_back(gpu_text(gpu));
    }
    json["bystanders"].push_back(std::move(each));
  }
  return json;
}

HoldJson queue_json(const kfd::HeldQueue& queue) {
  HoldJson json;
  json["name"] = fmt::format("pid {} queue {}", queue.pid, queue.kernel_id);
  json["pid"] = queue.pid.value();
  json["queue"] = queue.kernel_id;
  json["gpu"] = gpu_text(queue.gpu);
  json["role"] = std::string(to_string(queue.role));
  json["late"] = queue.is_late;
  json["outcome"] = std::string(to_string(queue.outcome));
  json["suspend_ns"] = to_ns(queue.took);
  json["off_ns"] = queue.on ? HoldJson(to_ns(*queue.on - queue.off)) : HoldJson();
  return json;
}

}  // namespace

std::string hold_text(const kfd::HoldReport& report) {
  Table table({"pid", "queue", "GPU", "role", "outcome", "suspend took", "off for"});
  for (const kfd::HeldQueue& queue : report.queues) {
    table.add_row({fmt::format("{}", queue.pid), fmt::format("{}", queue.kernel_id),
                   gpu_text(queue.gpu), std::string(to_string(queue.role)),
                   std::string(to_string(queue.outcome)), rounded(queue.took),
                   queue.on ? rounded(*queue.on - queue.off) : ""});
  }
  return table.render(0) + fmt::format("{}; everything runs\n", sentence(report.end));
}

std::string suspend_json(const SuspendPlan& plan, const SuspendCommandOptions& options,
                         const kfd::HoldReport* report) {
  HoldJson json;
  json["schema"] = 1;
  json["limit_ns"] = to_ns(options.limit);
  json["targets"] = HoldJson::array();
  for (const kfd::KfdProcess& target : plan.targets) {
    HoldJson each;
    each["pid"] = target.pid.value();
    each["name"] = target.name;
    each["queues"] = HoldJson::array();
    for (const auto& queue : target.queues) {
      HoldJson one;
      one["queue"] = queue.queue_id;
      one["gpu"] = gpu_text(GpuId(queue.gpu_id));
      one["role"] =
          std::string(to_string(role_of(kfd::type_of(queue.queue_type), queue.ring_size)));
      one["ring_bytes"] = queue.ring_size;
      one["suspended"] = is_meant(queue, options);
      each["queues"].push_back(std::move(one));
    }
    json["targets"].push_back(std::move(each));
  }
  json["warnings"] = plan.warnings;
  json["radius"] = radius_json(plan);
  json["end"] = report == nullptr ? HoldJson() : HoldJson(std::string(to_string(report->end)));
  json["anomaly"] =
      report == nullptr || report->anomaly.empty() ? HoldJson() : HoldJson(report->anomaly);
  json["results"] = HoldJson::array();
  if (report != nullptr) {
    for (const kfd::HeldQueue& queue : report->queues) {
      json["results"].push_back(queue_json(queue));
    }
  }
  return dumped(json);
}

std::string resume_text(const std::vector<ResumeResult>& results) {
  std::string text;
  for (const ResumeResult& each : results) {
    if (!each.answer.error.empty()) {
      text += fmt::format("pid {}: not resumed: {}\n", each.pid, each.answer.error);
    } else if (each.holder == Pid(0)) {
      text += fmt::format("pid {}: nobody holds it\n", each.pid);
    } else if (each.answer.resumed.empty()) {
      text += fmt::format("pid {}: {}\n", each.pid,
                          each.was_asked ? fmt::format("pid {} has let go of it", each.holder)
                                         : fmt::format("held by pid {}", each.holder));
    } else {
      text += fmt::format("pid {}: {} resumed by pid {}\n", each.pid,
                          kfd::list_of(each.answer.resumed), each.holder);
    }
  }
  return text;
}

std::string resume_json(const std::vector<ResumeResult>& results) {
  HoldJson json;
  json["schema"] = 1;
  json["results"] = HoldJson::array();
  for (const ResumeResult& result : results) {
    HoldJson each;
    each["name"] = fmt::format("pid {}", result.pid);
    each["pid"] = result.pid.value();
    each["holder"] = result.holder == Pid(0) ? HoldJson() : HoldJson(result.holder.value());
    each["resumed"] = result.answer.resumed;
    each["error"] = result.answer.error.empty() ? HoldJson() : HoldJson(result.answer.error);
    json["results"].push_back(std::move(each));
  }
  return dumped(json);
}

}  // namespace gpreempt::cli
