// Goal: a run's report says what its files say, verdict first, and what they do not say is named as
// missing. The numbers are those of sample_run.h.
#include "cli/report/run_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/report/document.h"
#include "cli/report/run_files.h"
#include "core/error.h"
#include "tests/report/sample_run.h"

namespace gpreempt::report {
namespace {

using testing::chart_of;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::sample_run;
using testing::sample_summary;
using testing::section_of;

Document document_of(const RunFiles& files) {
  Result<Document> made = run_document(files);
  EXPECT_TRUE(made) << made.error().what;
  return made ? *made : Document{};
}

TEST(RunDocument, BeginsWithTheVerdict) {
  const Document document = document_of(sample_run());
  EXPECT_THAT(document.lead.front(), HasSubstr("0 of 1 policies meet both first limits"));
  EXPECT_EQ(document.sections.front().title, "Verdict");
  const std::vector<Cell>& row = document.sections.front().tables.front().rows.front();
  EXPECT_EQ(row[1].text, "9.90 ms");
  EXPECT_EQ(row[1].exact, "9900000");
  EXPECT_EQ(row[2].text, "MISSED");  // 9.9 ms against 8 ms
  EXPECT_EQ(row[3].text, "met");     // against 20 ms
  EXPECT_EQ(row[4].text, "20.00 %");
  EXPECT_EQ(row[5].text, "met");
}

TEST(RunDocument, CountsOnlineRequestsAfterTheWarmUpOnly) {
  const Document document = document_of(sample_run());
  const nlohmann::json ecdf = chart_of(section_of(document, "Online latency"), "ecdf");
  // Ten of the hundred arrive within the first second; request 10 takes 1.1 ms, request 99 10 ms.
  // The Offline tenant's request and the baseline's, which take seconds, are not there.
  EXPECT_EQ(ecdf["series"][0]["x"].size(), 90U);
  EXPECT_DOUBLE_EQ(ecdf["series"][0]["x"].front(), 1.1);
  EXPECT_DOUBLE_EQ(ecdf["series"][0]["x"].back(), 10.0);
  EXPECT_DOUBLE_EQ(ecdf["series"][0]["y"].back(), 100.0);
  EXPECT_DOUBLE_EQ(ecdf["limits"][0]["at"], 8.0);
  EXPECT_TRUE(section_of(document, "Online latency").notes.empty());
}

TEST(RunDocument, SaysSoIfTheCurvesHoldTheWarmUp) {
  RunFiles files = sample_run();
  nlohmann::ordered_json summary = sample_summary();
  summary["results"][0].erase("start_ns");
  files.summary = summary.dump();
  const Document document = document_of(files);
  EXPECT_THAT(section_of(document, "Online latency").notes.at(0),
              HasSubstr("the curves show 100 requests and the table 90"));
}

TEST(RunDocument, TheHistogramHoldsEveryCompletedRequestOnce) {
  const Document document = document_of(sample_run());
  const nlohmann::json chart = chart_of(section_of(document, "Online latency"), "histogram");
  std::int64_t sum = 0;
  for (const nlohmann::json& count : chart["series"][0]["y"]) {
    sum += count.get<std::int64_t>();
  }
  EXPECT_EQ(sum, 90);
}

TEST(RunDocument, ThroughputIsWorkPerTimeAgainstOfflineAlone) {
  RunFiles files = sample_run();
  // Alone it does 9 s of work in 9 s. Here: 1 s of work a second up to the fifth, then half of it.
  files.progress = std::vector<ProgressRow>{
      {.policy = "p:a=1,b=2", .tenant = "train", .at_ns = 1'000'000'000, .work_ns = 0},
      {.policy = "p:a=1,b=2", .tenant = "train", .at_ns = 6'000'000'000, .work_ns = 5'000'000'000},
      {.policy = "p:a=1,b=2",
       .tenant = "train",
       .at_ns = 11'000'000'000,
       .work_ns = 7'500'000'000}};
  const nlohmann::json chart =
      chart_of(section_of(document_of(files), "Offline work"), "throughput");
  ASSERT_EQ(chart["series"].size(), 1U);
  EXPECT_NEAR(chart["series"][0]["y"].front(), 100, 1e-9);
  EXPECT_NEAR(chart["series"][0]["y"].back(), 50, 1e-9);
}

TEST(RunDocument, TheTimelineIsRelativeToTheStartAndSaysWhatIsLeftOut) {
  RunFiles files = sample_run();
  files.timeline.emplace();
  const auto add = [&](const std::string& state, std::int64_t from, std::int64_t to) {
    files.timeline->push_back({.policy = "p:a=1,b=2",
                               .tenant = "train",
                               .gpu = "0",
                               .state = state,
                               .from_ns = from,
                               .to_ns = to});
  };
  add("running", 1'000'000'000, 3'000'000'000);
  add("suspended", 3'000'000'000, 4'000'000'000);
  const Section whole = section_of(document_of(files), "Who had the GPU");
  EXPECT_TRUE(whole.notes.empty());
  const nlohmann::json lane = chart_of(whole, "timeline")["policies"][0]["lanes"][0];
  EXPECT_EQ(lane["from"], nlohmann::json::array({0, 2'000'000'000}));
  EXPECT_EQ(lane["to"], nlohmann::json::array({2'000'000'000, 3'000'000'000}));
  EXPECT_EQ(lane["state"], nlohmann::json::array({0, 1}));

  for (std::int64_t i = 0; i < 100'000; ++i) {
    add(i % 2 == 0 ? "running" : "suspended", 4'000'000'000 + i, 4'000'000'001 + i);
  }
  const Section cut = section_of(document_of(files), "Who had the GPU");
  EXPECT_THAT(cut.notes.at(0), HasSubstr("Only the first 60000 changes"));
  EXPECT_EQ(chart_of(cut, "timeline")["policies"][0]["lanes"][0]["from"].size(), 60'000U);
}

TEST(RunDocument, NamesWhatTheBundleLacks) {
  const Document document = document_of(sample_run());
  EXPECT_THAT(section_of(document, "Who had the GPU").notes.at(0), HasSubstr("no timeline.csv"));
  EXPECT_THAT(section_of(document, "Offline work").notes.at(0), HasSubstr("no progress.csv"));
}

TEST(RunDocument, OfTooManyRequestsListsTheSlowestAndThoseThatNeverEnded) {
  RunFiles files = sample_run();
  files.requests.clear();
  for (std::int64_t i = 0; i < 200'001; ++i) {
    files.requests.push_back({.policy = "p:a=1,b=2",
                              .tenant = "guard",
                              .request = i,
                              .arrival_ns = 1'000'000'000,
                              .first_wave_ns = {},
                              .end_ns = 1'000'000'000 + 1 + (i + 7) % 200'001});
  }
  files.requests[5].end_ns.reset();
  const Section section = section_of(document_of(files), "Requests");
  EXPECT_THAT(section.notes.at(0), HasSubstr("the slowest 200000 of 200001"));
  const nlohmann::json chart = chart_of(section, "requests");
  EXPECT_EQ(chart["request"].size(), 200'000U);
  EXPECT_TRUE(chart["latency"][5].is_null());
  // Request 199994 takes 1 ns, the least.
  for (const nlohmann::json& request : chart["request"]) {
    ASSERT_NE(request, 199'994);
  }
}

TEST(RunDocument, ACommandIsQuotedForAShell) {
  const Document document = document_of(sample_run());
  EXPECT_EQ(section_of(document, "Where this comes from").commands,
            std::vector<std::string>{"gpreempt run 'a b.toml' --seed 7"});
}

TEST(RunDocument, EveryNumberHasAnEvidenceLabel) {
  for (const Section& section : document_of(sample_run()).sections) {
    if (section.title != "Where this comes from") {
      EXPECT_THAT(section.evidence, HasSubstr("simulated")) << section.title;
    }
  }
}

TEST(RunDocument, RefusesWhatIsNoSummaryOfThisSchema) {
  for (const char* const text : {"[", "{}", R"({"schema":2,"results":[{}]})", R"({"schema":1})"}) {
    RunFiles files = sample_run();
    files.summary = text;
    const Result<Document> made = run_document(files);
    ASSERT_FALSE(made) << text;
    EXPECT_EQ(made.error().code, Errc::kParse);
    EXPECT_THAT(made.error().what, HasSubstr("summary.json"));
  }
}

TEST(RunDocument, ASummaryWithoutItsKeysIsAPageOfDashes) {
  RunFiles files = sample_run();
  files.summary = R"({"schema":1,"results":[{"policy":3,"online":[]}]})";
  const Document document = document_of(files);
  EXPECT_EQ(document.sections.front().tables.front().rows.front().back().text, "-");
}

TEST(RunPage, TextThatEndsAScriptStaysText) {
  const std::string page = to_html(document_of(sample_run()));
  EXPECT_THAT(page, Not(HasSubstr("</script><b>")));
  EXPECT_THAT(page, HasSubstr("&lt;/script&gt;&lt;b&gt;x: run report"));
  EXPECT_EQ(page, to_html(document_of(sample_run())));
}

}  // namespace
}  // namespace gpreempt::report
