// Goal: a study's report says what analysis.json says, the question first, and "not resolvable"
// where that is the answer.
#include "cli/report/study_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/report/document.h"
#include "core/error.h"
#include "tests/report/sample_run.h"

namespace gpreempt::report {
namespace {

using testing::chart_of;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::section_of;

constexpr const char* kAnalysis = R"({"schema":1,"study":"s","question":"Which?","quick":true,
"evidence":"simulated","paired":true,"confidence":0.95,
"factors":[{"name":"scheduler.policy","levels":["a","b"],"prior":false,"evidence":null},
 {"name":"model.cost.t","levels":["1us","9us"],"prior":true,"evidence":"guess"}],
"metrics":["online.latency_ns.p99","offline.overhead"],
"limits":[{"metric":"online.latency_ns.p99","at_most":10000000,"label":"10ms","required":false}],
"points":[{},{}],
"configurations":[
 {"levels":{"scheduler.policy":"a"},"metrics":{"online.latency_ns.p99":{"mean":8000000,
 "lo":7000000,"hi":9000000,"n":4},
  "offline.overhead":{"mean":0.05,"lo":null,"hi":null,"n":1}}}],
"comparisons":[{"factor":"scheduler.policy","metric":"online.latency_ns.p99","a":"a","b":"b",
 "at":{},
 "difference":-1000000,"lo":-3000000,"hi":1000000,"n":4,"verdict":"not resolvable"}],
"verdicts":[{"metric":"online.latency_ns.p99","at_most":10000000,"levels":{"scheduler.policy":"a"},
 "verdict":"met"},
 {"metric":"online.latency_ns.p99","at_most":10000000,"levels":{"scheduler.policy":"b"},
 "verdict":"not resolvable"}],
"main_effects":[{"factor":"scheduler.policy","metric":"online.latency_ns.p99","range":1000000,
 "share_explained":0.5,
 "levels":[{"level":"a","mean":{"mean":8000000,"lo":7000000,"hi":9000000,"n":4}}]}],
"tornado":[{"factor":"model.cost.t","metric":"online.latency_ns.p99","evidence":"guess",
 "first":{"mean":7000000},
 "last":{"mean":9000000},"swing":{"mean":2000000},"range":2000000,"lowest_at":"1us",
 "highest_at":"9us"}],
"pareto":{"x":"online.latency_ns.p99","y":"offline.overhead","points":[0],"configurations":[
 {"levels":{"scheduler.policy":"a"},"points":[0],"x":{"mean":8000000,"lo":7000000,"hi":9000000,
 "n":4},
  "y":{"mean":0.05,"lo":null,"hi":null,"n":1},"on_front":"certainly"}]},
"cheapest":{"cost":"offline.overhead","choices":[{"metric":"online.latency_ns.p99",
 "at_most":10000000,"given":{},
 "levels":null,"value":null,"price":null,"ties":[],"may_meet_it":[{"scheduler.policy":"b"}]}]},
"fragile":[{"kind":"limit","conclusion":{"metric":"online.latency_ns.p99","at_most":10000000,
 "levels":{"scheduler.policy":"a"},"verdict":"met"},"parameter":"model.cost.t","evidence":"guess",
 "level":"9us",
 "there":{"mean":12000000,"lo":11000000,"hi":13000000,"n":4},"resolved":true}]})";
constexpr const char* kRuns =
    "point,seed,scheduler.policy,error,command\n"
    "0,1,a,,gpreempt run x --seed 1\n"
    "1,1,b,\"it failed, badly\",gpreempt run x --seed 1\n";
constexpr const char* kJournal =
    R"({"journal":1,"study_name":"my study.toml","quick":true,
"scenario":"default","built_from":"v1","traces":["t.csv"]})";

Document document_of(const StudyFiles& files) {
  Result<Document> made = study_document(files);
  EXPECT_TRUE(made) << made.error().what;
  return made ? *made : Document{};
}

Document sample() {
  return document_of({.analysis = kAnalysis, .runs = kRuns, .journal = kJournal});
}

TEST(StudyDocument, BeginsWithTheQuestionAndWhatIsNotKnown) {
  const Document document = sample();
  EXPECT_EQ(document.lead.at(0), "Question: Which?");
  EXPECT_THAT(document.lead.at(1), HasSubstr("0 of 1 comparisons are resolved at 95 %"));
  EXPECT_THAT(document.lead.at(2), HasSubstr("1 conclusions change"));
  EXPECT_THAT(document.lead, Contains(HasSubstr("1 of 2 runs failed")));
  EXPECT_EQ(document.sections.at(0).title, "Answer");
}

TEST(StudyDocument, ShowsMeansWithTheirIntervals) {
  const std::vector<Cell> row = section_of(sample(), "Answer").tables.at(0).rows.at(0);
  EXPECT_EQ(row.at(0).text, "policy a");
  EXPECT_EQ(row.at(1).text, "8.00 ms (7.00 ms .. 9.00 ms)");
  EXPECT_EQ(row.at(1).exact, "8000000");
  EXPECT_EQ(row.at(2).text, "5.00 %");  // one seed: no interval
}

TEST(StudyDocument, SaysNotResolvableWhereItIs) {
  const Document document = sample();
  const std::vector<Cell> compared = section_of(document, "Side by side").tables.at(0).rows.at(0);
  EXPECT_EQ(compared.at(5).text, "-1.00 ms");
  EXPECT_EQ(compared.at(6).text, "-3.00 ms .. +1.00 ms");
  EXPECT_EQ(compared.at(7).text, "not resolvable");
  const DataTable& limits = section_of(document, "Against the limits").tables.at(0);
  EXPECT_EQ(limits.columns.at(1).title, "online.latency_ns.p99 at most 10ms");
  EXPECT_EQ(limits.rows.at(0).at(1).text, "met");
  EXPECT_EQ(limits.rows.at(1).at(1).text, "not resolvable");
}

TEST(StudyDocument, ChartsAreInTheUnitsOfTheirAxes) {
  const Document document = sample();
  const nlohmann::json front =
      chart_of(section_of(document, "Pareto front: nobody is better in both"), "pareto");
  EXPECT_EQ(front["x"], "online.latency_ns.p99 (ms)");
  EXPECT_DOUBLE_EQ(front["points"][0]["x"]["value"], 8.0);
  EXPECT_DOUBLE_EQ(front["points"][0]["y"]["value"], 5.0);
  EXPECT_TRUE(front["points"][0]["y"]["lo"].is_null());
  EXPECT_DOUBLE_EQ(front["x_limits"][0]["at"], 10.0);
  const nlohmann::json tornado =
      chart_of(section_of(document, "Model parameters over their stated ranges"), "tornado-0");
  EXPECT_EQ(tornado["rows"][0]["name"], "t (guess)");
  EXPECT_DOUBLE_EQ(tornado["rows"][0]["from"], 7.0);
  EXPECT_DOUBLE_EQ(tornado["rows"][0]["to"], 9.0);
}

TEST(StudyDocument, NamesWhatHangsOnAGuess) {
  const std::vector<Cell> row =
      section_of(sample(), "What hangs on a guess").tables.at(0).rows.at(0);
  EXPECT_EQ(row.at(0).text, "policy a: online.latency_ns.p99 at most 10ms is met");
  EXPECT_EQ(row.at(1).text, "t 9us");
  EXPECT_EQ(row.at(4).text, "for sure");
}

TEST(StudyDocument, SaysIfNothingCertainlyMeetsALimit) {
  const std::vector<Cell> row =
      section_of(sample(), "Cheapest configuration that certainly meets a limit")
          .tables.at(0)
          .rows.at(0);
  EXPECT_EQ(row.at(2).text, "none certainly");
  EXPECT_EQ(row.at(5).text, "policy b");
}

TEST(StudyDocument, SaysWhatMakesItAgain) {
  const Section section = section_of(sample(), "Where this comes from");
  EXPECT_EQ(section.commands.at(0),
            "gpreempt study 'my study.toml' --quick --trace t.csv --out again");
  EXPECT_EQ(section.commands.at(1), "gpreempt run x --seed 1");
  EXPECT_THAT(section.notes, Contains("Failed: point 1, seed 1: it failed, badly"));
}

TEST(StudyDocument, RefusesWhatIsNoAnalysis) {
  const Result<Document> made = study_document({.analysis = "{}", .runs = kRuns, .journal = {}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::kParse);
  EXPECT_THAT(made.error().what, HasSubstr("analysis.json"));
}

/// `sample` with the load as part of the one configuration.
Document sample_at_a_load() {
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(kAnalysis);
  json["factors"].push_back({{"name", "online.x.arrivals.rate"}, {"levels", {"2/s", "9/s"}}});
  nlohmann::ordered_json& front = json["pareto"]["configurations"];
  front[0]["given"] = {{"online.x.arrivals.rate", "9/s"}};
  front.push_back(front[0]);
  front[1]["on_front"] = "no";
  front.push_back(front[0]);
  front[2]["given"] = {{"online.x.arrivals.rate", "2/s"}};
  return document_of({.analysis = json.dump(), .runs = kRuns, .journal = kJournal});
}

TEST(StudyDocument, TheParetoFrontIsOneForEachWorkGiven) {
  const Section section =
      section_of(sample_at_a_load(), "Pareto front: nobody with the same work is better in both");
  const DataTable& table = section.tables.at(0);
  EXPECT_EQ(table.columns.at(0).title, "at");
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows.at(0).at(0).text, "rate 9/s");
  EXPECT_EQ(table.rows.at(1).at(0).text, "rate 9/s");
  EXPECT_EQ(table.rows.at(1).at(4).text, "no");
  EXPECT_EQ(table.rows.at(2).at(0).text, "rate 2/s");
  EXPECT_EQ(chart_of(section, "pareto")["points"][2]["at"], "rate 2/s");
}

}  // namespace
}  // namespace gpreempt::report
