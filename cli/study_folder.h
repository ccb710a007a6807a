#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cli/study_request.h"
#include "core/error.h"
#include "study/linux_journal.h"
#include "study/schedule.h"

/// The folder that a study is kept in.
namespace gpreempt::cli {

/// All that a study's runs depend on, and how they were shared out: the first line of its journal.
struct StudyIdentity {
  std::string built_from;  ///< version and commit
  std::string study_name;  ///< of the file, for messages; not compared
  std::string study;       ///< its text
  bool quick = false;
  study::Shard shard;
  std::string scenario;  ///< as `gpreempt run` finds it
  std::string scenario_text;
  std::string model_text;
  std::vector<std::string> traces;       ///< values of --trace
  std::vector<std::string> trace_marks;  ///< of the contents of those files
  std::uint64_t first_seed = 1;
  StudyLimits limits;  ///< of the scenario

  [[nodiscard]] std::string line() const;
  /// Errors: kParse (it is no such line).
  [[nodiscard]] static Result<StudyIdentity> parse(const std::string& line);
  /// In what they differ, as a sentence; empty if in nothing.
  [[nodiscard]] std::string difference(const StudyIdentity& other) const;
};

class StudyFolder {
 public:
  /// Opens or makes the folder for this study; with `fresh`, empties its journal. One that holds
  /// something else, or the journal of another study, is refused.
  /// Errors: kInvalidArgument (refused), kBusy (another process is at work on it), kIo.
  [[nodiscard]] static Result<StudyFolder> open(const std::filesystem::path& folder,
                                                const StudyIdentity& identity, bool fresh);

  [[nodiscard]] study::Journal& journal() { return journal_; }
  /// Puts the runs of the journal into the schedule. Errors: kParse (a line that is none).
  [[nodiscard]] Result<void> restore(study::Schedule& schedule, std::size_t metrics) const;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  study::Journal journal_;
};

/// Writes a file whole, or leaves the old one. Errors: kIo.
[[nodiscard]] Result<void> write_study_file(const std::filesystem::path& file,
                                            std::string_view text);

/// A mark of a file's contents: 64-bit FNV-1a, in hexadecimal. Errors: kIo.
[[nodiscard]] Result<std::string> mark_of(const std::filesystem::path& file);

}  // namespace gpreempt::cli
