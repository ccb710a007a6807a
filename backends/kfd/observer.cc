#include "backends/kfd/observer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/activity.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/observed_queues.h"
#include "backends/kfd/os.h"
#include "backends/kfd/session_queues.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// The longest pause between two readings of debugfs for rings that were not found: it makes the
/// driver print every process' queues, and the observed one waits for that when it creates one.
constexpr Duration kLongestRingsPause = std::chrono::seconds(1);

/// Once for each new sentence: the same one comes again with each look.
void warn(std::string& last, std::string what) {
  if (what != last) {
    spdlog::warn("{}", what);
    last = std::move(what);
  }
}

}  // namespace

class Observer::Worker {
 public:
  Worker(Os& os, ObserverOptions options, std::shared_ptr<Mailbox<Command>> commands, Outbox outbox)
      : os_(os),
        options_(std::move(options)),
        commands_(std::move(commands)),
        outbox_(std::move(outbox)) {}

  void run() {
    while (!stopped_) {
      std::array<WaitFd, 1> fds{WaitFd{.fd = commands_->fd()}};
      if (!os_.wait(fds, next_deadline())) {
        return;
      }
      commands_->drain();
      while (auto command = commands_->take()) {
        std::visit([this](auto& each) { serve(each); }, *command);
      }
      for (auto& [id, target] : targets_) {
        serve_deadlines(id, target);
      }
    }
  }

 private:
  struct Target {
    Pid pid;
    // of one that is followed
    bool is_followed = false;
    SessionQueues queues;
    std::size_t compute_queues = 0;
    Instant scan_at = kForever;
    std::string folder;            ///< of its queues in sysfs
    std::vector<std::string> ids;  ///< as listed there last
    std::uint32_t looks = 0;
    Instant rings_at = kForever;  ///< when its rings are looked for again
    Duration rings_pause{};
    std::string scan_problem;  ///< warned of last
    std::string rings_problem;
    // of one that is watched
    ActivityMeter meter;
    Duration period{};
    Instant poll_at = kForever;
    bool is_busy = false;  ///< as reported last
    std::string poll_problem;
  };

  void serve(const Follow& follow) {
    Target& target = targets_[follow.target];
    target.pid = follow.pid;
    target.is_followed = true;
    target.folder = queue_folder(options_.sysfs_root, follow.pid);
    scan(follow.target, target);
    report(follow.target, SessionReady{});
  }
  void serve(const Watch& watch) {
    Target& target = targets_[watch.target];
    target.pid = watch.pid;
    target.period = watch.period;
    target.poll_at = saturating_add(os_.now(), watch.period);
    if (target.is_followed) {
      find_rings_of(target);
    }
  }
  void serve(const SetRings& change) {
    if (const auto found = targets_.find(change.target); found != targets_.end()) {
      found->second.meter.set_rings(change.rings);
    }
  }
  void serve(const Forget& forget) { targets_.erase(forget.target); }
  void serve(const Inspect& request) {
    constexpr std::array<std::string_view, 3> kFiles = {"mqds", "hqds", "rls"};
    const std::string path =
        fmt::format("{}/{}", options_.debugfs, kFiles.at(static_cast<std::size_t>(request.view)));
    auto text = os_.read_file(path);
    Inspected done{.request = request.request, .text = {}, .error = std::nullopt, .at = os_.now()};
    if (text) {
      done.text = *std::move(text);
    } else {
      const int number = text.error().number;
      done.error = Error{.code = number == EACCES ? Errc::kNotPermitted : Errc::kIo,
                         .sys_errno = number,
                         .what = fmt::format("inspect {}: {}; mount debugfs and run as root", path,
                                             std::strerror(number))};
    }
    outbox_->post(std::move(done));
  }
  void serve(const Stop& /*stop*/) { stopped_ = true; }

  [[nodiscard]] Instant next_deadline() const {
    Instant first = kForever;
    for (const auto& [id, target] : targets_) {
      first = std::min({first, target.scan_at, target.rings_at, target.poll_at});
    }
    return first;
  }

  void serve_deadlines(TargetId id, Target& target) {
    if (target.scan_at <= os_.now()) {
      scan(id, target);
    }
    if (target.rings_at <= os_.now()) {
      find_rings_of(target);
    }
    if (target.poll_at <= os_.now()) {
      poll(id, target);
      // A look that was late is not made up for.
      const auto missed = (os_.now() - target.poll_at) / target.period;
      target.poll_at += (missed + (GPREEMPT_MUTANT("every-other-poll") ? 2 : 1)) * target.period;
    }
  }

  void scan(TargetId id, Target& target) {
    target.scan_at = saturating_add(os_.now(), options_.scan_period);
    if (has_same_ids(target)) {
      return;
    }
    const auto found = scan_queues(os_, options_.sysfs_root, target.pid);
    if (!found) {
      warn(target.scan_problem, found.error().what);
      target.ids.clear();  // read it all again
      return;
    }
    target.scan_problem.clear();
    const auto changes = target.queues.apply(*found);
    for (const QueueSerial serial : changes.gone) {
      report(id, SessionQueueGone{serial});
    }
    for (const SessionQueueBorn& born : changes.born) {
      report(id, born);
    }
    target.compute_queues = static_cast<std::size_t>(std::ranges::count(
        *found, abi::QueueKind::kComputeAql, &abi::QueueSnapshotEntry::queue_type));
    const bool changed = !changes.gone.empty() || !changes.born.empty();
    if (target.period != Duration{} && changed) {
      target.rings_pause = {};
      find_rings_of(target);
    }
  }

  /// An id that is made anew between two looks shows only in its files: they are read every tenth
  /// time all the same.
  [[nodiscard]] bool has_same_ids(Target& target) {
    constexpr std::uint32_t kReadEvery = 10;
    auto ids = os_.list_dir(target.folder);
    const bool is_same = ids && *ids == target.ids && ++target.looks % kReadEvery != 0;
    if (ids && !is_same) {
      target.ids = *std::move(ids);
    }
    return is_same;
  }

  void find_rings_of(Target& target) {
    const auto rings = find_rings(os_, options_.debugfs, target.pid);
    target.rings_at = kForever;
    if (!rings) {
      warn(target.rings_problem, rings.error().what);
      find_rings_later(target);
      return;
    }
    target.rings_problem.clear();
    target.meter.set_rings(*rings);
    if (rings->size() != target.compute_queues) {
      find_rings_later(target);  // sysfs and debugfs were of different instants
    }
  }

  /// After a pause that doubles until a poll succeeds or a queue comes or goes.
  void find_rings_later(Target& target) {
    target.rings_pause =
        std::clamp(2 * target.rings_pause, options_.scan_period, kLongestRingsPause);
    target.rings_at = saturating_add(os_.now(), target.rings_pause);
  }

  void poll(TargetId id, Target& target) {
    const auto activity = target.meter.poll(os_, target.pid);
    if (!activity) {
      // It has ended, or a ring has been unmapped.
      if (target.is_followed && target.rings_at == kForever) {
        find_rings_later(target);
      }
      if (activity.error().number != ESRCH) {
        warn(target.poll_problem,
             fmt::format("read the rings of pid {}: {}; its activity is not known meanwhile",
                         target.pid, std::strerror(activity.error().number)));
      }
      return;
    }
    target.poll_problem.clear();
    if (target.rings_at == kForever) {
      target.rings_pause = {};
    }
    const bool is_busy = *activity == Activity::kBusy;
    if (is_busy != std::exchange(target.is_busy, is_busy)) {
      report(id, SessionActivity{.busy = is_busy, .proven = *activity != Activity::kMaybeIdle});
    }
  }

  void report(TargetId id, decltype(SessionReport::what) what) {
    outbox_->post(SessionReport{.target = id, .at = os_.now(), .what = std::move(what)});
  }

  Os& os_;
  ObserverOptions options_;
  std::shared_ptr<Mailbox<Command>> commands_;
  Outbox outbox_;
  std::map<TargetId, Target> targets_;
  bool stopped_ = false;
};

Result<std::unique_ptr<Observer>> Observer::start(Os& os, ObserverOptions options, Outbox outbox) {
  const auto failed = [](SysError error) {
    return fail(Errc::kIo, fmt::format("start the observer: {}", std::strerror(error.number)),
                error.number);
  };
  auto commands = Mailbox<Command>::open(os);
  if (!commands) {
    return failed(commands.error());
  }
  auto body = std::make_shared<Worker>(os, std::move(options), *commands, std::move(outbox));
  const auto worker = os.spawn("observer", [body] { body->run(); });
  if (!worker) {
    return failed(worker.error());
  }
  return std::unique_ptr<Observer>(new Observer(os, *std::move(commands), *worker));
}

void Observer::follow(TargetId target, Pid pid) {
  commands_->post(Follow{.target = target, .pid = pid});
}

void Observer::watch(TargetId target, Pid pid, Duration period) {
  commands_->post(Watch{.target = target, .pid = pid, .period = period});
}

void Observer::set_rings(TargetId target, std::vector<RingPlace> rings) {
  commands_->post(SetRings{.target = target, .rings = std::move(rings)});
}

void Observer::forget(TargetId target) { commands_->post(Forget{target}); }

void Observer::inspect(RequestId request, InspectView view) {
  commands_->post(Inspect{.request = request, .view = view});
}

void Observer::close() {
  commands_->post(Stop{});
  (void)os_.join(worker_);
}

}  // namespace gpreempt::kfd
