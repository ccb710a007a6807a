#include "cli/study_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/metrics.h"
#include "cli/policy_runs.h"
#include "cli/report_json.h"
#include "cli/run_options.h"
#include "cli/run_setup.h"
#include "cli/worlds.h"
#include "config/document.h"
#include "config/override.h"
#include "core/error.h"
#include "core/nearest.h"
#include "study/plan.h"
#include "study/table.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"

namespace gpreempt::cli {
namespace {

using Json = nlohmann::ordered_json;

/// The value at `path`; nullptr if there is none.
const Json* find(const Json& root, const std::vector<std::string>& path) {
  const Json* node = &root;
  for (const std::string& segment : path) {
    if (node->is_object()) {
      const auto found = node->find(segment);
      if (found == node->end()) {
        return nullptr;
      }
      node = &*found;
      continue;
    }
    const bool is_index = !segment.empty() && segment.size() < 10 &&
                          segment.find_first_not_of("0123456789") == std::string::npos;
    if (!node->is_array() || !is_index || std::stoul(segment) >= node->size()) {
      return nullptr;
    }
    node = &node->at(std::stoul(segment));
  }
  return node;
}

double number_of(const Json& value) {
  if (value.is_boolean()) {
    return value.get<bool>() ? 1 : 0;
  }
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

/// The paths of all values below `node` that can be looked at.
void collect(const Json& node, const std::string& path, std::vector<std::string>& paths) {
  const std::string below = path.empty() ? "" : path + ".";
  if (node.is_object()) {
    for (const auto& [key, value] : node.items()) {
      collect(value, below + key, paths);
    }
  } else if (node.is_array()) {
    for (std::size_t i = 0; i < node.size(); ++i) {
      collect(node[i], below + std::to_string(i), paths);
    }
  } else if (!node.is_string() && path != "sim.wall_s") {
    paths.push_back(path);
  }
}

/// A result with every part that a run of this scenario has, and no numbers.
PolicyMetrics empty_result(const Scenario& scenario) {
  PolicyMetrics result;
  const std::vector<LatencyVerdict> verdicts(scenario.slo.online_latency.size());
  result.online.slo = verdicts;
  for (const TenantScenario& tenant : scenario.tenants) {
    if (tenant.offline) {
      result.offline.emplace();
    } else {
      TenantMetrics& metrics = result.tenants.emplace_back();
      metrics.name = tenant.name;
      metrics.online.slo = verdicts;
    }
  }
  return result;
}

/// Only what runs need: there may be many points.
RunSetup slim(RunSetup setup) {
  setup.scenario_text.clear();
  setup.model.text.clear();
  setup.model.parameters.clear();
  return setup;
}

bool is_refusal(Errc code) {
  return code == Errc::kParse || code == Errc::kInvalidArgument || code == Errc::kUnsupported;
}

}  // namespace

Result<StudyRuns> StudyRuns::prepare(const study::Plan& plan, RunOptions base) {
  StudyRuns runs;
  base.set = plan.file.quick;
  GPREEMPT_TRY(store(runs.base_, cli::prepare(base)));
  GPREEMPT_TRY(runs.check_metrics(plan));
  for (const std::string& metric : plan.file.metrics) {
    runs.metrics_.push_back(split_path(metric));
  }
  for (std::size_t point = 0; point < plan.table.points.size(); ++point) {
    base.set = plan.overrides_of(point);
    runs.points_.push_back(cli::prepare(base).map(slim));
  }
  GPREEMPT_TRY(runs.check_levels(plan));
  GPREEMPT_TRY(runs.check_workloads());
  return runs;
}

Result<std::vector<double>> StudyRuns::run(std::size_t point, std::uint64_t seed) {
  RunSetup setup;
  std::vector<PolicyMetrics> results;
  GPREEMPT_TRY(points_.at(point));
  GPREEMPT_TRY(store(setup, with_seed(*points_.at(point), seed)));
  GPREEMPT_TRY(run_without_engine(setup.system, [&](const OpenTestbed& open) -> Result<void> {
    return store(results, run_policies(setup, open, {.baselines = &baselines_}));
  }));
  const Json json = result_json(results.at(0), setup);
  std::vector<double> values;
  for (const std::vector<std::string>& metric : metrics_) {
    const Json* value = find(json, metric);
    values.push_back(value == nullptr ? std::numeric_limits<double>::quiet_NaN()
                                      : number_of(*value));
  }
  return values;
}

Result<void> StudyRuns::check_metrics(const study::Plan& plan) const {
  std::vector<std::string> paths;
  collect(result_json(empty_result(base_.scenario), base_), "", paths);
  for (const std::string& metric : plan.file.metrics) {
    if (std::ranges::find(paths, metric) != paths.end()) {
      continue;
    }
    if (metric == "sim.wall_s") {
      return fail(Errc::kParse,
                  fmt::format("{}: metric '{}': it differs from machine to machine and from run to "
                              "run; a study must give the same numbers again",
                              plan.file.metrics_where, metric));
    }
    const std::vector<std::string_view> names(paths.begin(), paths.end());
    return fail(Errc::kParse,
                fmt::format("{}: metric '{}': no number of an element of results[]; the nearest is "
                            "'{}'",
                            plan.file.metrics_where, metric, nearest_name(metric, names)));
  }
  return {};
}

Result<void> StudyRuns::check_levels(const study::Plan& plan) const {
  for (std::size_t factor = 0; factor < plan.values.size(); ++factor) {
    std::vector<const Error*> refused(plan.values[factor].size(), nullptr);
    std::vector<bool> works(plan.values[factor].size(), false);
    for (std::size_t point = 0; point < points_.size(); ++point) {
      const std::size_t level = plan.table.points[point].levels[factor];
      if (points_[point] || !is_refusal(points_[point].error().code)) {
        works[level] = true;
      } else if (refused[level] == nullptr) {
        refused[level] = &points_[point].error();
      }
    }
    for (std::size_t level = 0; level < works.size(); ++level) {
      if (works[level] || refused[level] == nullptr) {
        continue;
      }
      const TomlValue& value = plan.values[factor][level];
      const std::string& what = refused[level]->what;
      const std::string file = value.where().substr(0, value.where().find(':') + 1);
      return fail(Errc::kParse,
                  what.starts_with(file)
                      ? what
                      : fmt::format("{}: factor '{}' = {}: {}", value.where(),
                                    plan.table.factors[factor].name, value.text(), what));
    }
  }
  return {};
}

Result<void> StudyRuns::check_workloads() const {
  std::optional<Error> refused;
  for (const Result<RunSetup>& point : points_) {
    const Result<RunSetup> setup =
        point ? with_seed(*point, point->scenario.run.seed) : tl::unexpected<Error>(point.error());
    if (setup || !is_refusal(setup.error().code)) {
      return {};
    }
    if (!refused) {
      refused = setup.error();
    }
  }
  return refused ? fail(Errc::kInvalidArgument, refused->what) : Result<void>{};
}

std::string scenario_of(const std::string& study_file, const std::string& scenario) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path beside = (fs::path(study_file).parent_path() / scenario).lexically_normal();
  const bool built_in = !fs::is_regular_file(beside, ignored) && find_embedded(scenario) != nullptr;
  // A file that is missing is named as it was looked for: no built-in one takes its place.
  return built_in ? scenario : beside.string();
}

}  // namespace gpreempt::cli
