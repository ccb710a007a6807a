#include "cli/recorded_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cli/event_reader.h"
#include "config/document.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/event_log.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

/// Takes the lines one by one. The first thing that is wrong is kept.
class RunBuilder {
 public:
  void take(const LogLine& line) {
    line_ = &line;
    std::visit(*this, line.entry);
  }
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }
  [[nodiscard]] std::vector<RecordedRun> take_runs() { return std::move(runs_); }
  /// Of the last run. To be called at its end.
  void end_run() {
    if (runs_.empty()) {
      complain("the log has no header");
    } else if (!configured_) {
      complain(
          "the log does not say how its scheduler was made, so it was written by an earlier "
          "version; make the bundle again");
    }
  }

  void operator()(const EventLogHeader& header) {
    if (!runs_.empty()) {
      end_run();
    }
    runs_.push_back(
        {.header = header, .options = {}, .tenants = {}, .steps = {}, .end = Instant::min()});
    configured_ = false;
    now_ = Instant::min();
  }
  void operator()(const LoggedScheduler& scheduler) {
    if (begins("the scheduler")) {
      runs_.back().options = scheduler.options;
      configured_ = true;
    }
  }
  void operator()(const LoggedTenant& tenant) {
    if (begins("a tenant")) {
      runs_.back().tenants.push_back(tenant);
    }
  }
  void operator()(const LoggedMark& mark) {
    switch (mark.kind) {
      case LoggedMark::Kind::kBegan: now_ = std::max(now_, mark.at); break;
      case LoggedMark::Kind::kDeadline: step(RecordedStep::Kind::kDeadline, mark.at); break;
      case LoggedMark::Kind::kShutDown: step(RecordedStep::Kind::kShutDown, mark.at); break;
    }
  }
  void operator()(const Event& event) {
    step(RecordedStep::Kind::kEvent, event.at);
    if (has_step()) {
      runs_.back().steps.back().event = &event;
    }
  }
  void operator()(const Decision& /*decision*/) { said(); }
  void operator()(const Realisation& /*realisation*/) { said(); }
  void operator()(const LoggedRefusal& refusal) {
    if (of_a_step()) {
      runs_.back().steps.back().refusals.push_back(&refusal);
    }
  }

 private:
  void complain(std::string_view what) {
    if (!problem_) {
      problem_ = fmt::format("{}: {}", line_ == nullptr ? 1 : line_->number, what);
    }
  }
  [[nodiscard]] bool has_step() const { return !runs_.empty() && !runs_.back().steps.empty(); }
  bool begins(std::string_view what) {
    if (runs_.empty() || has_step()) {
      complain(fmt::format("{} stands elsewhere than after a header", what));
      return false;
    }
    return true;
  }
  bool of_a_step() {
    if (!has_step()) {
      complain("nothing that could have caused it stands before this line");
    }
    return has_step();
  }
  void step(RecordedStep::Kind kind, Instant at) {
    if (runs_.empty()) {
      complain("the log does not begin with a header");
      return;
    }
    now_ = std::max(now_, at);
    runs_.back().steps.push_back({.kind = kind,
                                  .at = now_,
                                  .line = line_->number,
                                  .event = nullptr,
                                  .said = {},
                                  .refusals = {}});
    runs_.back().end = now_;
  }
  void said() {
    if (of_a_step()) {
      runs_.back().steps.back().said.push_back(line_);
    }
  }

  std::vector<RecordedRun> runs_;
  const LogLine* line_ = nullptr;
  bool configured_ = false;
  Instant now_ = Instant::min();
  std::optional<std::string> problem_;
};

}  // namespace

Result<std::vector<RecordedRun>> runs_of(const std::vector<LogLine>& lines, std::string_view name) {
  RunBuilder builder;
  for (const LogLine& line : lines) {
    builder.take(line);
  }
  builder.end_run();
  if (const std::optional<std::string>& problem = builder.problem()) {
    return fail(Errc::kParse, fmt::format("{}:{}", name, *problem));
  }
  return builder.take_runs();
}

Result<Scheduler> make_scheduler(const RecordedRun& run, std::unique_ptr<const Policy> policy) {
  Scheduler scheduler(std::move(policy), run.options);
  for (const LoggedTenant& tenant : run.tenants) {
    TenantId id;
    GPREEMPT_TRY(store(id, scheduler.add_tenant(tenant.spec)));
    if (id != tenant.id) {
      return fail(Errc::kParse,
                  fmt::format("give tenant '{}' of the log to a scheduler: it is number {} there "
                              "and {} here; the log was changed, make the bundle again",
                              tenant.spec.name, tenant.id, id));
    }
  }
  return scheduler;
}

}  // namespace gpreempt::cli
