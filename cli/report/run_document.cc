#include "cli/report/run_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/report/document.h"
#include "cli/report/json_view.h"
#include "cli/report/run_charts.h"
#include "cli/report/run_files.h"
#include "config/document.h"
#include "core/error.h"
#include "study/outputs.h"

namespace gpreempt::report {
namespace {

constexpr std::size_t kMostChanges = 60000;
constexpr std::size_t kMostRequests = 200000;

/// "20 %", as people write limits.
std::string share_limit(const Json& fraction) {
  return fraction.is_number() ? fmt::format("{:g} %", 100 * fraction.get<double>()) : "-";
}

/// Writes the sections of one run.
class RunReport {
 public:
  RunReport(const RunFiles& files, const Json& summary, const Json& run)
      : files_(files), summary_(summary), run_(run), frame_(frame_of(summary)) {}

  [[nodiscard]] Document whole() const {
    Document document{
        .title = text_at(summary_, "/scenario") + ": run report", .lead = lead(), .sections = {}};
    document.sections = {verdict(),     latency(),  bands(),    decomposition(), offline(),
                         preemptions(), timeline(), requests(), provenance()};
    return document;
  }

 private:
  [[nodiscard]] const Json& results() const { return at(summary_, "/results"); }
  /// "simulated; weakest cost: guess".
  [[nodiscard]] std::string evidence() const {
    return text_at(summary_, "/statement") + "; weakest cost: " + text_at(summary_, "/evidence");
  }
  [[nodiscard]] std::vector<std::string> lead() const;
  [[nodiscard]] Section verdict() const;
  [[nodiscard]] Section latency() const;
  [[nodiscard]] Section bands() const;
  [[nodiscard]] Section decomposition() const;
  [[nodiscard]] Section offline() const;
  [[nodiscard]] Section preemptions() const;
  [[nodiscard]] Section timeline() const;
  [[nodiscard]] Section requests() const;
  [[nodiscard]] Section provenance() const;

  const RunFiles& files_;
  const Json& summary_;
  const Json& run_;
  RunFrame frame_;
};

std::vector<std::string> RunReport::lead() const {
  std::vector<std::string> met;
  for (const Json& result : results()) {
    if (at(result, "/online/slo/met") == true && at(result, "/offline/slo/0/met") == true) {
      met.push_back(text_at(result, "/policy"));
    }
  }
  std::string names;
  for (const std::string& policy : met) {
    names += (names.empty() ? "" : ", ") + policy;
  }
  std::vector<std::string> sentences;
  const Json& limit = at(summary_, "/results/0/online/slo/limit_ns");
  const Json& loss = at(summary_, "/results/0/offline/slo/0/limit");
  if (limit.is_number() && loss.is_number()) {
    sentences.push_back(fmt::format(
        "{} of {} policies meet both first limits (Online {} at quantile {}, Offline overhead "
        "{}){}{}.",
        met.size(), results().size(), time_cell(limit).text,
        text_at(summary_, "/results/0/online/slo/quantile"), share_limit(loss),
        names.empty() ? "" : ": ", names));
  } else {
    sentences.emplace_back(
        "The scenario has no limits for both Online and Offline, so there is no "
        "verdict over both.");
  }
  for (const Json& warning : at(summary_, "/warnings")) {
    sentences.push_back("Look at this first: " + plain_cell(warning).text + ".");
  }
  for (const Json& missed : at(summary_, "/gate/missed")) {
    sentences.push_back("Gate: " + plain_cell(missed).text + ".");
  }
  sentences.push_back(
      fmt::format("Every number here is {}; the weakest label among the costs behind it is {}.",
                  text_at(summary_, "/statement"), text_at(summary_, "/evidence")));
  return sentences;
}

Section RunReport::verdict() const {
  DataTable table;
  table.columns = {{.title = "policy"}, {.title = "Online p99", .is_number = true}};
  const Json& slo = at(summary_, "/results/0/online/slo");
  const auto title = [](const Cell& limit) { return "at most " + limit.text; };
  std::vector<std::string> online;
  if (number_at(slo, "/limit_ns")) {
    table.columns.push_back({.title = title(time_cell(at(slo, "/limit_ns")))});
    online.emplace_back("/online/slo/met");
    for (std::size_t i = 0; i < at(slo, "/goals").size(); ++i) {
      table.columns.push_back(
          {.title = title(time_cell(at(slo, fmt::format("/goals/{}/limit_ns", i))))});
      online.push_back(fmt::format("/online/slo/goals/{}/met", i));
    }
  }
  table.columns.push_back({.title = "Offline overhead", .is_number = true});
  std::vector<std::string> offline;
  const Json& loss = at(summary_, "/results/0/offline/slo");
  for (std::size_t i = 0; i < loss.size(); ++i) {
    table.columns.push_back(
        {.title = "at most " + share_limit(at(loss, fmt::format("/{}/limit", i)))});
    offline.push_back(fmt::format("/offline/slo/{}/met", i));
  }
  table.columns.push_back({.title = "unfinished", .is_number = true});
  for (const Json& result : results()) {
    std::vector<Cell> row{plain_cell(at(result, "/policy")),
                          time_cell(at(result, "/online/latency_ns/p99"))};
    for (const std::string& pointer : online) {
      row.push_back(verdict_cell(at(result, pointer)));
    }
    row.push_back(share_cell(at(result, "/offline/overhead")));
    for (const std::string& pointer : offline) {
      row.push_back(verdict_cell(at(result, pointer)));
    }
    row.push_back(plain_cell(at(result, "/online/unfinished")));
    table.rows.push_back(std::move(row));
  }
  Section section{.title = "Verdict", .evidence = evidence(), .tables = {std::move(table)}};
  if (number_at(slo, "/limit_ns")) {
    section.notes.push_back(fmt::format("The limits on Online apply to the {} at quantile {}.",
                                        text_at(slo, "/metric"), text_at(slo, "/quantile")));
  }
  return section;
}

Section RunReport::latency() const {
  const std::vector<std::vector<std::int64_t>> latencies = latencies_of(frame_, files_.requests);
  DataTable table{.caption = "Online latency, arrival to completion",
                  .columns = {{.title = "policy"}}};
  const std::vector<std::pair<std::string, std::string>> columns = {
      {"p50", "/online/latency_ns/p50"},
      {"p95", "/online/latency_ns/p95"},
      {"p99", "/online/latency_ns/p99"},
      {"max", "/online/latency_ns/max"},
      {"added p50", "/online/added_latency_ns/p50"},
      {"added p99", "/online/added_latency_ns/p99"}};
  table.columns.push_back({.title = "completed", .is_number = true});
  for (const auto& [title, pointer] : columns) {
    table.columns.push_back({.title = title, .is_number = true});
  }
  Section section{.title = "Online latency", .evidence = evidence()};
  for (std::size_t i = 0; i < results().size(); ++i) {
    const Json& result = results()[i];
    std::vector<Cell> row{plain_cell(at(result, "/policy")),
                          plain_cell(at(result, "/online/completed"))};
    for (const auto& [title, pointer] : columns) {
      row.push_back(time_cell(at(result, pointer)));
    }
    table.rows.push_back(std::move(row));
    const std::optional<double> completed = number_at(result, "/online/completed");
    if (completed && *completed != static_cast<double>(latencies[i].size())) {
      section.notes.push_back(fmt::format(
          "Policy {}: the curves show {} requests and the table {}: the bundle does not say when "
          "the run began, so those of the warm-up are in the curves.",
          frame_.policies[i], latencies[i].size(), *completed));
    }
  }
  section.tables = {std::move(table)};
  if (std::ranges::any_of(latencies, [](const auto& one) { return !one.empty(); })) {
    section.charts = {ecdf_chart(frame_, latencies), histogram_chart(frame_, latencies)};
  } else {
    section.notes.emplace_back("No Online request was completed, so there is no curve.");
  }
  return section;
}

Section RunReport::bands() const {
  const bool is_priors = at(summary_, "/band/kind") == "priors";
  DataTable table{.caption = is_priors ? "5 % to 95 % of the draws" : "95 % rank bands",
                  .columns = {{.title = "policy"},
                              {.title = "p50", .is_number = true},
                              {.title = "p99", .is_number = true}},
                  .rows = {}};
  for (const Json& result : results()) {
    table.rows.push_back({plain_cell(at(result, "/policy")),
                          time_band_cell(at(result, "/band/p50")),
                          time_band_cell(at(result, "/band/p99"))});
  }
  Section section{.title = "How sure the latencies are",
                  .evidence = evidence(),
                  .tables = {std::move(table)},
                  .charts = {band_chart(frame_, summary_)}};
  section.notes.push_back(
      is_priors ? fmt::format("The bands are over {} draws from the priors of the hardware model.",
                              text_at(summary_, "/band/draws"))
                : std::string("The bands come from the ranks of the samples: they tell how few "
                              "requests there were, not how wrong the model may be. --band N "
                              "draws from the priors of the model."));
  return section;
}

Section RunReport::decomposition() const {
  DataTable table{.caption = "Mean Online latency and its parts, which sum to it",
                  .columns = {{.title = "policy"}, {.title = "mean", .is_number = true}}};
  const Json& first = at(summary_, "/results/0/online/decomposition_mean_ns");
  std::vector<std::string> parts;
  for (const auto& [name, value] : first.items()) {
    if (name != "mean") {
      parts.push_back(name);
      table.columns.push_back({.title = name, .is_number = true});
    }
  }
  for (const Json& result : results()) {
    std::vector<Cell> row{plain_cell(at(result, "/policy")),
                          time_cell(at(result, "/online/decomposition_mean_ns/mean"))};
    for (const std::string& part : parts) {
      row.push_back(time_cell(at(result, "/online/decomposition_mean_ns/" + part)));
    }
    table.rows.push_back(std::move(row));
  }
  return {.title = "Where the latency goes",
          .evidence = evidence(),
          .tables = {std::move(table)},
          .charts = {decomposition_chart(summary_)}};
}

Section RunReport::offline() const {
  DataTable table{.caption = "Offline work between warm-up and end of arrivals",
                  .columns = {{.title = "policy"},
                              {.title = "work done", .is_number = true},
                              {.title = "alone", .is_number = true},
                              {.title = "loss", .is_number = true},
                              {.title = "floor", .is_number = true},
                              {.title = "overhead", .is_number = true}}};
  for (const Json& result : results()) {
    table.rows.push_back(
        {plain_cell(at(result, "/policy")), time_cell(at(result, "/offline/work_done")),
         time_cell(at(result, "/offline/work_alone")), share_cell(at(result, "/offline/loss")),
         share_cell(at(result, "/offline/loss_floor")),
         share_cell(at(result, "/offline/overhead"))});
  }
  Section section{.title = "Offline work", .evidence = evidence(), .tables = {std::move(table)}};
  if (files_.progress && !files_.progress->empty()) {
    section.charts = {throughput_chart(frame_, summary_, *files_.progress)};
  } else {
    section.notes.emplace_back("The bundle has no progress.csv, so there is no curve over time.");
  }
  return section;
}

Section RunReport::preemptions() const {
  DataTable table{.caption = "Calls of the whole run; bystander: Online's own queues off for them",
                  .columns = {{.title = "policy"},
                              {.title = "suspends", .is_number = true},
                              {.title = "resumes", .is_number = true},
                              {.title = "first max", .is_number = true},
                              {.title = "steady p50", .is_number = true},
                              {.title = "steady p99", .is_number = true},
                              {.title = "bystander", .is_number = true},
                              {.title = "per call", .is_number = true}}};
  for (const Json& result : results()) {
    table.rows.push_back({plain_cell(at(result, "/policy")),
                          plain_cell(at(result, "/preemptions/suspend")),
                          plain_cell(at(result, "/preemptions/resume")),
                          time_cell(at(result, "/preemptions/first_suspend_latency_ns/max")),
                          time_cell(at(result, "/preemptions/steady_suspend_latency_ns/p50")),
                          time_cell(at(result, "/preemptions/steady_suspend_latency_ns/p99")),
                          time_cell(at(result, "/bystander_ns")),
                          time_cell(at(result, "/preemptions/bystander_per_call_ns"))});
  }
  return {.title = "Preemptions", .evidence = evidence(), .tables = {std::move(table)}};
}

Section RunReport::timeline() const {
  Section section{.title = "Who had the GPU", .evidence = text_at(summary_, "/statement")};
  if (!files_.timeline || files_.timeline->empty()) {
    section.notes.emplace_back(
        "The bundle has no timeline.csv, so it is not known who had the GPU when.");
    return section;
  }
  std::string note;
  section.charts = {timeline_chart(frame_, *files_.timeline, kMostChanges, note)};
  if (!note.empty()) {
    section.notes.push_back(std::move(note));
  }
  return section;
}

Section RunReport::requests() const {
  Section section{.title = "Requests", .evidence = text_at(summary_, "/statement")};
  std::string note;
  section.charts = {requests_chart(frame_, files_.requests, kMostRequests, note)};
  if (!note.empty()) {
    section.notes.push_back(std::move(note));
  }
  return section;
}

Section RunReport::provenance() const {
  DataTable table{.columns = {{.title = "what"}, {.title = "value"}}};
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"scenario", text_at(summary_, "/scenario")},
      {"hardware model", text_at(run_, "/model")},
      {"driver", text_at(run_, "/personality")},
      {"backend", text_at(run_, "/backend")},
      {"mechanism", text_at(run_, "/mechanism")},
      {"detection", text_at(summary_, "/detection")},
      {"seed", text_at(run_, "/seed")},
      {"gpreempt", text_at(run_, "/version")}};
  for (const auto& [what, value] : rows) {
    table.rows.push_back({{.text = what}, {.text = value}});
  }
  std::string command = "gpreempt";
  for (const Json& word : at(run_, "/command")) {
    command += ' ' + study::shell_word(plain_cell(word).text);
  }
  return {.title = "Where this comes from",
          .notes = {"The scenario and the model as they were are in the bundle: scenario.toml, "
                    "model.toml. This makes the bundle, and this page, again:"},
          .tables = {std::move(table)},
          .commands = {std::move(command)}};
}

}  // namespace

Result<Document> run_document(const RunFiles& files) {
  Json summary;
  Json run;
  GPREEMPT_TRY(store(summary, read_object("summary.json", files.summary)));
  GPREEMPT_TRY(store(run, read_object("run.json", files.run)));
  if (!at(summary, "/results").is_array() || at(summary, "/results").empty()) {
    return fail(Errc::kParse, "make a report of summary.json: it has no results; repeat the run");
  }
  return RunReport(files, summary, run).whole();
}

}  // namespace gpreempt::report
