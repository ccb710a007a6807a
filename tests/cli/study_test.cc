// Goal: `study` as a user runs it: what it writes, how it goes on after a kill, shards, and the
// command that makes a row again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;
using testing::read_file;
using testing::small_scenario;
using testing::write_file;

namespace fs = std::filesystem;

/// A study of the small scenario in the test's folder.
class StudyVerb : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fresh_folder();
    write_file(folder_ / "small.toml", small_scenario("20/s"));
  }
  std::string study(std::string_view factors, std::string_view repeat = "max = 2") const {
    return write_file(
        folder_ / "study.toml",
        fmt::format("schema = 1\nname = \"s\"\nquestion = \"which?\"\nscenario = \"small.toml\"\n"
                    "metrics = [\"online.latency_ns.p99\", \"offline.loss\"]\n[design]\n"
                    "kind = \"grid\"\n[design.factors]\n{}\n[repeat]\n{}\n",
                    factors, repeat));
  }
  std::string out(const std::string& name) const { return (folder_ / name).string(); }
  static std::size_t lines_of(const fs::path& file) {
    const std::string text = read_file(file);
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }
  /// The files that must not depend on how the runs came about.
  void expect_same_files(const std::string& a, const std::string& b) const {
    for (const char* file : {"study.toml", "runs.csv", "study.sqlite", "analysis.json"}) {
      const std::string first = read_file(folder_ / a / file);
      EXPECT_FALSE(first.empty()) << file;
      EXPECT_EQ(first == read_file(folder_ / b / file), true) << file;
    }
  }

  /// Sends a signal to the study as soon as some runs are in its journal; what it said, and its
  /// exit code.
  std::string stop_half_way(const std::string& file, const std::string& name,
                            std::string_view signal) const {
    const std::string script = write_file(
        folder_ / "stop.sh",
        fmt::format("'{0}' study '{1}' -j 2 --quiet --out '{2}' >'{2}.out' 2>'{2}.err' & P=$!\n"
                    "until [ \"$(cat '{2}/journal.jsonl' 2>/dev/null | wc -l)\" -ge 20 ]; do\n"
                    "  kill -0 $P || break\ndone\n"
                    "kill -{3} $P; wait $P; echo \"exit $?\" >>'{2}.err'\n",
                    GPREEMPT_EXECUTABLE, file, out(name), signal));
    (void)std::system(fmt::format("sh '{}' 2>/dev/null", script).c_str());
    return read_file(out(name) + ".err");
  }

  fs::path folder_;
};

constexpr std::string_view kFactors =
    "\"scheduler.policy\" = [\"none\", \"suspend\"]\n"
    "\"offline.train.step.repeat.0.duration\" = [\"200us\", \"400us\"]\n"
    "\"model.cost.t_hiq\" = { prior = 2 }";

std::vector<std::string> csv_lines(const fs::path& file) {
  std::vector<std::string> lines;
  std::istringstream text(read_file(file));
  for (std::string line; std::getline(text, line);) {
    lines.push_back(line);
  }
  return lines;
}

TEST_F(StudyVerb, WritesARowForEveryRun) {
  const Finished finished =
      gpreempt(fmt::format("study '{}' -j 2 --quiet --out '{}'", study(kFactors), out("o")));
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.err, "");
  EXPECT_NE(finished.out.find("Side by side"), std::string::npos) << finished.out;
  const auto lines = csv_lines(folder_ / "o" / "runs.csv");
  ASSERT_EQ(lines.size(), 17U);  // 2 x 2 x 2 points, 2 seeds, a header
  EXPECT_EQ(lines[0],
            "point,seed,scheduler.policy,offline.train.step.repeat.0.duration,model.cost.t_hiq,"
            "online.latency_ns.p99,offline.loss,error,command");
  const auto analysis = nlohmann::json::parse(read_file(folder_ / "o" / "analysis.json"));
  EXPECT_EQ(analysis["points"].size(), 8U);
  EXPECT_EQ(analysis["points"][0]["runs"], 2);
}

TEST_F(StudyVerb, JsonOnStdoutIsTheAnalysis) {
  const Finished finished = gpreempt(
      fmt::format("study '{}' --quiet --format json --out '{}'", study(kFactors), out("o")));
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.out, read_file(folder_ / "o" / "analysis.json"));
}

TEST_F(StudyVerb, ARowsCommandGivesItsNumbersAgain) {
  ASSERT_EQ(
      gpreempt(fmt::format("study '{}' --quiet --out '{}'", study(kFactors), out("o"))).exit_code,
      0);
  const auto lines = csv_lines(folder_ / "o" / "runs.csv");
  for (const std::size_t row : {1U, 8U, 15U, 16U}) {
    const std::string& line = lines.at(row);
    const std::string tool = ",gpreempt ";
    const std::string command = line.substr(line.rfind(tool) + tool.size());
    const Finished again = gpreempt(command + " --quiet --format json");
    ASSERT_EQ(again.exit_code, 0) << command << again.err;
    const auto result = nlohmann::json::parse(again.out)["results"][0];
    const std::string values =
        fmt::format("{},{},,", result["online"]["latency_ns"]["p99"].get<double>(),
                    result["offline"]["loss"].get<double>());
    EXPECT_NE(line.find(values), std::string::npos) << line << "\n" << values;
  }
}

TEST_F(StudyVerb, SaysOnATerminalHowManyRunsThereAreAndHowLongTheyTake) {
  const std::string file = study(kFactors, "max = 50");
  const std::string typescript = out("typescript");
  ASSERT_EQ(
      std::system(fmt::format("script -qec \"'{}' study '{}' -j 1\" '{}' >/dev/null </dev/null",
                              GPREEMPT_EXECUTABLE, file, typescript)
                      .c_str()),
      0);
  const std::string said = read_file(typescript);
  EXPECT_NE(said.find(" of 400 runs, "), std::string::npos) << said;
  EXPECT_NE(said.find(" s left"), std::string::npos) << said;
}

TEST_F(StudyVerb, GoesOnAfterAKillWithoutRepeatingARun) {
  const std::string file = study(kFactors, "max = 25");
  ASSERT_EQ(gpreempt(fmt::format("study '{}' --quiet --out '{}'", file, out("whole"))).exit_code,
            0);
  const std::size_t all = lines_of(folder_ / "whole" / "journal.jsonl");
  ASSERT_EQ(all, 1 + 8 * 25U);
  const std::string journal = out("killed/journal.jsonl");
  stop_half_way(file, "killed", "KILL");
  const std::size_t before = lines_of(journal);
  ASSERT_GE(before, 20U);
  ASSERT_LT(before, all);
  EXPECT_FALSE(fs::exists(folder_ / "killed" / "runs.csv"));
  // As if it had been killed while it wrote a line.
  std::ofstream(journal, std::ios::app | std::ios::binary) << "{\"point\":1,\"se";
  const Finished again =
      gpreempt(fmt::format("study '{}' -j 1 --quiet --out '{}'", file, out("killed")));
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_NE(again.err.find("only half written"), std::string::npos) << again.err;
  EXPECT_EQ(lines_of(journal), all);  // each run once
  expect_same_files("whole", "killed");
}

TEST_F(StudyVerb, AskedToStopItSaysHowToGoOn) {
  const std::string file = study(kFactors, "max = 25");
  const std::string err = stop_half_way(file, "stopped", "TERM");
  EXPECT_NE(err.find("the same command goes on from there"), std::string::npos) << err;
  EXPECT_NE(err.find("exit 3"), std::string::npos) << err;
  ASSERT_LT(lines_of(folder_ / "stopped" / "journal.jsonl"), 1 + 8 * 25U);
  EXPECT_EQ(gpreempt(fmt::format("study '{}' --quiet --out '{}'", file, out("stopped"))).exit_code,
            0);
  EXPECT_EQ(lines_of(folder_ / "stopped" / "journal.jsonl"), 1 + 8 * 25U);
}

TEST_F(StudyVerb, AFinishedStudyIsNotRunAgain) {
  const std::string command =
      fmt::format("study '{}' --quiet --out '{}'", study(kFactors), out("o"));
  const Finished first = gpreempt(command);
  const std::string journal = read_file(folder_ / "o" / "journal.jsonl");
  const Finished second = gpreempt(command);
  EXPECT_EQ(second.out, first.out);
  EXPECT_EQ(read_file(folder_ / "o" / "journal.jsonl"), journal);
}

TEST_F(StudyVerb, AFileThatCannotBeReplacedLeavesNoHalfOneBehind) {
  const std::string file = study("\"scheduler.policy\" = [\"none\"]");
  ASSERT_EQ(gpreempt(fmt::format("study '{}' --quiet --out '{}'", file, out("out"))).exit_code, 0);
  for (const char* name : {"runs.csv", "study.sqlite"}) {
    // A folder with something in it stands where the file is to be.
    fs::remove(folder_ / "out" / name);
    fs::create_directories(folder_ / "out" / name / "there");
    const Finished finished =
        gpreempt(fmt::format("study '{}' --quiet --out '{}'", file, out("out")));
    EXPECT_EQ(finished.exit_code, 3) << finished.err;
    EXPECT_NE(finished.err.find(name), std::string::npos) << finished.err;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_ / "out")) {
      EXPECT_NE(entry.path().extension(), ".new") << entry.path();
    }
    fs::remove_all(folder_ / "out" / name);
  }
}

TEST_F(StudyVerb, MergedShardsAreTheStudyInOneGo) {
  const std::string file = study(kFactors,
                                 "min = 2\nmax = 5\nuntil = { metric = "
                                 "\"offline.loss\", half_width = \"1%\" }");
  ASSERT_EQ(gpreempt(fmt::format("study '{}' --quiet --out '{}'", file, out("whole"))).exit_code,
            0);
  for (const char* shard : {"1", "2", "3"}) {
    ASSERT_EQ(
        gpreempt(fmt::format("study '{}' --quiet --shard {}/3 --out '{}'", file, shard, out(shard)))
            .exit_code,
        0);
  }
  const Finished missing = gpreempt(
      fmt::format("study --merge '{}' '{}' --out '{}'", out("1"), out("3"), out("merged")));
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_NE(missing.err.find("shard 2/3 is missing"), std::string::npos) << missing.err;
  const Finished merged = gpreempt(fmt::format("study --merge '{}' '{}' '{}' --out '{}'", out("3"),
                                               out("1"), out("2"), out("merged")));
  ASSERT_EQ(merged.exit_code, 0) << merged.err;
  expect_same_files("whole", "merged");
}

TEST_F(StudyVerb, AJournalOfAnotherStudyIsRefusedWithTheReason) {
  ASSERT_EQ(
      gpreempt(fmt::format("study '{}' --quiet --out '{}'", study(kFactors), out("o"))).exit_code,
      0);
  const std::string other = study(kFactors, "max = 3");
  const Finished refused = gpreempt(fmt::format("study '{}' --quiet --out '{}'", other, out("o")));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("it is of another study file"), std::string::npos) << refused.err;
  const Finished fresh =
      gpreempt(fmt::format("study '{}' --quiet --fresh --out '{}'", other, out("o")));
  EXPECT_EQ(fresh.exit_code, 0) << fresh.err;
  const Finished quick =
      gpreempt(fmt::format("study '{}' --quiet --quick --out '{}'", other, out("o")));
  EXPECT_NE(quick.err.find("it was made without --quick"), std::string::npos) << quick.err;
}

TEST_F(StudyVerb, ABadLevelIsRefusedAtItsPlaceInTheStudy) {
  const std::string bad = study("\"offline.train.priority\" = [2, 99]");
  const Finished value = gpreempt(fmt::format("study '{}'", bad));
  EXPECT_EQ(value.exit_code, 2);
  EXPECT_NE(value.err.find("study.toml:9:32: key 'offline.0.priority'"), std::string::npos)
      << value.err;
  const Finished name = gpreempt(
      fmt::format("study '{}'", study("\"scheduler.policy\" = [\"suspend\", \"suspnd\"]")));
  EXPECT_EQ(name.exit_code, 2);
  EXPECT_NE(name.err.find("study.toml:9:"), std::string::npos) << name.err;
  EXPECT_NE(name.err.find("did you mean 'suspend'?"), std::string::npos) << name.err;
}

TEST_F(StudyVerb, ACombinationThatIsRefusedIsARowAndTheStudyGoesOn) {
  // Four times the rate alone is stable, and so is a longer request alone; not both.
  const Finished finished =
      gpreempt(fmt::format("study '{}' --quiet --out '{}'",
                           study("\"online.serve.arrivals.rate\" = [\"20/s\", \"80/s\"]\n"
                                 "\"online.serve.request.mean\" = [\"10ms\", \"20ms\"]"),
                           out("o")));
  EXPECT_EQ(finished.exit_code, 1) << finished.err;
  EXPECT_NE(finished.out.find("2 runs failed"), std::string::npos) << finished.out;
  const auto lines = csv_lines(folder_ / "o" / "runs.csv");
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_NE(lines.back().find("grows without bound"), std::string::npos) << lines.back();
}

TEST_F(StudyVerb, ATraceThatNobodyUsesIsRefusedBeforeAnyRun) {
  const std::string trace = write_file(folder_ / "trace.csv", "TIMESTAMP\n");
  const Finished finished =
      gpreempt(fmt::format("study '{}' --trace '{}' --out '{}'", study(kFactors), trace, out("o")));
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("has no tenant with arrivals of kind \"trace\""), std::string::npos)
      << finished.err;
  EXPECT_FALSE(fs::exists(folder_ / "o"));
}

TEST_F(StudyVerb, WithoutATerminalTheLastLineSaysHowManyRunsItTook) {
  const Finished finished = gpreempt(fmt::format("study '{}'", study(kFactors)));
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_NE(finished.err.find("gpreempt: study s: done, 16 runs, "), std::string::npos)
      << finished.err;
}

TEST_F(StudyVerb, AMetricThatIsNoneIsRefusedWithTheNearest) {
  const std::string file = write_file(
      folder_ / "m.toml",
      "schema = 1\nname = \"s\"\nscenario = \"small.toml\"\nmetrics = [\"online.latency_ns.p98\"]\n"
      "[design]\nkind = \"grid\"\n[design.factors]\n\"run.duration\" = [\"2s\"]\n");
  const Finished finished = gpreempt(fmt::format("study '{}'", file));
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_NE(finished.err.find("m.toml:4:11: metric 'online.latency_ns.p98'"), std::string::npos)
      << finished.err;
  EXPECT_NE(finished.err.find("'online.latency_ns.p9"), std::string::npos);
}

TEST(RunSet, AnOverrideIsTheSameAsTheScenariosOwnValue) {
  const fs::path folder = fresh_folder();
  const std::string slow = write_file(folder / "slow.toml", small_scenario("20/s"));
  const std::string fast = write_file(folder / "fast.toml", small_scenario("40/s"));
  const Finished set = gpreempt(
      fmt::format("run '{}' --quiet --format json --set online.serve.arrivals.rate=40/s", slow));
  const Finished own = gpreempt(fmt::format("run '{}' --quiet --format json", fast));
  ASSERT_EQ(set.exit_code, 0) << set.err;
  EXPECT_EQ(testing::without_wall_time(set.out), testing::without_wall_time(own.out));
}

TEST(RunSet, ABadOverrideIsRefusedInItsOwnWords) {
  const Finished unknown = gpreempt("run --set run.durations=1s");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_NE(unknown.err.find("--set run.durations=1s: key 'run.durations': unknown; did you mean "
                             "'duration'?"),
            std::string::npos)
      << unknown.err;
  const Finished model = gpreempt("run --set model.cost.t_hqi=1us");
  EXPECT_EQ(model.exit_code, 2);
  EXPECT_NE(model.err.find("did you mean 't_hiq'?"), std::string::npos) << model.err;
  EXPECT_EQ(gpreempt("run --set nonsense").exit_code, 2);
}

}  // namespace
}  // namespace gpreempt::cli
