// Goal: ranks wait for each other at collectives, and only there. Method: GPUs on which nothing
// costs time but kernels; ranks are stopped and let go at chosen instants, and when the job ends is
// counted tick by tick by a few lines that know nothing of GPUs, or by hand.
#include "backends/sim/gang.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/sim/system.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Pause {
  std::uint32_t rank = 0;
  Duration from{};
  Duration to{};
};

/// A job of `steps` times `kernels` kernels and a collective.
struct Job {
  std::uint32_t ranks = 2;
  std::uint32_t steps = 4;
  std::uint32_t kernels = 3;
  Duration kernel = milliseconds(1);
  Duration collective = microseconds(500);
  Duration timeout = Duration::max();
  bool one_process = false;
};

constexpr std::uint32_t kRoom = 4;  // workgroups of a collective

std::vector<Program> programs_of(const Job& job) {
  const KernelTrain work = {
      {.count = job.steps * job.kernels, .duration = job.kernel, .shape = small_workgroups(kFull)}};
  Program program{.name = "job"};
  program.trains = {with_collectives(
      work, {.every = job.kernels, .duration = job.collective, .shape = small_workgroups(kRoom)})};
  program.arrivals = {{.at = Duration::zero()}};
  program.gang = GangPlace{.gang = 1, .rank = 0, .ranks = job.ranks, .timeout = job.timeout};
  std::vector<Program> programs;
  for (std::uint32_t rank = 0; rank < job.ranks; ++rank) {
    if (job.one_process && rank > 0) {
      programs.front().more_gpus.push_back(rank);
    } else {
      Program& each = programs.emplace_back(program);
      each.gpu = rank;
      each.gang->rank = rank;
    }
  }
  return programs;
}

/// The job on a machine of its own, and what became of it.
class Machine {
 public:
  explicit Machine(const Job& job, bool skip_ahead = true)
      : system_(timeline_, options(job.ranks, skip_ahead)) {
    for (const Program& program : programs_of(job)) {
      pids_.push_back(system_.launch(program).value());
    }
  }

  void run(const std::vector<Pause>& pauses, Duration until) {
    begin_ = system_.start();
    for (const Pause& pause : pauses) {
      timeline_.at(begin_ + pause.from, [this, pause] { set_on(pause.rank, false); });
      timeline_.at(begin_ + pause.to, [this, pause] { set_on(pause.rank, true); });
    }
    timeline_.run_until(begin_ + until);
  }
  /// From its arrival, as each process has it.
  [[nodiscard]] std::vector<Duration> ends() const {
    std::vector<Duration> ends;
    for (const Pid pid : pids_) {
      const Instant end = system_.requests(pid).front().end;
      ends.push_back(end == kForever ? Duration::max() : end - begin_);
    }
    return ends;
  }
  [[nodiscard]] ProgramProgress progress(std::size_t process) const {
    return system_.progress(pids_.at(process));
  }
  [[nodiscard]] bool exited(std::size_t process) const { return system_.exited(pids_.at(process)); }
  [[nodiscard]] std::uint64_t events() const { return timeline_.fired(); }

 private:
  static SystemOptions options(std::uint32_t gpus, bool skip_ahead) {
    SystemOptions options = free_system();
    options.gpus = gpus;
    options.skip_ahead = skip_ahead;
    return options;
  }
  /// Takes the rank off its GPU, or gives it back, in no time.
  void set_on(std::uint32_t rank, bool on) {
    constexpr std::array<QueueIndex, 1> kQueue{0};
    WaveDispatcher& waves = system_.gpu(rank).waves();
    if (on) {
      waves.enable(kQueue.front());
    } else {
      waves.disable(kQueue);
      static_cast<void>(waves.freeze(kQueue));
      waves.vacate(kQueue);
    }
  }

  PlainTimeline timeline_;
  System system_;
  std::vector<Pid> pids_;
  Instant begin_;
};

/// When the job ends: tick by tick, a rank that is on works off its kernels, and a collective goes
/// on while all are at it and on.
Duration oracle(const Job& job, const std::vector<Pause>& pauses) {
  constexpr Duration kTick = microseconds(1);
  Duration now{};
  const auto is_on = [&](std::uint32_t rank) {
    return std::ranges::none_of(pauses, [&](const Pause& pause) {
      return pause.rank == rank && pause.from <= now && now < pause.to;
    });
  };
  for (std::uint32_t step = 0; step < job.steps; ++step) {
    std::vector<Duration> left(job.ranks, job.kernels * job.kernel);
    for (Duration meeting = job.collective; meeting > Duration::zero(); now += kTick) {
      bool all_there = true;
      for (std::uint32_t rank = 0; rank < job.ranks; ++rank) {
        all_there = all_there && is_on(rank) && left[rank] == Duration::zero();
      }
      meeting -= all_there ? kTick : Duration::zero();
      for (std::uint32_t rank = 0; rank < job.ranks; ++rank) {
        if (is_on(rank) && left[rank] > Duration::zero()) {
          left[rank] -= kTick;
        }
      }
    }
  }
  return now;
}

constexpr Duration kAlone = milliseconds(14);  // 4 steps of 3 x 1 ms and 0.5 ms

TEST(Gang, UndisturbedTakesItsKernelsAndItsCollectives) {
  Machine machine({});
  machine.run({}, seconds(1));
  EXPECT_EQ(machine.ends(), std::vector<Duration>(2, kAlone));
  EXPECT_EQ(machine.progress(0).work, kAlone);
  EXPECT_EQ(machine.progress(0).kernels, 16U);  // 12 and 4 collectives
  EXPECT_EQ(machine.progress(0).collective_wait, Duration::zero());
}

TEST(Gang, IsLateByExactlyThePauseOfOneRankWhereverItFalls) {
  for (Duration from{}; from < kAlone; from += microseconds(250)) {
    Machine machine({.ranks = 3});
    machine.run({{.rank = 1, .from = from, .to = from + milliseconds(7)}}, seconds(1));
    EXPECT_EQ(machine.ends(), std::vector<Duration>(3, kAlone + milliseconds(7))) << to_ns(from);
  }
}

TEST(Gang, OtherRanksWaitInACollectiveOnTheirGpus) {
  Machine machine({});
  // In the first kernel of rank 0. Rank 1 comes to the collective at 3 ms, rank 0 at 10 ms.
  machine.run({{.rank = 0, .from = microseconds(200), .to = microseconds(7200)}}, seconds(1));
  EXPECT_EQ(machine.progress(1).collective_wait, milliseconds(7));
  EXPECT_EQ(machine.progress(0).collective_wait, Duration::zero());
  EXPECT_EQ(machine.progress(0).work, kAlone);
  EXPECT_EQ(machine.progress(1).work, kAlone);
}

TEST(Gang, PausesBetweenTheSameTwoCollectivesCostTheLongestOnly) {
  Machine machine({.ranks = 3});
  machine.run({{.rank = 0, .from = microseconds(100), .to = microseconds(900)},
               {.rank = 1, .from = microseconds(1200), .to = microseconds(2500)},
               {.rank = 2, .from = microseconds(300), .to = microseconds(1300)}},
              seconds(1));
  EXPECT_EQ(machine.ends().front(), kAlone + microseconds(1300));
}

TEST(Gang, PausesOnBothSidesOfACollectiveAddUp) {
  Machine machine({});
  machine.run({{.rank = 0, .from = microseconds(1000), .to = microseconds(1800)},
               {.rank = 1, .from = microseconds(5000), .to = microseconds(6300)}},
              seconds(1));
  EXPECT_EQ(machine.ends().front(), kAlone + microseconds(800 + 1300));
}

TEST(Gang, OfOneProcessOnSeveralGpusIsTheSame) {
  Job job{.ranks = 3};
  job.one_process = true;
  Machine machine(job);
  machine.run({{.rank = 2, .from = microseconds(4100), .to = microseconds(4800)}}, seconds(1));
  EXPECT_EQ(machine.ends(), std::vector<Duration>{kAlone + microseconds(700)});
  EXPECT_EQ(machine.progress(0).work, 3 * kAlone);
  EXPECT_EQ(machine.progress(0).collective_wait, 2 * microseconds(700));
}

TEST(Gang, TimesOutWhenACollectiveWaitsTooLongAndEndsEveryProcess) {
  Job job;
  job.timeout = milliseconds(20);
  Machine in_time(job);
  // Rank 1 is at the first collective from 3 ms on, which completes within the limit.
  in_time.run({{.rank = 0, .from = milliseconds(1), .to = microseconds(20'499)}}, seconds(1));
  EXPECT_FALSE(in_time.progress(0).aborted);
  EXPECT_EQ(in_time.ends().front(), kAlone + microseconds(19'499));

  Machine late(job);
  late.run({{.rank = 0, .from = milliseconds(1), .to = microseconds(20'501)}},
           microseconds(22'999));
  EXPECT_FALSE(late.exited(0));
  Machine aborted(job);
  aborted.run({{.rank = 0, .from = milliseconds(1), .to = microseconds(20'501)}},
              microseconds(23'001));
  EXPECT_TRUE(aborted.progress(0).aborted);
  EXPECT_TRUE(aborted.exited(0));
  EXPECT_TRUE(aborted.exited(1));
  EXPECT_EQ(aborted.ends().front(), Duration::max());
}

TEST(Gang, WithoutARankWaitsForIt) {
  PlainTimeline timeline;
  SystemOptions options = free_system();
  options.gpus = 2;
  System system(timeline, options);
  const Pid pid = system.launch(programs_of({}).front()).value();
  system.start();
  timeline.run_until(Instant{} + seconds(1));
  EXPECT_EQ(system.requests(pid).front().end, kForever);
  EXPECT_EQ(system.progress(pid).work, milliseconds(3));
}

TEST(Gang, InStepTakesNoEventsForItsCollectives) {
  Machine few({.steps = 10});
  few.run({}, seconds(10));
  Machine many({.steps = 1000});
  many.run({}, seconds(10));
  EXPECT_EQ(many.ends().front(), 1000 * (milliseconds(3) + microseconds(500)));
  EXPECT_EQ(many.events(), few.events());
}

TEST(Gang, IsRefusedACollectiveThatCannotBeOnAGpuAtOnce) {
  PlainTimeline timeline;
  SystemOptions options = free_system();
  System system(timeline, options);
  Program program = programs_of({.ranks = 1}).front();
  program.trains.front().at(1).shape = small_workgroups(kFull + 1);
  const Result<Pid> launched = system.launch(program);
  ASSERT_FALSE(launched);
  EXPECT_NE(launched.error().what.find("wait for itself"), std::string::npos);
}

RC_GTEST_PROP(GangProperty, EndsWhenTheOracleSaysWithAndWithoutSkippingAhead, ()) {
  Job job;
  job.ranks = *rc::gen::inRange(1U, 5U);
  job.steps = *rc::gen::inRange(1U, 5U);
  job.kernels = *rc::gen::inRange(1U, 4U);
  job.kernel = microseconds(*rc::gen::inRange(1, 40));
  job.collective = microseconds(*rc::gen::inRange(1, 30));
  std::vector<Pause> pauses;
  for (std::uint32_t rank = 0; rank < job.ranks; ++rank) {
    Duration at{};
    const int count = *rc::gen::inRange(0, 4);
    for (int i = 0; i < count; ++i) {
      const Duration from = at + microseconds(*rc::gen::inRange(1, 120));
      at = from + microseconds(*rc::gen::inRange(1, 90));
      pauses.push_back({.rank = rank, .from = from, .to = at});
    }
  }
  const Duration expected = oracle(job, pauses);
  Machine skipping(job);
  skipping.run(pauses, seconds(1));
  Machine stepping(job, false);
  stepping.run(pauses, seconds(1));
  RC_ASSERT(skipping.ends() == std::vector<Duration>(job.ranks, expected));
  RC_ASSERT(stepping.ends() == skipping.ends());
  for (std::size_t rank = 0; rank < job.ranks; ++rank) {
    RC_ASSERT(skipping.progress(rank).work == stepping.progress(rank).work);
    RC_ASSERT(skipping.progress(rank).kernels == stepping.progress(rank).kernels);
    RC_ASSERT(skipping.progress(rank).collective_wait == stepping.progress(rank).collective_wait);
  }
}

}  // namespace
}  // namespace gpreempt::sim
