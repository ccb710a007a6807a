#include "experiments/suspend_sampler.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/cwsr.h"
#include "backends/kfd/debugfs/fields.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/queue_state.h"
#include "calibration/sample.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/grace_units.h"
#include "experiments/hardware_view.h"
#include "experiments/session.h"

namespace gpreempt::experiments {
namespace {

namespace debugfs = kfd::debugfs;
using calibration::CallSample;
using calibration::SaveStamps;
using std::chrono::milliseconds;

/// Long enough for what goes on after a call has returned: mapping and restoring.
constexpr Duration kSettle = milliseconds(5);

constexpr std::array<DriverPhase, calibration::kParts> kPhases = {
    DriverPhase::kIssue, DriverPhase::kLock, DriverPhase::kUnmap,
    DriverPhase::kSave,  DriverPhase::kMap,  DriverPhase::kCopy};

std::int64_t ns_of(std::uint64_t ticks) {
  return to_ns(debugfs::ticks_to_duration(ticks, debugfs::kReferenceHertz));
}

/// The earliest start and the latest end over a process's queues and XCCs.
void widen(const debugfs::SaveTimes& times, std::optional<SaveStamps>& stamps) {
  if (!times.save_ticks() || !times.restore_ticks()) {
    return;
  }
  const SaveStamps one{.save_start = ns_of(times.save_start),
                       .save_end = ns_of(times.save_end),
                       .restore_start = ns_of(times.restore_start),
                       .restore_end = ns_of(times.restore_end)};
  if (!stamps) {
    stamps = one;
    return;
  }
  stamps->save_start = std::min(stamps->save_start, one.save_start);
  stamps->save_end = std::max(stamps->save_end, one.save_end);
  stamps->restore_start = std::min(stamps->restore_start, one.restore_start);
  stamps->restore_end = std::max(stamps->restore_end, one.restore_end);
}

/// What descriptors say: times, and bytes that the last unmap saved.
struct Descriptors {
  std::optional<SaveStamps> stamps;
  std::uint64_t own_bytes = 0;
  std::uint64_t other_bytes = 0;
};

void add_queue(const debugfs::MqdsQueue& queue, bool is_own, Descriptors& result) {
  for (std::size_t xcc = 0; xcc < queue.dumped(); ++xcc) {
    const auto mqd = queue.mqd(xcc);
    const debugfs::QueueState state(mqd.subspan<debugfs::kHqdInMqd, debugfs::kHqdDwords>());
    (is_own ? result.own_bytes : result.other_bytes) += state.saved_bytes();
    if (is_own) {
      widen(debugfs::save_times(mqd), result.stamps);
    }
  }
}

Descriptors read_descriptors(const debugfs::MqdsDump& dump, Pid own) {
  Descriptors result;
  for (const debugfs::MqdsProcess& process : dump) {
    const bool is_own = process.pid == static_cast<std::uint32_t>(own.value());
    for (const debugfs::MqdsQueue& queue : process.queues) {
      if (queue.kind == debugfs::MqdKind::kCompute) {
        add_queue(queue, is_own, result);
      }
    }
  }
  return result;
}

bool is_absent(Errc code) { return code == Errc::kUnsupported || code == Errc::kNotPermitted; }

}  // namespace

std::uint32_t queues_on(Session& session, const std::vector<Followed>& processes, GpuId gpu) {
  std::uint32_t count = 0;
  for (const Followed& process : processes) {
    const std::vector<QueueInfo> queues = session.backend().queues(process.id);
    count += static_cast<std::uint32_t>(
        std::ranges::count_if(queues, [&](const QueueInfo& queue) { return queue.gpu == gpu; }));
  }
  return count;
}

SuspendSampler::SuspendSampler(Session& session, Place place)
    : session_(session), place_(std::move(place)) {
  const GpuInfo& gpu = session_.backend().info().gpus.front();
  const std::vector<QueueInfo> queues = session_.backend().queues(place_.process.id);
  known_.place = place_.name;
  known_.gpus = place_.gpus;
  known_.xccs = gpu.xccs;
  known_.queues = static_cast<std::uint32_t>(std::ranges::count_if(
      queues, [](const QueueInfo& queue) { return queue.type == QueueType::kCompute; }));
  known_.processes = static_cast<std::uint32_t>(place_.company.others.size() + 1);
  known_.others = queues_on(session_, place_.company.others, gpu.id);
  known_.waves = place_.waves;
  known_.other_waves = place_.company.heartbeat_waves;
  known_.longest_grace_ns = to_ns(place_.longest_grace);
}

std::optional<Duration> SuspendSampler::off_so_far() {
  if (!place_.company.heartbeat) {
    return std::nullopt;
  }
  const ProgramProgress progress = session_.testbed().progress(*place_.company.heartbeat);
  return progress.tells_bystander ? std::optional(progress.bystander) : std::nullopt;
}

std::optional<std::int64_t> SuspendSampler::gap_since(std::optional<Duration> before) {
  const std::optional<Duration> now = off_so_far();
  return now && before ? std::optional(to_ns(*now - *before)) : std::nullopt;
}

Result<CallSample> SuspendSampler::take(std::optional<std::uint32_t> grace_units,
                                        std::uint32_t repetition, bool stamps) {
  CallSample sample = known_;
  sample.repetition = repetition;
  sample.grace_units = grace_units;
  GPREEMPT_TRY(suspend(grace_units, sample));
  GPREEMPT_TRY(resume(sample));
  if (stamps && has_views_) {
    GPREEMPT_TRY(look(sample));
  }
  return sample;
}

Result<void> SuspendSampler::suspend(std::optional<std::uint32_t> grace_units, CallSample& sample) {
  std::optional<Duration> grace;
  if (grace_units) {
    grace = grace_of(place_.longest_grace, *grace_units);
  }
  const std::size_t calls = session_.testbed().driver_calls().size();
  const std::optional<Duration> before = off_so_far();
  ControlDone done;
  GPREEMPT_TRY(store(done, session_.suspend(place_.process, grace)));
  sample.issued_ns = to_ns(done.issued);
  sample.suspend_ns = to_ns(done.done - done.issued);
  if (session_.testbed().driver_calls().size() > calls) {
    const DriverCall& call = session_.testbed().driver_calls()[calls];
    sample.first = call.first_of_process;
    if (call.tells_phases) {
      sample.suspend_bytes = call.saved_bytes;
    }
    for (std::size_t i = 0; call.tells_phases && i < kPhases.size(); ++i) {
      sample.parts.at(i) = to_ns(call.phases.at(static_cast<std::size_t>(kPhases.at(i))));
    }
  }
  GPREEMPT_TRY(session_.wait(kSettle));
  sample.suspend_gap_ns = gap_since(before);
  return {};
}

Result<void> SuspendSampler::resume(CallSample& sample) {
  const std::size_t calls = session_.testbed().driver_calls().size();
  const std::optional<Duration> before = off_so_far();
  ControlDone done;
  GPREEMPT_TRY(store(done, session_.resume(place_.process)));
  sample.resume_ns = to_ns(done.done - done.issued);
  if (session_.testbed().driver_calls().size() > calls) {
    const DriverCall& call = session_.testbed().driver_calls()[calls];
    sample.resume_bytes = call.tells_phases ? std::optional(call.saved_bytes) : std::nullopt;
  }
  GPREEMPT_TRY(session_.wait(kSettle));
  sample.resume_gap_ns = gap_since(before);
  return {};
}

/// Where the driver does not tell what it saved, descriptors do.
Result<void> SuspendSampler::look(CallSample& sample) {
  const Result<std::string> text = inspect(session_, InspectView::kMqds);
  if (!text && is_absent(text.error().code)) {
    has_views_ = false;
    return {};
  }
  GPREEMPT_TRY(text);
  debugfs::MqdsDump dump;
  GPREEMPT_TRY(store(dump, debugfs::parse_mqds(*text, "mqds")));
  const Descriptors seen = read_descriptors(dump, place_.process.pid);
  if (known_.waves > 0) {
    sample.stamps = seen.stamps;
  }
  if (!sample.suspend_bytes) {
    sample.suspend_bytes = seen.own_bytes + seen.other_bytes;
    sample.resume_bytes = seen.other_bytes;
  }
  return {};
}

}  // namespace gpreempt::experiments
