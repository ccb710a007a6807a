#include "cli/report/study_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/report/document.h"
#include "cli/report/json_view.h"
#include "cli/report/study_charts.h"
#include "cli/report/study_files.h"
#include "cli/report/study_view.h"
#include "cli/study_quantity.h"
#include "config/document.h"
#include "core/error.h"
#include "study/outputs.h"

namespace gpreempt::report {
namespace {

constexpr std::size_t kMostRows = 400;
/// Charts of one kind: the metrics that a study names first are what it is about.
constexpr std::size_t kMostCharts = 2;
constexpr const char* kUnresolved = "not resolvable";

Cell verdict_text(const Json& verdict) {
  Cell cell = plain_cell(verdict);
  if (cell.text == "met") {
    cell.tone = Tone::kGood;
  } else if (cell.text == "missed") {
    cell.tone = Tone::kBad;
  } else if (cell.text == kUnresolved) {
    cell.tone = Tone::kOpen;
  }
  return cell;
}

/// Writes the sections of one study.
class StudyReport {
 public:
  StudyReport(const Json& analysis, const RunsSeen& runs, const Json& journal)
      : json_(analysis), runs_(runs), journal_(journal), view_(analysis) {}

  [[nodiscard]] Document whole() const {
    Document document{
        .title = text_at(json_, "/study") + ": study report", .lead = lead(), .sections = {}};
    document.sections = {answer(),  limits(),  cheapest(), pareto(),    comparisons(),
                         effects(), tornado(), fragile(),  provenance()};
    std::erase_if(document.sections,
                  [](const Section& one) { return one.tables.empty() && one.notes.empty(); });
    return document;
  }

 private:
  [[nodiscard]] std::string evidence() const {
    return text_at(json_, "/evidence") + "; every cost is a prior";
  }
  [[nodiscard]] Section section(std::string title) const {
    return {.title = std::move(title), .evidence = evidence()};
  }
  [[nodiscard]] std::vector<std::string> lead() const;
  [[nodiscard]] Section answer() const;
  [[nodiscard]] Section limits() const;
  [[nodiscard]] Section cheapest() const;
  [[nodiscard]] Section pareto() const;
  void add_front(const Json& front, const std::string& work, const std::string& on,
                 DataTable& table) const;
  [[nodiscard]] Section comparisons() const;
  [[nodiscard]] Section effects() const;
  [[nodiscard]] Section tornado() const;
  [[nodiscard]] Section fragile() const;
  [[nodiscard]] Section provenance() const;
  [[nodiscard]] std::string conclusion(const Json& one) const;
  /// "a" or "b" of a comparison.
  [[nodiscard]] std::string side(const Json& one, const std::string& pointer) const {
    const Json& level = at(one, pointer);
    return level.is_object() ? view_.setting(level) : plain_cell(level).text;
  }
  static void cut(DataTable& table, Section& section) {
    if (table.rows.size() > kMostRows) {
      section.notes.push_back(fmt::format("The first {} of {} rows; analysis.json has all of them.",
                                          kMostRows, table.rows.size()));
      table.rows.resize(kMostRows);
    }
    if (!table.rows.empty()) {
      section.tables.push_back(std::move(table));
    }
  }

  const Json& json_;
  const RunsSeen& runs_;
  const Json& journal_;
  StudyView view_;
};

std::vector<std::string> StudyReport::lead() const {
  const Json& all = at(json_, "/comparisons");
  const auto is_open = [](const Json& one) { return at(one, "/verdict") == kUnresolved; };
  const auto open = static_cast<std::size_t>(std::ranges::count_if(all, is_open));
  std::vector<std::string> sentences;
  if (at(json_, "/question").is_string() && !at(json_, "/question").get<std::string>().empty()) {
    sentences.push_back("Question: " + text_at(json_, "/question"));
  }
  if (!all.empty()) {
    sentences.push_back(fmt::format(
        "{} of {} comparisons are resolved at {:g} % confidence; {} are not resolvable with the "
        "seeds that were run.",
        all.size() - open, all.size(), 100 * number_at(json_, "/confidence").value_or(0), open));
  }
  const bool has_prior = std::ranges::any_of(
      at(json_, "/factors"), [](const Json& one) { return at(one, "/prior") == true; });
  const std::size_t hanging = at(json_, "/fragile").size();
  sentences.push_back(
      !has_prior ? "No model parameter was varied, so it is not known which conclusions hang on a "
                   "guess."
                 : fmt::format("{} conclusions change within the stated range of a model "
                               "parameter.",
                               hanging == 0 ? "No" : fmt::format("{}", hanging)));
  if (at(json_, "/quick") == true) {
    sentences.emplace_back("Made with --quick: shorter runs and fewer seeds than the study says.");
  }
  if (!runs_.failures.empty()) {
    sentences.push_back(fmt::format("{} of {} runs failed; they are listed at the end.",
                                    runs_.failures.size(), runs_.runs));
  }
  sentences.emplace_back("Every number here is simulated: read it as \"if the priors hold\".");
  return sentences;
}

Section StudyReport::answer() const {
  Section made = section("Answer");
  DataTable table{.caption = fmt::format("Means with {:g} % intervals, over all levels of priors",
                                         100 * number_at(json_, "/confidence").value_or(0)),
                  .columns = {{.title = "configuration"}},
                  .rows = {}};
  for (const Json& metric : at(json_, "/metrics")) {
    table.columns.push_back({.title = plain_cell(metric).text, .is_number = true});
  }
  for (const Json& one : at(json_, "/configurations")) {
    const std::string name = view_.setting(at(one, "/levels"));
    std::vector<Cell> row{{.text = name.empty() ? "all" : name}};
    for (const Json& metric : at(json_, "/metrics")) {
      // Not by pointer: a metric's name may hold what a pointer gives a meaning to.
      const Json& metrics = at(one, "/metrics");
      const std::string key = plain_cell(metric).text;
      row.push_back(metrics.contains(key) ? StudyView::value(key, metrics[key])
                                          : Cell{.text = "-"});
    }
    table.rows.push_back(std::move(row));
  }
  cut(table, made);
  return made;
}

Section StudyReport::limits() const {
  Section made = section("Against the limits");
  DataTable table{.columns = {{.title = "configuration"}}};
  std::vector<std::string> titles;
  std::vector<std::string> order;
  std::map<std::string, std::map<std::string, Cell>> cells;
  for (const Json& one : at(json_, "/verdicts")) {
    const std::string title = view_.limit(at(one, "/metric"), at(one, "/at_most"));
    const std::string name = view_.setting(at(one, "/levels"));
    if (std::ranges::find(titles, title) == titles.end()) {
      titles.push_back(title);
      table.columns.push_back({.title = title});
    }
    if (!cells.contains(name)) {
      order.push_back(name);
    }
    cells[name][title] = verdict_text(at(one, "/verdict"));
  }
  for (const std::string& name : order) {
    std::vector<Cell> row{{.text = name.empty() ? "all" : name}};
    for (const std::string& title : titles) {
      row.push_back(cells[name].contains(title) ? cells[name][title] : Cell{.text = "-"});
    }
    table.rows.push_back(std::move(row));
  }
  cut(table, made);
  return made;
}

Section StudyReport::cheapest() const {
  Section made = section("Cheapest configuration that certainly meets a limit");
  DataTable table{.columns = {{.title = "limit"},
                              {.title = "at"},
                              {.title = "configuration"},
                              {.title = text_at(json_, "/cheapest/cost"), .is_number = true},
                              {.title = "may cost as little"},
                              {.title = "may or may not meet it"}}};
  const auto many = [this](const Json& list) {
    std::string text;
    for (const Json& one : list) {
      text += (text.empty() ? "" : "; ") + view_.setting(one);
    }
    return Cell{.text = text.empty() ? "-" : text};
  };
  for (const Json& one : at(json_, "/cheapest/choices")) {
    const std::string given = view_.setting(at(one, "/given"));
    const bool has = at(one, "/levels").is_object();
    table.rows.push_back({{.text = view_.limit(at(one, "/metric"), at(one, "/at_most"))},
                          {.text = given.empty() ? "-" : given},
                          has ? Cell{.text = view_.setting(at(one, "/levels"))}
                              : Cell{.text = "none certainly", .tone = Tone::kBad},
                          StudyView::value(text_at(json_, "/cheapest/cost"), at(one, "/price")),
                          many(at(one, "/ties")),
                          many(at(one, "/may_meet_it"))});
  }
  cut(table, made);
  return made;
}

/// The rows of those with this work and this place.
void StudyReport::add_front(const Json& front, const std::string& work, const std::string& on,
                            DataTable& table) const {
  constexpr std::size_t kColumns = 4;
  for (const Json& one : at(front, "/configurations")) {
    if (at(one, "/on_front") != on || view_.setting(at(one, "/given")) != work) {
      continue;
    }
    const std::string name = view_.setting(at(one, "/levels"));
    std::vector<Cell> row = {{.text = name.empty() ? "all" : name},
                             StudyView::value(text_at(front, "/x"), at(one, "/x")),
                             StudyView::value(text_at(front, "/y"), at(one, "/y")),
                             {.text = on, .tone = on == "certainly" ? Tone::kGood : Tone::kPlain}};
    if (table.columns.size() > kColumns) {
      row.insert(row.begin(), Cell{.text = work});
    }
    table.rows.push_back(std::move(row));
  }
}

Section StudyReport::pareto() const {
  const Json& front = at(json_, "/pareto");
  const Json& all = at(front, "/configurations");
  const bool by_work = std::ranges::any_of(
      all, [this](const Json& one) { return !view_.setting(at(one, "/given")).empty(); });
  Section made = section(cli::pareto_title(by_work));
  if (!front.is_object()) {
    return made;
  }
  DataTable table{.columns = {{.title = "configuration"},
                              {.title = text_at(front, "/x"), .is_number = true},
                              {.title = text_at(front, "/y"), .is_number = true},
                              {.title = "on the front"}}};
  if (by_work) {
    table.columns.insert(table.columns.begin(), Column{.title = "at"});
  }
  std::vector<std::string> works;
  for (const Json& one : all) {
    const std::string work = view_.setting(at(one, "/given"));
    if (std::ranges::find(works, work) == works.end()) {
      works.push_back(work);
    }
  }
  for (const std::string& work : works) {
    for (const std::string on : {"certainly", "possibly", "no"}) {
      add_front(front, work, on, table);
    }
  }
  cut(table, made);
  made.charts = {pareto_chart(view_)};
  return made;
}

Section StudyReport::comparisons() const {
  Section made = section("Side by side");
  DataTable table{.columns = {{.title = "factor"},
                              {.title = "a"},
                              {.title = "b"},
                              {.title = "where"},
                              {.title = "metric"},
                              {.title = "b - a", .is_number = true},
                              {.title = "interval", .is_number = true},
                              {.title = "b is"}}};
  const Json& all = at(json_, "/comparisons");
  // The study names what it is about first.
  for (const std::string& metric : view_.metrics_of(all)) {
    for (const Json& one : all) {
      if (at(one, "/metric") != metric) {
        continue;
      }
      const bool is_bounded = number_at(one, "/lo") && number_at(one, "/hi");
      const Json& factor = at(one, "/factor");
      const std::string where = view_.setting(at(one, "/at"));
      table.rows.push_back(
          {{.text = factor.is_string() ? view_.factor(plain_cell(factor).text) : "configuration"},
           {.text = side(one, "/a")},
           {.text = side(one, "/b")},
           {.text = where.empty() ? "-" : where},
           {.text = metric},
           StudyView::change(metric, at(one, "/difference")),
           {.text = is_bounded ? StudyView::change(metric, at(one, "/lo")).text + " .. " +
                                     StudyView::change(metric, at(one, "/hi")).text
                               : "-"},
           verdict_text(at(one, "/verdict"))});
    }
  }
  cut(table, made);
  return made;
}

Section StudyReport::effects() const {
  Section made = section("Main effects: each factor alone, on average over the others");
  const Json& all = at(json_, "/main_effects");
  DataTable table{.columns = {{.title = "factor"},
                              {.title = "metric"},
                              {.title = "range", .is_number = true},
                              {.title = "explains", .is_number = true}}};
  for (const Json& one : all) {
    const std::string metric = text_at(one, "/metric");
    table.rows.push_back({{.text = view_.factor(text_at(one, "/factor"))},
                          {.text = metric},
                          StudyView::value(metric, Json{{"mean", at(one, "/range")}}),
                          share_cell(at(one, "/share_explained"))});
  }
  cut(table, made);
  for (const std::string& metric : view_.metrics_of(all)) {
    if (made.charts.size() < kMostCharts) {
      made.charts.push_back(effects_chart(view_, metric, made.charts.size()));
    }
  }
  return made;
}

Section StudyReport::tornado() const {
  Section made = section("Model parameters over their stated ranges");
  const Json& all = at(json_, "/tornado");
  DataTable table{.columns = {{.title = "parameter"},
                              {.title = "evidence"},
                              {.title = "metric"},
                              {.title = "swing", .is_number = true},
                              {.title = "range", .is_number = true},
                              {.title = "lowest at"},
                              {.title = "highest at"}}};
  for (const Json& one : all) {
    const std::string metric = text_at(one, "/metric");
    table.rows.push_back({{.text = view_.factor(text_at(one, "/factor"))},
                          {.text = text_at(one, "/evidence")},
                          {.text = metric},
                          StudyView::change(metric, at(one, "/swing/mean")),
                          StudyView::value(metric, Json{{"mean", at(one, "/range")}}),
                          {.text = text_at(one, "/lowest_at")},
                          {.text = text_at(one, "/highest_at")}});
  }
  cut(table, made);
  for (const std::string& metric : view_.metrics_of(all)) {
    if (made.charts.size() < kMostCharts) {
      made.charts.push_back(tornado_chart(view_, metric, made.charts.size()));
    }
  }
  return made;
}

std::string StudyReport::conclusion(const Json& one) const {
  const Json& what = at(one, "/conclusion");
  const std::string verdict = text_at(what, "/verdict");
  if (at(one, "/kind") == "limit") {
    return fmt::format("{}: {} is {}", view_.setting(at(what, "/levels")),
                       view_.limit(at(what, "/metric"), at(what, "/at_most")), verdict);
  }
  const std::string where = view_.setting(at(what, "/at"));
  const Json& factor = at(what, "/factor");
  return fmt::format("{}{} against {}{}{}: {} is {}",
                     factor.is_string() ? view_.factor(plain_cell(factor).text) + " " : "",
                     side(what, "/b"), side(what, "/a"), where.empty() ? "" : " at ", where,
                     text_at(what, "/metric"), verdict);
}

Section StudyReport::fragile() const {
  Section made = section("What hangs on a guess");
  DataTable table{.columns = {{.title = "conclusion"},
                              {.title = "flips at"},
                              {.title = "evidence"},
                              {.title = "there", .is_number = true},
                              {.title = "surely"}}};
  for (const Json& one : at(json_, "/fragile")) {
    table.rows.push_back(
        {{.text = conclusion(one)},
         {.text = view_.factor(text_at(one, "/parameter")) + " " + text_at(one, "/level")},
         {.text = text_at(one, "/evidence")},
         StudyView::value(text_at(one, "/conclusion/metric"), at(one, "/there")),
         {.text = at(one, "/resolved") == true ? "for sure" : "perhaps", .tone = Tone::kOpen}});
  }
  if (table.rows.empty()) {
    made.notes.emplace_back(
        "No conclusion was seen to change over the parameters that were varied.");
  }
  cut(table, made);
  return made;
}

Section StudyReport::provenance() const {
  Section made{.title = "Where this comes from"};
  DataTable table{.columns = {{.title = "what"}, {.title = "value"}}};
  table.rows = {{{.text = "study"}, {.text = text_at(json_, "/study")}},
                {{.text = "scenario"}, {.text = text_at(journal_, "/scenario")}},
                {{.text = "points"}, {.text = fmt::format("{}", at(json_, "/points").size())}},
                {{.text = "runs"}, {.text = fmt::format("{}", runs_.runs)}},
                {{.text = "seeds"},
                 {.text = at(json_, "/paired") == true ? "the same at every point"
                                                       : "of their own at every point"}},
                {{.text = "gpreempt"}, {.text = text_at(journal_, "/built_from")}}};
  made.tables = {std::move(table)};
  for (std::size_t i = 0; i < std::min(runs_.failures.size(), kMostRows); ++i) {
    made.notes.push_back("Failed: " + runs_.failures[i]);
  }
  made.notes.emplace_back(
      "The first line makes the study again; the second its first run. Each row of runs.csv has "
      "its own command.");
  std::string command = "gpreempt study " + study::shell_word(text_at(journal_, "/study_name"));
  command += at(journal_, "/quick") == true ? " --quick" : "";
  for (const Json& trace : at(journal_, "/traces")) {
    command += " --trace " + study::shell_word(plain_cell(trace).text);
  }
  made.commands = {command + " --out again", runs_.first_command};
  return made;
}

}  // namespace

Result<Document> study_document(const StudyFiles& files) {
  Json analysis;
  RunsSeen runs;
  GPREEMPT_TRY(store(analysis, read_object("analysis.json", files.analysis)));
  GPREEMPT_TRY(store(runs, look_at_runs(files.runs)));
  // The journal only names the study; a page without that is still one.
  const Json journal = Json::parse(files.journal.value_or("null"), nullptr, false);
  return StudyReport(analysis, runs, journal).whole();
}

}  // namespace gpreempt::report
