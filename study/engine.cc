#include "study/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "crew/linux_crew.h"
#include "study/linux_journal.h"
#include "study/schedule.h"

namespace gpreempt::study {
namespace {

using nlohmann::ordered_json;

class Engine {
 public:
  Engine(Schedule& schedule, const MakeRun& make_run, const EngineOptions& options)
      : schedule_(schedule), make_run_(make_run), options_(options) {}

  Result<void> operator()() {
    const crew::CrewOptions crew{.workers = options_.workers, .stop_fd = options_.stop_fd};
    return crew::run_crew(
        crew, [this](const auto& jobs, const auto& teller) { work(jobs, teller); },
        [this] { return next(); },
        [this](const crew::Outcome& outcome) { return settle(outcome); });
  }

 private:
  /// Large chunks while there is much to do, so that few processes are made and baselines are used
  /// again; small ones towards the end, so that all workers finish together.
  std::vector<crew::Job> next() {
    constexpr std::size_t kMost = 256;
    constexpr std::size_t kParts = 4;
    const std::size_t share = schedule_.waiting() / (std::size_t{kParts} * options_.workers);
    std::vector<crew::Job> jobs;
    for (const RunId& run : schedule_.take(std::clamp<std::size_t>(share, 1, kMost))) {
      jobs.push_back(ids_.size());
      ids_.push_back(run);
    }
    return jobs;
  }

  void work(const std::vector<crew::Job>& jobs, const crew::Teller& teller) const {
    for (const crew::Job job : jobs) {
      const RunId run = ids_.at(job);
      Row row{.point = run.point, .seed = schedule_.seed_of(run), .values = {}, .error = {}};
      Result<std::vector<double>> values = make_run_(row.point, row.seed);
      if (values) {
        row.values = *std::move(values);
      } else {
        row.error = std::move(values).error().what;
      }
      teller.done(job, row_line(row));
    }
  }

  Result<void> settle(const crew::Outcome& outcome) {
    const RunId run = ids_.at(outcome.job);
    Row row{.point = run.point,
            .seed = schedule_.seed_of(run),
            .values = {},
            .error = fmt::format("run the point: {}", outcome.died)};
    std::string line = outcome.result;
    if (outcome.died.empty()) {
      // As a resumed study would read it, so that both see the same.
      GPREEMPT_TRY(store(row, parse_row(line, 0)));
    } else {
      line = row_line(row);
    }
    if (options_.journal != nullptr) {
      GPREEMPT_TRY(options_.journal->append(line));
    }
    (void)schedule_.settle(std::move(row));
    if (options_.progress) {
      options_.progress();
    }
    return {};
  }

  Schedule& schedule_;
  const MakeRun& make_run_;
  const EngineOptions& options_;
  std::vector<RunId> ids_;  ///< by job
};

tl::unexpected<Error> no_row(const std::string& line) {
  return fail(Errc::kParse, fmt::format("read a run: '{}' is none", line));
}

}  // namespace

Result<void> run_study(Schedule& schedule, const MakeRun& make_run, const EngineOptions& options) {
  return Engine(schedule, make_run, options)();
}

std::string row_line(const Row& row) {
  ordered_json json;
  json["point"] = row.point;
  json["seed"] = row.seed;
  if (row.error.empty()) {
    json["values"] = ordered_json::array();
    for (const double value : row.values) {
      json["values"].push_back(std::isnan(value) ? ordered_json(nullptr) : ordered_json(value));
    }
  } else {
    json["error"] = row.error;
  }
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<Row> parse_row(const std::string& line, std::size_t metrics) {
  const ordered_json json = ordered_json::parse(line, nullptr, false);
  const auto is_number = [&](const char* key) {
    return json.contains(key) && json[key].is_number_unsigned();
  };
  if (!json.is_object() || !is_number("point") || !is_number("seed")) {
    return no_row(line);
  }
  Row row{.point = json["point"].get<std::size_t>(),
          .seed = json["seed"].get<std::uint64_t>(),
          .values = {},
          .error = {}};
  if (json.contains("error") && json["error"].is_string()) {
    row.error = json["error"].get<std::string>();
    return row;
  }
  if (!json.contains("values") || !json["values"].is_array()) {
    return no_row(line);
  }
  for (const ordered_json& value : json["values"]) {
    if (!value.is_null() && !value.is_number()) {
      return no_row(line);
    }
    row.values.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                         : value.get<double>());
  }
  if (metrics != 0 && row.values.size() != metrics) {
    return no_row(line);
  }
  return row;
}

}  // namespace gpreempt::study
