// Goal: the dumps that an experiment kept, judged later without a driver, say what the experiment
// said.
// Method: each experiment runs on the modelled driver; what it kept is written into a folder and
// judged. Expected are the verdicts of the run itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"
#include "tests/experiments/dump_folder.h"
#include "tests/experiments/worlds.h"

namespace gpreempt::experiments {
namespace {

namespace fs = std::filesystem;
using testing::find;
using testing::Kind;
using testing::setting_of;

class KeptDumpsTest : public testing::DumpFolder {
 protected:
  /// Runs it, with what it keeps written down.
  std::vector<Verdict> run_and_keep(std::string_view experiment, Kind kind = Kind::kVkfd) {
    Setting setting = setting_of(kind);
    setting.keep = [&](SavedFile file) {
      write(file.name, file.text);
      ++kept_;
    };
    return testing::run(experiment, setting);
  }
  [[nodiscard]] Result<std::vector<Verdict>> judge(const std::string& experiment) const {
    const Result<const Experiment*> found = find_experiment(experiment);
    return found ? judge_saved(**found, folder() / experiment)
                 : tl::unexpected<Error>(found.error());
  }
  [[nodiscard]] std::vector<Verdict> judged(const std::string& experiment) const {
    const Result<std::vector<Verdict>> verdicts = judge(experiment);
    EXPECT_TRUE(verdicts) << verdicts.error().what;
    return verdicts.value_or(std::vector<Verdict>{});
  }
  [[nodiscard]] std::string error(const std::string& experiment) const {
    const Result<std::vector<Verdict>> verdicts = judge(experiment);
    return verdicts ? "" : verdicts.error().what;
  }
  static void expect_equal(const Verdict& again, const Verdict& before) {
    EXPECT_EQ(again.answer, before.answer) << again.name;
    EXPECT_EQ(again.value, before.value) << again.name;
    EXPECT_EQ(again.expected, before.expected) << again.name;
    EXPECT_EQ(again.numbers, before.numbers) << again.name;
    EXPECT_EQ(again.backend, "files");
  }
  /// Without those that dumps cannot answer; their number.
  std::size_t expect_same(const std::string& experiment, const std::vector<Verdict>& before) {
    std::size_t answered = 0;
    for (const Verdict& again : judged(experiment)) {
      if (again.answer != Answer::kUnavailable && again.name != "lifecycle/gone-after-exit") {
        expect_equal(again, find(before, again.name));
        ++answered;
      }
    }
    return answered;
  }

  std::size_t kept_ = 0;
};

TEST_F(KeptDumpsTest, QueueIdsAreJudgedAsInTheRun) {
  const std::vector<Verdict> before = run_and_keep("queue-ids");
  // All but what happens between the first work and the exit.
  EXPECT_EQ(expect_same("queue-ids", before), before.size() - 1);
  EXPECT_EQ(find(judged("queue-ids"), "queue-ids/same-in-every-run/b").facts.at(0).second,
            "{0,3,4,5,6}");
  // Five runs of two models with three looks, three of both with four; two files a look, a pid for
  // each process.
  EXPECT_EQ(kept_, (2 * 5 * 3 + 3 * 4) * 2U + 2 * 5 + 3 * 2);
}

TEST_F(KeptDumpsTest, LifeIsJudgedAsInTheRun) {
  const std::vector<Verdict> before = run_and_keep("lifecycle");
  EXPECT_EQ(expect_same("lifecycle", before), 4U);
  const std::vector<Verdict> again = judged("lifecycle");
  EXPECT_EQ(find(again, "lifecycle/timeline").facts, find(before, "lifecycle/timeline").facts);
  EXPECT_EQ(find(again, "lifecycle/identified").answer, Answer::kUnavailable);
  EXPECT_EQ(find(again, "lifecycle/gone-after-exit").answer, Answer::kYes);
  EXPECT_EQ(find(again, "lifecycle/gone-after-exit").value, Quantity("0 left"));
}

TEST_F(KeptDumpsTest, PrioritiesAreReadAsInTheRun) {
  const std::vector<Verdict> before = run_and_keep("priority");
  // Four priorities, in descriptors and in slots.
  EXPECT_EQ(expect_same("priority", before), 8U);
  EXPECT_EQ(find(judged("priority"), "priority/preempts").answer, Answer::kUnavailable);
}

TEST_F(KeptDumpsTest, WorldWithoutDumpsKeepsNoneAndSaysSo) {
  const Verdict strategy = find(run_and_keep("queue-ids", Kind::kSim), "queue-ids/strategy");
  EXPECT_FALSE(fs::exists(folder() / "queue-ids" / "model_a_run_1" / "mqd_during.txt"));
  EXPECT_EQ(strategy.facts.back().first, "dumps are not saved");
}

TEST_F(KeptDumpsTest, DescriptorThatOutlivesItsProcessIsSeen) {
  run_and_keep("lifecycle");
  const fs::path run = folder() / "lifecycle" / "model_lively_run_1";
  for (const char* const kind : {"mqd", "hqd"}) {
    fs::copy_file(run / (std::string(kind) + "_during_02_T+100ms.txt"),
                  run / (std::string(kind) + "_after_13_T+2s.txt"));
  }
  const std::vector<Verdict> again = judged("lifecycle");
  EXPECT_EQ(find(again, "lifecycle/timeline").answer, Answer::kNo);
  // Five compute queues and two for SDMA.
  EXPECT_EQ(find(again, "lifecycle/gone-after-exit").value, Quantity("7 left"));
  EXPECT_EQ(find(again, "lifecycle/timeline").facts.back().first, "T+2 s");
}

TEST_F(KeptDumpsTest, RunsOfOneFolderAreToldApartByTheirNames) {
  run_and_keep("lifecycle");
  const fs::path runs = folder() / "lifecycle";
  fs::copy(runs / "model_lively_run_1", runs / "model_lively_run_2");
  EXPECT_EQ(find(judged("lifecycle"), "lifecycle/timeline/model_lively_run_2").answer,
            Answer::kYes);
}

TEST_F(KeptDumpsTest, LifeWithoutHardwareSlotsIsJudgedByTheRest) {
  run_and_keep("lifecycle");
  const fs::path run = folder() / "lifecycle" / "model_lively_run_1";
  std::vector<fs::path> slots;
  for (const fs::directory_entry& file : fs::directory_iterator(run)) {
    if (file.path().filename().string().starts_with("hqd")) {
      slots.push_back(file.path());
    }
  }
  std::ranges::sort(slots);
  fs::remove(slots.back());  // of ten during its life
  EXPECT_NE(error("lifecycle").find("save both at each look"), std::string::npos);
  for (const fs::path& file : slots) {
    fs::remove(file);
  }
  const std::vector<Verdict> again = judged("lifecycle");
  EXPECT_EQ(find(again, "lifecycle/count-is-stable").answer, Answer::kMet);
  EXPECT_EQ(find(again, "lifecycle/one-slot-per-xcc").answer, Answer::kUnavailable);
}

TEST_F(KeptDumpsTest, BadFoldersAreRefusedWithTheFileAndWhatToDo) {
  fs::create_directories(folder() / "lifecycle");
  fs::create_directories(folder() / "priority");
  EXPECT_NE(error("lifecycle").find("no folder model_NAME_run_N"), std::string::npos);
  EXPECT_NE(error("priority").find("model_NAME_priority.txt"), std::string::npos);
  write("lifecycle/model_a_run_1/mqd_before.txt", "");
  EXPECT_NE(error("lifecycle").find("no file has 'mqd' and 'during'"), std::string::npos);
  write("lifecycle/model_a_run_1/mqd_during.txt", "Queue ID: 5\n");
  EXPECT_NE(error("lifecycle").find("mqd_during.txt:1:1: reading mqds"), std::string::npos);
  write("priority/model_a_run_1/model_a_priority.txt", "high\n");
  EXPECT_NE(error("priority").find("model_a_priority.txt:1:1: reading a priority: 'high' is none"),
            std::string::npos);
  write("priority/model_a_run_1/model_a_priority.txt", "7\n");
  EXPECT_NE(error("priority").find("no file has 'mqd' and 'during'"), std::string::npos);
}

TEST_F(KeptDumpsTest, ExperimentThatDumpsDoNotAnswerNamesThoseTheyDo) {
  EXPECT_NE(error("doorbell").find("queue-ids, priority, lifecycle"), std::string::npos)
      << error("doorbell");
}

}  // namespace
}  // namespace gpreempt::experiments
