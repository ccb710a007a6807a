#include "calibration/costs.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "calibration/sample.h"

namespace gpreempt::calibration {
namespace {

constexpr double kMegabyte = 1e6;
constexpr double kNsPerSecond = 1e9;
/// Of a wave's relaunch. Source: docs/model.md, a guess as t_relaunch is.
constexpr double kClocksPerWave = 32;

double clock_ghz(const CallSample& sample) {
  return kLongestGraceUnits * kClocksPerGraceUnit / static_cast<double>(sample.longest_grace_ns);
}

/// Time that relaunching takes beyond t_relaunch.
double relaunch_ns(const CallSample& sample, std::uint32_t waves) {
  return kClocksPerWave * waves / sample.xccs / clock_ghz(sample);
}

/// Wave state of the process and of the others, which nobody has moved: they are the same at the
/// resume.
struct Bytes {
  Area area = Area::kLocal;
  std::uint64_t own = 0;
  std::uint64_t others = 0;
};

Bytes bytes_of(const CallSample& sample, Area area) {
  const std::uint64_t all = sample.suspend_bytes.value_or(0);
  const std::uint64_t others = std::min(all, sample.resume_bytes.value_or(0));
  return {.area = area, .own = all - others, .others = others};
}

/// Both go at the same time; over the bus the process's take so much longer that the others' do
/// not show.
void add_bytes(Costs& terms, const Bytes& bytes) {
  const bool over_bus = bytes.area == Area::kSystem && bytes.own > 0;
  const std::uint64_t shown = over_bus ? bytes.own : bytes.own + bytes.others;
  at(terms, over_bus ? Cost::kSystemByte : Cost::kSaveByte) +=
      static_cast<double>(shown) / kMegabyte;
}

/// From the call until the runlist is submitted, where something was mapped.
void add_unmap(Costs& terms, double grace_units, const Bytes& bytes) {
  at(terms, Cost::kHiq) = 1;
  at(terms, Cost::kFence) = 1;
  at(terms, Cost::kUnmodelled) = 1;
  if (bytes.own + bytes.others > 0) {
    at(terms, Cost::kGrace) = grace_units / kDefaultGraceUnits;
    at(terms, Cost::kStop) = 1;
    add_bytes(terms, bytes);
  }
}

void add_build(Costs& terms, std::uint32_t processes, std::uint32_t queues) {
  if (queues > 0) {
    at(terms, Cost::kBuild) = 1;
    at(terms, Cost::kBuildEntry) = processes + queues;
  }
}

double grace_units_of(const CallSample& sample) {
  return sample.grace_units ? *sample.grace_units : kDefaultGraceUnits;
}

Equation suspend_of(const CallSample& sample, Area area) {
  Equation equation{.seen = Seen::kSuspend, .seen_ns = static_cast<double>(sample.suspend_ns)};
  Costs& terms = equation.terms;
  // Right before a suspend the client looks at the queues (GET_QUEUE_SNAPSHOT): a call of its own.
  at(terms, Cost::kIoctl) = 2;
  add_unmap(terms, grace_units_of(sample), bytes_of(sample, area));
  add_build(terms, sample.processes, sample.others);
  at(terms, Cost::kCopy) = 1;
  at(terms, Cost::kCopyEntry) = sample.queues * sample.xccs;
  return equation;
}

/// The process's waves are in memory by then; those of others are saved where nobody has touched
/// their save areas.
Equation resume_of(const CallSample& sample) {
  Equation equation{.seen = sample.others > 0 ? Seen::kResume : Seen::kResumeOfEmpty,
                    .seen_ns = static_cast<double>(sample.resume_ns)};
  Costs& terms = equation.terms;
  at(terms, Cost::kIoctl) = 1;
  if (sample.others > 0) {
    add_unmap(terms, kDefaultGraceUnits, {.others = sample.resume_bytes.value_or(0)});
  }
  add_build(terms, sample.processes, sample.others + sample.queues);
  return equation;
}

/// A heartbeat's kernel may run on through the grace period, or not: it tells only with the
/// shortest one, where that is a thousand clocks.
Equation gap_of(const CallSample& sample, Area area) {
  Equation equation{.seen = Seen::kGap,
                    .known_ns = relaunch_ns(sample, sample.other_waves),
                    .seen_ns = static_cast<double>(sample.suspend_gap_ns.value_or(0))};
  Costs& terms = equation.terms;
  add_unmap(terms, grace_units_of(sample), bytes_of(sample, area));
  at(terms, Cost::kHiq) = 0;
  add_build(terms, sample.processes, sample.others);
  at(terms, Cost::kMap) = 1;
  at(terms, Cost::kMapProcess) = sample.processes;
  at(terms, Cost::kMapQueue) = sample.others;
  at(terms, Cost::kDequeue) = sample.others;
  at(terms, Cost::kRelaunch) = 1;
  // Only the heartbeat's waves come back, those that the next resume saves again.
  add_bytes(terms, {.others = sample.resume_bytes.value_or(0)});
  return equation;
}

void add_stamped(const CallSample& sample, const SaveStamps& stamps, double gpu_clock_rate,
                 Area area, std::vector<Equation>& equations) {
  const auto host_ns = [&](std::int64_t ticks_ns) {
    return static_cast<double>(ticks_ns) / gpu_clock_rate;
  };
  Equation save{.seen = Seen::kSave, .seen_ns = host_ns(stamps.save_end - stamps.save_start)};
  add_bytes(save.terms, bytes_of(sample, area));
  equations.push_back(save);
  Equation restore{.seen = Seen::kRestore,
                   .known_ns = relaunch_ns(sample, sample.waves + sample.other_waves),
                   .seen_ns = host_ns(stamps.restore_end - stamps.restore_start)};
  at(restore.terms, Cost::kRelaunch) = 1;
  add_bytes(restore.terms, bytes_of(sample, area));
  equations.push_back(restore);
}

bool has_waves(const CallSample& sample) { return sample.waves + sample.other_waves > 0; }

/// A heartbeat that saw nothing says that it was not running.
bool has_gap(const CallSample& sample) {
  return sample.suspend_gap_ns && *sample.suspend_gap_ns > 0 && sample.other_waves > 0 &&
         sample.grace_units == 1U;
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::string_view to_string(Cost cost) {
  static constexpr std::array<std::string_view, kCosts> kNames = {
      "t_ioctl",       "t_hiq",         "t_grace",   "t_stop",          "t_fence",
      "t_build",       "t_build_entry", "t_copyctx", "t_copyctx_entry", "t_map",
      "t_map_process", "t_map_queue",   "t_dequeue", "t_relaunch",      "save_time",
      "system_time",   "unmodelled"};
  return kNames.at(static_cast<std::size_t>(cost));
}

std::string_view to_string(Seen seen) {
  static constexpr std::array<std::string_view, kSeen> kNames = {
      "suspend", "resume", "resume of an empty GPU", "gap", "save", "restore"};
  return kNames.at(static_cast<std::size_t>(seen));
}

double dot(const Costs& a, const Costs& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

std::map<std::string, Area> areas_of(std::span<const CallSample> samples) {
  std::map<std::string, std::vector<double>> rates;
  for (const CallSample& sample : samples) {
    const std::uint64_t bytes = sample.suspend_bytes.value_or(0);
    if (sample.stamps && !sample.first && bytes > 0) {
      const auto ns = static_cast<double>(sample.stamps->save_end - sample.stamps->save_start);
      rates[sample.place].push_back(static_cast<double>(bytes) / std::max(ns, 1.0) * kNsPerSecond);
    }
  }
  std::map<std::string, Area> areas;
  for (const auto& [place, seen] : rates) {
    areas[place] = median_of(seen) < kBusOrMemory ? Area::kSystem : Area::kLocal;
  }
  return areas;
}

std::vector<Equation> equations_of(const CallSample& sample, const Setup& setup) {
  const std::uint64_t bytes = sample.suspend_bytes.value_or(0);
  const bool drained = bytes == 0 && has_waves(sample);
  const bool half_drained = sample.other_waves > 0 && sample.resume_bytes.value_or(0) == 0;
  if (sample.first || sample.gpus != 1 || drained || half_drained || sample.longest_grace_ns <= 0) {
    return {};
  }
  const auto found = setup.areas.find(sample.place);
  Area area = found == setup.areas.end() ? Area::kUnknown : found->second;
  if (sample.waves == 0) {
    area = Area::kLocal;  // what is saved is the others'
  }
  if (area == Area::kUnknown) {
    return {};
  }
  std::vector<Equation> equations = {suspend_of(sample, area), resume_of(sample)};
  if (has_gap(sample)) {
    equations.push_back(gap_of(sample, area));
  }
  if (sample.stamps && sample.waves > 0 && sample.suspend_bytes) {
    add_stamped(sample, *sample.stamps, setup.gpu_clock_rate, area, equations);
  }
  return equations;
}

}  // namespace gpreempt::calibration
