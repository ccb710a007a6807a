// Goal: event lines are read as kfd_smi_events.c writes them. Method: lines by its formats.
#include "backends/kfd/debugfs/smi_events.h"

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd::debugfs {
namespace {

TEST(SmiEvents, EvictionSaysWhoWhereAndWhy) {
  const auto events = parse_smi_events("9 1234567890123 -41235 f7bc 2\n", "events");
  ASSERT_TRUE(events) << events.error().what;
  ASSERT_EQ(events->size(), 1U);
  const QueueEviction& eviction = events->at(0).eviction.value();
  EXPECT_FALSE(eviction.is_restore);
  EXPECT_EQ(eviction.at_ns, 1234567890123);
  EXPECT_EQ(eviction.pid, Pid(41235));
  EXPECT_EQ(eviction.gpu_id, 0xf7bcU);
  EXPECT_EQ(eviction.trigger, EvictionTrigger::kTtm);
}

TEST(SmiEvents, RestoreSaysWhetherItWillBeRepeated) {
  const auto events = parse_smi_events("a 5 -1 1 0\na 6 -1 1 R\n", "events");
  ASSERT_TRUE(events) << events.error().what;
  EXPECT_TRUE(events->at(0).eviction->is_restore);
  EXPECT_FALSE(events->at(0).eviction->rescheduled);
  EXPECT_TRUE(events->at(1).eviction->rescheduled);
}

TEST(SmiEvents, OtherEventsKeepTheirPayload) {
  const std::string lines = "1 a1b2:python3\nb 12 -7 7f00(2000) 1 0\nff something new\n";
  const auto events = parse_smi_events(lines, "events");
  ASSERT_TRUE(events) << events.error().what;
  EXPECT_EQ(smi_event_name(events->at(0).id), "vmfault");
  EXPECT_EQ(events->at(0).payload, "a1b2:python3");
  EXPECT_EQ(smi_event_name(events->at(1).id), "unmap_from_gpu");
  EXPECT_EQ(smi_event_name(events->at(2).id), "unknown");
  EXPECT_EQ(write_smi_events(*events), lines);
}

TEST(SmiEvents, NothingIsNoEvent) { EXPECT_TRUE(parse_smi_events("", "events")->empty()); }

TEST(SmiEvents, BrokenLinesAreRefused) {
  for (const std::string text :
       {"zz\n", "9\n", "9 1 -2 f7bc\n", "9 1 2 f7bc 2\n", "a 1 -2 f7bc x\n", "9 1 -2 f7bc 2 3\n"}) {
    const auto events = parse_smi_events(text, "events");
    ASSERT_FALSE(events) << text;
    EXPECT_EQ(events.error().code, Errc::kParse);
    EXPECT_TRUE(events.error().what.starts_with("events:1:")) << events.error().what;
  }
}

TEST(SmiEvents, TriggersAreNamed) {
  EXPECT_EQ(to_string(EvictionTrigger::kSuspend), "suspend");
  EXPECT_EQ(to_string(static_cast<EvictionTrigger>(77)), "unknown");
}

}  // namespace
}  // namespace gpreempt::kfd::debugfs
