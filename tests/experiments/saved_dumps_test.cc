// Goal: dumps that were saved in the folder layout of the first experiments give the same answer as
// the running driver.
// Method: dumps of mqds are taken from the modelled driver while processes live, and written as
// such folders; the ids are the driver's own rule.
#include "experiments/saved_dumps.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "experiments/experiment.h"
#include "experiments/hardware_view.h"
#include "experiments/programs.h"
#include "experiments/queue_id_rule.h"
#include "experiments/session.h"
#include "experiments/verdict.h"
#include "tests/experiments/dump_folder.h"
#include "tests/experiments/worlds.h"

namespace gpreempt::experiments {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::find;
using testing::Kind;
using testing::setting_of;

class SavedDumpsTest : public testing::DumpFolder {
 protected:
  [[nodiscard]] std::string error() const {
    const Result<QueueIdEvidence> runs = read_saved_runs(folder());
    return runs ? "" : runs.error().what;
  }

  /// Saves mqds with nobody there, with one process of HIP of `streams`, and with two.
  void save_runs() {
    const Result<void> saved =
        in_world(setting_of(Kind::kVkfd), {}, [&](Session& session) { return save(session); });
    ASSERT_TRUE(saved) << saved.error().what;
  }

 private:
  static Result<Pid> start(Session& session, std::uint32_t streams) {
    Program program = idle("model", streams);
    program.runtime = Runtime::kHip;
    return session.run(std::move(program));
  }
  Result<void> snapshot(Session& session, const std::string& file) const {
    GPREEMPT_TRY(session.wait(milliseconds(10)));
    std::string text;
    GPREEMPT_TRY(store(text, inspect(session, InspectView::kMqds)));
    write(file, text);
    return {};
  }
  Result<void> save(Session& session) {
    for (const int run : {1, 2}) {
      const std::string at = "model_a_run_" + std::to_string(run) + "/mqd_";
      GPREEMPT_TRY(snapshot(session, at + "before_1.txt"));
      Pid pid;
      GPREEMPT_TRY(store(pid, start(session, 2)));
      GPREEMPT_TRY(snapshot(session, at + "during_2.txt"));
      session.testbed().exit(pid);
    }
    GPREEMPT_TRY(session.wait(milliseconds(10)));
    Pid a;
    Pid b;
    GPREEMPT_TRY(store(a, start(session, 2)));
    GPREEMPT_TRY(snapshot(session, "concurrent_run_1/mqd_model_a_only_1.txt"));
    GPREEMPT_TRY(store(b, start(session, 4)));
    return snapshot(session, "concurrent_run_1/mqd_both_2.txt");
  }
};

TEST_F(SavedDumpsTest, IdsAreThoseOfTheLowestFreeRule) {
  save_runs();
  const Result<QueueIdEvidence> runs = read_saved_runs(folder());
  ASSERT_TRUE(runs) << runs.error().what;
  ASSERT_EQ(runs->alone.size(), 1U);
  ASSERT_EQ(runs->alone.front().runs.size(), 2U);
  // The runtime's own queue and two SDMA queues come first; then one for each stream.
  const std::vector<std::uint32_t> a = {0, 3, 4};
  const std::vector<std::uint32_t> b = {0, 3, 4, 5, 6};
  EXPECT_EQ(compute_ids(runs->alone.front().runs[0]), a);
  EXPECT_EQ(compute_ids(runs->alone.front().runs[1]), a);
  ASSERT_EQ(runs->concurrent.size(), 1U);
  EXPECT_EQ(compute_ids(runs->concurrent.front().first), a);
  EXPECT_EQ(compute_ids(runs->concurrent.front().second), b);
}

TEST_F(SavedDumpsTest, AnswerIsAssumedBecauseIdsAreInferred) {
  save_runs();
  const Result<const Experiment*> experiment = find_experiment("queue-ids");
  ASSERT_TRUE(experiment);
  const Result<std::vector<Verdict>> verdicts = judge_saved(**experiment, folder());
  ASSERT_TRUE(verdicts) << verdicts.error().what;
  const Verdict strategy = find(*verdicts, "queue-ids/strategy");
  EXPECT_EQ(strategy.value, Quantity("discover by pid"));
  EXPECT_EQ(strategy.basis, Basis::kAssumed);
  EXPECT_EQ(strategy.backend, "files");
  EXPECT_EQ(find(*verdicts, "queue-ids/internal-queue").value, Quantity("0"));
}

TEST_F(SavedDumpsTest, PidFileNamesTheProcess) {
  save_runs();
  write("model_a_run_1/model_a_pid.txt", "99999\n");
  EXPECT_NE(error().find("no process 99999"), std::string::npos) << error();
  write("model_a_run_1/model_a_pid.txt", "twelve\n");
  EXPECT_NE(error().find("model_a_pid.txt:1:1: reading a pid"), std::string::npos) << error();
}

TEST_F(SavedDumpsTest, FolderWithoutRunsIsRefused) {
  EXPECT_NE(error().find("name the folder that holds model_a_run_1"), std::string::npos) << error();
  write("readme.txt", "");
  EXPECT_NE(error().find("no folder model_NAME_run_N"), std::string::npos) << error();
  write("model_a_run_1/notes.txt", "");
  EXPECT_NE(error().find("no file has 'mqd' and 'during'"), std::string::npos) << error();
}

TEST_F(SavedDumpsTest, DumpWithNobodyInItNamesNoModel) {
  write("model_a_run_1/mqd_during_1.txt", "");
  EXPECT_NE(error().find("0 processes could be model a"), std::string::npos) << error();
}

TEST_F(SavedDumpsTest, TextThatIsNoDumpIsRefusedByLine) {
  write("model_a_run_1/mqd_during_1.txt", "Queue ID: 5\n");
  EXPECT_NE(error().find("mqd_during_1.txt:1:1: reading mqds"), std::string::npos) << error();
}

}  // namespace
}  // namespace gpreempt::experiments
