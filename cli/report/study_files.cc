#include "cli/report/study_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "cli/report/csv.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::report {

Result<StudyFiles> read_study_files(const std::filesystem::path& folder) {
  StudyFiles files;
  std::error_code error;
  for (const auto& [name, text] :
       {std::pair{"analysis.json", &files.analysis}, std::pair{"runs.csv", &files.runs}}) {
    if (!std::filesystem::exists(folder / name, error)) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("make a report of {}: it has no {}; the study was not finished, or "
                              "this is no folder of `gpreempt study --out`",
                              folder.string(), name));
    }
    GPREEMPT_TRY(store(*text, read_text_file(folder / name)));
  }
  if (std::filesystem::exists(folder / "journal.jsonl", error)) {
    std::string journal;
    GPREEMPT_TRY(store(journal, read_text_file(folder / "journal.jsonl")));
    files.journal = journal.substr(0, journal.find('\n'));
  }
  return files;
}

Result<RunsSeen> look_at_runs(const std::string& text) {
  RunsSeen seen;
  CsvRows csv;
  GPREEMPT_TRY(store(csv, CsvRows::open("runs.csv", text, {"point", "seed", "error", "command"})));
  while (true) {
    bool more = false;
    GPREEMPT_TRY(store(more, csv.next()));
    if (!more) {
      return seen;
    }
    ++seen.runs;
    if (!csv.text(2).empty()) {
      seen.failures.push_back(
          fmt::format("point {}, seed {}: {}", csv.text(0), csv.text(1), csv.text(2)));
    }
    if (seen.first_command.empty()) {
      seen.first_command = csv.text(3);
    }
  }
}

}  // namespace gpreempt::report
