#include "tests/calibration/synthetic.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "calibration/costs.h"
#include "calibration/gpu_clock.h"
#include "calibration/sample.h"
#include "core/random.h"

namespace gpreempt::calibration::testing {
namespace {

constexpr std::uint32_t kXccs = 4;
constexpr double kGhz = 2;
constexpr std::uint64_t kBytesOfWave = 32'896;  // 128 registers of 64 lanes, and 128
constexpr std::uint64_t kBytesOfBeat = 2'176;   // 8 registers

struct Conditions {
  std::uint32_t waves = 0;
  std::uint32_t queues = 1;
  std::uint32_t others = 0;
  std::uint32_t processes = 1;
  bool beats = false;
};

const std::vector<Conditions>& conditions(bool one_company) {
  static const std::vector<Conditions> varied = {
      {.waves = 0, .queues = 1},
      {.waves = 0, .queues = 4},
      {.waves = 0, .queues = 1, .others = 2, .processes = 2},
      {.waves = 320, .queues = 2, .others = 1, .processes = 2, .beats = true},
      {.waves = 960, .queues = 1, .others = 5, .processes = 2, .beats = true},
      {.waves = 640, .queues = 3, .others = 4, .processes = 3, .beats = true},
      {.waves = 320, .queues = 1, .others = 13, .processes = 3, .beats = true},
  };
  static const std::vector<Conditions> alike = {
      {.waves = 320, .queues = 1, .others = 1, .processes = 2, .beats = true},
      {.waves = 640, .queues = 1, .others = 1, .processes = 2, .beats = true},
      {.waves = 960, .queues = 2, .others = 1, .processes = 2, .beats = true},
  };
  return one_company ? alike : varied;
}

/// One machine's times, drawn.
class Times {
 public:
  Times(const Machine& machine, std::uint64_t seed)
      : machine_(machine), random_(seed, "synthetic") {}

  double noise(std::uint32_t others) {
    const double wait = machine_.noise_ns * (std::pow(random_.uniform(), -2.0 / 3) - 1);
    return wait + (machine_.besides ? machine_.besides(others) : 0);
  }
  double jitter() { return machine_.jitter_ns * random_.normal(); }
  bool is_missing() { return random_.uniform() < machine_.missing; }

 private:
  const Machine& machine_;
  RandomStream random_;
};

std::int64_t whole(double ns) { return std::llround(ns); }

/// docs/model.md, "Suspend and resume", word for word.
CallSample sample_of(const Machine& machine, Times& times, const Conditions& is,
                     std::optional<std::uint32_t> units) {
  const auto t = [&](Cost cost) { return at(machine.truth, cost); };
  const std::uint64_t own = is.waves * kBytesOfWave;
  const std::uint64_t beats = is.beats ? kXccs * kBytesOfBeat : 0;
  const double per_byte = t(machine.over_bus ? Cost::kSystemByte : Cost::kSaveByte) / 1e6;
  const bool bus = machine.over_bus && own > 0;
  const double moved = bus ? static_cast<double>(own) : static_cast<double>(own + beats);
  const double save = moved * (own > 0 ? per_byte : t(Cost::kSaveByte) / 1e6) + times.jitter();
  const double grace = t(Cost::kGrace) * units.value_or(64) / 64;
  const double entries = is.processes + is.others;

  double off = 0;  // of the heartbeat
  if (own + beats > 0) {
    off += grace + t(Cost::kStop) + save;
  }
  off += t(Cost::kUnmodelled) + times.noise(is.others) + t(Cost::kFence);
  const double submit = is.others > 0 ? t(Cost::kBuild) + entries * t(Cost::kBuildEntry) : 0;
  CallSample sample;
  sample.suspend_ns = whole(2 * t(Cost::kIoctl) + times.jitter() + t(Cost::kHiq) + off + submit +
                            t(Cost::kCopy) + is.queues * kXccs * t(Cost::kCopyEntry));
  const double beat_restore = t(Cost::kRelaunch) + 32 / kGhz +
                              static_cast<double>(beats) * t(Cost::kSaveByte) / 1e6 +
                              times.jitter();
  if (is.beats) {
    sample.suspend_gap_ns =
        whole(off + submit + t(Cost::kMap) + is.processes * t(Cost::kMapProcess) +
              is.others * (t(Cost::kMapQueue) + t(Cost::kDequeue)) + beat_restore);
  }
  double again = t(Cost::kIoctl) + times.jitter();
  if (is.others > 0) {
    again += t(Cost::kHiq) + t(Cost::kUnmodelled) + times.noise(is.others) + t(Cost::kFence);
  }
  if (beats > 0) {
    again += t(Cost::kGrace) + t(Cost::kStop) +
             static_cast<double>(beats) * t(Cost::kSaveByte) / 1e6 + times.jitter();
  }
  sample.resume_ns = whole(again + t(Cost::kBuild) + (entries + is.queues) * t(Cost::kBuildEntry));
  sample.suspend_bytes = own + beats;
  sample.resume_bytes = beats;
  const double restore = t(Cost::kRelaunch) +
                         32.0 / kGhz * (is.waves + (is.beats ? kXccs : 0)) / kXccs +
                         moved * per_byte + times.jitter();
  if (own > 0 && !times.is_missing()) {
    sample.stamps = {.save_start = 0,
                     .save_end = whole(save * machine.clock_rate),
                     .restore_start = 0,
                     .restore_end = whole(restore * machine.clock_rate)};
  }
  return sample;
}

}  // namespace

Costs usual_costs() {
  Costs costs{};
  at(costs, Cost::kIoctl) = 1'000;
  at(costs, Cost::kHiq) = 20'000;
  at(costs, Cost::kGrace) = 32'000;
  at(costs, Cost::kStop) = 3'000;
  at(costs, Cost::kFence) = 2'000;
  at(costs, Cost::kBuild) = 4'000;
  at(costs, Cost::kBuildEntry) = 300;
  at(costs, Cost::kCopy) = 15'000;
  at(costs, Cost::kCopyEntry) = 600;
  at(costs, Cost::kMap) = 10'000;
  at(costs, Cost::kMapProcess) = 3'000;
  at(costs, Cost::kMapQueue) = 2'000;
  at(costs, Cost::kDequeue) = 32'000;
  at(costs, Cost::kRelaunch) = 5'000;
  at(costs, Cost::kSaveByte) = 600;       // 1.7 TB/s
  at(costs, Cost::kSystemByte) = 28'000;  // 36 GB/s
  at(costs, Cost::kUnmodelled) = 50'000;
  return costs;
}

std::vector<CallSample> samples_of(const Machine& machine, std::uint64_t seed) {
  Times times(machine, seed);
  std::vector<CallSample> samples;
  std::vector<std::optional<std::uint32_t>> graces = {1, std::nullopt};
  if (machine.one_grace) {
    graces = {64};
  }
  std::int64_t now = 0;
  std::uint32_t number = 0;
  for (const Conditions& is : conditions(machine.one_company)) {
    ++number;
    for (std::uint32_t repetition = 0; repetition < machine.repetitions; ++repetition) {
      for (const std::optional<std::uint32_t> units : graces) {
        CallSample sample = sample_of(machine, times, is, units);
        now += 20'000'000;
        sample.place = fmt::format("place-{}", number);
        sample.repetition = repetition;
        sample.xccs = kXccs;
        sample.queues = is.queues;
        sample.processes = is.processes;
        sample.others = is.others;
        sample.waves = is.waves;
        sample.other_waves = is.beats ? kXccs : 0;
        sample.grace_units = units;
        sample.longest_grace_ns = 127'500;  // 255 units of 1000 clocks at 2 GHz
        sample.issued_ns = now;
        if (sample.stamps) {
          const std::int64_t start = whole(static_cast<double>(now + 30'000) * machine.clock_rate);
          sample.stamps->save_start += start;
          sample.stamps->save_end += start;
          sample.stamps->restore_start += start;
          sample.stamps->restore_end += start;
        }
        samples.push_back(sample);
      }
    }
  }
  return samples;
}

Costs truth_of(const Machine& machine) {
  Costs truth = machine.truth;
  // The median of (U^(-2/3) - 1): 2^(2/3) - 1.
  at(truth, Cost::kUnmodelled) += machine.noise_ns * 0.5874;
  return truth;
}

Setup setup_of(const std::vector<CallSample>& samples) {
  return {.gpu_clock_rate = clock_rate_of(samples, 0.9).rate, .areas = areas_of(samples)};
}

}  // namespace gpreempt::calibration::testing
