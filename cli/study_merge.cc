#include "cli/study_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/sim/model_file.h"
#include "cli/study_folder.h"
#include "cli/study_options.h"
#include "config/document.h"
#include "config/override.h"
#include "config/parameter.h"
#include "core/error.h"
#include "core/nearest.h"
#include "study/engine.h"
#include "study/linux_journal.h"
#include "study/plan.h"
#include "study/schedule.h"
#include "study/study_file.h"

namespace gpreempt::cli {
namespace {

/// A shard's folder, read.
struct ShardRecord {
  std::filesystem::path folder;
  StudyIdentity identity;
  std::vector<std::string> lines;
};

tl::unexpected<Error> refuse(const std::filesystem::path& folder, std::string_view why) {
  return fail(Errc::kInvalidArgument, fmt::format("merge {}: {}", folder.string(), why));
}

Result<ShardRecord> read_shard(const std::filesystem::path& folder) {
  ShardRecord shard{.folder = folder, .identity = {}, .lines = {}};
  if (Result<void> read = store(shard.lines, study::Journal::read(folder / "journal.jsonl"));
      !read) {
    return refuse(folder, read.error().what);
  }
  if (shard.lines.empty()) {
    return refuse(folder, "its journal is empty; make its runs first");
  }
  if (Result<void> parsed = store(shard.identity, StudyIdentity::parse(shard.lines.front()));
      !parsed) {
    return refuse(folder, parsed.error().what);
  }
  return shard;
}

/// All shards of one study, each once.
Result<void> check_shards(const std::vector<ShardRecord>& shards) {
  const StudyIdentity& first = shards.front().identity;
  std::vector<std::uint32_t> seen;
  for (const ShardRecord& each : shards) {
    StudyIdentity same = each.identity;
    same.shard = first.shard;
    if (const std::string why = first.difference(same); !why.empty()) {
      return refuse(each.folder, fmt::format("it does not belong to {}: {}",
                                             shards.front().folder.string(), why));
    }
    if (each.identity.shard.count != first.shard.count) {
      return refuse(each.folder, fmt::format("it is one of {} shards, {} is one of {}",
                                             each.identity.shard.count,
                                             shards.front().folder.string(), first.shard.count));
    }
    if (std::ranges::find(seen, each.identity.shard.index) != seen.end()) {
      return refuse(each.folder, fmt::format("shard {} is there twice", each.identity.shard.index));
    }
    seen.push_back(each.identity.shard.index);
  }
  for (std::uint32_t index = 1; index <= first.shard.count; ++index) {
    if (std::ranges::find(seen, index) == seen.end()) {
      return refuse(
          shards.front().folder,
          fmt::format("shard {}/{} is missing; name its folder, too", index, first.shard.count));
    }
  }
  return {};
}

Result<void> restore(const ShardRecord& shard, const StudyRecord& record,
                     study::Schedule& schedule) {
  StudyRecord part = record;
  part.identity.shard = shard.identity.shard;
  study::Schedule own = schedule_of(part);
  for (std::size_t i = 1; i < shard.lines.size(); ++i) {
    study::Row row;
    if (Result<void> read =
            store(row, study::parse_row(shard.lines[i], record.plan.table.metrics.size()));
        !read) {
      return refuse(shard.folder, fmt::format("line {}: {}", i + 1, read.error().what));
    }
    if (own.settle(row)) {
      (void)schedule.settle(std::move(row));
    }
  }
  if (!own.is_done()) {
    return refuse(shard.folder,
                  fmt::format("shard {}/{} has {} of at least {} runs; make the rest first",
                              shard.identity.shard.index, shard.identity.shard.count, own.settled(),
                              own.at_least()));
  }
  return {};
}

/// Writes the journal of the whole study: what is not yet in it.
Result<void> keep(const std::vector<study::Row>& rows, const StudyRecord& record,
                  const std::filesystem::path& out) {
  StudyFolder folder;
  GPREEMPT_TRY(store(folder, StudyFolder::open(out, record.identity, false)));
  study::Schedule there = schedule_of(record);
  GPREEMPT_TRY(folder.restore(there, record.plan.table.metrics.size()));
  for (const study::Row& row : rows) {
    if (!there.settle(row)) {
      continue;  // it is there already
    }
    GPREEMPT_TRY(folder.journal().append(study::row_line(row)));
  }
  return {};
}

Result<Parameter> find_parameter(const sim::Model& model, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Parameter& parameter : model.parameters) {
    if (parameter.name == name) {
      return parameter;
    }
    names.push_back(parameter.name);
  }
  return fail(Errc::kInvalidArgument, fmt::format("model {} has no parameter '{}'{}", model.name,
                                                  name, suggestion(name, names)));
}

}  // namespace

Result<StudyRecord> record_of(StudyIdentity identity) {
  StudyRecord record;
  study::StudyFile file;
  sim::Model model;
  GPREEMPT_TRY(
      store(file, study::parse_study(identity.study, identity.study_name, identity.quick)));
  std::vector<Override> changes;
  for (const Override& one : file.quick) {
    if (one.path.front() == "model") {
      changes.push_back({.path = {one.path.begin() + 1, one.path.end()}, .value = one.value});
    }
  }
  GPREEMPT_TRY(store(model, sim::parse_model(identity.model_text, "model", 0, changes)));
  GPREEMPT_TRY(store(record.plan, study::make_plan(std::move(file), [&](std::string_view name) {
                       return find_parameter(model, name);
                     })));
  record.identity = std::move(identity);
  return record;
}

study::Schedule schedule_of(const StudyRecord& record) {
  const study::StudyFile& file = record.plan.file;
  std::size_t metric = 0;
  if (file.repeat.until) {
    const auto found = std::ranges::find(file.metrics, file.repeat.until->metric);
    metric = static_cast<std::size_t>(found - file.metrics.begin());
  }
  return study::Schedule({.points = record.plan.table.points.size(),
                          .repeat = file.repeat,
                          .metric = metric,
                          .first_seed = record.identity.first_seed,
                          .shard = record.identity.shard});
}

Result<std::vector<study::Row>> merge_shards(const StudyOptions& options, StudyRecord& record) {
  std::vector<ShardRecord> shards;
  for (const std::filesystem::path& folder : options.merge) {
    ShardRecord shard;
    GPREEMPT_TRY(store(shard, read_shard(folder)));
    shards.push_back(std::move(shard));
  }
  GPREEMPT_TRY(check_shards(shards));
  StudyIdentity whole = shards.front().identity;
  whole.shard = {};
  GPREEMPT_TRY(store(record, record_of(std::move(whole))));
  study::Schedule schedule = schedule_of(record);
  for (const ShardRecord& shard : shards) {
    GPREEMPT_TRY(restore(shard, record, schedule));
  }
  std::vector<study::Row> rows = schedule.rows();
  GPREEMPT_TRY(keep(rows, record, options.out));
  return rows;
}

}  // namespace gpreempt::cli
