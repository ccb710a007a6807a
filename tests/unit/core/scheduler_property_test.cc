// Goal: the invariants of `Scheduler` hold whatever happens in whatever order.
// Method: rapidcheck makes up histories of a small world that knows the truth (scheduler_world.h);
// it prints its seed when a property fails.

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "core/gang_options.h"
#include "core/time.h"
#include "tests/unit/core/scheduler_world.h"

namespace rc {

template <>
struct Arbitrary<gpreempt::Happening> {
  static Gen<gpreempt::Happening> arbitrary() {
    return gen::build<gpreempt::Happening>(
        gen::set(&gpreempt::Happening::kind,
                 gen::map(gen::inRange<std::uint32_t>(0, gpreempt::kHappeningKinds),
                          [](std::uint32_t kind) {
                            return static_cast<gpreempt::Happening::Kind>(kind);
                          })),
        gen::set(&gpreempt::Happening::a, gen::inRange<std::uint32_t>(0, 1000)),
        gen::set(&gpreempt::Happening::b, gen::inRange<std::uint32_t>(0, 1000)));
  }
};

}  // namespace rc

namespace gpreempt {

void showValue(const Happening& happening, std::ostream& out) {
  out << '{' << static_cast<int>(happening.kind) << ',' << happening.a << ',' << happening.b << '}';
}

namespace {

/// Long histories: rapidcheck's own lists grow to about a hundred only.
std::vector<Happening> history() {
  const auto length = *rc::gen::inRange<std::size_t>(0, 400);
  return *rc::gen::container<std::vector<Happening>>(length, rc::gen::arbitrary<Happening>());
}

RC_GTEST_PROP(SchedulerPropertyTest, KeepsItsInvariantsInAnyHistory, ()) {
  SchedulerWorld world;
  for (const Happening& happening : history()) {
    world.happen(happening);
    RC_ASSERT(world.broken() == std::string());
  }
  world.settle();
  RC_ASSERT(world.broken() == std::string());
}

RC_GTEST_PROP(SchedulerPropertyTest, KeepsItsInvariantsWhateverTheSplitOfGangs, ()) {
  SchedulerWorld world(
      {.order =
           *rc::gen::element(GangOrder::kMember, GangOrder::kReverse, GangOrder::kSlowestFirst),
       .split = *rc::gen::element(GangSplit::kPerGpu, GangSplit::kOneByOne, GangSplit::kStaggered),
       .gap = Duration(*rc::gen::inRange(1, 40)),
       .on_failure = *rc::gen::element(GangFailure::kHold, GangFailure::kRelease)});
  for (const Happening& happening : history()) {
    world.happen(happening);
    RC_ASSERT(world.broken() == std::string());
  }
  world.settle();
  RC_ASSERT(world.broken() == std::string());
}

RC_GTEST_PROP(SchedulerPropertyTest, SaysTheSameOnTheSameHistory, ()) {
  const std::vector<Happening> happenings = history();
  SchedulerWorld first;
  SchedulerWorld second;
  for (const Happening& happening : happenings) {
    first.happen(happening);
    second.happen(happening);
  }
  RC_ASSERT(first.transcript() == second.transcript());
}

}  // namespace
}  // namespace gpreempt
