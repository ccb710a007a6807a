#include "workloads/hip/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/stats.h"
#include "core/testbed.h"
#include "core/time.h"
#include "core/units.h"
#include "workloads/hip/calibration.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/heartbeat.h"
#include "workloads/hip/heartbeat_log.h"
#include "workloads/hip/kernel_plan.h"
#include "workloads/hip/options.h"
#include "workloads/hip/queues.h"
#include "workloads/hip/runner.h"
#include "workloads/hip/witness.h"
#include "workloads/hip/witness_math.h"
#include "workloads/record_rows.h"

namespace gpreempt::hip {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostLossesTold = 100;
constexpr std::size_t kMostLossesPrinted = 10;

Json quantile_json(const std::optional<Quantile>& quantile) {
  return quantile ? Json(quantile->value) : Json();
}

Json json_of(const RequestTimes& times) {
  return {{"requests", times.requests},
          {"dispatch_delay_ns",
           {{"p50", quantile_json(times.dispatch_delay_p50)},
            {"p99", quantile_json(times.dispatch_delay_p99)}}},
          {"latency_ns",
           {{"p50", quantile_json(times.latency_p50)}, {"p99", quantile_json(times.latency_p99)}}}};
}

/// All windows of a run together.
struct Heartbeats {
  std::uint64_t beats = 0;
  std::uint64_t gaps = 0;
  std::uint64_t not_kept = 0;
  Duration watched{};
  Duration bystander{};
  Duration longest{};
  Duration period{};  ///< the longest of the windows'
};

Heartbeats heartbeats_of(const RunFacts& facts) {
  Heartbeats all;
  for (const HeartbeatLog& log : facts.outcome.heartbeats) {
    const HeartbeatSummary one = summarise(log, facts.clock);
    all.beats += one.beats;
    all.gaps += log.gaps_seen;
    all.not_kept += one.not_kept;
    all.watched += one.last - one.first;
    all.bystander += one.bystander;
    all.longest = std::max(all.longest, one.longest);
    all.period = std::max(all.period, one.period);
  }
  return all;
}

Json heartbeat_json(const RunFacts& facts) {
  if (facts.options.heartbeat == Duration::zero() && !facts.program.heartbeat) {
    return {};
  }
  const Heartbeats all = heartbeats_of(facts);
  const HeartbeatEffect effect =
      effect_of(records_of(facts.outcome, facts.clock), facts.outcome.windows);
  return {{"beats", all.beats},
          {"period_ns", to_ns(all.period)},
          {"watched_ns", to_ns(all.watched)},
          {"threshold_ns", to_ns(facts.options.heartbeat_threshold)},
          {"gaps", all.gaps},
          {"gaps_not_kept", all.not_kept},
          {"bystander_ns", to_ns(all.bystander)},
          {"longest_gap_ns", to_ns(all.longest)},
          {"with", json_of(effect.with)},
          {"without", json_of(effect.without)}};
}

/// null: it was never read.
Json clock_json(const ClockFit& clock) {
  if (clock.used == 0) {
    return {};
  }
  return {{"ns_per_tick", clock.ns_per_tick},
          {"residual_ns", to_ns(clock.residual)},
          {"uncertainty_ns", to_ns(clock.uncertainty)},
          {"readings", clock.used}};
}

Json calibration_json(const KernelPlan& plan) {
  Json shapes = Json::array();
  for (const CalibratedShape& one : plan.shapes()) {
    shapes.push_back({{"workgroups", one.shape.workgroups},
                      {"waves", one.shape.waves},
                      {"vgprs", one.shape.vgprs},
                      {"lds_bytes", one.facts.lds_bytes},
                      {"registers", one.facts.registers},
                      {"watched_vgprs", one.facts.witness.vectors},
                      {"watched_agprs", one.facts.witness.accumulations},
                      {"traffic_words_a_lane", one.touches},
                      {"fixed_ns", to_ns(one.cost.fixed)},
                      {"ns_per_iteration", one.cost.ns_per_iteration},
                      {"off_line", one.cost.off_line}});
  }
  Json made = Json::array();
  for (const MadeKernel& one : plan.made()) {
    made.push_back({{"workgroups", one.shape.workgroups},
                    {"vgprs", one.shape.vgprs},
                    {"asked_ns", to_ns(one.asked)},
                    {"iterations", one.iterations},
                    {"made_ns", to_ns(one.made)},
                    {"was_tried", one.was_tried}});
  }
  return {{"shapes", shapes}, {"durations", made}};
}

Json witness_json(const RunFacts& facts) {
  const RunOutcome& outcome = facts.outcome;
  Json told = Json::array();
  for (std::size_t i = 0; i < std::min(outcome.losses.size(), kMostLossesTold); ++i) {
    const Loss& loss = outcome.losses.at(i);
    const LossRecord& record = loss.record;
    Json one = {{"kernel", record.kernel}, {"kind", std::string(to_string(record.kind))},
                {"block", record.block},   {"whole_block", loss.whole_block},
                {"wave", loss.wave},       {"lane", loss.lane},
                {"index", record.index},   {"expected", record.expected},
                {"got", record.got},       {"iterations", record.iterations},
                {"text", describe(loss)}};
    one["found_at_ns"] = record.ticks == 0 ? Json() : Json(to_ns(facts.clock.at(record.ticks)));
    told.push_back(std::move(one));
  }
  return {{"kernels", outcome.kernels},
          {"audits", outcome.audits},
          {"lanes_with_losses", outcome.losses_found},
          {"losses", told}};
}

/// Whether measurements contradict one another: off their line, or a kernel that took another time
/// than the line says, by more than a launch may.
bool is_disturbed(const KernelPlan& plan) {
  constexpr double kOffLine = 0.05;
  constexpr double kOffTold = 0.2;
  constexpr Duration kLaunch = std::chrono::microseconds(3);
  return std::ranges::any_of(plan.shapes(), [&](const CalibratedShape& shape) {
    const auto contradicts = [&](const MadeKernel& made) {
      const Duration told = shape.cost.time_of(made.iterations);
      const Duration off = std::chrono::abs(made.made - told);
      return made.shape == shape.shape && off > kLaunch &&
             static_cast<double>(to_ns(off)) > kOffTold * static_cast<double>(to_ns(told));
    };
    return std::abs(shape.cost.off_line) > kOffLine ||
           std::ranges::any_of(plan.made(), contradicts);
  });
}

std::string made_text(const KernelPlan& plan) {
  double worst = 0;
  const MadeKernel* which = nullptr;
  for (const MadeKernel& one : plan.made()) {
    const double off = static_cast<double>(to_ns(one.made - one.asked)) /
                       static_cast<double>(std::max<std::int64_t>(to_ns(one.asked), 1));
    if (which == nullptr || std::abs(off) > std::abs(worst)) {
      worst = off;
      which = &one;
    }
  }
  if (which == nullptr) {
    return "no kernel";
  }
  return fmt::format(
      "{} durations of kernels; furthest off: {} asked, {} made ({:+.1f} %){}", plan.made().size(),
      format_duration(which->asked), format_duration(which->made), 100 * worst,
      is_disturbed(plan) ? "; DISTURBED: something else was on the GPU, do not trust it" : "");
}

std::string latency_text(const RunFacts& facts) {
  const HeartbeatEffect all = effect_of(records_of(facts.outcome, facts.clock), {});
  const RequestTimes& times = all.without;
  if (!times.latency_p50 || !times.latency_p99 || !times.dispatch_delay_p50 ||
      !times.dispatch_delay_p99) {
    return fmt::format("{} requests, none complete", facts.outcome.requests.size());
  }
  const auto us = [](const Quantile& quantile) {
    return static_cast<double>(quantile.value) / kNsPerUs;
  };
  return fmt::format(
      "{} requests, {} complete: latency p50 {:.1f} us, p99 {:.1f} us; dispatch "
      "delay p50 {:.1f} us, p99 {:.1f} us",
      facts.outcome.requests.size(), times.requests, us(*times.latency_p50), us(*times.latency_p99),
      us(*times.dispatch_delay_p50), us(*times.dispatch_delay_p99));
}

std::string heartbeat_text(const RunFacts& facts) {
  const Heartbeats all = heartbeats_of(facts);
  const auto us = [](Duration time) { return static_cast<double>(to_ns(time)) / kNsPerUs; };
  return fmt::format(
      "{} beats, {:.2f} us apart at most on average; {} gaps above {}: off the GPU "
      "for {:.1f} us of {:.1f} us, longest {:.1f} us",
      all.beats, us(all.period), all.gaps, format_duration(facts.options.heartbeat_threshold),
      us(all.bystander), us(all.watched), us(all.longest));
}

}  // namespace

std::string records_text(const RunFacts& facts) {
  fmt::memory_buffer text;
  if (facts.program.endless) {
    fmt::format_to(std::back_inserter(text), "{}\n", progress_header());
    for (const WorkDone& done : facts.outcome.progress) {
      append_progress(text, facts.options.label, facts.program.name, done.at, done.work);
    }
    return fmt::to_string(text);
  }
  fmt::format_to(std::back_inserter(text), "{}\n", requests_header());
  for (const RequestRecord& request : records_of(facts.outcome, facts.clock)) {
    append_request(text, facts.options.label, facts.program.name, request, Phases::kUnknown);
  }
  return fmt::to_string(text);
}

std::string report_json(const RunFacts& facts) {
  Json json;
  json["schema"] = 1;
  json["tool"] = facts.program.offline ? "gpreempt-hip-offline" : "gpreempt-hip-online";
  json["statement"] = "measured";
  json["tenant"] = facts.program.name;
  json["runtime"] = facts.gpu.runtime;
  json["gpu"] = {{"name", facts.gpu.name},
                 {"architecture", facts.gpu.architecture},
                 {"bus", facts.gpu.bus},
                 {"cus", facts.gpu.cus}};
  json["clock"] = clock_json(facts.clock);
  json["calibration"] = calibration_json(facts.plan);
  json["requests"] = facts.outcome.requests.size();
  json["work_ns"] = to_ns(facts.outcome.work);
  json["stopped"] = facts.outcome.stopped;
  json["unfinished"] = facts.outcome.unfinished;
  json["witness"] = witness_json(facts);
  json["heartbeat"] = heartbeat_json(facts);
  constexpr int kIndent = 2;
  return json.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string report_text(const RunFacts& facts) {
  const RunOutcome& outcome = facts.outcome;
  std::string text =
      fmt::format("gpu: {} ({}, {} CUs, {}), {}\n", facts.gpu.name, facts.gpu.architecture,
                  facts.gpu.cus, facts.gpu.bus, facts.gpu.runtime);
  if (is_idle(facts.program)) {
    return text + fmt::format("queues: {}, without work\n", facts.program.queues);
  }
  text +=
      fmt::format("calibration: {}\nclock: {:.6f} ns a tick, residual {} ns, uncertainty {} ns\n",
                  made_text(facts.plan), facts.clock.ns_per_tick, to_ns(facts.clock.residual),
                  to_ns(facts.clock.uncertainty));
  if (!outcome.requests.empty()) {
    text += fmt::format("requests: {}\n", latency_text(facts));
  }
  text += fmt::format("work: {:.6f} s of kernel time, {} kernels\n",
                      static_cast<double>(to_ns(outcome.work)) / kNsPerSecond, outcome.kernels);
  if (!outcome.heartbeats.empty()) {
    text += fmt::format("heartbeat: {}\n", heartbeat_text(facts));
  }
  text += fmt::format("witness: {} kernels {}, {} were checked by the host: {}\n", outcome.kernels,
                      facts.options.gemm > 0 ? "multiplied matrices" : "checked themselves",
                      outcome.audits,
                      outcome.losses.empty() && outcome.losses_found == 0
                          ? std::string("nothing was lost")
                          : fmt::format("{} LOSSES", outcome.losses.size()));
  for (std::size_t i = 0; i < std::min(outcome.losses.size(), kMostLossesPrinted); ++i) {
    text += "  " + describe(outcome.losses.at(i)) + "\n";
  }
  return text;
}

Result<void> write_file(const std::filesystem::path& file, std::string_view text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) {
    return fail(Errc::kIo, fmt::format("write {}: the file system refused it; is the folder there?",
                                       file.string()));
  }
  return {};
}

}  // namespace gpreempt::hip
