#include "study/study_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "config/override.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::study {
namespace {

constexpr std::uint32_t kMaxRepeats = 100'000;
constexpr std::uint32_t kMaxQuantiles = 1'000;
constexpr std::uint32_t kMaxSobol = 65'536;

/// Paths below these belong to the study; [quick] may set them.
constexpr std::array<std::string_view, 3> kOwnTables = {"design", "repeat", "metrics"};

bool is_own(const std::vector<std::string>& path) {
  return std::ranges::find(kOwnTables, path.front()) != kOwnTables.end();
}

/// "design.factors.run.duration" names one key, whose name has a dot.
std::vector<std::string> own_path(const std::string& dotted) {
  constexpr std::string_view kFactors = "design.factors.";
  if (dotted.starts_with(kFactors)) {
    return {"design", "factors", dotted.substr(kFactors.size())};
  }
  return split_path(dotted);
}

Result<std::vector<Override>> read_quick(const TomlTable& table) {
  std::vector<Override> overrides;
  for (const std::string& key : table.keys()) {
    if (table.kind(key) == TomlKind::kTable && key.find('.') == std::string::npos) {
      return tl::unexpected<Error>(table.error(
          key, "write the whole path in quotes, like \"repeat.max\" or \"run.duration\""));
    }
    std::optional<TomlValue> value;
    GPREEMPT_TRY(store(value, table.value(key)));
    overrides.push_back({.path = own_path(key), .value = std::move(value)});
  }
  return overrides;
}

Result<void> check_factor(const TomlTable& table, const std::string& path) {
  const std::vector<std::string> parts = split_path(path);
  if (std::ranges::any_of(parts, &std::string::empty) || path == "model") {
    return tl::unexpected<Error>(table.error(
        path,
        "no path; write keys of the scenario with dots between, like \"scheduler.policy\" or "
        "\"model.cost.t_hiq\""));
  }
  if (path == "run.seed") {
    return tl::unexpected<Error>(
        table.error(path, "seeds are what repeats differ in; set [repeat] min and max instead"));
  }
  return {};
}

std::string place_of(const TomlTable& table, const std::string& key) {
  const Result<TomlValue> value = table.value(key);
  return value ? value->where() : table.document();
}

/// `{ prior = 5 }`; in a sobol design `{ prior = true }`.
Result<void> read_prior(const TomlTable& table, DesignKind kind, FactorSpec& factor) {
  if (kind == DesignKind::kSobol) {
    bool whole = false;
    if (table.kind("prior") != TomlKind::kBoolean) {
      return tl::unexpected<Error>(table.error(
          "prior", "a sobol design spreads its points over the whole prior; write prior = true"));
    }
    GPREEMPT_TRY(store(whole, table.boolean("prior", true)));
    return whole ? Result<void>{}
                 : tl::unexpected<Error>(table.error("prior", "write true, or leave it out"));
  }
  return store(factor.quantiles, table.uint32("prior", 1, kMaxQuantiles));
}

Result<FactorSpec> read_factor(const TomlTable& table, const std::string& path, DesignKind kind) {
  FactorSpec factor;
  factor.path = path;
  GPREEMPT_TRY(check_factor(table, path));
  factor.where = place_of(table, path);
  if (table.kind(path) == TomlKind::kTable) {
    if (!path.starts_with("model.")) {
      return tl::unexpected<Error>(
          table.error(path,
                      "only parameters of the model, \"model.TABLE.NAME\", have a prior; "
                      "write an array of values"));
    }
    GPREEMPT_TRY(table.table(path).and_then(
        [&](const TomlTable& prior) { return read_prior(prior, kind, factor); }));
    return factor;
  }
  if (table.kind(path) != TomlKind::kArray) {
    return tl::unexpected<Error>(
        table.error(path,
                    "its levels are an array of values, or { prior = 5 } for quantiles of "
                    "a model parameter's range"));
  }
  GPREEMPT_TRY(store(factor.levels, table.values(path)));
  if (factor.levels.empty()) {
    return tl::unexpected<Error>(table.error(path, "empty; it needs at least one value"));
  }
  return factor;
}

Result<std::vector<FactorSpec>> read_factors(const TomlTable& table, DesignKind kind) {
  std::vector<FactorSpec> factors;
  for (const std::string& path : table.keys_as_written()) {
    FactorSpec factor;
    GPREEMPT_TRY(store(factor, read_factor(table, path, kind)));
    factors.push_back(std::move(factor));
  }
  if (factors.empty()) {
    return tl::unexpected<Error>(
        table.error("no factors; write what is varied, like "
                    "\"scheduler.policy\" = [\"none\", \"suspend\"]"));
  }
  return factors;
}

Result<std::vector<TomlValue>> read_row(const TomlTable& point,
                                        const std::vector<std::string>& paths) {
  std::vector<TomlValue> row;
  for (const std::string& path : paths) {
    GPREEMPT_TRY(point.value(path).map([&](TomlValue value) { row.push_back(std::move(value)); }));
  }
  return row;
}

/// A list: each point a table of the same keys.
Result<void> read_rows(const TomlTable& design, StudyFile& study) {
  std::vector<TomlTable> points;
  GPREEMPT_TRY(store(points, design.tables("points")));
  if (points.empty()) {
    return tl::unexpected<Error>(design.error(
        "points", "a list design needs some: points = [ { \"scheduler.policy\" = \"none\" } ]"));
  }
  const std::vector<std::string> paths = points.front().keys_as_written();
  for (const std::string& path : paths) {
    GPREEMPT_TRY(check_factor(points.front(), path));
    study.factors.push_back({.path = path, .levels = {}, .where = place_of(points.front(), path)});
  }
  for (const TomlTable& point : points) {
    if (point.keys() != points.front().keys() || paths.empty()) {
      return tl::unexpected<Error>(
          point.error("every point names the same keys, at least one; the first has other ones"));
    }
    GPREEMPT_TRY(store(study.rows.emplace_back(), read_row(point, paths)));
  }
  return {};
}

Result<void> read_design(const TomlTable& design, StudyFile& study) {
  std::string kind;
  GPREEMPT_TRY(store(kind, design.choice("kind", {"grid", "list", "sobol"})));
  study.kind = kind == "grid"   ? DesignKind::kGrid
               : kind == "list" ? DesignKind::kList
                                : DesignKind::kSobol;
  if (study.kind == DesignKind::kList) {
    return read_rows(design, study);
  }
  if (study.kind == DesignKind::kSobol) {
    GPREEMPT_TRY(store(study.points, design.uint32("points", 1, kMaxSobol)));
  }
  return store(study.factors, design.table("factors").and_then([&](const TomlTable& factors) {
    return read_factors(factors, study.kind);
  }));
}

/// "5%" of the mean, "100us", or a number in the metric's unit.
Result<void> read_half_width(const TomlTable& table, Until& until) {
  if (table.kind("half_width") != TomlKind::kString) {
    return store(until.half_width, table.positive("half_width"));
  }
  std::string text;
  GPREEMPT_TRY(store(text, table.string("half_width")));
  until.relative = text.ends_with('%');
  if (until.relative) {
    GPREEMPT_TRY(store(until.half_width, table.percent("half_width")));
  } else {
    Duration width{};
    GPREEMPT_TRY(store(width, table.duration("half_width")));
    until.half_width = static_cast<double>(to_ns(width));
  }
  if (!(until.half_width > 0)) {
    return tl::unexpected<Error>(table.error("half_width", "it must be greater than zero"));
  }
  return {};
}

Result<Until> read_until(const TomlTable& table, const std::vector<std::string>& metrics) {
  Until until;
  const std::vector<std::string_view> valid(metrics.begin(), metrics.end());
  GPREEMPT_TRY(store(until.metric, table.choice("metric", valid)));
  GPREEMPT_TRY(read_half_width(table, until));
  GPREEMPT_TRY(store(until.confidence, table.positive("confidence", until.confidence)));
  if (until.confidence >= 1) {
    return tl::unexpected<Error>(table.error("confidence", "it must be below 1, like 0.95"));
  }
  return until;
}

Result<void> read_repeat(const TomlTable& table, StudyFile& study) {
  Repeat& repeat = study.repeat;
  GPREEMPT_TRY(store(repeat.paired, table.boolean("paired", true)));
  GPREEMPT_TRY(store(repeat.max, table.uint32("max", 1, kMaxRepeats, 1)));
  GPREEMPT_TRY(store(repeat.min, table.uint32("min", 1, kMaxRepeats, 1)));
  // A smaller cap, as [quick] sets it, is meant.
  repeat.min = std::min(repeat.min, repeat.max);
  if (table.has("until")) {
    Until until;
    GPREEMPT_TRY(store(until, table.table("until").and_then([&](const TomlTable& inner) {
      return read_until(inner, study.metrics);
    })));
    repeat.until = until;
  }
  return {};
}

Result<void> read_metrics(const TomlTable& root, StudyFile& study) {
  GPREEMPT_TRY(store(study.metrics, root.strings("metrics")));
  if (study.metrics.empty()) {
    return tl::unexpected<Error>(root.error(
        "metrics", "none; write paths in an element of results[], like \"online.latency_ns.p99\""));
  }
  study.metrics_where = place_of(root, "metrics");
  std::vector<std::string> sorted = study.metrics;
  std::ranges::sort(sorted);
  if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end()) {
    return tl::unexpected<Error>(root.error("metrics", fmt::format("'{}' is there twice", *twice)));
  }
  return {};
}

Result<void> read_root(const TomlDocument& document, StudyFile& study) {
  const TomlTable& root = document.root();
  GPREEMPT_TRY(document.expect_schema(1));
  GPREEMPT_TRY(store(study.name, root.string("name")));
  GPREEMPT_TRY(store(study.question, root.string("question", "")));
  GPREEMPT_TRY(store(study.scenario, root.string("scenario")));
  GPREEMPT_TRY(read_metrics(root, study));
  GPREEMPT_TRY(root.table("design").and_then(
      [&](const TomlTable& design) { return read_design(design, study); }));
  GPREEMPT_TRY(root.table_or_empty("repeat").and_then(
      [&](const TomlTable& repeat) { return read_repeat(repeat, study); }));
  (void)root.table_or_empty("quick").map([](const TomlTable& quick) { return quick.keys(); });
  return root.finish();
}

}  // namespace

std::string_view to_string(DesignKind kind) {
  switch (kind) {
    case DesignKind::kGrid: return "grid";
    case DesignKind::kList: return "list";
    case DesignKind::kSobol: return "sobol";
  }
  return "?";
}

Result<StudyFile> parse_study(const std::string& text, const std::string& display_name,
                              bool quick) {
  StudyFile study;
  study.text = text;
  study.is_quick = quick;
  std::vector<Override> overrides;
  GPREEMPT_TRY(store(overrides, TomlDocument::parse(text, display_name)
                                    .and_then([](const TomlDocument& document) {
                                      return document.root().table_or_empty("quick");
                                    })
                                    .and_then(read_quick)));
  std::vector<Override> own;
  for (Override& one : overrides) {
    if (quick) {
      (is_own(one.path) ? own : study.quick).push_back(std::move(one));
    }
  }
  GPREEMPT_TRY(
      TomlDocument::parse(text, display_name, own).and_then([&](const TomlDocument& document) {
        return read_root(document, study);
      }));
  return study;
}

}  // namespace gpreempt::study
