#include "cli/study_folder.h"

#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/output_folder.h"
#include "config/document.h"
#include "core/error.h"
#include "core/fnv1a.h"
#include "study/engine.h"
#include "study/linux_journal.h"
#include "study/schedule.h"

namespace gpreempt::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kTool = "gpreempt study";
constexpr std::string_view kJournal = "journal.jsonl";

std::string shard_text(const study::Shard& shard) {
  return fmt::format("{}/{}", shard.index, shard.count);
}

}  // namespace

std::string StudyIdentity::line() const {
  Json json;
  json["journal"] = 1;
  json["tool"] = std::string(kTool);
  json["built_from"] = built_from;
  json["shard"] = Json::array({shard.index, shard.count});
  json["quick"] = quick;
  json["first_seed"] = first_seed;
  json["scenario"] = scenario;
  json["traces"] = traces;
  json["trace_marks"] = trace_marks;
  json["latency_metric"] = limits.latency_metric;
  json["latency_limits"] = limits.latency;
  json["loss_limits"] = limits.loss;
  json["study_name"] = study_name;
  json["study"] = study;
  json["scenario_text"] = scenario_text;
  json["model_text"] = model_text;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<StudyIdentity> StudyIdentity::parse(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  const auto none = [] {
    return fail(Errc::kParse, "read the first line of a journal: it is none of gpreempt study");
  };
  StudyIdentity identity;
  try {
    if (json.is_object() && json.at("tool") == std::string(kTool) && json.at("journal") == 1) {
      identity.built_from = json.at("built_from");
      identity.shard = {.index = json.at("shard").at(0), .count = json.at("shard").at(1)};
      identity.quick = json.at("quick");
      identity.first_seed = json.at("first_seed");
      identity.scenario = json.at("scenario");
      identity.traces = json.at("traces");
      identity.trace_marks = json.at("trace_marks");
      identity.limits.latency_metric = json.at("latency_metric");
      json.at("latency_limits").get_to(identity.limits.latency);
      json.at("loss_limits").get_to(identity.limits.loss);
      identity.study_name = json.at("study_name");
      identity.study = json.at("study");
      identity.scenario_text = json.at("scenario_text");
      identity.model_text = json.at("model_text");
      return identity;
    }
    return none();
  } catch (const Json::exception&) {
    return none();  // a key is missing, or of another type
  }
}

std::string StudyIdentity::difference(const StudyIdentity& other) const {
  if (study != other.study) {
    return "it is of another study file, or of this one before it was changed";
  }
  if (quick != other.quick) {
    return fmt::format("it was made {} --quick", other.quick ? "with" : "without");
  }
  if (!(shard == other.shard)) {
    return fmt::format("it is shard {}, and this is {}", shard_text(other.shard),
                       shard_text(shard));
  }
  if (built_from != other.built_from) {
    return fmt::format("it was made by {}, and this is {}", other.built_from, built_from);
  }
  if (scenario != other.scenario) {
    return fmt::format("its scenario is {}, and this is {}", other.scenario, scenario);
  }
  if (scenario_text != other.scenario_text || first_seed != other.first_seed) {
    return "its scenario was another one";
  }
  if (model_text != other.model_text) {
    return "its hardware model was another one";
  }
  if (traces != other.traces || trace_marks != other.trace_marks) {
    return "its traces were other ones";
  }
  return {};
}

Result<StudyFolder> StudyFolder::open(const fs::path& folder, const StudyIdentity& identity,
                                      bool fresh) {
  StudyFolder opened;
  opened.path_ = folder;
  std::error_code error;
  GPREEMPT_TRY(
      make_output_folder(folder, "a study", kJournal, fs::exists(folder / kJournal, error)));
  GPREEMPT_TRY(store(opened.journal_, study::Journal::open(folder / kJournal)));
  study::Journal& journal = opened.journal_;
  if (fresh) {
    GPREEMPT_TRY(journal.clear());
  }
  if (journal.lines().empty()) {
    GPREEMPT_TRY(journal.append(identity.line()));
    return opened;
  }
  StudyIdentity there;
  const Result<void> parsed = store(there, StudyIdentity::parse(journal.lines().front()));
  const std::string why = parsed ? identity.difference(there) : parsed.error().what;
  if (!why.empty()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("go on with {}: {}; name another --out, or start over with --fresh",
                            (folder / kJournal).string(), why));
  }
  return opened;
}

Result<void> StudyFolder::restore(study::Schedule& schedule, std::size_t metrics) const {
  for (std::size_t i = 1; i < journal_.lines().size(); ++i) {
    study::Row row;
    if (Result<void> read = store(row, study::parse_row(journal_.lines()[i], metrics)); !read) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("go on with {}: line {}: {}; start over with --fresh",
                              (path_ / kJournal).string(), i + 1, read.error().what));
    }
    (void)schedule.settle(std::move(row));
  }
  return {};
}

Result<void> write_study_file(const fs::path& file, std::string_view text) {
  const fs::path fresh = file.parent_path() / fmt::format(".{}.new", file.filename().string());
  std::string why;
  {
    std::ofstream stream(fresh, std::ios::binary | std::ios::trunc);
    stream << text;
    stream.flush();
    why = stream ? "" : "the file system refused it";
  }
  std::error_code error;
  if (why.empty()) {
    fs::rename(fresh, file, error);
    why = error ? error.message() : "";
  }
  if (!why.empty()) {
    fs::remove(fresh, error);
    return tl::unexpected<Error>(write_error(file, why));
  }
  return {};
}

Result<std::string> mark_of(const fs::path& file) {
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(file)));
  return fmt::format("{:016x}", fnv1a(text));
}

}  // namespace gpreempt::cli
