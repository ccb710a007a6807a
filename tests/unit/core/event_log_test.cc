// Goal: every line of the log is a JSON object with the documented keys and exact values.
// Method: what is written is parsed with nlohmann-json and compared with what went in.

#include "core/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/decision.h"
#include "core/drive.h"
#include "core/error.h"
#include "core/event.h"
#include "core/gang_options.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt {
namespace {

using Json = nlohmann::json;
using testing::SizeIs;

const EventLogHeader kHeader{
    .scenario = "guard", .policy = "suspend", .seed = 18446744073709551615U};

std::vector<Json> parse(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(Json::parse(line));
  }
  return lines;
}

template <class What>
Json written(What what) {
  std::string text;
  EventLog log(text, kHeader);
  log.event({.at = instant_from_ns(9'007'199'254'740'993), .what = std::move(what)});
  EXPECT_TRUE(log.finish().has_value());
  const std::vector<Json> lines = parse(text);
  EXPECT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines.back().at("at"), 9'007'199'254'740'993);  // does not fit a double
  Json line = lines.back();
  line.erase("at");
  return line;
}

TEST(EventLogTest, BeginsWithTheHeader) {
  std::string text;
  const EventLog log(text, kHeader);
  EXPECT_EQ(text,
            "{\"schema\":1,\"kind\":\"header\",\"scenario\":\"guard\",\"policy\":\"suspend\","
            "\"seed\":18446744073709551615}\n");
}

TEST(EventLogTest, KeepsTheOrderOfKeys) {
  std::string text;
  EventLog log(text, kHeader);
  log.event({.at = instant_from_ns(-4), .what = WorkArrived{TargetId(3), 8}});
  EXPECT_EQ(text.substr(text.find('\n') + 1),
            "{\"at\":-4,\"kind\":\"work-arrived\",\"target\":3,\"request\":8}\n");
}

TEST(EventLogTest, WritesAttachAndDetach) {
  EXPECT_EQ(written(AttachDone{TargetId(1), {}}),
            (Json{{"kind", "attach-done"}, {"target", 1}, {"error", nullptr}}));
  const Error error{.code = Errc::kNotPermitted, .sys_errno = EPERM, .what = "attach: \"no\""};
  EXPECT_EQ(
      written(AttachDone{TargetId(1), error}),
      (Json{{"kind", "attach-done"},
            {"target", 1},
            {"error", {{"code", "not-permitted"}, {"errno", EPERM}, {"what", "attach: \"no\""}}}}));
  EXPECT_EQ(written(DetachDone{TargetId(2)}), (Json{{"kind", "detach-done"}, {"target", 2}}));
}

TEST(EventLogTest, WritesControlDone) {
  const ControlDone done{.request = RequestId(5),
                         .target = TargetId(2),
                         .kind = ControlKind::kResume,
                         .issued = instant_from_ns(10),
                         .done = instant_from_ns(30),
                         .outcomes = {{QueueId(1), Outcome::kOk}, {QueueId(2), Outcome::kError}},
                         .error = {}};
  EXPECT_EQ(
      written(done),
      (Json{{"kind", "control-done"},
            {"target", 2},
            {"request", 5},
            {"control", "resume"},
            {"issued", 10},
            {"done", 30},
            {"outcomes", {{{"queue", 1}, {"outcome", "ok"}}, {{"queue", 2}, {"outcome", "error"}}}},
            {"error", nullptr}}));
}

TEST(EventLogTest, WritesQueueEvents) {
  const QueueInfo queue{.id = QueueId(4),
                        .target = TargetId(2),
                        .gpu = GpuId(63421),
                        .kernel_id = 7,
                        .type = QueueType::kSdma,
                        .role = QueueRole::kSdma,
                        .ring_bytes = 1048576,
                        .state = QueueState::kSuspended};
  EXPECT_EQ(written(QueueBorn{queue}), (Json{{"kind", "queue-born"},
                                             {"target", 2},
                                             {"queue", 4},
                                             {"gpu", 63421},
                                             {"kernel_id", 7},
                                             {"type", "sdma"},
                                             {"role", "sdma"},
                                             {"ring_bytes", 1048576},
                                             {"state", "suspended"}}));
  EXPECT_EQ(written(QueueGone{TargetId(2), QueueId(4)}),
            (Json{{"kind", "queue-gone"}, {"target", 2}, {"queue", 4}}));
  EXPECT_EQ(written(LeaseExpired{TargetId(2), {QueueId(4), QueueId(6)}}),
            (Json{{"kind", "lease-expired"}, {"target", 2}, {"queues", {4, 6}}}));
}

TEST(EventLogTest, WritesActivityAndTheRest) {
  EXPECT_EQ(written(ActivityEdge{TargetId(2), false, false}),
            (Json{{"kind", "activity-edge"}, {"target", 2}, {"busy", false}, {"proven", false}}));
  EXPECT_EQ(written(ActivityEdge{TargetId(2), true}),
            (Json{{"kind", "activity-edge"}, {"target", 2}, {"busy", true}}));
  EXPECT_EQ(written(WorkFinished{TargetId(2), 3}),
            (Json{{"kind", "work-finished"}, {"target", 2}, {"request", 3}}));
  EXPECT_EQ(written(ExceptionRaised{TargetId(2), 1U << 31U}),
            (Json{{"kind", "exception"}, {"target", 2}, {"mask", 2147483648U}}));
  EXPECT_EQ(written(TargetExited{TargetId(2)}), (Json{{"kind", "target-exited"}, {"target", 2}}));
  EXPECT_EQ(written(InspectDone{RequestId(3), "a\tb\n\"c\\\x01", {}}),
            (Json{{"kind", "inspect-done"},
                  {"request", 3},
                  {"text", "a\tb\n\"c\\\x01"},
                  {"error", nullptr}}));
}

TEST(EventLogTest, KeepsUtf8AndReplacesWhatIsNot) {
  const auto text_of = [](const std::string& text) {
    return written(InspectDone{RequestId(1), text, {}}).at("text").get<std::string>();
  };
  const std::string replaced = "\xef\xbf\xbd";
  EXPECT_EQ(text_of("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(text_of("a\xffz"), "a" + replaced + "z");
  EXPECT_EQ(text_of("\xc3"), replaced);                                // cut short
  EXPECT_EQ(text_of("\xc0\xaf"), replaced + replaced);                 // overlong
  EXPECT_EQ(text_of("\xe0\x80\xaf"), replaced + replaced + replaced);  // overlong
  EXPECT_EQ(text_of("\xed\xa0\x80"), replaced + replaced + replaced);  // surrogate
  EXPECT_EQ(text_of("\xf0\x80\x80\x80").size(), 4 * replaced.size());  // overlong
  EXPECT_EQ(text_of("\xf4\x90\x80\x80").size(), 4 * replaced.size());  // over U+10FFFF
}

Decision some_decision(Duration predicted) {
  return {.sequence = 12,
          .at = instant_from_ns(77),
          .tenant = TenantId(1),
          .target = TargetId(11),
          .gpu = GpuId(100),
          .verdict = Verdict::kSuspend,
          .reason = Reason::kOnlineBusy,
          .cause = TenantId(0),
          .rejected = Verdict::kRun,
          .predicted_cost = predicted};
}

TEST(EventLogTest, WritesDecisionsAndWhatTheyCost) {
  std::string text;
  EventLog log(text, kHeader);
  log.decision(some_decision(kUnknownCost));
  log.decision(some_decision(Duration(1500)));
  log.realisation({.sequence = 12,
                   .at = instant_from_ns(99),
                   .cost = Duration(22),
                   .queues_ok = 3,
                   .queues_failed = 1});
  const std::vector<Json> lines = parse(text);
  Json expected{
      {"at", 77},     {"kind", "decision"}, {"sequence", 12},           {"tenant", 1},
      {"target", 11}, {"gpu", 100},         {"verdict", "suspend"},     {"reason", "online-busy"},
      {"cause", 0},   {"rejected", "run"},  {"predicted_cost", nullptr}};
  EXPECT_EQ(lines.at(1), expected);
  expected["predicted_cost"] = 1500;
  EXPECT_EQ(lines.at(2), expected);
  EXPECT_EQ(lines.at(3), (Json{{"at", 99},
                               {"kind", "realisation"},
                               {"sequence", 12},
                               {"cost", 22},
                               {"queues_ok", 3},
                               {"queues_failed", 1}}));
}

TEST(EventLogTest, WritesRefusals) {
  std::string text;
  EventLog log(text, kHeader);
  log.refusal({.target = TargetId(3), .kind = ControlKind::kSuspend, .first = 0, .count = 2},
              ControlKind::kPercentage, {.code = Errc::kBusy, .sys_errno = 0, .what = "later"},
              instant_from_ns(5));
  EXPECT_EQ(parse(text).at(1),
            (Json{{"at", 5},
                  {"kind", "refusal"},
                  {"target", 3},
                  {"control", "percentage"},
                  {"queues", 2},
                  {"error", {{"code", "busy"}, {"errno", 0}, {"what", "later"}}}}));
}

TEST(EventLogTest, SaysHowTheSchedulerWasMade) {
  std::string text;
  EventLog log(text, kHeader);
  text.clear();
  log.configured({.grace = Duration(7),
                  .lease = Duration(9),
                  .mechanism = {},
                  .gang = {.order = GangOrder::kSlowestFirst,
                           .split = GangSplit::kOneByOne,
                           .gap = {},
                           .on_failure = GangFailure::kRelease}});
  log.tenant(TenantId(2), {.name = "a\"b",
                           .cls = TenantClass::kOnline,
                           .priority = 15,
                           .targets = {TargetId(4), TargetId(5)},
                           .weight = 3,
                           .promise = Duration(50)});
  EXPECT_EQ(text,
            "{\"kind\":\"scheduler\",\"mechanism\":\"suspend-queues\",\"grace\":7,\"lease\":9,"
            "\"gang\":{\"order\":\"slowest-first\",\"split\":\"one-by-one\",\"gap\":0,"
            "\"on_failure\":\"release\"}}\n"
            "{\"kind\":\"tenant\",\"tenant\":2,\"name\":\"a\\\"b\",\"class\":\"online\","
            "\"priority\":15,\"weight\":3,\"promise\":50,\"stall_limit\":null,"
            "\"targets\":[4,5]}\n");
}

TEST(EventLogTest, MarksStepsThatNoEventBegan) {
  std::string text;
  EventLog log(text, kHeader);
  text.clear();
  log.began(instant_from_ns(1));
  log.deadline(instant_from_ns(2));
  log.shut_down(instant_from_ns(3));
  EXPECT_EQ(text,
            "{\"at\":1,\"kind\":\"drive\"}\n{\"at\":2,\"kind\":\"deadline\"}\n"
            "{\"at\":3,\"kind\":\"shut-down\"}\n");
}

TEST(EventLogTest, WritesOnlyDecisionsWhenAskedTo) {
  std::string text;
  EventLog log(text, kHeader, EventLogContent::kDecisions);
  log.event({.at = {}, .what = TargetExited{TargetId(1)}});
  log.realisation({});
  log.refusal({}, {}, {}, {});
  log.decision(some_decision(kUnknownCost));
  const std::vector<Json> lines = parse(text);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].at("kind"), "header");
  EXPECT_EQ(lines[1].at("kind"), "decision");
}

struct CloseFile {
  void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

TEST(EventLogTest, WritesTheSameToAFile) {
  const File file(std::tmpfile());
  ASSERT_NE(file, nullptr);
  EventLog log(*file, kHeader);
  log.decision(some_decision(kUnknownCost));
  ASSERT_TRUE(log.finish().has_value());
  std::rewind(file.get());
  std::string content(4096, '\0');
  content.resize(std::fread(content.data(), 1, content.size(), file.get()));

  std::string text;
  EventLog to_text(text, kHeader);
  to_text.decision(some_decision(kUnknownCost));
  EXPECT_EQ(content, text);
}

TEST(EventLogTest, ReportsAFullDisk) {
  const File full(std::fopen("/dev/full", "w"));
  ASSERT_NE(full, nullptr);
  EventLog log(*full, kHeader);
  const auto result = log.finish();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::kIo);
}

TEST(EventLogTest, RemembersAWriteThatFailedEarlier) {
  const File full(std::fopen("/dev/full", "w"));
  ASSERT_NE(full, nullptr);
  ASSERT_EQ(std::setvbuf(full.get(), nullptr, _IONBF, 0), 0);
  EventLog log(*full, kHeader);
  log.decision(some_decision(kUnknownCost));
  EXPECT_EQ(log.finish().error().code, Errc::kIo);
}

}  // namespace
}  // namespace gpreempt
