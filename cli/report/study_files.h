#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"

namespace gpreempt::report {

/// What a study's report is made from.
struct StudyFiles {
  std::string analysis;                ///< text of `analysis.json`
  std::string runs;                    ///< text of `runs.csv`
  std::optional<std::string> journal;  ///< first line of `journal.jsonl`; nullopt: there is none
};

/// Reads a study's folder. Errors: kInvalidArgument (it lacks a file), kIo.
[[nodiscard]] Result<StudyFiles> read_study_files(const std::filesystem::path& folder);

/// What a `runs.csv` says of the runs as such.
struct RunsSeen {
  std::size_t runs = 0;
  std::vector<std::string> failures;  ///< a sentence each
  std::string first_command;          ///< makes the first run again
};
/// Errors: kParse (file:line).
[[nodiscard]] Result<RunsSeen> look_at_runs(const std::string& text);

}  // namespace gpreempt::report
