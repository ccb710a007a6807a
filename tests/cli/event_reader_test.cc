// Goal: what was written to an event log is read back unchanged, and nothing else is read.
#include "cli/event_reader.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/event_log.h"
#include "core/gang_options.h"
#include "core/ids.h"
#include "core/mechanism.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

template <class T>
T any() {
  return *rc::gen::arbitrary<T>();
}
template <class Id>
Id any_id() {
  return Id(any<typename Id::rep>());
}
template <class E>
E any_of(E last) {
  return static_cast<E>(*rc::gen::inRange(0, static_cast<int>(last) + 1));
}
Instant any_instant() { return instant_from_ns(any<std::int64_t>()); }

/// Text with everything that JSON escapes, and with characters of two and three bytes.
std::string any_text() {
  const std::vector<std::string> pieces = {"a",    "\"",   "\\",     "\n",
                                           "\x01", "\x7f", "\u00e9", "\u20ac"};
  std::string text;
  for (const std::string& piece :
       *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces))) {
    text += piece;
  }
  return text;
}
Error any_error() {
  return {.code = any_of(Errc::kInternal), .sys_errno = any<int>(), .what = any_text()};
}
std::optional<Error> perhaps_error() {
  return any<bool>() ? std::optional(any_error()) : std::nullopt;
}

ControlDone any_control_done() {
  ControlDone e{.request = any_id<RequestId>(),
                .target = any_id<TargetId>(),
                .kind = any_of(ControlKind::kKernelBoundary),
                .issued = any_instant(),
                .done = any_instant(),
                .outcomes = {},
                .error = perhaps_error()};
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    e.outcomes.push_back({.id = any_id<QueueId>(), .outcome = any_of(Outcome::kError)});
  }
  return e;
}

QueueBorn any_queue_born() {
  return {.queue = {.id = any_id<QueueId>(),
                    .target = any_id<TargetId>(),
                    .gpu = any_id<GpuId>(),
                    .kernel_id = any<std::uint32_t>(),
                    .type = any_of(QueueType::kSdma),
                    .role = any_of(QueueRole::kSdma),
                    .ring_bytes = any<std::uint64_t>(),
                    .state = any_of(QueueState::kSuspended)}};
}

/// One event of each kind, so that none is left to chance.
std::vector<Event> one_of_each() {
  const auto target = any_id<TargetId>();
  std::vector<Event> events(std::variant_size_v<decltype(Event::what)>);
  events[0].what = AttachDone{.target = target, .error = perhaps_error()};
  events[1].what = DetachDone{.target = target};
  events[2].what = any_control_done();
  events[3].what = LeaseExpired{.target = target, .queues = {any_id<QueueId>(), QueueId{}}};
  events[4].what = any_queue_born();
  events[5].what = QueueGone{.target = target, .queue = any_id<QueueId>()};
  events[6].what = ActivityEdge{.target = target, .busy = any<bool>(), .proven = any<bool>()};
  events[7].what = WorkArrived{.target = target, .request = any<std::uint64_t>()};
  events[8].what = WorkFinished{.target = target, .request = any<std::uint64_t>()};
  events[9].what = ExceptionRaised{.target = target, .mask = any<std::uint64_t>()};
  events[10].what = TargetExited{.target = target};
  events[11].what =
      InspectDone{.request = any_id<RequestId>(), .text = any_text(), .error = perhaps_error()};
  for (Event& event : events) {
    event.at = any_instant();
  }
  return events;
}

Decision any_decision() {
  Decision d;
  d.sequence = any<std::uint64_t>();
  d.at = any_instant();
  d.tenant = any_id<TenantId>();
  d.target = any_id<TargetId>();
  d.gpu = any_id<GpuId>();
  d.verdict = any_of(Verdict::kSuspend);
  d.reason = any_of(Reason::kNoCredit);
  d.cause = any_id<TenantId>();
  d.rejected = any_of(Verdict::kSuspend);
  d.predicted_cost = any<bool>() ? kUnknownCost : Duration(any<std::uint32_t>());
  // Each name once, in any order.
  std::vector<int> names(static_cast<std::size_t>(TermName::kLevelCount) + 1);
  std::iota(names.begin(), names.end(), 0);
  const auto first = *rc::gen::inRange(0, static_cast<int>(names.size()));
  std::rotate(names.begin(), names.begin() + first, names.end());
  for (int i = *rc::gen::inRange(0, static_cast<int>(Terms::kMost) + 1); i > 0; --i) {
    d.terms.add(static_cast<TermName>(names.at(static_cast<std::size_t>(i))), any<std::int64_t>());
  }
  return d;
}

std::optional<Duration> perhaps_duration() {
  return any<bool>() ? std::optional(Duration(any<std::uint32_t>())) : std::nullopt;
}

SchedulerOptions any_options() {
  SchedulerOptions options;
  options.grace = perhaps_duration();
  options.lease = Duration(std::int64_t{any<std::uint32_t>()} + 1);
  options.mechanism = make_mechanism(*rc::gen::element<std::string>(
                                         "suspend-queues", "cu-mask:share=50%", "priority"))
                          .value();
  options.gang = {.order = any_of(GangOrder::kSlowestFirst),
                  .split = any_of(GangSplit::kStaggered),
                  .gap = Duration(any<std::uint32_t>()),
                  .on_failure = any_of(GangFailure::kRelease)};
  return options;
}

TenantSpec any_tenant() {
  return {.name = any_text(),
          .cls = any_of(TenantClass::kOffline),
          .priority = any<std::uint32_t>(),
          .targets = {any_id<TargetId>(), TargetId{}},
          .weight = any<std::uint32_t>(),
          .promise = perhaps_duration().value_or(kNoPromise),
          .stall_limit = perhaps_duration().value_or(Duration::max())};
}

struct Rewrite {
  EventLog& log;
  void operator()(const EventLogHeader&) const {}
  void operator()(const LoggedScheduler& scheduler) const { log.configured(scheduler.options); }
  void operator()(const LoggedTenant& tenant) const { log.tenant(tenant.id, tenant.spec); }
  void operator()(const LoggedMark& mark) const {
    switch (mark.kind) {
      case LoggedMark::Kind::kBegan: log.began(mark.at); break;
      case LoggedMark::Kind::kDeadline: log.deadline(mark.at); break;
      case LoggedMark::Kind::kShutDown: log.shut_down(mark.at); break;
    }
  }
  void operator()(const Event& event) const { log.event(event); }
  void operator()(const Decision& decision) const { log.decision(decision); }
  void operator()(const Realisation& realisation) const { log.realisation(realisation); }
  void operator()(const LoggedRefusal& r) const {
    log.refusal({.target = r.target, .kind = ControlKind::kSuspend, .first = 0, .count = r.queues},
                r.control, r.error, r.at);
  }
};

RC_GTEST_PROP(EventReader, WritesAgainWhatItReadByteForByte, ()) {
  std::string written;
  EventLog log(written,
               {.scenario = any_text(), .policy = any_text(), .seed = any<std::uint64_t>()});
  log.configured(any_options());
  log.tenant(any_id<TenantId>(), any_tenant());
  log.began(any_instant());
  for (const Event& event : one_of_each()) {
    log.event(event);
  }
  log.deadline(any_instant());
  log.shut_down(any_instant());
  log.decision(any_decision());
  log.realisation({.sequence = any<std::uint64_t>(),
                   .at = any_instant(),
                   .cost = Duration(any<std::int64_t>()),
                   .queues_ok = any<std::uint32_t>(),
                   .queues_failed = any<std::uint32_t>()});
  log.refusal({.target = any_id<TargetId>(),
               .kind = ControlKind::kSuspend,
               .first = 0,
               .count = any<std::uint32_t>()},
              any_of(ControlKind::kKernelBoundary), any_error(), any_instant());

  const Result<std::vector<LogLine>> lines = read_event_log(written, "events.jsonl");
  if (!lines) {
    RC_FAIL(lines.error().what);
  }
  RC_ASSERT(lines->size() == 21U);  // a header, 12 events, and eight others
  std::string again;
  EventLog rewritten(again, std::get<EventLogHeader>(lines->front().entry));
  for (const LogLine& line : *lines) {
    std::visit(Rewrite{rewritten}, line.entry);
  }
  RC_ASSERT(again == written);
}

constexpr std::string_view kHeader =
    R"({"schema":1,"kind":"header","scenario":"s","policy":"none","seed":1})"
    "\n";

/// The error for `line` as the second one of a log.
std::string refusal_of(std::string_view line) {
  const Result<std::vector<LogLine>> read =
      read_event_log(std::string(kHeader) + std::string(line) + "\n", "log");
  return read ? "it was read" : read.error().what;
}

struct Refused {
  std::string_view line;
  std::string_view says;
};

TEST(EventReader, RefusesWhatItDoesNotUnderstandWithFileAndLine) {
  const std::vector<Refused> cases = {
      {"{", "log:2: it is not a JSON object"},
      {"[1]", "log:2: it is not a JSON object"},
      {R"({"at":1})", "log:2: key 'kind' is missing"},
      {R"({"at":1,"kind":"dance"})", "log:2: this version knows no kind 'dance'"},
      {R"({"at":1,"kind":"detach-done"})", "log:2: key 'target' is missing"},
      {R"({"at":1,"kind":"detach-done","target":1,"x":2})", "log:2: it has a key that this"},
      {R"({"at":1,"kind":"detach-done","target":-1})", "log:2: key 'target' must be an integer"},
      {R"({"at":1,"kind":"detach-done","target":4294967296})", "log:2: key 'target' must be"},
      {R"({"at":1.5,"kind":"detach-done","target":1})", "log:2: key 'at' must be an integer"},
      {R"({"at":1,"kind":"activity-edge","target":1,"busy":1})", "log:2: key 'busy' must be true"},
      {R"({"at":1,"kind":"lease-expired","target":1,"queues":[""]})", "log:2: key 'queues' must"},
      {R"({"at":1,"kind":"attach-done","target":1,"error":{"code":"bad","errno":0,"what":""}})",
       "log:2: key 'code': this version knows no 'bad'"},
      {R"({"kind":"scheduler","mechanism":"magic","grace":null,"lease":1,"gang":{}})",
       "log:2: key 'mechanism': "},
      {R"({"kind":"scheduler","mechanism":"suspend-queues","grace":null,"lease":0,"gang":{}})",
       "log:2: key 'lease' must be longer than 0"},
      {R"({"kind":"tenant","tenant":0,"name":"x","class":"both"})",
       "log:2: key 'class': this version knows no 'both'"},
      {R"({"kind":"deadline"})", "log:2: key 'at' is missing"},
      {R"({"schema":2,"kind":"header","scenario":"s","policy":"none","seed":1})",
       "log:2: its schema is not 1"},
  };
  for (const Refused& refused : cases) {
    EXPECT_EQ(refusal_of(refused.line).substr(0, refused.says.size()), refused.says)
        << refused.line;
  }
}

TEST(EventReader, RefusesATermThatItDoesNotKnow) {
  const std::string decision =
      R"({"at":1,"kind":"decision","sequence":1,"tenant":1,"target":2,"gpu":3,"verdict":"run",)"
      R"("reason":"slack","cause":1,"rejected":"suspend","predicted_cost":null,"terms":)";
  EXPECT_EQ(refusal_of(decision + R"({"slack_ns":5}})"), "it was read");
  EXPECT_EQ(refusal_of(decision + R"({"luck":5}})").substr(0, 40),
            "log:2: key 'terms': this version knows n");
  EXPECT_EQ(refusal_of(decision + R"({"slack_ns":"5"}})").substr(0, 37),
            "log:2: key 'slack_ns' must be an inte");
}

TEST(EventReader, RefusesALineThatWasCutOff) {
  const Result<std::vector<LogLine>> read =
      read_event_log(kHeader.substr(0, kHeader.size() - 1), "log");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::kParse);
  EXPECT_EQ(read.error().what.substr(0, 30), "log:1: the line does not end: ");
}

}  // namespace
}  // namespace gpreempt::cli
