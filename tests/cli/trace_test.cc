// Goal: a run's timeline and trace say what its records say. The trace is parsed as a viewer would,
// and held against the rules of the format: slices of a row nest, arrows have both ends and sit on
// slices, counters are not negative.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/sim_testbed.h"
#include "cli/bundle.h"
#include "cli/run_trace.h"
#include "cli/simulate.h"
#include "cli/timeline.h"
#include "cli/trace_file.h"
#include "core/error.h"
#include "core/occupancy.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/cli/executable.h"
#include "tests/cli/small_run.h"

namespace gpreempt::cli {
namespace {

using nlohmann::json;

/// Microseconds with three decimals, as written, in nanoseconds.
std::int64_t ns(const json& microseconds) {
  return std::llround(microseconds.get<double>() * 1000);
}

class RunTrace : public testing::SmallRun {
 protected:
  void SetUp() override {
    SmallRun::SetUp();
    settings_.policy = "suspend";
  }
  RunRecord run(std::size_t occupancy) {
    const std::unique_ptr<Testbed> testbed = sim::open_sim_testbed(timeline_, options_);
    Result<RunRecord> record = simulate(*testbed, workload_, settings_, {.occupancy = occupancy});
    EXPECT_TRUE(record) << record.error().what;
    return *std::move(record);
  }

  static std::string trace_text(const RunRecord& run, Instant until = kForever) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
    const Timeline timeline = timeline_of(run);
    TraceFile trace(*file);
    TracePlace place;
    write_trace({.label = "suspend", .run = run, .timeline = timeline, .until = until}, place,
                trace);
    EXPECT_TRUE(trace.finish("\"tool\":\"gpreempt\"").has_value());
    std::string text(static_cast<std::size_t>(std::ftell(file.get())), ' ');
    std::rewind(file.get());
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), file.get()), text.size());
    return text;
  }
  static std::vector<json> events(const RunRecord& run, Instant until = kForever) {
    const json trace = json::parse(trace_text(run, until), nullptr, false);
    EXPECT_TRUE(trace.is_object());
    return trace.value("traceEvents", std::vector<json>{});
  }
};

TEST_F(RunTrace, BystanderIntervalsSumUpToTheRunsBystanderTime) {
  const RunRecord record = run(100'000);
  const Timeline timeline = timeline_of(record);
  Duration counted{};
  Duration shown{};
  for (const TenantRecord& tenant : record.tenants) {
    counted += tenant.at_end.bystander - tenant.at_start.bystander;
  }
  for (const auto* lines : {&timeline.lines, &timeline.more_queues}) {
    for (const TenantLine& line : *lines) {
      shown += time_in(line, Occupancy::kBystander);
    }
  }
  EXPECT_GT(counted, Duration::zero());
  EXPECT_EQ(shown, counted);
}

TEST_F(RunTrace, CallsAloneShowLessBystanderTimeThanThereWas) {
  const RunRecord record = run(0);
  EXPECT_TRUE(record.occupancy.changes.empty());
  const Duration shown = time_in(timeline_of(record).lines.front(), Occupancy::kBystander);
  EXPECT_GT(shown, Duration::zero());
  EXPECT_LT(shown, record.tenants.front().at_end.bystander);
}

TEST_F(RunTrace, RecordingChangesNothing) {
  const RunRecord with = run(100'000);
  const RunRecord without = run(0);
  EXPECT_EQ(with.engine_events, without.engine_events);
  EXPECT_EQ(with.end, without.end);
  EXPECT_EQ(with.tenants.front().at_end.bystander, without.tenants.front().at_end.bystander);
}

TEST_F(RunTrace, TheSameRunGivesTheSameBytes) {
  EXPECT_EQ(trace_text(run(100'000)), trace_text(run(100'000)));
}

/// By time; equal ones as they were.
std::vector<json> in_order(const std::vector<json>& events) {
  std::multimap<std::int64_t, json> sorted;
  for (const json& event : events) {
    sorted.emplace(ns(event["ts"]), event);
  }
  std::vector<json> ordered;
  for (const auto& [at, event] : sorted) {
    ordered.push_back(event);
  }
  return ordered;
}

TEST_F(RunTrace, SlicesOfARowNestOrAreApart) {
  std::map<std::pair<int, int>, std::vector<std::pair<std::int64_t, std::int64_t>>> open;
  std::vector<json> slices = events(run(100'000));
  std::erase_if(slices, [](const json& event) { return event["ph"] != "X"; });
  slices = in_order(slices);
  std::size_t inner = 0;
  for (const json& event : slices) {
    auto& stack = open[{event["pid"], event["tid"]}];
    const std::int64_t from = ns(event["ts"]);
    const std::int64_t to = from + ns(event["dur"]);
    while (!stack.empty() && stack.back().second <= from) {
      stack.pop_back();
    }
    EXPECT_TRUE(stack.empty() || to <= stack.back().second) << event;
    inner += stack.empty() ? 0U : 1U;
    stack.emplace_back(from, to);
  }
  // Ten requests give 20 calls, each in a decision and with issue, unmap and map in it.
  EXPECT_GE(inner, 80U);
}

TEST_F(RunTrace, EveryArrowHasItsEndsInOrderAndOnSlices) {
  const std::vector<json> all = events(run(100'000));
  const auto on_slice = [&](const json& at) {
    return std::ranges::any_of(all, [&](const json& event) {
      return event["ph"] == "X" && event["pid"] == at["pid"] && event["tid"] == at["tid"] &&
             ns(event["ts"]) <= ns(at["ts"]) && ns(at["ts"]) < ns(event["ts"]) + ns(event["dur"]);
    });
  };
  std::map<std::uint64_t, std::vector<json>> arrows;
  for (const json& event : all) {
    if (event["ph"] == "s" || event["ph"] == "t" || event["ph"] == "f") {
      arrows[event["id"]].push_back(event);
    }
  }
  EXPECT_EQ(arrows.size(), 20U);  // ten requests, each with a suspend and a resume
  for (auto& [id, steps] : arrows) {
    steps = in_order(steps);
    EXPECT_EQ(steps.front()["ph"], "s");
    EXPECT_EQ(steps.back()["ph"], "f");
    for (const json& step : steps) {
      EXPECT_TRUE(on_slice(step)) << step;
      EXPECT_EQ(step["ph"] == "s", &step == &steps.front());
      EXPECT_EQ(step["ph"] == "f", &step == &steps.back());
    }
  }
}

TEST_F(RunTrace, NumbersAreThoseOfTheRecords) {
  const RunRecord record = run(100'000);
  std::map<std::string, std::size_t> counts;
  std::int64_t in_calls = 0;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> requests;
  for (const json& event : events(record)) {
    const std::string phase = event["ph"];
    counts[phase] += 1;
    if (phase == "X" && event["cat"] == "call") {
      in_calls += ns(event["dur"]);
    } else if (phase == "C") {
      EXPECT_GE(event["args"]["value"], 0) << event;
    } else if (phase == "b" && event["name"] == "serve request") {
      requests[event["id"]].first = ns(event["ts"]);
    } else if (phase == "e" && event["name"] == "serve request") {
      requests[event["id"]].second = ns(event["ts"]);
    }
  }
  EXPECT_EQ(counts["i"], record.decisions.size());
  EXPECT_EQ(counts["b"], counts["e"]);
  std::int64_t expected_in_calls = 0;
  for (const DriverCall& call : record.calls) {
    expected_in_calls += to_ns(call.done - call.called);
  }
  EXPECT_EQ(in_calls, expected_in_calls);
  ASSERT_EQ(requests.size(), record.tenants.front().requests.size());
  std::int64_t latencies = 0;
  std::int64_t expected_latencies = 0;
  for (const auto& [id, span] : requests) {
    latencies += span.second - span.first;
  }
  for (const RequestRecord& request : record.tenants.front().requests) {
    expected_latencies += to_ns(request.end - request.arrival);
  }
  EXPECT_EQ(latencies, expected_latencies);
}

TEST_F(RunTrace, ALongRunIsCutAtAnInstantAndArrowsStayWhole) {
  const RunRecord record = run(100'000);
  const TraceExtent extent = extent_of(record, timeline_of(record), 50);
  ASSERT_LT(extent.until, record.end);
  EXPECT_GT(extent.left_out, 0U);
  std::map<std::uint64_t, std::string> arrows;
  for (const json& event : events(record, extent.until)) {
    const std::string phase = event["ph"];
    // Of what began before, the end and the parts are there, too.
    if (phase == "i" || phase == "C" || (phase == "X" && event["cat"] != "phase")) {
      EXPECT_LT(ns(event["ts"]), to_ns(extent.until)) << event;
    }
    if (event["ph"] == "s" || event["ph"] == "t" || event["ph"] == "f") {
      arrows[event["id"]] += event["ph"].get<std::string>();
    }
  }
  ASSERT_FALSE(arrows.empty());
  for (const auto& [id, steps] : arrows) {
    EXPECT_EQ(steps.front(), 's') << id;
    EXPECT_EQ(steps.back(), 'f') << id;
  }
  EXPECT_EQ(extent_of(record, timeline_of(record), 1'000'000).until, kForever);
}

TEST_F(RunTrace, ABundlesTimelineHasTheRunsBystanderTimeAndItsTraceIsOneDocument) {
  const std::filesystem::path folder = testing::fresh_folder() / "out";
  const RunRecord record = run(100'000);
  Result<Bundle> bundle = Bundle::create(folder);
  ASSERT_TRUE(bundle) << bundle.error().what;
  bundle->add_trace("suspend", record);
  bundle->add_trace("suspend:again", record);
  ASSERT_TRUE(bundle->finish());
  ASSERT_EQ(bundle->traces().size(), 2U);
  EXPECT_EQ(bundle->traces().front().origin, "model");
  EXPECT_EQ(bundle->traces().front().trace.left_out, 0U);

  std::istringstream rows(testing::read_file(folder / "timeline.csv"));
  std::string row;
  std::getline(rows, row);
  EXPECT_EQ(row, "policy,tenant,gpu,state,from_ns,to_ns,origin");
  std::int64_t bystander = 0;
  const std::string begin = "\"suspend\",serve,0,bystander,";
  while (std::getline(rows, row)) {
    if (row.starts_with(begin)) {
      const std::size_t comma = row.find(',', begin.size());
      bystander += std::stoll(row.substr(comma + 1)) - std::stoll(row.substr(begin.size()));
      EXPECT_TRUE(row.ends_with(",model")) << row;
    }
  }
  const TenantRecord& serve = record.tenants.front();
  EXPECT_EQ(bystander, to_ns(serve.at_end.bystander - serve.at_start.bystander));

  const json trace = json::parse(testing::read_file(folder / "trace.json"), nullptr, false);
  ASSERT_TRUE(trace.is_object());
  std::set<std::string> processes;
  for (const json& event : trace["traceEvents"]) {
    if (event["name"] == "process_name") {
      EXPECT_TRUE(processes.insert(event["args"]["name"]).second) << event;
    }
  }
  EXPECT_THAT(processes, ::testing::UnorderedElementsAre(
                             "suspend: GPU 0", "suspend: scheduler and driver",
                             "suspend:again: GPU 0", "suspend:again: scheduler and driver"));
}

TEST_F(RunTrace, TimesAreMicrosecondsWithThreeDecimals) {
  const std::string text = trace_text(run(100'000));
  for (std::size_t at = text.find("\"ts\":"); at != std::string::npos;
       at = text.find("\"ts\":", at + 1)) {
    const std::size_t dot = text.find('.', at);
    const std::size_t end = text.find_first_of(",}", at);
    ASSERT_EQ(end - dot, 4U) << text.substr(at, 30);
  }
}

}  // namespace
}  // namespace gpreempt::cli
