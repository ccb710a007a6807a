#include "cli/event_reader.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/event_fields.h"
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

using Json = Fields::Json;

ControlDone control_done(Fields& f) {
  ControlDone e{.request = f.id<RequestId>("request"),
                .target = f.id<TargetId>("target"),
                .kind = f.word("control", ControlKind::kKernelBoundary),
                .issued = f.instant("issued"),
                .done = f.instant("done"),
                .outcomes = {},
                .error = f.error()};
  for (const Json& item : f.array("outcomes")) {
    Fields inner(item);
    e.outcomes.push_back(
        {.id = inner.id<QueueId>("queue"), .outcome = inner.word("outcome", Outcome::kError)});
    f.absorb(inner);
  }
  return e;
}

LeaseExpired lease_expired(Fields& f) {
  LeaseExpired e{.target = f.id<TargetId>("target"), .queues = {}};
  for (const Json& item : f.array("queues")) {
    e.queues.emplace_back(f.number_in<QueueId::rep>(item, "queues"));
  }
  return e;
}

QueueBorn queue_born(Fields& f) {
  return {.queue = {.id = f.id<QueueId>("queue"),
                    .target = f.id<TargetId>("target"),
                    .gpu = f.id<GpuId>("gpu"),
                    .kernel_id = f.number<std::uint32_t>("kernel_id"),
                    .type = f.word("type", QueueType::kSdma),
                    .role = f.word("role", QueueRole::kSdma),
                    .ring_bytes = f.number<std::uint64_t>("ring_bytes"),
                    .state = f.word("state", QueueState::kSuspended)}};
}

ActivityEdge activity_edge(Fields& f) {
  return {.target = f.id<TargetId>("target"),
          .busy = f.boolean("busy"),
          .proven = !f.has("proven") || f.boolean("proven")};
}

using What = decltype(Event::what);

struct EventReader {
  std::string_view kind;
  What (*read)(Fields&);
};

// NOLINTBEGIN(modernize-use-designated-initializers): a table
constexpr auto kEventReaders = std::to_array<EventReader>({
    {"attach-done",
     [](Fields& f) -> What {
       return AttachDone{.target = f.id<TargetId>("target"), .error = f.error()};
     }},
    {"detach-done",
     [](Fields& f) -> What { return DetachDone{.target = f.id<TargetId>("target")}; }},
    {"control-done", [](Fields& f) -> What { return control_done(f); }},
    {"lease-expired", [](Fields& f) -> What { return lease_expired(f); }},
    {"queue-born", [](Fields& f) -> What { return queue_born(f); }},
    {"queue-gone",
     [](Fields& f) -> What {
       return QueueGone{.target = f.id<TargetId>("target"), .queue = f.id<QueueId>("queue")};
     }},
    {"activity-edge", [](Fields& f) -> What { return activity_edge(f); }},
    {"work-arrived",
     [](Fields& f) -> What {
       return WorkArrived{.target = f.id<TargetId>("target"),
                          .request = f.number<std::uint64_t>("request")};
     }},
    {"work-finished",
     [](Fields& f) -> What {
       return WorkFinished{.target = f.id<TargetId>("target"),
                           .request = f.number<std::uint64_t>("request")};
     }},
    {"exception",
     [](Fields& f) -> What {
       return ExceptionRaised{.target = f.id<TargetId>("target"),
                              .mask = f.number<std::uint64_t>("mask")};
     }},
    {"target-exited",
     [](Fields& f) -> What { return TargetExited{.target = f.id<TargetId>("target")}; }},
    {"inspect-done",
     [](Fields& f) -> What {
       return InspectDone{
           .request = f.id<RequestId>("request"), .text = f.string("text"), .error = f.error()};
     }},
});
// NOLINTEND(modernize-use-designated-initializers)

/// nullopt: no such name. They are numbered from zero to `kLevelCount`.
std::optional<TermName> term_name(std::string_view written) {
  for (std::size_t i = 0; i <= static_cast<std::size_t>(TermName::kLevelCount); ++i) {
    if (to_string(static_cast<TermName>(i)) == written) {
      return static_cast<TermName>(i);
    }
  }
  return std::nullopt;
}

Terms terms(Fields& f) {
  Terms read;
  for (const auto& [key, value] : f.object("terms").items()) {
    const std::optional<TermName> name = term_name(key);
    if (!name || read.items().size() == Terms::kMost) {
      f.complain(fmt::format("key 'terms': this version knows no '{}', or no more than {} of them",
                             key, Terms::kMost));
      return read;
    }
    read.add(*name, f.number_in<std::int64_t>(value, key));
  }
  return read;
}

GangOptions gang_options(Fields& f) {
  Fields inner(f.object("gang"));
  const GangOptions read{.order = inner.word("order", GangOrder::kSlowestFirst),
                         .split = inner.word("split", GangSplit::kStaggered),
                         .gap = Duration(inner.number<std::int64_t>("gap")),
                         .on_failure = inner.word("on_failure", GangFailure::kRelease)};
  f.absorb(inner);
  return read;
}

LoggedScheduler scheduler(Fields& f) {
  LoggedScheduler read;
  SchedulerOptions& options = read.options;
  Result<Mechanism> mechanism = make_mechanism(f.string("mechanism"));
  if (mechanism) {
    options.mechanism = *std::move(mechanism);
  } else {
    f.complain("key 'mechanism': " + mechanism.error().what);
  }
  options.grace = f.duration_or_null("grace");
  options.lease = Duration(f.number<std::int64_t>("lease"));
  if (options.lease <= Duration::zero()) {
    f.complain("key 'lease' must be longer than 0");
  }
  options.gang = gang_options(f);
  return read;
}

LoggedTenant tenant(Fields& f) {
  LoggedTenant read{.id = f.id<TenantId>("tenant"), .spec = {}};
  TenantSpec& spec = read.spec;
  spec.name = f.string("name");
  spec.cls = f.word("class", TenantClass::kOffline);
  spec.priority = f.number<std::uint32_t>("priority");
  spec.weight = f.number<std::uint32_t>("weight");
  spec.promise = f.duration_or_null("promise").value_or(kNoPromise);
  spec.stall_limit = f.duration_or_null("stall_limit").value_or(Duration::max());
  for (const Json& item : f.array("targets")) {
    spec.targets.emplace_back(f.number_in<TargetId::rep>(item, "targets"));
  }
  return read;
}

EventLogHeader header(Fields& f) {
  if (f.number<int>("schema") != 1) {
    f.complain("its schema is not 1");
  }
  return {.scenario = f.string("scenario"),
          .policy = f.string("policy"),
          .seed = f.number<std::uint64_t>("seed")};
}

Decision decision(Fields& f) {
  Decision d;
  d.at = f.instant("at");
  d.sequence = f.number<std::uint64_t>("sequence");
  d.tenant = f.id<TenantId>("tenant");
  d.target = f.id<TargetId>("target");
  d.gpu = f.id<GpuId>("gpu");
  d.verdict = f.word("verdict", Verdict::kSuspend);
  d.reason = f.word("reason", Reason::kNoCredit);
  d.cause = f.id<TenantId>("cause");
  d.rejected = f.word("rejected", Verdict::kSuspend);
  if (const Json& cost = f.raw("predicted_cost"); !cost.is_null()) {
    d.predicted_cost = Duration(f.number_in<std::int64_t>(cost, "predicted_cost"));
  }
  if (f.has("terms")) {
    d.terms = terms(f);
  }
  return d;
}

Realisation realisation(Fields& f) {
  return {.sequence = f.number<std::uint64_t>("sequence"),
          .at = f.instant("at"),
          .cost = Duration(f.number<std::int64_t>("cost")),
          .queues_ok = f.number<std::uint32_t>("queues_ok"),
          .queues_failed = f.number<std::uint32_t>("queues_failed")};
}

LoggedRefusal refusal(Fields& f) {
  LoggedRefusal r{.at = f.instant("at"),
                  .target = f.id<TargetId>("target"),
                  .control = f.word("control", ControlKind::kKernelBoundary),
                  .queues = f.number<std::uint32_t>("queues"),
                  .error = {}};
  if (std::optional<Error> error = f.error()) {
    r.error = std::move(*error);
  } else {
    f.complain("key 'error' must say why it was refused");
  }
  return r;
}

struct MarkName {
  std::string_view name;
  LoggedMark::Kind kind = LoggedMark::Kind::kBegan;
};
constexpr auto kMarkNames =
    std::to_array<MarkName>({{.name = "drive", .kind = LoggedMark::Kind::kBegan},
                             {.name = "deadline", .kind = LoggedMark::Kind::kDeadline},
                             {.name = "shut-down", .kind = LoggedMark::Kind::kShutDown}});

LogEntry entry(Fields& f) {
  const std::string kind = f.string("kind");
  if (kind == "header") {
    return header(f);
  }
  if (kind == "decision") {
    return decision(f);
  }
  if (kind == "realisation") {
    return realisation(f);
  }
  if (kind == "refusal") {
    return refusal(f);
  }
  if (kind == "scheduler") {
    return scheduler(f);
  }
  if (kind == "tenant") {
    return tenant(f);
  }
  for (const MarkName& mark : kMarkNames) {
    if (mark.name == kind) {
      return LoggedMark{.kind = mark.kind, .at = f.instant("at")};
    }
  }
  for (const EventReader& reader : kEventReaders) {
    if (reader.kind == kind) {
      const Instant at = f.instant("at");
      return Event{.at = at, .what = reader.read(f)};
    }
  }
  f.complain(fmt::format("this version knows no kind '{}'", kind));
  return {};
}

}  // namespace

Result<std::vector<LogLine>> read_event_log(std::string_view text, std::string_view name) {
  std::vector<LogLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t length = text.find('\n');
    const bool whole = length != std::string_view::npos;
    const Json parsed = Json::parse(text.substr(0, length), nullptr, false);
    Fields fields(parsed);
    LogEntry read = entry(fields);
    std::optional<std::string> problem = fields.finish();
    if (!whole) {
      problem = "the line does not end: the log was cut off";
    }
    if (problem) {
      return fail(Errc::kParse,
                  fmt::format("{}:{}: {}; a log is read by the version that wrote it, or a later "
                              "one: make the bundle again",
                              name, number, *problem));
    }
    lines.push_back({.number = number, .text = text.substr(0, length), .entry = std::move(read)});
    text.remove_prefix(length + 1);
  }
  return lines;
}

}  // namespace gpreempt::cli
