#include "experiments/poc_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/poc_bars.h"
#include "experiments/poc_decision.h"
#include "experiments/poc_evidence.h"
#include "experiments/poc_tests.h"
#include "experiments/poc_words.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

struct Distance {
  double share = 0;  ///< of the limit that is used
  const SourcedVerdict* of = nullptr;
};

/// Verdicts with a limit, the one that uses most of it first.
std::vector<Distance> distances(const PocEvidence& evidence) {
  std::vector<Distance> found;
  for (const SourcedVerdict& each : evidence.verdicts) {
    const auto value = number_in(each.verdict, "value_ns");
    const auto gate = number_in(each.verdict, "gate_ns");
    if (value && gate && *gate > 0) {
      found.push_back({.share = *value / *gate, .of = &each});
    } else if (each.verdict.name == "suspend-latency/limit") {
      const auto* const limit = std::get_if<double>(&each.verdict.expected);
      const auto* const worst = std::get_if<double>(&each.verdict.value);
      if (limit != nullptr && worst != nullptr && *limit > 0) {
        found.push_back({.share = *worst / *limit, .of = &each});
      }
    }
  }
  std::ranges::sort(found, [](const Distance& a, const Distance& b) {
    return a.share != b.share ? a.share > b.share : a.of < b.of;
  });
  return found;
}

PocSection bottlenecks(const PocEvidence& evidence) {
  PocSection section{.title = "Performance analysis: bottlenecks against targets", .blocks = {}};
  PocTable table{
      .titles = {"result", "share of the limit", "value", "limit", "verdict", "evidence"},
      .rows = {}};
  for (const Distance& distance : distances(evidence)) {
    const Verdict& verdict = distance.of->verdict;
    table.rows.push_back({verdict.name, fmt::format("{:.0f} %", distance.share * 100),
                          value_words(verdict), limit_words(verdict),
                          std::string(to_string(verdict.answer)), label_of(verdict)});
  }
  if (table.rows.empty()) {
    section.blocks.emplace_back(missing("No result was held against a limit of time."));
  } else {
    section.blocks.emplace_back(std::move(table));
  }
  if (auto parts = parts_of_a_suspend(evidence)) {
    section.blocks.emplace_back(*std::move(parts));
  } else {
    section.blocks.emplace_back(
        missing("Where the time of a suspend goes is not known; a driver does not tell, and the "
                "model's parts come from `gpreempt experiment suspend-latency`."));
  }
  return section;
}

PocTable table_of(const std::vector<Decision>& decisions) {
  PocTable table{.titles = {"quantity", "value", "limits", "says", "evidence", "from"}, .rows = {}};
  for (const Decision& each : decisions) {
    const bool is_missing = each.step == Step::kMissing;
    table.rows.push_back({each.quantity, is_missing ? std::string(kMissingLabel) : each.text,
                          each.limits, std::string(to_string(each.step)),
                          is_missing ? std::string(kMissingLabel) : label_of(each.basis),
                          is_missing ? "to be had from " + each.source : each.source});
  }
  return table;
}

/// What is decided on, and what is not known.
void add_step(const std::vector<Decision>& decisions, PocSection& section) {
  std::string open;
  Basis weakest = Basis::kMeasured;
  for (const Decision& each : decisions) {
    if (each.step == Step::kMissing) {
      open += open.empty() ? "" : ", ";
      open += each.quantity;
    } else if (weakness_of(each.basis) > weakness_of(weakest)) {
      weakest = each.basis;
    }
  }
  section.blocks.emplace_back(
      PocText{.text = fmt::format("{}: the strictest of what is known decides.",
                                  to_string(recommend(decisions))),
              .label = label_of(weakest)});
  if (!open.empty()) {
    section.blocks.emplace_back(
        missing(fmt::format("Not known, and able to change this: {}.", open)));
  }
  if (weakest != Basis::kMeasured) {
    section.blocks.emplace_back(
        PocText{.text = "This rests on a model whose costs nobody has measured on an MI300. It "
                        "says what to expect, and becomes a decision with `gpreempt "
                        "validate-hardware --backend kfd` on one.",
                .label = label_of(weakest)});
  }
}

PocSection recommendation(const PocEvidence& evidence) {
  PocSection section{.title = "Recommendation for stage 2", .blocks = {}};
  const std::vector<Decision> decisions = decide(evidence);
  if (recommend(decisions) == Step::kMissing) {
    section.blocks.emplace_back(
        missing("There is no recommendation: none of the three quantities "
                "that decide is known."));
  } else {
    add_step(decisions, section);
  }
  section.blocks.emplace_back(table_of(decisions));
  return section;
}

struct Wanted {
  std::string_view what;
  std::string_view name;  ///< part of the name of a result that has it
  std::string_view from;
};

/// What the documents ask a decision to rest on, besides the three quantities.
PocSection missing_evidence(const PocEvidence& evidence) {
  constexpr std::array kWanted = {
      Wanted{.what = "suspend, p50 to max", .name = "T-4/suspend", .from = "validate-hardware"},
      Wanted{.what = "resume, p50 to max", .name = "T-4/resume", .from = "validate-hardware"},
      Wanted{.what = "Offline alone against mixed",
             .name = "/offline-loss",
             .from = "validate-hardware"},
      Wanted{
          .what = "use of hardware slots", .name = "/hqd-utilisation", .from = "validate-hardware"},
      Wanted{.what = "descriptors against slots", .name = "lifecycle/", .from = "experiment"},
      Wanted{.what = "stability over an hour", .name = "T-6/", .from = "validate-hardware"},
      Wanted{.what = "queue ids and how to find them", .name = "queue-ids/", .from = "experiment"},
      Wanted{.what = "what a suspend costs Online", .name = "bystander/", .from = "experiment"}};
  PocSection section{.title = "Evidence that is missing", .blocks = {}};
  PocTable table{.titles = {"what", "to be had from"}, .rows = {}};
  for (const Wanted& wanted : kWanted) {
    const bool is_there = std::ranges::any_of(evidence.verdicts, [&](const SourcedVerdict& each) {
      return each.verdict.answer != Answer::kUnavailable &&
             each.verdict.name.find(wanted.name) != std::string::npos;
    });
    if (!is_there) {
      table.rows.push_back(
          {std::string(wanted.what), fmt::format("`gpreempt {} --out DIR`", wanted.from)});
    }
  }
  const bool is_measured = std::ranges::any_of(evidence.verdicts, [](const SourcedVerdict& each) {
    return each.verdict.basis == Basis::kMeasured;
  });
  if (!is_measured) {
    table.rows.push_back({"anything measured on a GPU, crashes and kernel errors among it",
                          "`gpreempt validate-hardware --backend kfd --out DIR` on the machine"});
  }
  if (table.rows.empty()) {
    section.blocks.emplace_back(
        PocText{.text = "Every kind of result that the documents ask for is here.", .label = {}});
  } else {
    section.blocks.emplace_back(std::move(table));
  }
  return section;
}

}  // namespace

PocReport poc_report(const PocEvidence& evidence) {
  PocReport report{.title = "Proof of concept: what was found", .sections = {}};
  report.sections.push_back(recommendation(evidence));
  report.sections.push_back(provenance_section(evidence));
  report.sections.push_back(functions_section(evidence));
  report.sections.push_back(latencies_section(evidence));
  report.sections.push_back(throughput_section(evidence));
  report.sections.push_back(issues_section(evidence));
  report.sections.push_back(bottlenecks(evidence));
  report.sections.push_back(missing_evidence(evidence));
  return report;
}

}  // namespace gpreempt::experiments
