#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/catalogue.h"
#include "experiments/dump_keeper.h"
#include "experiments/experiment.h"
#include "experiments/programs.h"
#include "experiments/queue_id_rule.h"
#include "experiments/saved_folder.h"
#include "experiments/session.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How often, how long and how far apart.
struct IdPlan {
  std::size_t alone = 5;
  std::size_t concurrent = 3;
  Duration length = seconds(30);
  Duration gap = seconds(5);
};

IdPlan id_plan_of(const Setting& setting) {
  return setting.quick ? IdPlan{.length = seconds(1), .gap = milliseconds(100)} : IdPlan{};
}

ModelRun seen_of(Session& session, const Followed& process) {
  ModelRun run{.pid = process.pid, .queues = {}};
  for (const QueueInfo& queue : session.backend().queues(process.id)) {
    run.queues.push_back(
        {.gpu = queue.gpu, .id = queue.kernel_id, .type = queue.type, .role = queue.role});
  }
  return run;
}

/// What each start of a model adds up to.
class Starts {
 public:
  Starts(Session& session, const Setting& setting)
      : session_(session), keeper_(setting, "queue-ids") {}

  /// One process by itself: its queues once it has done work, which it says.
  Result<ModelRun> alone(const Program& program, const std::string& run, Duration gap) {
    Followed process;
    ModelRun during;
    GPREEMPT_TRY(keeper_.look(session_, run, "before"));
    GPREEMPT_TRY(store(process, begin(program, run)));
    during = seen_of(session_, process);
    GPREEMPT_TRY(keeper_.look(session_, run, "during"));
    GPREEMPT_TRY(end(process, program, during));
    GPREEMPT_TRY(keeper_.look(session_, run, "after"));
    GPREEMPT_TRY(pause(gap));
    return during;
  }

  /// The second one comes when the first one has done work.
  Result<ConcurrentRun> together(const std::array<Program, 2>& models, const std::string& name,
                                 Duration gap) {
    const auto& [first, second] = models;
    ConcurrentRun run;
    Followed one;
    Followed other;
    GPREEMPT_TRY(keeper_.look(session_, name, "before"));
    GPREEMPT_TRY(store(one, begin(first, name)));
    run.first_alone = seen_of(session_, one);
    GPREEMPT_TRY(keeper_.look(session_, name, "model_a_only"));
    GPREEMPT_TRY(store(other, begin(second, name)));
    run.first = seen_of(session_, one);
    run.second = seen_of(session_, other);
    GPREEMPT_TRY(keeper_.look(session_, name, "both"));
    GPREEMPT_TRY(end(one, first, run.first));
    GPREEMPT_TRY(end(other, second, run.second));
    GPREEMPT_TRY(keeper_.look(session_, name, "after"));
    GPREEMPT_TRY(pause(gap));
    return run;
  }
  [[nodiscard]] std::size_t changed() const { return changed_; }
  [[nodiscard]] std::size_t left_over() const { return left_over_; }
  [[nodiscard]] std::size_t processes() const { return processes_; }
  /// Why dumps that were asked for are not kept; empty: they are.
  [[nodiscard]] const std::string& missing() const { return keeper_.missing(); }

 private:
  Result<Followed> begin(const Program& program, const std::string& run) {
    Pid pid;
    Followed process;
    GPREEMPT_TRY(store(pid, session_.testbed().launch(program)));
    keeper_.keep_number(run, program.name, "pid", pid.value());
    GPREEMPT_TRY(store(process, session_.follow(pid, AttachMode::kObserve)));
    session_.testbed().start();
    GPREEMPT_TRY(await_work(process));
    return process;
  }

  Result<void> pause(Duration gap) {
    return session_.serve_until(saturating_add(session_.backend().now(), gap));
  }

  /// The process's own word that its first iteration is done.
  Result<void> await_work(const Followed& process) {
    const auto is_its_work = [&](const Event& event) {
      const auto* const done = std::get_if<WorkFinished>(&event.what);
      return done != nullptr && done->target == process.id;
    };
    for (const Event& event : session_.events()) {
      if (is_its_work(event)) {
        return {};
      }
    }
    return session_.await(is_its_work, saturating_add(session_.backend().now(), kPatience))
        .map([](const Event& /*event*/) {});
  }

  /// Lets it finish, looks once more, and at what is left when it has gone.
  Result<void> end(const Followed& process, const Program& program, const ModelRun& during) {
    const auto is_done = [&] {
      return session_.testbed().progress(process.pid).requests_completed >= program.arrivals.size();
    };
    const Duration patience = program.arrivals.back().at + kPatience;
    GPREEMPT_TRY(session_.wait_until(is_done, patience, milliseconds(10)));
    GPREEMPT_TRY(session_.serve_until(session_.backend().now()));
    ++processes_;
    changed_ += compute_ids(seen_of(session_, process)) == compute_ids(during) ? 0U : 1U;
    session_.testbed().exit(process.pid);
    const auto is_gone = [&](const Event& event) {
      const auto* const exited = std::get_if<TargetExited>(&event.what);
      return exited != nullptr && exited->target == process.id;
    };
    const Result<Event> gone =
        session_.await(is_gone, saturating_add(session_.backend().now(), kPatience));
    GPREEMPT_TRY(gone);
    left_over_ += session_.backend().queues(process.id).size();
    return {};
  }

  Session& session_;
  DumpKeeper keeper_;
  std::size_t processes_ = 0;
  std::size_t changed_ = 0;
  std::size_t left_over_ = 0;
};

Verdict judge_life(const Starts& starts) {
  const bool well = starts.changed() == 0 && starts.left_over() == 0;
  return {.name = "queue-ids/from-first-work-to-exit",
          .value = well ? "unchanged, then gone" : "changed",
          .expected = "unchanged, then gone",
          .answer = well ? Answer::kYes : Answer::kNo,
          .reason = fmt::format("of {} processes {} had other ids at the end of their work than at "
                                "its beginning, and {} queues outlived them",
                                starts.processes(), starts.changed(), starts.left_over()),
          .numbers = {{"processes", static_cast<double>(starts.processes())},
                      {"changed", static_cast<double>(starts.changed())},
                      {"left_over_queues", static_cast<double>(starts.left_over())}}};
}

using Tell = std::function<void()>;

Result<ModelRuns> run_alone(Starts& starts, const Program& model, const IdPlan& plan,
                            const Tell& tell) {
  ModelRuns runs{.model = model.name, .runs = {}};
  for (std::size_t i = 0; i < plan.alone; ++i) {
    runs.runs.emplace_back();
    GPREEMPT_TRY(
        store(runs.runs.back(), starts.alone(model, run_folder_name(model.name, i + 1), plan.gap)));
    tell();
  }
  return runs;
}

Result<std::vector<ConcurrentRun>> run_together(Starts& starts,
                                                const std::array<Program, 2>& models,
                                                const IdPlan& plan, const Tell& tell) {
  std::vector<ConcurrentRun> runs;
  for (std::size_t i = 0; i < plan.concurrent; ++i) {
    runs.emplace_back();
    GPREEMPT_TRY(
        store(runs.back(), starts.together(models, concurrent_folder_name(i + 1), plan.gap)));
    tell();
  }
  return runs;
}

Result<std::vector<Verdict>> measure(const Setting& setting, Session& session) {
  const IdPlan plan = id_plan_of(setting);
  std::array<Program, 2> models;
  GPREEMPT_TRY(store(models, small_models(plan.length)));
  QueueIdEvidence evidence{.driver = session.backend().info().driver};
  Starts starts(session, setting);
  const double all = static_cast<double>(2 * plan.alone + plan.concurrent);
  double done = 0;
  const auto tell = [&] {
    if (setting.progress) {
      setting.progress(++done / all);
    }
  };
  for (const Program& model : models) {
    evidence.alone.emplace_back();
    GPREEMPT_TRY(store(evidence.alone.back(), run_alone(starts, model, plan, tell)));
  }
  GPREEMPT_TRY(store(evidence.concurrent, run_together(starts, models, plan, tell)));
  std::vector<Verdict> verdicts = judge_queue_ids(evidence);
  verdicts.insert(verdicts.end() - 1, judge_life(starts));
  if (!starts.missing().empty()) {
    verdicts.back().facts.emplace_back("dumps are not saved", starts.missing());
  }
  return verdicts;
}

}  // namespace

Result<std::vector<Verdict>> run_queue_ids(const Setting& setting) {
  return in_world(setting, {.gpus = 1, .seed = setting.seed},
                  [&](Session& session) { return measure(setting, session); });
}

}  // namespace gpreempt::experiments
