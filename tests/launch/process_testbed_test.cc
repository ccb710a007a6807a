// Goal: commands and processes that run are scheduled as programs of a simulation are, and whatever
// becomes of a run, its queues run in the end, what it has started is gone and what it found is as
// it was. Method: the tool's own loop and client on the modelled machine, in virtual time;
// stand-ins run there as children. What they did is the model's account, which the tool does not
// see.
#include "backends/kfd/launch/process_testbed.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/launch/hint_message.h"
#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/os.h"
#include "backends/kfd/target_selector.h"
#include "backends/sim/system.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/sim_os.h"
#include "cli/simulate.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/experiment.h"
#include "experiments/verdict.h"
#include "tests/launch/stand_ins.h"
#include "tests/vkfd/rig.h"
#include "workloads/compile.h"
#include "workloads/scenario.h"

namespace gpreempt::vkfd {
namespace {

using cli::RunRecord;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kRequests = 20;

/// 20 requests of 600 us, 100 ms apart, and training that always has work.
Workload serve_and_train() {
  Workload workload;
  Program serve = inference(kRequests, milliseconds(1), 1);
  serve.name = "serve";
  for (std::size_t i = 0; i < serve.arrivals.size(); ++i) {
    serve.arrivals[i].at = milliseconds(20 + 100 * i);
  }
  Program train = training(2);
  train.name = "train";
  workload.programs = {serve, train};
  workload.tenants = {{.name = "serve",
                       .cls = TenantClass::kOnline,
                       .priority = 15,
                       .arrivals = kRequests,
                       .first_program = 0,
                       .gpus = {0}},
                      {.name = "train",
                       .cls = TenantClass::kOffline,
                       .priority = 2,
                       .first_program = 1,
                       .gpus = {0}}};
  workload.duration = seconds(2);
  workload.drain = seconds(1);
  return workload;
}

/// A machine, the tool on it, and stand-ins by the names of the workload's tenants.
class LaunchRig {
 public:
  LaunchRig() : LaunchRig(serve_and_train(), {}, {.work_every = milliseconds(10)}) {}
  LaunchRig(Workload workload, const StandIns::Manners& online, const StandIns::Manners& offline)
      : LaunchRig(vkfd::options(), std::move(workload), online, offline) {}
  LaunchRig(const sim::SystemOptions& machine, Workload workload, const StandIns::Manners& online,
            const StandIns::Manners& offline)
      : rig_(machine), workload_(std::move(workload)), stand_ins_(rig_.machine()) {
    for (const TenantMeta& tenant : workload_.tenants) {
      const bool is_online = tenant.cls == TenantClass::kOnline;
      stand_ins_.install(tenant.name, workload_.programs.at(tenant.first_program),
                         is_online ? online : offline);
      commands_[tenant.name] = {.argv = {"/usr/bin/" + tenant.name, "{hints}"},
                                .existing = {},
                                .processes = tenant.programs,
                                .says_ready = is_online ? online.hints : offline.hints};
    }
  }

  [[nodiscard]] sim::System& system() { return rig_.system(); }
  [[nodiscard]] SimOs& tool() { return rig_.os(); }
  [[nodiscard]] Machine& machine() { return rig_.machine(); }
  [[nodiscard]] StandIns& stand_ins() { return stand_ins_; }
  [[nodiscard]] Workload& workload() { return workload_; }
  [[nodiscard]] kfd::TenantCommand& command(const std::string& tenant) {
    return commands_.at(tenant);
  }
  [[nodiscard]] std::string& said() { return said_; }
  kfd::ProcessTestbedOptions& options() { return options_; }

  [[nodiscard]] Result<RunRecord> run(const std::string& policy, Detection detection = hint()) {
    options_.open = [this] { return kfd::open_plain(tool()); };
    options_.command_of = [this](const Program& program) -> Result<kfd::TenantCommand> {
      return commands_.at(program.name);
    };
    options_.say = [this](std::string_view line) { said_ += std::string(line) + "\n"; };
    auto testbed = kfd::open_process_testbed(tool(), options_);
    if (!testbed) {
      return tl::unexpected<Error>(testbed.error());
    }
    return cli::simulate(**testbed, workload_,
                         {.policy = policy,
                          .scheduler = {.grace = std::nullopt, .lease = seconds(2)},
                          .detection = detection},
                         {});
  }

  static Detection hint() { return {.kind = DetectionKind::kHint, .value = {}}; }
  static Detection poll() { return {.kind = DetectionKind::kPoll, .value = milliseconds(1)}; }

  /// What the model knows of the run that is over.
  void expect_nothing_left() {
    EXPECT_EQ(system().kfd().audit().suspended, 0U);
    EXPECT_TRUE(machine().sockets().empty());
    for (const TenantMeta& tenant : workload_.tenants) {
      for (const Pid pid : stand_ins_.pids(tenant.name)) {
        EXPECT_TRUE(system().exited(pid)) << tenant.name;
      }
    }
  }

 private:
  Rig rig_;
  Workload workload_;
  StandIns stand_ins_;
  std::map<std::string, kfd::TenantCommand> commands_;
  kfd::ProcessTestbedOptions options_;
  std::string said_;
};

std::size_t calls_of(const RunRecord& record, ControlKind kind) {
  std::size_t calls = 0;
  for (const DriverCall& call : record.calls) {
    calls += call.kind == kind ? 1U : 0U;
  }
  return calls;
}

TEST(ProcessTestbed, CommandsAreScheduledByTheirHints) {
  ASSERT_TRUE(run([] {
    LaunchRig rig;
    const auto record = rig.run("suspend");
    ASSERT_TRUE(record) << record.error().what;
    EXPECT_EQ(calls_of(*record, ControlKind::kSuspend), kRequests);
    EXPECT_EQ(calls_of(*record, ControlKind::kResume), kRequests);
    EXPECT_EQ(record->refusals, 0U);
    // What the server said of its requests is what the model saw of them.
    const auto& told = record->tenants.at(0).requests;
    const auto& seen = rig.system().requests(rig.stand_ins().pids("serve").at(0));
    ASSERT_EQ(told.size(), kRequests);
    ASSERT_EQ(seen.size(), kRequests);
    for (std::size_t i = 0; i < told.size(); ++i) {
      EXPECT_EQ(told[i].arrival, seen[i].arrival);
      EXPECT_EQ(told[i].end, seen[i].end);
    }
    EXPECT_EQ(told.front().arrival, record->start + milliseconds(20));
    rig.expect_nothing_left();
  }));
}

TEST(ProcessTestbed, WorkOfAJobIsWhatItSays) {
  ASSERT_TRUE(run([] {
    LaunchRig rig;
    const auto record = rig.run("none");
    ASSERT_TRUE(record) << record.error().what;
    const ProgramProgress told = record->tenants.at(1).at_end;
    const ProgramProgress done = rig.system().progress(rig.stand_ins().pids("train").at(0));
    EXPECT_GT(told.work, seconds(1));
    EXPECT_LE(told.work, done.work);
    EXPECT_GT(told.work, done.work - milliseconds(50));  // it says so every 10 ms
  }));
}

TEST(ProcessTestbed, BystanderTimeOfAServerIsWhatItSays) {
  ASSERT_TRUE(run([] {
    LaunchRig rig(serve_and_train(), {.work_every = milliseconds(1), .tells_bystander = true},
                  {.work_every = milliseconds(10)});
    const auto record = rig.run("suspend");
    ASSERT_TRUE(record) << record.error().what;
    const ProgramProgress told = record->tenants.at(0).at_end;
    EXPECT_TRUE(told.tells_bystander);
    EXPECT_GT(told.bystander, Duration{});
    // Letting go of the job at the end costs the server some more, which nobody is told of.
    EXPECT_LE(told.bystander, rig.system().progress(rig.stand_ins().pids("serve").at(0)).bystander);
    EXPECT_FALSE(record->tenants.at(1).at_end.tells_bystander);
  }));
}

TEST(ProcessTestbed, ExperimentIsToldHowLongABystanderWasOff) {
  ASSERT_TRUE(run([] {
    Rig rig(vkfd::options());
    StandIns stand_ins(rig.machine());
    experiments::Setting setting;
    setting.quick = true;
    setting.open = [&](const experiments::WorldRequest& /*request*/) {
      kfd::ProcessTestbedOptions options;
      options.open = [&] { return kfd::open_plain(rig.os()); };
      options.command_of = [&](const Program& program) -> Result<kfd::TenantCommand> {
        stand_ins.install(program.name, program,
                          {.work_every = milliseconds(1), .tells_bystander = program.heartbeat});
        return kfd::TenantCommand{
            .argv = {"/usr/bin/" + program.name, "{hints}"}, .existing = {}, .says_ready = true};
      };
      return kfd::open_process_testbed(rig.os(), std::move(options));
    };
    const auto* const experiment = experiments::find_experiment("bystander").value();
    const auto verdicts = experiments::run_experiment(*experiment, setting);
    ASSERT_TRUE(verdicts) << verdicts.error().what;
    ASSERT_EQ(verdicts->size(), 2U);
    // A suspend takes every queue of the GPU off, whoever owns it.
    EXPECT_EQ(verdicts->front().name, "bystander/is-preempted");
    EXPECT_EQ(verdicts->front().answer, experiments::Answer::kYes) << verdicts->front().reason;
    EXPECT_EQ(verdicts->back().name, "bystander/grows-with-queues");
    EXPECT_EQ(verdicts->back().answer, experiments::Answer::kYes) << verdicts->back().reason;
  }));
}

TEST(ProcessTestbed, OnlineThatGivesNoHintsIsSeenByItsRings) {
  ASSERT_TRUE(run([] {
    LaunchRig rig(serve_and_train(), {.hints = false}, {.hints = false});
    const auto record = rig.run("suspend", LaunchRig::poll());
    ASSERT_TRUE(record) << record.error().what;
    EXPECT_GT(calls_of(*record, ControlKind::kSuspend), 0U);
    EXPECT_TRUE(record->tenants.at(0).requests.empty());
    // Nobody said what was done: packets were counted, and no time.
    EXPECT_GT(record->tenants.at(1).at_end.kernels, 0U);
    EXPECT_EQ(record->tenants.at(1).at_end.work, Duration{});
    rig.expect_nothing_left();
  }));
}

TEST(ProcessTestbed, ProcessesThatRanBeforeRunOnUnattached) {
  ASSERT_TRUE(run([] {
    LaunchRig rig(serve_and_train(), {.hints = false}, {.hints = false});
    const Pid serve = rig.system().launch(rig.workload().programs[0]).value();
    const Pid train = rig.system().launch(rig.workload().programs[1]).value();
    rig.system().start();
    const auto by_pid = [](Pid pid) {
      return std::vector<kfd::TargetSelector>{
          {.by = kfd::TargetSelector::By::kPid, .pid = pid, .name = {}}};
    };
    rig.command("serve") = {.argv = {}, .existing = by_pid(serve)};
    rig.command("train") = {.argv = {}, .existing = by_pid(train)};
    const auto record = rig.run("suspend", LaunchRig::poll());
    ASSERT_TRUE(record) << record.error().what;
    EXPECT_GT(calls_of(*record, ControlKind::kSuspend), 0U);
    EXPECT_EQ(rig.system().kfd().audit().suspended, 0U);
    EXPECT_FALSE(rig.system().exited(serve));
    EXPECT_FALSE(rig.system().exited(train));
    const auto status = rig.tool().read_file("/proc/" + std::to_string(train.value()) + "/status");
    EXPECT_NE(status.value().find("TracerPid:\t0\n"), std::string::npos);
    const Duration before = rig.system().progress(train).work;
    EXPECT_TRUE(rig.tool().wait({}, rig.tool().now() + milliseconds(10)));
    EXPECT_GT(rig.system().progress(train).work, before);
    EXPECT_TRUE(rig.machine().sockets().empty());
  }));
}

TEST(ProcessTestbed, WorkersOfALauncherAreOneTenant) {
  ASSERT_TRUE(run([] {
    Workload workload = serve_and_train();
    workload.programs.push_back(workload.programs[1]);
    workload.programs.back().gpu = 1;
    workload.tenants[1].programs = 2;
    workload.tenants[1].gpus = {0, 1};
    sim::SystemOptions two = vkfd::options();
    two.gpus = 2;
    LaunchRig rig(two, workload, {}, {.processes = 2});
    const auto record = rig.run("suspend");
    ASSERT_TRUE(record) << record.error().what;
    const auto& ranks = record->tenants.at(1).ranks;
    ASSERT_EQ(ranks.size(), 2U);
    EXPECT_EQ(ranks[0].pid, rig.stand_ins().pids("train").at(0));
    EXPECT_EQ(ranks[1].pid, rig.stand_ins().pids("train").at(1));
    EXPECT_GT(calls_of(*record, ControlKind::kSuspend), 0U);
    rig.expect_nothing_left();
  }));
}

TEST(ProcessTestbed, MoreProcessesThanTheScenarioSaysAreRefusedAndEnded) {
  ASSERT_TRUE(run([] {
    sim::SystemOptions two = vkfd::options();
    two.gpus = 2;
    LaunchRig rig(two, serve_and_train(), {}, {.processes = 2});
    const auto record = rig.run("suspend");
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code, Errc::kInvalidArgument);
    EXPECT_NE(record.error().what.find("bring up tenant 'train'"), std::string::npos);
    rig.expect_nothing_left();
  }));
}

TEST(ProcessTestbed, CommandThatEndsAtOnceIsReportedWithItsExitCode) {
  ASSERT_TRUE(run([] {
    LaunchRig rig;
    rig.command("train") = {.argv = {"exit", "3"}, .existing = {}};
    const auto record = rig.run("suspend");
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code, Errc::kProcessExited);
    EXPECT_NE(record.error().what.find("(`exit 3`: exit code 3)"), std::string::npos)
        << record.error().what;
    rig.expect_nothing_left();
  }));
}

TEST(ProcessTestbed, CommandThatCannotBeExecutedIsRefused) {
  ASSERT_TRUE(run([] {
    LaunchRig rig;
    rig.command("train") = {.argv = {"no-such-program"}, .existing = {}};
    const auto record = rig.run("suspend");
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code, Errc::kInvalidArgument);
    rig.expect_nothing_left();
  }));
}

TEST(ProcessTestbed, CommandThatNeverUsesAGpuIsGivenUpAndEnded) {
  ASSERT_TRUE(run([] {
    LaunchRig rig;
    rig.command("train") = {.argv = {"sleep", "infinity"}, .existing = {}};
    rig.options().ready_patience = seconds(3);
    const auto record = rig.run("suspend");
    ASSERT_FALSE(record);
    EXPECT_EQ(record.error().code, Errc::kTimedOut);
    // The tool's own, and nobody's who would sleep.
    const std::vector<std::string> processes = rig.tool().list_dir("/proc").value();
    for (const std::string& name : processes) {
      EXPECT_NE(rig.tool().read_file("/proc/" + name + "/comm").value_or(""), "sleep\n");
    }
    rig.expect_nothing_left();
  }));
}

TEST(ProcessTestbed, JobThatDiesMeanwhileEndsNothingElse) {
  ASSERT_TRUE(run([] {
    LaunchRig rig;
    const auto looker = SimOs::open(rig.machine());
    const auto killer = looker->spawn("killer", [&] {
      EXPECT_TRUE(looker->wait({}, Instant(seconds(2))));
      const auto pidfd = looker->open_pidfd(rig.stand_ins().pids("train").at(0)).value();
      EXPECT_TRUE(looker->signal(pidfd, SIGKILL));
    });
    const auto record = rig.run("suspend");
    EXPECT_TRUE(looker->join(*killer));
    ASSERT_TRUE(record) << record.error().what;
    EXPECT_EQ(record->tenants.at(0).requests.size(), kRequests);
    EXPECT_EQ(record->tenants.at(0).at_end.requests_completed, kRequests);
    EXPECT_LT(calls_of(*record, ControlKind::kSuspend), kRequests);
    rig.expect_nothing_left();
  }));
}

TEST(ProcessTestbed, InterruptedRunResumesAndEndsWhatItHasStarted) {
  // Before everybody is there, while attaching, and between and in preemptions.
  for (const int at_ms : {1, 500, 1030, 1031, 1532}) {
    SCOPED_TRACE(at_ms);
    ASSERT_TRUE(run([&] {
      LaunchRig rig;
      const auto looker = SimOs::open(rig.machine());
      const auto user = looker->spawn("user", [&] {
        EXPECT_TRUE(looker->wait({}, Instant(milliseconds(at_ms))));
        rig.tool().ask_to_end(SIGINT);
      });
      const auto record = rig.run("suspend");
      EXPECT_TRUE(looker->join(*user));
      ASSERT_FALSE(record);
      EXPECT_EQ(record.error().code, Errc::kInterrupted);
      rig.expect_nothing_left();
    }));
  }
}

// Nobody would ever say that its request is done.
TEST(ProcessTestbed, OnlineThatHangsUpInTheMiddleOfARequestKeepsNobodyOff) {
  ASSERT_TRUE(run([] {
    constexpr std::uint64_t kLast = 3;
    LaunchRig rig(serve_and_train(), {.hangs_up_at = kLast}, {.work_every = milliseconds(10)});
    const auto record = rig.run("suspend");
    ASSERT_TRUE(record) << record.error().what;
    EXPECT_EQ(calls_of(*record, ControlKind::kSuspend), kLast + 1);
    const auto& told = record->tenants.at(0).requests;
    ASSERT_EQ(told.size(), kLast + 1);
    EXPECT_EQ(told.back().end, kForever);
    const DriverCall& last = record->calls.back();
    EXPECT_EQ(last.kind, ControlKind::kResume);
    EXPECT_LT(last.called, told.back().arrival + milliseconds(20));
    rig.expect_nothing_left();
  }));
}

TEST(ProcessTestbed, StrangersHintsAreRefused) {
  ASSERT_TRUE(run([] {
    constexpr std::uint32_t kStranger = 1000;
    LaunchRig rig;
    const auto stranger = SimOs::open(rig.machine(), kStranger);
    std::string answer;
    const auto worker = stranger->spawn("stranger", [&] {
      EXPECT_TRUE(stranger->wait({}, Instant(milliseconds(1100))));
      const std::string path = rig.machine().sockets().begin()->first;
      const auto connection = stranger->connect(path).value();
      std::vector<kfd::WaitFd> fds = {{.fd = connection}};
      EXPECT_TRUE(stranger->wait(fds, stranger->now() + seconds(1)));
      std::vector<std::byte> buffer(kfd::kLongestHint);
      const auto got = stranger->read(connection, buffer).value_or(0);
      for (std::size_t i = 0; i < got; ++i) {
        answer += static_cast<char>(buffer[i]);
      }
    });
    const auto record = rig.run("suspend");
    EXPECT_TRUE(stranger->join(*worker));
    ASSERT_TRUE(record) << record.error().what;
    EXPECT_NE(answer.find("give hints as user 1000"), std::string::npos) << answer;
    EXPECT_EQ(calls_of(*record, ControlKind::kSuspend), kRequests);
  }));
}

}  // namespace
}  // namespace gpreempt::vkfd
