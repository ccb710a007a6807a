// Goal: every event in every state of a queue has the documented answer.
// Method: one Offline queue is brought to each state, then each event comes; the table says what
// the scheduler asks for at once and what after the request in flight has ended.

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>

#include "core/event.h"
#include "core/ids.h"
#include "core/scheduler.h"
#include "tests/unit/core/scheduler_rig.h"

namespace gpreempt {
namespace {

enum class State { kRunning, kSuspending, kSuspended, kResuming };
enum class Asked { kNothing, kSuspend, kResume };

std::ostream& operator<<(std::ostream& out, Asked asked) {
  switch (asked) {
    case Asked::kNothing: return out << "nothing";
    case Asked::kSuspend: return out << "suspend";
    case Asked::kResume: return out << "resume";
  }
  return out;
}

constexpr Asked kNone = Asked::kNothing;
constexpr Asked kOff = Asked::kSuspend;
constexpr Asked kOn = Asked::kResume;

/// What is asked for at the event, and after the request in flight (if any) has ended well.
struct Answer {
  Asked now = kNone;
  Asked later = kNone;
};

using Feed = void (*)(SchedulerRig&);

struct Row {
  std::string_view event;
  Feed feed;
  Answer running;
  Answer suspending;
  Answer suspended;
  Answer resuming;
};

ControlDone stray(SchedulerRig& rig, ControlKind kind) {
  return {.request = RequestId(99),
          .target = kOffline,
          .kind = kind,
          .issued = rig.now,
          .done = rig.now,
          .outcomes = {},
          .error = {}};
}

constexpr Row kRows[] = {
    {"Busy", [](SchedulerRig& r) { r.busy(); }, {kOff, kNone}, {}, {}, {kNone, kOff}},
    {"Idle", [](SchedulerRig& r) { r.idle(); }, {}, {kNone, kOn}, {kOn, kNone}, {}},
    {"LeaseExpired",
     [](SchedulerRig& r) { r.feed(LeaseExpired{kOffline, {QueueId(1)}}); },
     {},
     {kNone, kOff},
     {kOff, kNone},
     {}},
    {"QueueGone", [](SchedulerRig& r) { r.feed(QueueGone{kOffline, QueueId(1)}); }, {}, {}, {}, {}},
    {"QueueBorn",
     [](SchedulerRig& r) { r.born(2, kOffline); },
     {},
     {kNone, kOff},
     {kOff, kNone},
     {}},
    {"QueueBornElsewhere",
     [](SchedulerRig& r) { r.born(2, kOffline, kGpuB); },
     {},
     {kNone, kOff},
     {kOff, kNone},
     {}},
    {"TargetExited", [](SchedulerRig& r) { r.feed(TargetExited{kOffline}); }, {}, {}, {}, {}},
    {"DetachDone", [](SchedulerRig& r) { r.feed(DetachDone{kOffline}); }, {}, {}, {}, {}},
    {"OnlineExited",
     [](SchedulerRig& r) { r.feed(TargetExited{kOnline}); },
     {},
     {kNone, kOn},
     {kOn, kNone},
     {}},
    {"StrayControlDone",
     [](SchedulerRig& r) { r.feed(stray(r, ControlKind::kPriority)); },
     {},
     {},
     {},
     {}},
    {"Deadline", [](SchedulerRig& r) { r.feed_nothing(); }, {}, {}, {}, {}},
    {"Exception", [](SchedulerRig& r) { r.feed(ExceptionRaised{kOffline, 1}); }, {}, {}, {}, {}},
    {"InspectDone",
     [](SchedulerRig& r) { r.feed(InspectDone{RequestId(3), "", {}}); },
     {},
     {},
     {},
     {}},
    {"UnknownTarget",
     [](SchedulerRig& r) { r.feed(LeaseExpired{TargetId(77), {QueueId(1)}}); },
     {},
     {},
     {},
     {}},
    {"UnknownQueue",
     [](SchedulerRig& r) { r.feed(QueueGone{kOffline, QueueId(77)}); },
     {},
     {},
     {},
     {}},
    {"ShutDown", [](SchedulerRig& r) { r.shut_down(); }, {}, {kNone, kOn}, {kOn, kNone}, {}},
};

void bring_to(SchedulerRig& rig, State state) {
  rig.small_world();
  if (state == State::kRunning) {
    return;
  }
  rig.busy();
  if (state == State::kSuspending) {
    return;
  }
  rig.complete(kOffline);
  if (state == State::kResuming) {
    rig.idle();
  }
}

Asked asked(const Actions& out) {
  EXPECT_LE(out.items.size(), 1U);
  if (out.items.empty()) {
    return Asked::kNothing;
  }
  return out.items[0].kind == ControlKind::kSuspend ? Asked::kSuspend : Asked::kResume;
}

const Answer& answer(const Row& row, State state) {
  switch (state) {
    case State::kRunning: return row.running;
    case State::kSuspending: return row.suspending;
    case State::kSuspended: return row.suspended;
    case State::kResuming: return row.resuming;
  }
  return row.running;
}

class SchedulerStateTest : public testing::TestWithParam<Row> {
 protected:
  void answers_in(State state) {
    SchedulerRig rig;
    bring_to(rig, state);
    const bool was_in_flight = rig.in_flight(kOffline);
    GetParam().feed(rig);
    EXPECT_EQ(asked(rig.out), answer(GetParam(), state).now);
    if (was_in_flight) {
      rig.complete(kOffline);
      EXPECT_EQ(asked(rig.out), answer(GetParam(), state).later);
    }
    comes_to_rest(rig);
  }

 private:
  static void comes_to_rest(SchedulerRig& rig) {
    rig.idle();
    for (int i = 0; i < 5 && rig.in_flight(kOffline); ++i) {
      rig.complete(kOffline);
    }
    EXPECT_TRUE(rig.scheduler.quiescent());
  }
};

TEST_P(SchedulerStateTest, AnswersWhileRunning) { answers_in(State::kRunning); }
TEST_P(SchedulerStateTest, AnswersWhileSuspending) { answers_in(State::kSuspending); }
TEST_P(SchedulerStateTest, AnswersWhileSuspended) { answers_in(State::kSuspended); }
TEST_P(SchedulerStateTest, AnswersWhileResuming) { answers_in(State::kResuming); }

INSTANTIATE_TEST_SUITE_P(Events, SchedulerStateTest, testing::ValuesIn(kRows),
                         [](const testing::TestParamInfo<Row>& row) {
                           return std::string(row.param.event);
                         });

}  // namespace
}  // namespace gpreempt
