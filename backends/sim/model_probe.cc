#include "backends/sim/model_probe.h"

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::sim {
namespace {

Result<void> as_result(long result, const char* operation, Pid target) {
  if (result >= 0) {
    return {};
  }
  return fail(Errc::kNotPermitted,
              fmt::format("{} process {}: errno {}", operation, target, -result),
              static_cast<int>(-result));
}

/// Calls `ask` with a function to call when the answer is there, and blocks until it was.
Result<void> wait_for(Timeline& timeline, const std::function<void(std::function<void()>)>& ask) {
  const std::shared_ptr<Waiter> waiter = timeline.make_waiter("an ioctl of the probe");
  ask([waiter] { waiter->wake(); });
  const Result<bool> woken = waiter->wait(kForever);
  return woken ? Result<void>{} : tl::unexpected<Error>(woken.error());
}

}  // namespace

KfdModel::Caller ModelProbe::caller() {
  if (process_ == 0) {
    process_ = system_.add_controller().value();
  }
  return KfdModel::Caller{.process = Pid(process_), .thread = process_};
}

Result<void> ModelProbe::enable(Pid target) {
  const KfdModel::Caller me = caller();
  GPREEMPT_TRY(as_result(system_.kfd().seize(me, target), "seize", target));
  long result = 0;
  GPREEMPT_TRY(wait_for(system_.timeline(), [&](const std::function<void()>& done) {
    system_.kfd().enable(
        me, target, KfdModel::kQueueNew, [] {},
        [&result, done](long answer) {
          result = answer;
          done();
        });
  }));
  return as_result(result, "enable debugging of", target);
}

Result<std::vector<std::uint32_t>> ModelProbe::snapshot(Pid target, bool clear_new) {
  const KfdModel::Caller me = caller();
  long result = 0;
  std::vector<std::uint32_t> ids;
  const auto note = [&](long answer, const std::vector<KfdModel::QueueEntry>& entries) {
    result = answer;
    for (const KfdModel::QueueEntry& entry : entries) {
      ids.push_back(entry.id);
    }
  };
  GPREEMPT_TRY(wait_for(system_.timeline(), [&](const std::function<void()>& done) {
    system_.kfd().snapshot(me, target, clear_new ? KfdModel::kQueueNew : 0, KfdModel::kMaxIds,
                           [note, done](long answer, const auto& entries) {
                             note(answer, entries);
                             done();
                           });
  }));
  GPREEMPT_TRY(as_result(result, "snapshot", target));
  return ids;
}

Result<std::vector<Outcome>> ModelProbe::control(bool suspends, Pid target,
                                                 std::vector<std::uint32_t> ids) {
  const KfdModel::Caller me = caller();
  long result = 0;
  std::vector<std::uint32_t> after;
  GPREEMPT_TRY(wait_for(system_.timeline(), [&](const std::function<void()>& done) {
    const KfdModel::IdsReply reply = [&, done](long answer, const auto& answered) {
      result = answer;
      after = answered;
      done();
    };
    if (suspends) {
      system_.kfd().suspend(me, target, std::move(ids), Duration::zero(), reply);
    } else {
      system_.kfd().resume(me, target, std::move(ids), reply);
    }
  }));
  GPREEMPT_TRY(as_result(result, suspends ? "suspend queues of" : "resume queues of", target));
  std::vector<Outcome> outcomes;
  outcomes.reserve(after.size());
  for (const std::uint32_t id : after) {
    outcomes.push_back(KfdModel::outcome_of(id));
  }
  return outcomes;
}

Result<std::vector<Outcome>> ModelProbe::suspend(Pid target, std::vector<std::uint32_t> ids) {
  return control(true, target, std::move(ids));
}

Result<std::vector<Outcome>> ModelProbe::resume(Pid target, std::vector<std::uint32_t> ids) {
  return control(false, target, std::move(ids));
}

Result<void> ModelProbe::disable(Pid target) {
  const KfdModel::Caller me = caller();
  long result = 0;
  GPREEMPT_TRY(wait_for(system_.timeline(), [&](const std::function<void()>& done) {
    system_.kfd().disable(me, target, [&result, done](long answer) {
      result = answer;
      done();
    });
  }));
  GPREEMPT_TRY(as_result(result, "disable debugging of", target));
  return as_result(system_.kfd().let_go(me, target), "let go of", target);
}

}  // namespace gpreempt::sim
