#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/abi.h"
#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/queue_join.h"
#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "config/document.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "experiments/identification.h"
#include "experiments/runtime_log.h"

namespace gpreempt::experiments {
namespace {

using Evidence = IdentificationEvidence;

constexpr std::array<Side, 2> kSides = {Side::kOffline, Side::kOnline};

/// Who is meant by a side's selectors. Errors: those of a selector that cannot be followed.
Result<std::vector<Pid>> meant_by(const KnownSide& side, const Evidence& evidence) {
  std::vector<Pid> pids;
  for (const std::string& text : side.selectors) {
    kfd::TargetSelector selector;
    GPREEMPT_TRY(store(selector, kfd::parse_target(text)));
    const Result<std::vector<Pid>> found = kfd::find_targets(*evidence.files, selector);
    if (!found && found.error().code != Errc::kProcessExited) {
      return tl::unexpected<Error>(found.error());
    }
    if (found) {
      pids.insert(pids.end(), found->begin(), found->end());
    }
  }
  return pids;
}

/// For each process of each side.
Result<void> for_each_meant(const Known& known, const Evidence& evidence,
                            const std::function<Result<void>(Side, Pid)>& body) {
  std::vector<std::pair<Side, Pid>> meant;
  for (const Side side : kSides) {
    std::vector<Pid> pids;
    GPREEMPT_TRY(store(pids, meant_by(known.of(side), evidence)));
    for (const Pid pid : pids) {
      meant.emplace_back(side, pid);
    }
  }
  for (const auto& [side, pid] : meant) {
    GPREEMPT_TRY(body(side, pid));
  }
  return {};
}

/// Claims all compute queues that the driver lists of a process.
void claim_all(Side side, Pid pid, const Evidence& evidence, Identification& found) {
  for (const DriverQueue& queue : evidence.driver_queues) {
    if (queue.pid == pid && queue.type == QueueType::kCompute) {
      found.claims.insert({.side = side, .pid = pid, .id = queue.id});
    }
  }
}

class BySnapshot final : public IdentificationStrategy {
 public:
  [[nodiscard]] std::string_view name() const override { return "snapshot"; }
  [[nodiscard]] std::string_view method() const override {
    return "the processes of a launcher, group or container, and the driver's list of their queues";
  }
  [[nodiscard]] Result<Identification> identify(const Known& known,
                                                const Evidence& evidence) const override {
    Identification found;
    const auto claim = [&](Side side, Pid pid) -> Result<void> {
      claim_all(side, pid, evidence, found);
      return {};
    };
    GPREEMPT_TRY(for_each_meant(known, evidence, claim));
    return found;
  }
};

class ByPid final : public IdentificationStrategy {
 public:
  [[nodiscard]] std::string_view name() const override { return "pid"; }
  [[nodiscard]] std::string_view method() const override {
    return "a table of pids as a person reads them, and the driver's list of their queues";
  }
  [[nodiscard]] Result<Identification> identify(const Known& known,
                                                const Evidence& evidence) const override {
    Identification found;
    for (const Side side : kSides) {
      for (const Pid pid : known.of(side).pids) {
        claim_all(side, pid, evidence, found);
      }
    }
    if (known.offline.pids.empty() && known.online.pids.empty()) {
      found.abstained_from_all = "no pid is known";
    }
    return found;
  }
};

class ByTag final : public IdentificationStrategy {
 public:
  [[nodiscard]] std::string_view name() const override { return "tag"; }
  [[nodiscard]] std::string_view method() const override {
    return "AMD_QUEUE_TAG=offline or online in the environment that a process was started with";
  }
  [[nodiscard]] Result<Identification> identify(const Known& /*known*/,
                                                const Evidence& evidence) const override {
    Identification found;
    for (const DriverQueue& queue : evidence.driver_queues) {
      const std::string tag = tag_of(*evidence.files, queue.pid);
      const bool is_online = tag == to_string(Side::kOnline);
      if (!is_online && tag != to_string(Side::kOffline)) {
        found.abstained.try_emplace(queue.pid, "its environment has no such tag");
      } else if (queue.type == QueueType::kCompute) {
        found.claims.insert(
            {.side = is_online ? Side::kOnline : Side::kOffline, .pid = queue.pid, .id = queue.id});
      }
    }
    return found;
  }

 private:
  static std::string tag_of(kfd::Os& files, Pid pid) {
    constexpr std::string_view kName = "AMD_QUEUE_TAG=";
    const auto text = files.read_file(fmt::format("/proc/{}/environ", pid));
    std::string_view rest = text ? std::string_view(*text) : std::string_view();
    while (!rest.empty()) {
      const std::string_view variable = rest.substr(0, rest.find('\0'));
      if (variable.starts_with(kName)) {
        return std::string(variable.substr(kName.size()));
      }
      rest.remove_prefix(std::min(variable.size() + 1, rest.size()));
    }
    return {};
  }
};

/// What mqds and the driver's list say together; `with_ids`: with the ids that the latter has.
std::vector<kfd::QueueRow> join(const Evidence& evidence, bool with_ids) {
  kfd::QueueSources sources;
  sources.mqds = evidence.mqds;
  sources.driver = evidence.driver;
  if (with_ids) {
    std::map<Pid, kfd::KfdProcess> processes;
    for (const DriverQueue& queue : evidence.driver_queues) {
      kfd::KfdProcess& process = processes[queue.pid];
      process.pid = queue.pid;
      kfd::abi::QueueSnapshotEntry entry;
      entry.queue_id = queue.id;
      entry.gpu_id = queue.gpu.value();
      entry.ring_size = static_cast<std::uint32_t>(queue.ring_bytes);
      entry.queue_type = queue.type == QueueType::kCompute ? kfd::abi::QueueKind::kComputeAql
                                                           : kfd::abi::QueueKind::kSdma;
      process.queues.push_back(entry);
    }
    sources.processes.emplace();
    for (auto& [pid, process] : processes) {
      sources.processes->push_back(std::move(process));
    }
  }
  return kfd::join_queues(sources);
}

constexpr std::string_view kNoMqds = "this world shows no mqds";

class ByPriority final : public IdentificationStrategy {
 public:
  [[nodiscard]] std::string_view name() const override { return "priority"; }
  [[nodiscard]] std::string_view method() const override {
    return "queue priority in mqds: 10 and more is Online, 5 and less is Offline";
  }
  [[nodiscard]] Result<Identification> identify(const Known& /*known*/,
                                                const Evidence& evidence) const override {
    constexpr std::uint32_t kLeastOfOnline = 10;
    constexpr std::uint32_t kMostOfOffline = 5;
    Identification found;
    if (!evidence.mqds) {
      found.abstained_from_all = kNoMqds;
      return found;
    }
    for (const kfd::QueueRow& row : join(evidence, true)) {
      if (row.type != QueueType::kCompute || !row.queue_priority) {
        continue;
      }
      const std::uint32_t priority = *row.queue_priority;
      if (priority < kLeastOfOnline && priority > kMostOfOffline) {
        continue;
      }
      if (!row.name.id) {
        found.abstained.try_emplace(row.pid, row.name.reason);
        continue;
      }
      found.claims.insert({.side = priority >= kLeastOfOnline ? Side::kOnline : Side::kOffline,
                           .pid = row.pid,
                           .id = *row.name.id});
    }
    return found;
  }
};

class ByDoorbell final : public IdentificationStrategy {
 public:
  [[nodiscard]] std::string_view name() const override { return "doorbell"; }
  [[nodiscard]] std::string_view method() const override {
    return "ids counted from the doorbells in mqds, where no list with ids can be read";
  }
  [[nodiscard]] Result<Identification> identify(const Known& known,
                                                const Evidence& evidence) const override {
    Identification found;
    if (!evidence.mqds) {
      found.abstained_from_all = kNoMqds;
      return found;
    }
    const std::vector<kfd::QueueRow> rows = join(evidence, false);
    const auto claim = [&](Side side, Pid pid) -> Result<void> {
      for (const kfd::QueueRow& row : rows) {
        if (row.pid != pid || row.type != QueueType::kCompute) {
          continue;
        }
        if (row.name.id) {
          found.claims.insert({.side = side, .pid = pid, .id = *row.name.id});
        } else {
          found.abstained.try_emplace(pid, row.name.reason);
        }
      }
      return {};
    };
    GPREEMPT_TRY(for_each_meant(known, evidence, claim));
    return found;
  }
};

class ByRuntimeLog final : public IdentificationStrategy {
 public:
  [[nodiscard]] std::string_view name() const override { return "runtime-log"; }
  [[nodiscard]] std::string_view method() const override {
    return "dispatches in the log of the HIP runtime, which has ids of its own";
  }
  [[nodiscard]] Result<Identification> identify(const Known& known,
                                                const Evidence& evidence) const override {
    Identification found;
    found.abstained_from_all = "a runtime id is not KFD's";
    const auto read = [&](Side side, Pid pid) -> Result<void> {
      const auto log = evidence.runtime_logs.find(pid);
      if (log == evidence.runtime_logs.end()) {
        return {};
      }
      std::vector<RuntimeQueue> queues;
      GPREEMPT_TRY(
          store(queues, parse_runtime_log(log->second, fmt::format("runtime log of pid {}", pid))));
      for (const RuntimeQueue& queue : queues) {
        found.runtime.push_back({.side = side, .pid = pid, .id = queue.id});
      }
      return {};
    };
    GPREEMPT_TRY(for_each_meant(known, evidence, read));
    return found;
  }
};

class ByBruteForce final : public IdentificationStrategy {
 public:
  [[nodiscard]] std::string_view name() const override { return "brute-force"; }
  [[nodiscard]] std::string_view method() const override {
    return "numbers from 0 to 10 for each process; a suspend that tries one is no question but an "
           "act, so none is made";
  }
  [[nodiscard]] Result<Identification> identify(const Known& known,
                                                const Evidence& evidence) const override {
    constexpr std::uint32_t kLast = 10;
    Identification found;
    found.abstained_from_all = "a number that was not looked up is no id";
    const auto guess = [&](Side side, Pid pid) -> Result<void> {
      for (std::uint32_t number = 0; number <= kLast; ++number) {
        found.guesses.push_back({.side = side, .pid = pid, .number = GuessedNumber(number)});
      }
      return {};
    };
    GPREEMPT_TRY(for_each_meant(known, evidence, guess));
    return found;
  }
};

}  // namespace

std::vector<std::unique_ptr<IdentificationStrategy>> identification_strategies() {
  std::vector<std::unique_ptr<IdentificationStrategy>> all;
  all.push_back(std::make_unique<BySnapshot>());
  all.push_back(std::make_unique<ByPid>());
  all.push_back(std::make_unique<ByTag>());
  all.push_back(std::make_unique<ByPriority>());
  all.push_back(std::make_unique<ByDoorbell>());
  all.push_back(std::make_unique<ByRuntimeLog>());
  all.push_back(std::make_unique<ByBruteForce>());
  return all;
}

}  // namespace gpreempt::experiments
