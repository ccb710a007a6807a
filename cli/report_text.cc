#include "cli/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/band.h"
#include "cli/gang_metrics.h"
#include "cli/metrics.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/summary.h"
#include "cli/table.h"
#include "config/parameter.h"
#include "core/mechanism.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/stats.h"
#include "core/time.h"
#include "core/units.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

constexpr std::string_view kNone = "-";

template <std::size_t N>
std::string human(double value, const std::array<std::string_view, N>& units) {
  std::size_t unit = 0;
  // What would print as 1000 belongs to the next unit.
  constexpr double kNext = 999.5;
  while (std::abs(value) >= kNext && unit + 1 < N) {
    value /= 1000;
    ++unit;
  }
  const double size = std::abs(value);
  if (unit == 0 || size >= 99.95) {
    return fmt::format("{:.0f} {}", value, units.at(unit));
  }
  return size >= 9.995 ? fmt::format("{:.1f} {}", value, units.at(unit))
                       : fmt::format("{:.2f} {}", value, units.at(unit));
}

std::string time_or_none(const std::optional<Quantile>& quantile) {
  return quantile ? human_time(Duration(quantile->value)) : std::string(kNone);
}

std::string time_or_none(const std::optional<std::int64_t>& value) {
  return value ? human_time(Duration(*value)) : std::string(kNone);
}

std::string band(const std::optional<Quantile>& quantile) {
  if (!quantile) {
    return std::string(kNone);
  }
  return fmt::format("{} .. {}{}", human_time(Duration(quantile->lo)),
                     human_time(Duration(quantile->hi)), quantile->bounded ? "" : "*");
}

std::string percent(const std::optional<double>& fraction) {
  return fraction ? fmt::format("{:.2f} %", 100 * *fraction) : std::string(kNone);
}

// ---- blocks ------------------------------------------------------------------------------------

/// Online's share of each GPU.
std::string load_of(const std::vector<double>& utilisation) {
  if (utilisation.size() < 2) {
    return utilisation.empty() ? "" : fmt::format("{:.2f} % of the GPU", 100 * utilisation.front());
  }
  if (std::ranges::count(utilisation, utilisation.front()) == std::ssize(utilisation)) {
    return fmt::format("{:.2f} % of each GPU", 100 * utilisation.front());
  }
  std::string load;
  for (std::size_t gpu = 0; gpu < utilisation.size(); ++gpu) {
    load += fmt::format("{}{:.2f} % of GPU {}", gpu == 0 ? "" : ", ", 100 * utilisation[gpu], gpu);
  }
  return load;
}

std::string head(const RunSummary& summary) {
  const RunSetup& setup = summary.setup;
  const Scenario& scenario = setup.scenario;
  std::string load = load_of(setup.utilisation);
  const bool serves = std::ranges::any_of(setup.workload.programs, [](const Program& program) {
    return !program.offline && program.serving.has_value();
  });
  if (serves) {
    load += " with its LLM engine at full batches, and more with emptier ones (see floor)";
  }
  std::uint64_t arrivals = 0;
  std::uint64_t clients = 0;
  for (const TenantMeta& tenant : setup.workload.tenants) {
    arrivals += tenant.cls == TenantClass::kOnline ? tenant.arrivals : 0;
    clients += tenant.cls == TenantClass::kOnline ? tenant.clients : 0;
  }
  const std::string loops =
      clients == 0 ? std::string{} : fmt::format(", and a closed loop of {} clients", clients);
  const std::string_view note = detection_note(scenario.scheduler.detection);
  std::string text;
  const auto line = [&text](std::string_view key, const std::string& value) {
    text += fmt::format("{:<10} {}\n", key, value);
  };
  line("scenario", scenario.description.empty()
                       ? scenario.name
                       : fmt::format("{}: {}", scenario.name, scenario.description));
  line("hardware", summary.measured
                       ? fmt::format("{} of this machine's {} GPUs, driver {}, backend {}",
                                     setup.system.gpus, summary.measured->gpus,
                                     summary.measured->driver, to_string(summary.backend))
                       : fmt::format("{} x {} ({}), driver {}, backend {}", setup.system.gpus,
                                     setup.model.name, setup.model.product,
                                     setup.system.personality.name, to_string(summary.backend)));
  line("load",
       fmt::format("{} Online requests in {} (warm-up {}){}; Online alone needs {}{}", arrivals,
                   human_time(setup.workload.duration), human_time(setup.workload.warmup), loops,
                   load, loops.empty() ? "" : " for the former"));
  line("detection",
       fmt::format("{}{}, mechanism {}, seed {}", to_string(scenario.scheduler.detection),
                   note.empty() ? std::string{} : fmt::format(" ({})", note),
                   label_of(setup.mechanism), scenario.run.seed));
  line("evidence", summary.measured
                       ? "measured; what processes did not say of themselves is left open"
                       : fmt::format("simulated; every cost is a prior, weakest evidence: {}",
                                     to_string(setup.model.weakest_cost_evidence())));
  for (const std::string& each : setup.workload.notes) {
    line("note", each);
  }
  return text;
}

void add_online_row(Table& table, std::string name, const OnlineMetrics& online) {
  table.add_row({std::move(name), fmt::format("{}", online.requests),
                 fmt::format("{}", online.unfinished), time_or_none(online.latency.p50),
                 time_or_none(online.latency.p95), time_or_none(online.latency.p99),
                 band(online.latency.p99), time_or_none(online.latency.max)});
}

using AddOnlineRow = std::function<void(Table&, std::string, const OnlineMetrics&)>;

/// A row per policy and, where there are several, per Online tenant.
std::string online_table(const RunSummary& summary, std::vector<std::string> titles,
                         const AddOnlineRow& add_row) {
  Table table(std::move(titles));
  for (const PolicyMetrics& result : summary.results) {
    if (!result.has_online) {
      continue;
    }
    add_row(table, result.policy, result.online);
    if (result.tenants.size() > 1) {
      for (const TenantMetrics& tenant : result.tenants) {
        add_row(table, fmt::format("  {}", tenant.name), tenant.online);
      }
    }
  }
  return table.empty() ? std::string{} : table.render(kTableIndent);
}

std::string titled(const std::string& title, const std::string& table) {
  return table.empty() ? std::string{} : fmt::format("\n{}\n{}", title, table);
}

std::string latency_block(const RunSummary& summary) {
  const bool unbounded = std::ranges::any_of(summary.results, [](const PolicyMetrics& result) {
    return result.online.latency.p99 && !result.online.latency.p99->bounded;
  });
  const std::string legend = unbounded ? "  * too few requests for 95 %; the band is wider\n" : "";
  const std::string table = online_table(
      summary, {"policy", "requests", "unfinished", "p50", "p95", "p99", "p99, 95 % band", "max"},
      add_online_row);
  return table.empty() ? table : table + legend;
}

/// Only where a tenant serves tokens.
std::string serving_block(const RunSummary& summary) {
  if (std::ranges::all_of(summary.results, [](const PolicyMetrics& result) {
        return result.online.ttft.count == 0;
      })) {
    return {};
  }
  return online_table(
      summary, {"policy", "first token p50", "p99", "max", "further token p50", "p99", "max"},
      [](Table& table, std::string name, const OnlineMetrics& online) {
        table.add_row({std::move(name), time_or_none(online.ttft.p50),
                       time_or_none(online.ttft.p99), time_or_none(online.ttft.max),
                       time_or_none(online.tpot.p50), time_or_none(online.tpot.p99),
                       time_or_none(online.tpot.max)});
      });
}

std::string added_block(const RunSummary& summary) {
  return online_table(
      summary, {"policy", "added p50", "p95", "p99", "max", "to first wave p50", "p99"},
      [](Table& table, std::string name, const OnlineMetrics& online) {
        table.add_row({std::move(name), time_or_none(online.added.p50),
                       time_or_none(online.added.p95), time_or_none(online.added.p99),
                       time_or_none(online.added.max), time_or_none(online.dispatch_delay.p50),
                       time_or_none(online.dispatch_delay.p99)});
      });
}

std::string decomposition_block(const RunSummary& summary) {
  std::vector<std::string> titles = {"policy", "mean"};
  for (std::size_t i = 0; i < kParts; ++i) {
    titles.emplace_back(to_string(static_cast<Part>(i)));
  }
  return online_table(summary, titles,
                      [](Table& table, std::string name, const OnlineMetrics& online) {
                        const Decomposition& parts = online.decomposition;
                        const bool any = parts.requests != 0;
                        std::vector<std::string> row = {
                            std::move(name), any ? human_time(Duration(parts.mean_ns)) : "-"};
                        for (const std::int64_t part : parts.parts_ns) {
                          row.push_back(any ? human_time(Duration(part)) : "-");
                        }
                        table.add_row(std::move(row));
                      });
}

std::string offline_block(const RunSummary& summary) {
  const auto count = [](const std::optional<std::uint64_t>& requests) {
    return requests ? fmt::format("{}", *requests) : std::string{};
  };
  Table table({"policy", "work done", "alone", "kernels", "requests done", "alone", "loss", "floor",
               "overhead"});
  for (const PolicyMetrics& result : summary.results) {
    if (result.offline) {
      const OfflineMetrics& offline = *result.offline;
      table.add_row({result.policy, human_time(offline.work), human_time(offline.baseline_work),
                     fmt::format("{}", offline.kernels), count(offline.requests_completed),
                     count(offline.baseline_requests_completed), percent(offline.loss),
                     percent(offline.loss_floor), percent(offline.overhead)});
    }
  }
  return table.empty() ? std::string{} : table.render(kTableIndent);
}

std::string preemption_block(const RunSummary& summary) {
  Table table({"policy", "suspends", "resumes", "first max", "steady p50", "p99", "max",
               "saved mean", "bystander", "per call"});
  for (const PolicyMetrics& result : summary.results) {
    const PreemptionMetrics& preemptions = result.preemptions;
    table.add_row(
        {result.policy, fmt::format("{}", preemptions.suspends),
         fmt::format("{}", preemptions.resumes), time_or_none(preemptions.first.max),
         time_or_none(preemptions.steady.p50), time_or_none(preemptions.steady.p99),
         time_or_none(preemptions.steady.max),
         preemptions.saved_bytes_mean ? human_bytes(*preemptions.saved_bytes_mean) : "-",
         preemptions.is_blind ? std::string("-") : human_time(preemptions.bystander),
         preemptions.bystander_per_call ? human_time(*preemptions.bystander_per_call) : "-"});
  }
  return table.render(kTableIndent);
}

std::string interval_text(const std::optional<BandInterval>& interval, bool is_time) {
  if (!interval) {
    return std::string(kNone);
  }
  const auto text = [is_time](double value) {
    return is_time ? human_time(Duration(std::llround(value))) : percent(value);
  };
  return fmt::format("[{}, {}]", text(interval->lo), text(interval->hi));
}

std::string band_block(const RunSummary& summary) {
  if (!summary.band) {
    return {};
  }
  const BandSummary& band = *summary.band;
  std::vector<std::string> titles = {"policy"};
  for (const BandQuantity& quantity : band_quantities()) {
    titles.emplace_back(quantity.title);
  }
  Table table(std::move(titles));
  for (const PolicyBand& policy : band.policies) {
    std::vector<std::string> row = {policy.policy};
    for (std::size_t i = 0; i < policy.intervals.size(); ++i) {
      row.push_back(interval_text(policy.intervals[i], band_quantities()[i].is_time));
    }
    table.add_row(std::move(row));
  }
  const std::string title = fmt::format(
      "Band over the priors of {}: 5 % to 95 % of {} draws, seed {}, weakest evidence {}",
      summary.setup.model.name, band.draws - band.refused, band.seed,
      to_string(summary.setup.model.weakest_cost_evidence()));
  std::string text = titled(title, table.render(kTableIndent));
  if (band.refused != 0) {
    text += fmt::format("  {} of {} draws are not in it; the first: {}\n", band.refused, band.draws,
                        band.refusal);
  }
  return text;
}

/// Exact, unlike a measured time, but spaced as one.
std::string limit_text(Duration limit) {
  const std::string text = format_duration(limit);
  const std::string_view all = text;
  const std::size_t unit = std::min(all.find_first_of("nums"), all.size());
  return fmt::format("{} {}", all.substr(0, unit), all.substr(unit));
}

std::string verdict_word(const std::optional<bool>& met) {
  if (!met) {
    return "not judged";
  }
  return *met ? "met" : "MISSED";
}

std::string verdicts_of(const PolicyMetrics& result, const SloScenario& slo) {
  std::string text;
  if (result.has_online && !result.online.slo.empty()) {
    text +=
        fmt::format("Online p{:g} {}{}:", 100 * slo.quantile,
                    slo.metric == SloMetric::kLatency ? std::string{}
                                                      : fmt::format("{} ", to_string(slo.metric)),
                    time_or_none(result.online.at_slo_quantile));
    for (std::size_t i = 0; i < result.online.slo.size(); ++i) {
      const LatencyVerdict& verdict = result.online.slo[i];
      text += fmt::format("{} {} {}", i == 0 ? "" : ",", limit_text(verdict.limit),
                          verdict_word(verdict.met));
    }
  }
  if (result.offline && !result.offline->verdicts.empty()) {
    text += fmt::format("{}Offline overhead {}:", text.empty() ? "" : "; ",
                        percent(result.offline->overhead));
    for (std::size_t i = 0; i < result.offline->verdicts.size(); ++i) {
      const LossVerdict& verdict = result.offline->verdicts[i];
      text += fmt::format("{} {:g} % {}", i == 0 ? "" : ",", 100 * verdict.limit,
                          verdict_word(verdict.met));
    }
    text +=
        result.offline->verdicts.front().met.has_value()
            ? ""
            : " (it lost less than the floor: both ran at once, or Online needed less of the GPU "
              "than alone)";
  }
  return text;
}

std::string tail(const RunSummary& summary) {
  std::string text;
  std::size_t width = 0;
  for (const PolicyMetrics& result : summary.results) {
    width = std::max(width, result.policy.size());
  }
  for (const PolicyMetrics& result : summary.results) {
    const std::string verdict = verdicts_of(result, summary.setup.scenario.slo);
    text += verdict.empty() ? "" : fmt::format("  {:<{}}  {}\n", result.policy, width, verdict);
  }
  text = titled("Verdicts", text);
  std::string speed;
  for (const PolicyMetrics& result : summary.results) {
    if (summary.measured) {
      break;
    }
    speed += fmt::format("  {:<{}}  {:.1f} s simulated in {:.3f} s, {:.0f}x real time, {} events\n",
                         result.policy, width, result.simulated_s, result.wall_s,
                         result.wall_s > 0 ? result.simulated_s / result.wall_s : 0.0,
                         result.engine_events);
  }
  text += titled("Speed", speed);
  for (const std::string& warning : summary.warnings) {
    text += fmt::format("\nwarning: {}\n", warning);
  }
  if (summary.gated) {
    text += fmt::format("\ngate: {}\n", summary.missed.empty() ? "passed" : "FAILED");
    for (const std::string& miss : summary.missed) {
      text += fmt::format("  {}\n", miss);
    }
  }
  return text;
}

}  // namespace

std::string human_time(Duration duration) {
  static constexpr std::array<std::string_view, 4> kUnits = {"ns", "us", "ms", "s"};
  if (duration == Duration::zero()) {
    return "0";
  }
  return human(static_cast<double>(to_ns(duration)), kUnits);
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  return human(static_cast<double>(bytes), kUnits);
}

std::string report_text(const RunSummary& summary) {
  const bool oracle = summary.setup.scenario.scheduler.detection.kind == DetectionKind::kOracle;
  const std::string label = oracle ? " [oracle detection: not attainable]" : "";
  return head(summary) +
         titled("Online latency (arrival to completion)" + label, latency_block(summary)) +
         titled("Tokens: arrival to the first, and mean time of each further one" + label,
                serving_block(summary)) +
         titled("Online latency added over Online alone" + label, added_block(summary)) +
         titled("Where the mean Online latency goes" + label, decomposition_block(summary)) +
         titled("Offline work between warm-up and end of arrivals" + label,
                offline_block(summary)) +
         titled("Preemptions; bystander: Online's own queues off for them" + label,
                preemption_block(summary)) +
         titled("Gangs; off: decision to last rank off, apart: first to last rank off",
                gang_block(summary)) +
         band_block(summary) + tail(summary);
}

}  // namespace gpreempt::cli
