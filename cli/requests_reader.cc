#include "cli/requests_reader.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/report/csv.h"
#include "config/document.h"
#include "core/error.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/record_rows.h"

namespace gpreempt::cli {
namespace {

using report::CsvRows;

constexpr std::size_t kColumns = kFirstPhaseColumn + kDriverPhases + 2;

/// nullopt: nothing is written. Errors: kParse.
Result<std::optional<std::int64_t>> written(const CsvRows& csv, std::size_t column) {
  if (csv.text(column).empty()) {
    return std::nullopt;
  }
  return csv.integer(column);
}

Result<void> read_instant(const CsvRows& csv, std::size_t column, Instant& instant) {
  std::optional<std::int64_t> ns;
  GPREEMPT_TRY(store(ns, written(csv, column)));
  instant = ns ? instant_from_ns(*ns) : kForever;
  return {};
}

Result<void> read_phases(const CsvRows& csv, RequestRecord& record) {
  std::size_t column = kFirstPhaseColumn;
  for (Duration& phase : record.phases) {
    std::optional<std::int64_t> ns;
    GPREEMPT_TRY(store(ns, written(csv, column++)));
    phase = Duration(ns.value_or(0));
  }
  return {};
}

Result<SavedRequest> read_row(const CsvRows& csv) {
  SavedRequest row{.policy = csv.text(0), .tenant = csv.text(1), .record = {}};
  RequestRecord& record = row.record;
  std::int64_t request = 0;
  std::int64_t arrival = 0;
  std::int64_t tokens = 0;
  GPREEMPT_TRY(store(request, csv.integer(2)));
  GPREEMPT_TRY(store(arrival, csv.integer(3)));
  GPREEMPT_TRY(read_instant(csv, 4, record.first_wave));
  GPREEMPT_TRY(read_instant(csv, 5, record.end));
  GPREEMPT_TRY(read_phases(csv, record));
  GPREEMPT_TRY(read_instant(csv, kColumns - 2, record.first_token));
  GPREEMPT_TRY(store(tokens, csv.integer(kColumns - 1)));
  record.request = static_cast<std::uint64_t>(request);
  record.arrival = instant_from_ns(arrival);
  record.tokens = static_cast<std::uint32_t>(tokens);
  return row;
}

}  // namespace

Result<std::vector<SavedRequest>> read_requests(std::string_view text, std::string_view name) {
  if (const std::string header = requests_header(); !text.starts_with(header + "\n")) {
    return fail(Errc::kParse, fmt::format("{}:1: its columns are not those of this version, {}; "
                                          "make the bundle again",
                                          name, header));
  }
  if (!text.ends_with('\n')) {
    return fail(Errc::kParse,
                fmt::format("{}: the last line does not end: the file was cut off; make the bundle "
                            "again",
                            name));
  }
  const std::vector<std::string> names = request_columns();
  CsvRows csv;
  GPREEMPT_TRY(store(csv, CsvRows::open(name, text, {names.begin(), names.end()})));
  std::vector<SavedRequest> rows;
  while (true) {
    bool more = false;
    GPREEMPT_TRY(store(more, csv.next()));
    if (!more) {
      return rows;
    }
    Result<SavedRequest> row = read_row(csv);
    GPREEMPT_TRY(row);
    rows.push_back(*std::move(row));
  }
}

}  // namespace gpreempt::cli
