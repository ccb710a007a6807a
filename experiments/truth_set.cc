#include "experiments/truth_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/discovery/driver_knowledge.h"
#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "experiments/files_os.h"
#include "experiments/hardware_view.h"
#include "experiments/identification.h"
#include "experiments/session.h"
#include "experiments/truth_files.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;

constexpr std::array<Owner, 3> kOwners = {Owner::kOffline, Owner::kOnline, Owner::kOther};
constexpr Pid kInit(1);

std::string word_of(Owner owner) {
  switch (owner) {
    case Owner::kOffline: return "offline";
    case Owner::kOnline: return "online";
    case Owner::kOther: break;
  }
  return "other";
}

/// 64 digits, as of a container of each.
std::string container_id(Owner owner) {
  switch (owner) {
    case Owner::kOffline: return std::string(64, '0');
    case Owner::kOnline: return std::string(64, '1');
    case Owner::kOther: break;
  }
  return std::string(64, '2');
}

std::string cgroup_path(const TruthWorld& world, Owner owner) {
  switch (world.given) {
    case Given::kCgroup: return "/gpu.slice/" + word_of(owner);
    case Given::kContainer: return "/system.slice/docker-" + container_id(owner) + ".scope";
    case Given::kLauncher:
    case Given::kPids: break;
  }
  return "/user.slice";
}

/// A process with its queues; of a HIP program, for that is what makes internal and SDMA queues.
Program program_of(const TruthProcess& process) {
  return {.name = word_of(process.owner),
          .offline = process.owner == Owner::kOffline,
          .gpu = process.gpu,
          .more_gpus = {},
          .gang = {},
          .runtime = Runtime::kHip,
          .queues = process.streams,
          .hardware_priority = process.priority,
          .trains = {},
          .arrivals = {},
          .serving = {}};
}

struct Launched {
  const TruthProcess* what = nullptr;
  Pid pid;
  std::vector<std::uint32_t> true_ids;  ///< of the driver's own interface
  std::vector<QueueInfo> listed;        ///< of the backend, oldest first
};

Result<void> let_live(Session& session, const Launched& process) {
  if (process.what->uses_next_gpu) {
    GPREEMPT_TRY(session.testbed().create_idle_queue(process.pid, process.what->gpu + 1));
  }
  if (process.what->reuses_an_id) {
    GPREEMPT_TRY(session.testbed().create_idle_queue(process.pid, process.what->gpu));
    GPREEMPT_TRY(session.testbed().destroy_queue(process.pid));
    GPREEMPT_TRY(session.wait(milliseconds(50)));
    GPREEMPT_TRY(session.testbed().create_queue(process.pid));
  }
  return {};
}

Result<std::vector<Launched>> launch_all(Session& session, const TruthWorld& world) {
  std::vector<Launched> launched;
  launched.reserve(world.processes.size());
  for (const TruthProcess& process : world.processes) {
    Launched one{.what = &process, .pid = {}, .true_ids = {}, .listed = {}};
    GPREEMPT_TRY(store(one.pid, session.testbed().launch(program_of(process))));
    launched.push_back(std::move(one));
  }
  session.testbed().start();
  GPREEMPT_TRY(session.wait(milliseconds(50)));
  for (const Launched& one : launched) {
    GPREEMPT_TRY(let_live(session, one));
  }
  GPREEMPT_TRY(session.wait(milliseconds(50)));
  for (Launched& one : launched) {
    DriverProbe& probe = session.testbed().probe();
    GPREEMPT_TRY(probe.enable(one.pid));
    GPREEMPT_TRY(store(one.true_ids, probe.snapshot(one.pid, false)));
    GPREEMPT_TRY(probe.disable(one.pid));
    Followed followed;
    GPREEMPT_TRY(store(followed, session.follow(one.pid, AttachMode::kObserve)));
    one.listed = session.backend().queues(followed.id);
  }
  return launched;
}

void add_queues(const Launched& process, MadeWorld& made) {
  const Pid pid = process.pid;
  for (const QueueInfo& queue : process.listed) {
    made.evidence.driver_queues.push_back({.pid = pid,
                                           .gpu = queue.gpu,
                                           .id = queue.kernel_id,
                                           .type = queue.type,
                                           .ring_bytes = queue.ring_bytes});
  }
  for (const std::uint32_t id : process.true_ids) {
    const bool is_sdma = std::ranges::any_of(process.listed, [&](const QueueInfo& queue) {
      return queue.kernel_id == id && queue.type != QueueType::kCompute;
    });
    if (process.what->owner == Owner::kOther || is_sdma) {
      made.others.emplace(pid, id);
    } else {
      made.truth.insert(
          {.side = process.what->owner == Owner::kOffline ? Side::kOffline : Side::kOnline,
           .pid = pid,
           .id = id});
    }
  }
}

/// ROCr counts the queues it ever made: its internal one is 0, and a destroyed one's number is not
/// given again.
std::string log_of(const Launched& process) {
  std::vector<unsigned> ids;
  unsigned next = 1;
  for (const QueueInfo& queue : process.listed) {
    if (queue.type == QueueType::kCompute && queue.role == QueueRole::kUser) {
      ids.push_back(next++);
    }
  }
  if (process.what->reuses_an_id && !ids.empty()) {
    ++ids.back();
  }
  return runtime_log(process.pid, ids);
}

/// Pids of processes that have no queues: those after the last one.
class FreePids {
 public:
  explicit FreePids(const std::vector<Launched>& launched) {
    for (const Launched& process : launched) {
      last_ = std::max(last_, process.pid.value());
    }
  }
  Pid next() { return Pid(++last_); }

 private:
  std::int32_t last_ = 1;
};

struct Tree {
  std::vector<ShownProcess> processes;
  std::map<Owner, Pid> launchers;
  Pid observer;
};

Tree tree_of(const TruthWorld& world, const std::vector<Launched>& launched) {
  FreePids pids(launched);
  Tree tree;
  for (const Owner owner : kOwners) {
    tree.launchers[owner] = pids.next();
    tree.processes.push_back({.pid = tree.launchers[owner],
                              .parent = kInit,
                              .name = word_of(owner) + "-run",
                              .cgroup = cgroup_path(world, owner),
                              .inner_pid = {},
                              .environment = {}});
  }
  // Inside its container a process may have the number of any other one outside.
  const auto online = std::ranges::find_if(
      launched, [](const Launched& one) { return one.what->owner == Owner::kOnline; });
  for (const Launched& process : launched) {
    const Owner owner = process.what->owner;
    ShownProcess shown{.pid = process.pid,
                       .parent = tree.launchers[owner],
                       .name = "python3",
                       .cgroup = cgroup_path(world, owner),
                       .inner_pid = {},
                       .environment = {}};
    if (process.what->is_grandchild) {
      const Pid between = pids.next();
      tree.processes.push_back({.pid = between,
                                .parent = shown.parent,
                                .name = "bash",
                                .cgroup = shown.cgroup,
                                .inner_pid = {},
                                .environment = {}});
      shown.parent = between;
    }
    if (world.given == Given::kContainer) {
      shown.inner_pid = owner == Owner::kOffline && online != launched.end() ? online->pid : Pid(7);
    }
    if (process.what->is_tagged) {
      shown.environment = "AMD_QUEUE_TAG=" + word_of(owner);
    }
    tree.processes.push_back(std::move(shown));
  }
  tree.observer = pids.next();
  return tree;
}

KnownSide known_of(const TruthWorld& world, const Tree& tree, Owner owner,
                   const std::vector<Launched>& launched) {
  KnownSide known;
  const Pid launcher = tree.launchers.at(owner);
  const auto add_pids = [&](bool inside) {
    for (const Launched& process : launched) {
      if (process.what->owner == owner) {
        const auto shown = std::ranges::find(tree.processes, process.pid, &ShownProcess::pid);
        known.pids.push_back(inside && shown->inner_pid ? *shown->inner_pid : process.pid);
      }
    }
  };
  switch (world.given) {
    case Given::kLauncher:
      known.selectors = {fmt::format("tree:{}", launcher)};
      known.pids = {launcher};
      break;
    case Given::kCgroup: known.selectors = {"cgroup:" + cgroup_path(world, owner)}; break;
    case Given::kContainer:
      known.selectors = {"container:" + container_id(owner).substr(0, 12)};
      add_pids(true);
      break;
    case Given::kPids:
      add_pids(false);
      for (const Pid pid : known.pids) {
        known.selectors.push_back(fmt::format("pid:{}", pid));
      }
      break;
  }
  return known;
}

/// A release of AMD's package has a number and nothing behind it.
kfd::DriverKnowledge known_by_name(std::string_view driver) {
  constexpr std::string_view kPackage = "dkms-";
  const bool is_more =
      driver.starts_with(kPackage) &&
      driver.find_first_not_of("0123456789.", kPackage.size()) != std::string_view::npos;
  return {.is_stock = !is_more,
          .reason = is_more ? fmt::format("'{}' is more than a release's number, perhaps a patched "
                                          "build",
                                          driver)
                            : std::string()};
}

/// Leaves it out where the world shows none.
Result<void> read_mqds(Session& session, MadeWorld& made) {
  const Result<std::string> text = inspect(session, InspectView::kMqds);
  if (!text) {
    const Errc code = text.error().code;
    const bool is_none =
        code == Errc::kUnsupported || code == Errc::kNotPermitted || code == Errc::kIo;
    return is_none ? Result<void>() : tl::unexpected<Error>(text.error());
  }
  kfd::debugfs::MqdsDump dump;
  GPREEMPT_TRY(store(dump, kfd::debugfs::parse_mqds(*text, "mqds")));
  made.evidence.mqds = std::move(dump);
  return {};
}

}  // namespace

std::vector<TruthWorld> truth_set() {
  const TruthProcess offline{.owner = Owner::kOffline, .streams = 4};
  const TruthProcess online{.owner = Owner::kOnline};
  const TruthProcess other{.owner = Owner::kOther, .streams = 2};
  const auto with = [](TruthProcess process, auto change) {
    change(process);
    return process;
  };
  const auto tagged = [](TruthProcess& process) { process.is_tagged = true; };
  const auto deep = [](TruthProcess& process) { process.is_grandchild = true; };
  const auto at = [](std::uint32_t priority) {
    return [priority](TruthProcess& process) { process.priority = priority; };
  };
  const auto wide = [](TruthProcess& process) { process.uses_next_gpu = true; };
  const auto churning = [](TruthProcess& process) { process.reuses_an_id = true; };
  TruthWorld tp8{.name = "tp8",
                 .about = "eight ranks of Online and eight of Offline, one of each on a GPU",
                 .given = Given::kLauncher,
                 .gpus = 8,
                 .processes = {}};
  for (std::uint32_t gpu = 0; gpu < tp8.gpus; ++gpu) {
    const auto there = [gpu](TruthProcess& process) { process.gpu = gpu; };
    tp8.processes.push_back(with(online, there));
    tp8.processes.push_back(with(offline, there));
  }
  return {
      {.name = "forked-workers",
       .about = "launchers without queues, and the workers that they forked, one through a shell",
       .given = Given::kLauncher,
       .processes = {with(offline, tagged), with(offline, deep), online, with(online, deep),
                     other}},
      std::move(tp8),
      {.name = "containers",
       .about = "a container each; Offline's pid inside is that of Online outside",
       .given = Given::kContainer,
       .processes = {offline, online, other}},
      {.name = "same-priority",
       .about = "two models at HIP's default priority, a control group each",
       .given = Given::kCgroup,
       .processes = {with(offline, tagged), with(online, tagged), other}},
      {.name = "hip-priorities",
       .about = "Online at HIP's high priority and Offline at its low one, a control group each",
       .given = Given::kCgroup,
       .processes = {with(offline, at(0)), with(online, at(11)), other}},
      {.name = "id-reuse",
       .about = "Offline has destroyed a queue that was not its last, and made another",
       .given = Given::kPids,
       .processes = {with(with(offline, tagged),
                          [&](TruthProcess& process) {
                            process.streams = 3;
                            churning(process);
                          }),
                     with(online, tagged), other}},
      {.name = "ids-from-pid",
       .about = "a patched driver whose ids begin at (pid % 256) * 4",
       .given = Given::kPids,
       .ids_from_pid = true,
       .processes = {offline, online, other}},
      {.name = "multi-gpu",
       .about = "Offline is one process with queues on two GPUs",
       .given = Given::kPids,
       .gpus = 2,
       .processes = {with(offline, wide), online, other}},
  };
}

Result<MadeWorld> make_world(Session& session, const TruthWorld& world) {
  std::vector<Launched> launched;
  GPREEMPT_TRY(store(launched, launch_all(session, world)));
  MadeWorld made;
  made.files = std::make_unique<FilesOs>();
  const Tree tree = tree_of(world, launched);
  show(*made.files, tree.processes, tree.observer);
  made.known = {.offline = known_of(world, tree, Owner::kOffline, launched),
                .online = known_of(world, tree, Owner::kOnline, launched)};
  made.evidence.files = made.files.get();
  made.evidence.driver = known_by_name(session.backend().info().driver);
  for (const Launched& process : launched) {
    add_queues(process, made);
    made.evidence.runtime_logs[process.pid] = log_of(process);
  }
  GPREEMPT_TRY(read_mqds(session, made));
  return made;
}

}  // namespace gpreempt::experiments
