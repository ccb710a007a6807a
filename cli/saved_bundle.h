#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/event_reader.h"
#include "cli/recorded_run.h"
#include "cli/requests_reader.h"
#include "core/error.h"

/// A bundle that `run --out` wrote, read back: its runs and their requests.
namespace gpreempt::cli {

struct SavedBundle {
  std::filesystem::path folder;
  std::unique_ptr<const std::string> log;  ///< `events.jsonl`
  std::vector<LogLine> lines;              ///< of `log`
  std::vector<RecordedRun> runs;           ///< in `lines`
  std::vector<SavedRequest> requests;      ///< `requests.csv`
};

/// Errors: kInvalidArgument (the folder is no bundle, or one without events), kParse.
[[nodiscard]] Result<SavedBundle> read_bundle(const std::filesystem::path& folder);

/// The run of a policy, written as in the bundle or, if only one has it, by its bare name; of an
/// empty `policy` the only one. Errors: kInvalidArgument (none or several; names them), where
/// `option` is what chooses one.
[[nodiscard]] Result<const RecordedRun*> find_run(const SavedBundle& bundle,
                                                  std::string_view policy, std::string_view option);

}  // namespace gpreempt::cli
