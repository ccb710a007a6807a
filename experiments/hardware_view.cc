#include "experiments/hardware_view.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <variant>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/discovery/driver_knowledge.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/discovery/queue_slots.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "experiments/lifecycle_rule.h"
#include "experiments/session.h"

namespace gpreempt::experiments {

Result<std::string> inspect(Session& session, InspectView view) {
  const Result<RequestId> request = session.backend().inspect(view);
  GPREEMPT_TRY(request);
  const auto is_answer = [&](const Event& event) {
    const auto* const done = std::get_if<InspectDone>(&event.what);
    return done != nullptr && done->request == *request;
  };
  const Result<Event> answer =
      session.await(is_answer, saturating_add(session.backend().now(), kPatience));
  GPREEMPT_TRY(answer);
  const InspectDone& done = std::get<InspectDone>(answer->what);
  if (done.error) {
    return tl::unexpected<Error>(*done.error);
  }
  return done.text;
}

Result<HardwareTexts> read_hardware(Session& session) {
  HardwareTexts texts;
  GPREEMPT_TRY(store(texts.mqds, inspect(session, InspectView::kMqds)));
  GPREEMPT_TRY(store(texts.hqds, inspect(session, InspectView::kHqds)));
  return texts;
}

Result<HardwareView> view_of(const HardwareTexts& texts, const kfd::DriverKnowledge& driver) {
  HardwareView view;
  kfd::QueueSources sources;
  sources.driver = driver;
  GPREEMPT_TRY(store(sources.mqds, kfd::debugfs::parse_mqds(texts.mqds, texts.mqds_name)));
  GPREEMPT_TRY(store(view.hqds, kfd::debugfs::parse_hqds(texts.hqds, texts.hqds_name)));
  sources.hqds = view.hqds;
  view.rows = kfd::join_queues(sources);
  return view;
}

bool shows_no_hardware(const Error& error) {
  return error.code == Errc::kUnsupported || error.code == Errc::kNotPermitted ||
         error.code == Errc::kIo;
}

std::set<Pid> processes_of(const HardwareView& view) {
  std::set<Pid> pids;
  for (const kfd::QueueRow& row : view.rows) {
    pids.insert(row.pid);
  }
  return pids;
}

HardwareCounts counts_of(const HardwareView& view, Pid pid, std::uint32_t xccs) {
  HardwareCounts counts{.all_slots = active_slots(view.hqds)};
  for (const kfd::QueueRow& row : view.rows) {
    if (row.type != QueueType::kCompute) {
      continue;
    }
    ++counts.all_descriptors;
    if (row.pid != pid) {
      continue;
    }
    ++counts.descriptors;
    counts.slots += row.found.slots.size();
    const bool right = row.found.mapping == kfd::Mapping::kMapped && row.found.slots.size() == xccs;
    counts.not_one_per_xcc += right ? 0U : 1U;
  }
  return counts;
}

std::size_t active_slots(const kfd::debugfs::HqdsDump& hqds) {
  return static_cast<std::size_t>(
      std::ranges::count_if(hqds.slots, [&](const kfd::debugfs::HqdSlot& slot) {
        return slot.kind == kfd::debugfs::HqdKind::kCp && hqds.is_active(slot);
      }));
}

}  // namespace gpreempt::experiments
