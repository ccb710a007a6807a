#include "soak/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/faulty_os.h"
#include "backends/kfd/os.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/model_file.h"
#include "backends/sim/sim_testbed.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "backends/vkfd/vkfd_testbed.h"
#include "core/backend.h"
#include "core/decision.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event_log.h"
#include "core/fault.h"
#include "core/faulty_backend.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/scheduler.h"
#include "core/testbed.h"
#include "core/time.h"
#include "core/units.h"
#include "soak/onlooker.h"
#include "soak/plan.h"

namespace gpreempt::soak {
namespace {

/// Latency that every service promises; requests are of some milliseconds.
constexpr Duration kPromise = std::chrono::milliseconds(20);

using std::chrono::milliseconds;
using std::chrono::seconds;

Result<std::unique_ptr<Testbed>> open_testbed(const SoakPlan& plan, sim::World& world,
                                              Faults& faults) {
  constexpr std::uint32_t kKernelQueues = 8;
  const auto model = sim::find_model("mi308x", kKernelQueues);
  GPREEMPT_TRY(model);
  const auto personality = sim::find_personality(plan.personality);
  GPREEMPT_TRY(personality);
  const sim::SystemOptions options{
      .gpu = model->point, .gpus = plan.gpus, .personality = *personality, .seed = plan.seed};
  if (!plan.vkfd) {
    return sim::open_sim_testbed(world.timeline(), options, [&](std::unique_ptr<Backend> inner) {
      return make_faulty_backend(std::move(inner), faults);
    });
  }
  return vkfd::open_vkfd_testbed(
      world, options,
      {.wrap = [&](kfd::Os& inner) { return std::make_unique<kfd::FaultyOs>(inner, faults); },
       .decorate = {},
       .rescan_period = milliseconds(10)});
}

/// A process of the run.
struct Tenant {
  TenantPlan plan;
  Pid pid;
  std::size_t requests = 0;
  bool is_attached = false;  ///< or about to be
  std::uint32_t spare = 0;   ///< queues but the first, on which a job works
  bool is_over = false;      ///< it exited, runs another program, or has lost its queues
};

class SoakRun {
 public:
  SoakRun(const SoakPlan& plan, Testbed& testbed, Faults& faults, SoakResult& result, EventLog* log)
      : plan_(plan),
        testbed_(testbed),
        faults_(faults),
        result_(result),
        onlooker_(result, log),
        scheduler_(make_policy(plan.policy).value(), {.lease = plan.lease}) {}

  void operator()() {
    launch();
    attach_lost();
    drive_for(milliseconds(5));
    const Instant start = testbed_.start();
    const Instant end = start + plan_.length;
    faults_.end_at(end);
    for (const WorldFault& fault : plan_.faults) {
      drive_until(start + fault.at);
      strike(fault);
      attach_lost();
    }
    drive_until(end);
    if (plan_.kill_controller) {
      testbed_.kill_controller();
    } else {
      shut_down();
    }
    judge_end();
  }

 private:
  [[nodiscard]] Backend& backend() { return testbed_.backend(); }
  void violate(std::string sentence) { result_.violations.push_back(std::move(sentence)); }

  void launch() {
    for (std::uint32_t i = 0; i < plan_.tenants.size(); ++i) {
      Program program = program_of(plan_.tenants[i], i, plan_);
      const std::size_t requests = program.arrivals.size();
      const auto pid = testbed_.launch(std::move(program));
      if (!pid) {
        violate("launch: " + pid.error().what);
        continue;
      }
      tenants_.push_back({.plan = plan_.tenants[i],
                          .pid = *pid,
                          .requests = requests,
                          .spare = plan_.tenants[i].queues - 1});
    }
  }

  /// Attaches whoever is not: at first, after a refused attach, after an exec.
  void attach_lost() {
    for (const TargetId lost : onlooker_.take_lost()) {
      if (const auto found = targets_.find(lost); found != targets_.end()) {
        tenants_[found->second].is_attached = false;
        targets_.erase(found);
      }
    }
    for (std::size_t i = 0; i < tenants_.size(); ++i) {
      if (!tenants_[i].is_attached && !tenants_[i].is_over) {
        attach(i);
      }
    }
  }
  void attach(std::size_t i) {
    Tenant& tenant = tenants_[i];
    const bool offline = tenant.plan.offline;
    const auto target =
        backend().attach(tenant.pid, offline ? AttachMode::kControl : AttachMode::kObserve);
    if (!target) {
      violate("attach: " + target.error().what);
      return;
    }
    tenant.is_attached = true;
    targets_[*target] = i;
    const auto added = scheduler_.add_tenant(
        {.name = fmt::format("{}/{}", offline ? "job" : "service", targets_.size()),
         .cls = offline ? TenantClass::kOffline : TenantClass::kOnline,
         .priority = offline ? 2U : 15U,
         .targets = {*target},
         .weight = 1,
         .promise = offline ? kNoPromise : kPromise});
    if (!added) {
      violate("add tenant: " + added.error().what);
    } else if (!offline) {
      services_.insert(*added);
    }
    if (!offline && plan_.poll > Duration{}) {
      (void)backend().watch(*target, plan_.poll);  // refused: it is never seen busy
    }
  }

  void strike(const WorldFault& fault) {
    if (fault.tenant >= tenants_.size()) {
      return;
    }
    Tenant& tenant = tenants_[fault.tenant];
    if (tenant.is_over) {
      return;
    }
    if (done(fault.kind, tenant)) {
      faults_.count(fault.kind);
    }
  }
  bool done(FaultKind kind, Tenant& tenant) {
    if (kind == FaultKind::kTargetExit || kind == FaultKind::kTargetExec) {
      tenant.is_over = true;
    }
    if (kind == FaultKind::kTargetExit) {
      testbed_.exit(tenant.pid);
      return true;
    }
    if (kind == FaultKind::kQueueDestroyed) {
      return destroy_queue(tenant);
    }
    if (kind == FaultKind::kHang) {
      return hang(tenant.plan.gpu);
    }
    // HIP shares the queues that it has once there are enough.
    const bool makes_one = !tenant.plan.hip || tenant.spare + 1 < kHipQueuePool;
    tenant.spare += kind == FaultKind::kQueueMade && makes_one ? 1U : 0U;
    return (kind == FaultKind::kTargetExec ? testbed_.exec(tenant.pid)
            : kind == FaultKind::kEvicted  ? testbed_.evict(tenant.pid)
                                           : testbed_.create_queue(tenant.pid))
        .has_value();
  }
  bool destroy_queue(Tenant& tenant) {
    if (tenant.spare == 0 || !tenant.plan.offline) {
      return false;
    }
    --tenant.spare;
    return testbed_.destroy_queue(tenant.pid).has_value();
  }
  /// Every queue of the GPU is lost with it.
  bool hang(std::uint32_t gpu) {
    for (Tenant& tenant : tenants_) {
      tenant.is_over = tenant.is_over || tenant.plan.gpu == gpu;
    }
    return testbed_.hang_firmware(backend().info().gpus.at(gpu).id).has_value();
  }

  void drive_until(Instant until) {
    if (const auto driven = drive(backend(), scheduler_, onlooker_, until); !driven) {
      violate("drive: " + driven.error().what);
    }
  }
  void drive_for(Duration duration) { drive_until(backend().now() + duration); }

  /// The faults have stopped: everybody gets on, and then the scheduler is shut down.
  void shut_down() {
    const auto is_finished = [this] {
      return std::ranges::all_of(tenants_, [this](const Tenant& tenant) {
        return tenant.is_over || tenant.plan.offline ||
               testbed_.progress(tenant.pid).requests_completed >= tenant.requests;
      });
    };
    constexpr Duration kPatience = seconds(60);
    const Instant limit = backend().now() + kPatience;
    if (const auto driven = drive(backend(), scheduler_, onlooker_, limit, is_finished); !driven) {
      violate("drive: " + driven.error().what);
    }
    if (!is_finished()) {
      violate(fmt::format("a service has not finished its requests {} after the faults stopped",
                          format_duration(kPatience)));
    }
    // What was taken off last comes back, at the latest when its lease ends.
    const Duration patience = plan_.lease + milliseconds(300) + patience_with_faults();
    expect_progress("after the services have finished", patience,
                    [this](Duration duration) { drive_for(duration); });
    expect_nobody_waits_for_a_service(patience);
    if (const auto rested =
            drive_to_rest(backend(), scheduler_, onlooker_, backend().now() + kPatience);
        !rested) {
      violate("shut down the scheduler: " + rested.error().what);
    }
    if (const auto closed = backend().close(); !closed) {
      violate("close the backend: " + closed.error().what);
    }
  }

  /// Jobs that are left and off for a service.
  [[nodiscard]] std::vector<Decision> waiting_for_a_service() const {
    std::vector<Decision> waiting = onlooker_.standing();
    std::erase_if(waiting, [&](const Decision& each) {
      const auto target = targets_.find(each.target);
      return target == targets_.end() || tenants_[target->second].is_over ||
             each.verdict != Verdict::kSuspend || !services_.contains(each.cause);
    });
    return waiting;
  }
  /// All services have finished, or are no more, which is seen within `patience`.
  void expect_nobody_waits_for_a_service(Duration patience) {
    constexpr Duration kStep = milliseconds(20);
    for (Duration passed{}; passed < patience && !waiting_for_a_service().empty();
         passed += kStep) {
      drive_for(kStep);
    }
    for (const Decision& each : waiting_for_a_service()) {
      violate(fmt::format("job {} is kept off for {} ({}), which has no work",
                          targets_.at(each.target), scheduler_.tenant_name(each.cause),
                          to_string(each.reason)));
    }
  }

  [[nodiscard]] bool waits_in_driver(const Tenant& tenant) {
    return !tenant.is_over && testbed_.calls_in_driver(tenant.pid) > 0;
  }
  /// Nothing is suspended, and nobody waits because it was.
  [[nodiscard]] bool is_settled() {
    return testbed_.audit().value_or(DriverAudit{}).suspended == 0 &&
           std::ranges::none_of(tenants_,
                                [this](const Tenant& each) { return waits_in_driver(each); });
  }

  void judge_end() {
    expect_progress("after the controller has ended", patience_with_faults() + milliseconds(300),
                    [this](Duration duration) { wait(duration); });
    const Duration bound = plan_.lease + milliseconds(200) + patience_with_faults();
    for (Duration passed{}; passed < bound && !is_settled(); passed += milliseconds(100)) {
      wait(milliseconds(100));  // the driver closes one session after another
    }
    const auto audit = testbed_.audit();
    if (!audit) {
      return;
    }
    if (audit->suspended > 0) {
      violate(
          fmt::format("{} queues are suspended after the controller has ended", audit->suspended));
    }
    if (audit->longest_suspension > bound) {
      violate(fmt::format("a queue was suspended for {}, with a lease of {}",
                          format_duration(audit->longest_suspension),
                          format_duration(plan_.lease)));
    }
    if (audit->longest_destroy > bound) {
      violate(fmt::format("a process waited {} to destroy a queue, with a lease of {}",
                          format_duration(audit->longest_destroy), format_duration(plan_.lease)));
    }
    for (const Tenant& tenant : tenants_) {
      if (waits_in_driver(tenant)) {
        violate(fmt::format("pid {} still waits in the driver", tenant.pid));
      }
    }
  }

  /// How much longer than without them things may take, by the plan's faults.
  [[nodiscard]] Duration patience_with_faults() const {
    Duration patience{};
    patience += plan_.rates[FaultKind::kLongCall] > 0 ? seconds(40) : seconds(0);
    patience += plan_.rates[FaultKind::kFrozen] > 0 ? seconds(20) : seconds(0);
    const bool hangs = std::ranges::any_of(
        plan_.faults, [](const WorldFault& fault) { return fault.kind == FaultKind::kHang; });
    patience += hangs ? seconds(40) : seconds(0);
    // A session that is refused ends, which takes some more calls.
    patience += plan_.rates[FaultKind::kLostTracer] > 0 ? seconds(1) : seconds(0);
    return patience;
  }

  void wait(Duration duration) {
    if (const auto waited = testbed_.wait(duration); !waited) {
      violate("wait: " + waited.error().what);
    }
  }
  /// Every job that is left does some work within `patience`.
  template <class Pass>
  void expect_progress(std::string_view when, Duration patience, const Pass& pass) {
    std::vector<Duration> before;
    before.reserve(tenants_.size());
    for (const Tenant& tenant : tenants_) {
      before.push_back(testbed_.progress(tenant.pid).work);
    }
    const auto stands_still = [&](std::size_t i) {
      const Tenant& tenant = tenants_[i];
      return tenant.plan.offline && !tenant.is_over &&
             testbed_.progress(tenant.pid).work <= before[i];
    };
    std::vector<std::size_t> left(tenants_.size());
    std::iota(left.begin(), left.end(), std::size_t{0});
    constexpr Duration kStep = milliseconds(20);
    for (Duration passed{}; passed < patience && !left.empty(); passed += kStep) {
      pass(kStep);
      std::erase_if(left, [&](std::size_t i) { return !stands_still(i); });
    }
    for (const std::size_t i : left) {
      violate(fmt::format("job {} (pid {}) makes no progress {}", i, tenants_[i].pid, when));
    }
  }

  const SoakPlan& plan_;
  Testbed& testbed_;
  Faults& faults_;
  SoakResult& result_;
  Onlooker onlooker_;
  Scheduler scheduler_;
  std::vector<Tenant> tenants_;
  std::set<TenantId> services_;
  std::map<TargetId, std::size_t> targets_;
};

}  // namespace

SoakResult run_plan(const SoakPlan& plan, sim::World& world, EventLog* log) {
  SoakResult result;
  Faults faults(plan.seed, plan.rates);
  {
    const auto testbed = open_testbed(plan, world, faults);
    if (testbed) {
      SoakRun(plan, **testbed, faults, result, log)();
    } else {
      result.violations.push_back("open the testbed: " + testbed.error().what);
    }
  }
  result.struck = faults.struck();
  return result;
}

}  // namespace gpreempt::soak
