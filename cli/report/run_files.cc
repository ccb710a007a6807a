#include "cli/report/run_files.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/report/csv.h"
#include "config/document.h"
#include "core/error.h"

namespace gpreempt::report {
namespace {

namespace fs = std::filesystem;

Result<std::string> read_needed(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("make a report of {}: it has no {}; the run was not finished, or this "
                            "is no folder of `gpreempt run --out`",
                            file.parent_path().string(), file.filename().string()));
  }
  return read_text_file(file);
}

/// Reads all rows by `read`, a function from the rows' reader to a Result<Row>.
template <class Row, class Read>
Result<std::vector<Row>> read_rows(const fs::path& file,
                                   const std::vector<std::string_view>& columns, Read read) {
  std::string text;
  GPREEMPT_TRY(store(text, read_needed(file)));
  const std::string name = file.string();
  CsvRows csv;
  GPREEMPT_TRY(store(csv, CsvRows::open(name, text, columns)));
  std::vector<Row> rows;
  while (true) {
    bool more = false;
    GPREEMPT_TRY(store(more, csv.next()));
    if (!more) {
      return rows;
    }
    GPREEMPT_TRY(read(csv, rows.emplace_back()));
  }
}

Result<void> read_optional(const CsvRows& csv, std::size_t column,
                           std::optional<std::int64_t>& value) {
  if (csv.text(column).empty()) {
    return {};
  }
  std::int64_t number = 0;
  GPREEMPT_TRY(store(number, csv.integer(column)));
  value = number;
  return {};
}

Result<void> read_request(const CsvRows& csv, RequestRow& row) {
  row.policy = csv.text(0);
  row.tenant = csv.text(1);
  GPREEMPT_TRY(store(row.request, csv.integer(2)));
  GPREEMPT_TRY(store(row.arrival_ns, csv.integer(3)));
  GPREEMPT_TRY(read_optional(csv, 4, row.first_wave_ns));
  return read_optional(csv, 5, row.end_ns);
}

Result<void> read_interval(const CsvRows& csv, IntervalRow& row) {
  row.policy = csv.text(0);
  row.tenant = csv.text(1);
  row.gpu = csv.text(2);
  row.state = csv.text(3);
  GPREEMPT_TRY(store(row.from_ns, csv.integer(4)));
  return store(row.to_ns, csv.integer(5));
}

Result<void> read_progress(const CsvRows& csv, ProgressRow& row) {
  row.policy = csv.text(0);
  row.tenant = csv.text(1);
  GPREEMPT_TRY(store(row.at_ns, csv.integer(2)));
  return store(row.work_ns, csv.integer(3));
}

}  // namespace

Result<RunFiles> read_run_files(const fs::path& folder) {
  RunFiles files;
  GPREEMPT_TRY(store(files.summary, read_needed(folder / "summary.json")));
  GPREEMPT_TRY(store(files.run, read_needed(folder / "run.json")));
  GPREEMPT_TRY(store(
      files.requests,
      read_rows<RequestRow>(
          folder / "requests.csv",
          {"policy", "tenant", "request", "arrival_ns", "first_wave_ns", "end_ns"}, read_request)));
  std::error_code error;
  if (fs::exists(folder / "timeline.csv", error)) {
    GPREEMPT_TRY(
        store(files.timeline.emplace(),
              read_rows<IntervalRow>(folder / "timeline.csv",
                                     {"policy", "tenant", "gpu", "state", "from_ns", "to_ns"},
                                     read_interval)));
  }
  if (fs::exists(folder / "progress.csv", error)) {
    GPREEMPT_TRY(
        store(files.progress.emplace(),
              read_rows<ProgressRow>(folder / "progress.csv",
                                     {"policy", "tenant", "at_ns", "work_ns"}, read_progress)));
  }
  return files;
}

}  // namespace gpreempt::report
