#include "experiments/hardware_view.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <variant>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/discovery/queue_join.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
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

Result<HardwareView> look_at_hardware(Session& session) {
  std::string mqds;
  std::string hqds;
  GPREEMPT_TRY(store(mqds, inspect(session, InspectView::kMqds)));
  GPREEMPT_TRY(store(hqds, inspect(session, InspectView::kHqds)));
  HardwareView view;
  kfd::QueueSources sources;
  GPREEMPT_TRY(store(sources.mqds, kfd::debugfs::parse_mqds(mqds, "mqds")));
  GPREEMPT_TRY(store(view.hqds, kfd::debugfs::parse_hqds(hqds, "hqds")));
  sources.hqds = view.hqds;
  view.rows = kfd::join_queues(sources);
  return view;
}

bool shows_no_hardware(const Error& error) {
  return error.code == Errc::kUnsupported || error.code == Errc::kNotPermitted ||
         error.code == Errc::kIo;
}

std::size_t active_slots(const kfd::debugfs::HqdsDump& hqds) {
  return static_cast<std::size_t>(
      std::ranges::count_if(hqds.slots, [&](const kfd::debugfs::HqdSlot& slot) {
        return slot.kind == kfd::debugfs::HqdKind::kCp && hqds.is_active(slot);
      }));
}

}  // namespace gpreempt::experiments
