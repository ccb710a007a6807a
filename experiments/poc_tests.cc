#include "experiments/poc_tests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/poc_bars.h"
#include "experiments/poc_evidence.h"
#include "experiments/poc_report.h"
#include "experiments/poc_words.h"
#include "experiments/provenance.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

/// Of the same sort of claim: how many of each answer, on which basis.
PocTable count_answers(const PocEvidence& evidence) {
  std::map<std::string, std::map<Answer, std::size_t>> counts;
  for (const SourcedVerdict& each : evidence.verdicts) {
    ++counts[label_of(each.verdict)][each.verdict.answer];
  }
  PocTable table{.titles = {"evidence", "met", "missed", "yes", "no", "reported", "not resolvable",
                            "unavailable"},
                 .rows = {}};
  for (auto& [label, of] : counts) {
    const auto cell = [&of](Answer answer) { return fmt::format("{}", of[answer]); };
    table.rows.push_back({label, cell(Answer::kMet), cell(Answer::kMissed), cell(Answer::kYes),
                          cell(Answer::kNo), cell(Answer::kReported), cell(Answer::kNotResolvable),
                          cell(Answer::kUnavailable)});
  }
  return table;
}

/// The lower, the earlier: T-4, the rest of the test plan, all others.
int rank_of(const Verdict& verdict) {
  if (verdict.name.starts_with("T-4/")) {
    return 0;
  }
  return verdict.name.starts_with("T-") || verdict.name.starts_with("SCN-") ? 1 : 2;
}

/// The pictures of all verdicts of that rank, in the order of the files.
std::vector<PocBars> pictures_of(const PocEvidence& evidence, int rank) {
  std::vector<PocBars> all;
  for (const SourcedVerdict& each : evidence.verdicts) {
    if (rank_of(each.verdict) == rank) {
      std::ranges::move(histograms_of(each), std::back_inserter(all));
      std::ranges::move(quantiles_of(each), std::back_inserter(all));
    }
  }
  return all;
}

/// Whether the verdict says how much was done, or kept.
bool tells_of_throughput(const Verdict& verdict) {
  constexpr std::array<std::string_view, 6> kEnds = {
      "/requests", "/online-p99", "/offline-loss", "throughput", "/frames", "/transcriptions"};
  return std::ranges::any_of(kEnds,
                             [&](std::string_view end) { return verdict.name.ends_with(end); });
}

PocTable throughput_of_runs(const PocEvidence& evidence) {
  PocTable table{.titles = {"run", "policy", "Online requests", "Online p50", "Online p99",
                            "Online max", "Offline loss", "suspends", "evidence", "backend"},
                 .rows = {}};
  for (const RunResult& run : evidence.runs) {
    table.rows.push_back({fmt::format("{} ({})", run.scenario, run.source), run.policy,
                          fmt::format("{}", run.requests), time_words(run.online_p50),
                          time_words(run.online_p99), time_words(run.online_max),
                          run.offline_loss ? fmt::format("{:.1f} %", *run.offline_loss * 100) : "-",
                          fmt::format("{}", run.suspends), label_of(run.basis), run.backend});
  }
  return table;
}

PocTable throughput_of_tests(const PocEvidence& evidence) {
  PocTable table{.titles = {"result", "verdict", "value", "expected", "Offline's work",
                            "Offline's work alone", "evidence", "backend"},
                 .rows = {}};
  for (const SourcedVerdict& each : evidence.verdicts) {
    const Verdict& verdict = each.verdict;
    if (tells_of_throughput(verdict)) {
      table.rows.push_back(
          {verdict.name, std::string(to_string(verdict.answer)), value_words(verdict),
           limit_words(verdict), time_words(number_in(verdict, "work_ns")),
           time_words(number_in(verdict, "alone_ns")), label_of(verdict), verdict.backend});
    }
  }
  return table;
}

/// "loss 20 %, online 50 ms".
std::string list_of(const std::map<std::string, std::string>& map) {
  std::string list;
  for (const auto& [name, words] : map) {
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", name, words);
  }
  return list;
}

std::string or_missing(std::string words) {
  return words.empty() ? std::string(kMissingLabel) : std::move(words);
}

std::string or_missing(const std::optional<std::uint64_t>& number) {
  return number ? fmt::format("{}", *number) : std::string(kMissingLabel);
}

std::vector<std::string> row_of(const SourcedProvenance& each) {
  const Provenance from = each.provenance.value_or(Provenance{});
  const bool is_model = from.backend == "sim" || from.backend == "vkfd";
  return {each.source,
          or_missing(from.backend),
          or_missing(from.gpu),
          or_missing(from.gfx),
          is_model ? "as asked" : or_missing(from.gpus),
          or_missing(from.driver),
          is_model ? "modelled" : or_missing(list_of(from.firmware)),
          or_missing(from.seed),
          or_missing(from.profile),
          or_missing(from.built_from)};
}

}  // namespace

PocSection provenance_section(const PocEvidence& evidence) {
  PocSection section{.title = "Where the results are from", .blocks = {}};
  if (evidence.provenance.empty()) {
    section.blocks.emplace_back(missing("No file of verdicts is here."));
    return section;
  }
  PocTable table{.titles = {"file", "backend", "GPU", "target", "GPUs", "driver", "firmware",
                            "seed", "profile", "built from"},
                 .rows = {}};
  for (const SourcedProvenance& each : evidence.provenance) {
    table.rows.push_back(row_of(each));
  }
  section.blocks.emplace_back(std::move(table));
  for (const SourcedProvenance& each : evidence.provenance) {
    if (each.provenance && !each.provenance->gates.empty()) {
      section.blocks.emplace_back(PocText{
          .text = fmt::format("Limits in {}: {}.", each.source, list_of(each.provenance->gates)),
          .label = {}});
    }
  }
  return section;
}

PocSection functions_section(const PocEvidence& evidence) {
  PocSection section{.title = "Test report: functions", .blocks = {}};
  if (evidence.verdicts.empty()) {
    section.blocks.emplace_back(
        missing("There is no verdict; make some with `gpreempt validate-hardware --out DIR` and "
                "`gpreempt experiment all --out DIR`."));
    return section;
  }
  section.blocks.emplace_back(count_answers(evidence));
  PocTable table{
      .titles = {"result", "verdict", "value", "expected", "evidence", "backend", "reason"},
      .rows = {}};
  for (const SourcedVerdict& each : evidence.verdicts) {
    const Verdict& verdict = each.verdict;
    table.rows.push_back({verdict.name, std::string(to_string(verdict.answer)),
                          value_words(verdict), limit_words(verdict), label_of(verdict),
                          verdict.backend, verdict.reason});
  }
  section.blocks.emplace_back(std::move(table));
  return section;
}

PocSection latencies_section(const PocEvidence& evidence) {
  constexpr std::size_t kMostOthers = 24;
  PocSection section{.title = "Test report: latencies", .blocks = {}};
  for (const int rank : {0, 1}) {
    std::ranges::move(pictures_of(evidence, rank), std::back_inserter(section.blocks));
  }
  std::vector<PocBars> others;
  for (const LatencySample& sample : evidence.latencies) {
    if (!sample.ns.empty()) {
      others.push_back(histogram_of(sample));
    }
  }
  std::ranges::move(pictures_of(evidence, 2), std::back_inserter(others));
  const std::size_t shown = std::min(others.size(), kMostOthers);
  std::move(others.begin(), others.begin() + static_cast<std::ptrdiff_t>(shown),
            std::back_inserter(section.blocks));
  if (shown < others.size()) {
    section.blocks.emplace_back(
        PocText{.text = fmt::format("{} more histograms and sets of quantiles, none of them of the "
                                    "test plan, are in the files.",
                                    others.size() - shown),
                .label = {}});
  }
  if (section.blocks.empty()) {
    section.blocks.emplace_back(missing(
        "No latency was found out; `gpreempt validate-hardware` (T-4) and `gpreempt experiment "
        "suspend-latency` do."));
  }
  return section;
}

PocSection throughput_section(const PocEvidence& evidence) {
  PocSection section{.title = "Test report: throughput", .blocks = {}};
  std::array tables = {throughput_of_runs(evidence), throughput_of_tests(evidence)};
  for (PocTable& table : tables) {
    if (!table.rows.empty()) {
      section.blocks.emplace_back(std::move(table));
    }
  }
  if (section.blocks.empty()) {
    section.blocks.emplace_back(
        missing("No throughput was found out; `gpreempt run SCENARIO --out DIR` and `gpreempt "
                "validate-hardware` (T-5) do."));
  }
  return section;
}

PocSection issues_section(const PocEvidence& evidence) {
  PocSection section{.title = "Test report: issues", .blocks = {}};
  PocTable table{.titles = {"result", "what", "reason", "evidence"}, .rows = {}};
  for (const SourcedVerdict& each : evidence.verdicts) {
    const Answer answer = each.verdict.answer;
    if (answer == Answer::kMissed || answer == Answer::kNotResolvable ||
        answer == Answer::kUnavailable) {
      table.rows.push_back({each.verdict.name, std::string(to_string(answer)), each.verdict.reason,
                            label_of(each.verdict)});
    }
  }
  if (table.rows.empty()) {
    section.blocks.emplace_back(PocText{
        .text = evidence.verdicts.empty() ? "No verdict was there to be missed."
                                          : "No verdict is missed, not resolvable or unavailable.",
        .label = {}});
  } else {
    section.blocks.emplace_back(std::move(table));
  }
  return section;
}

}  // namespace gpreempt::experiments
