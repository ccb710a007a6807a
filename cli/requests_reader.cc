#include "cli/requests_reader.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

/// request, arrival, first wave, end, the phases, first token, tokens.
constexpr std::size_t kNumbers = 4 + kDriverPhases + 2;

/// The columns that are numbers; nullopt where nothing is written.
using Numbers = std::array<std::optional<std::int64_t>, kNumbers>;

/// Takes the last `kNumbers` columns off `line`, because a tenant's name may hold a comma.
bool take_numbers(std::string_view& line, Numbers& numbers) {
  for (std::size_t i = kNumbers; i-- > 0;) {
    const std::size_t comma = line.rfind(',');
    if (comma == std::string_view::npos) {
      return false;
    }
    const std::string_view text = line.substr(comma + 1);
    line = line.substr(0, comma);
    numbers.at(i).reset();
    if (text.empty()) {
      continue;
    }
    std::int64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc{} || end != text.data() + text.size()) {
      return false;
    }
    numbers.at(i) = value;
  }
  return true;
}

Instant instant_or_never(std::optional<std::int64_t> ns) {
  return ns ? instant_from_ns(*ns) : kForever;
}

std::optional<SavedRequest> read_row(std::string_view line) {
  Numbers numbers;
  if (!take_numbers(line, numbers) || !line.starts_with('"')) {
    return std::nullopt;
  }
  const std::size_t quote = line.find("\",", 1);
  constexpr std::size_t kArrival = 1;
  const std::optional<std::int64_t> request = numbers.front();
  const std::optional<std::int64_t> arrival = numbers.at(kArrival);
  const std::optional<std::int64_t> tokens = numbers.back();
  if (quote == std::string_view::npos || !request || !arrival || !tokens) {
    return std::nullopt;
  }
  std::size_t column = kArrival + 1;
  SavedRequest row{.policy = std::string(line.substr(1, quote - 1)),
                   .tenant = std::string(line.substr(quote + 2)),
                   .record = {}};
  RequestRecord& record = row.record;
  record.request = static_cast<std::uint64_t>(*request);
  record.arrival = instant_from_ns(*arrival);
  record.first_wave = instant_or_never(numbers.at(column++));
  record.end = instant_or_never(numbers.at(column++));
  for (Duration& phase : record.phases) {
    phase = Duration(numbers.at(column++).value_or(0));
  }
  record.first_token = instant_or_never(numbers.at(column++));
  record.tokens = static_cast<std::uint32_t>(*tokens);
  return row;
}

}  // namespace

Result<std::vector<SavedRequest>> read_requests(std::string_view text, std::string_view name) {
  std::vector<SavedRequest> rows;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t length = text.find('\n');
    if (length == std::string_view::npos) {
      return fail(Errc::kParse, fmt::format("{}:{}: the line does not end: the file was cut off; "
                                            "make the bundle again",
                                            name, number));
    }
    const std::string_view line = text.substr(0, length);
    text.remove_prefix(length + 1);
    if (number == 1) {
      if (const std::string header = requests_header(); line != header) {
        return fail(Errc::kParse, fmt::format("{}:1: its columns are not those of this version, "
                                              "{}; make the bundle again",
                                              name, header));
      }
      continue;
    }
    std::optional<SavedRequest> row = read_row(line);
    if (!row) {
      return fail(Errc::kParse,
                  fmt::format("{}:{}: this is no row of {} numbers after a quoted policy and a "
                              "tenant; make the bundle again",
                              name, number, kNumbers));
    }
    rows.push_back(*std::move(row));
  }
  return rows;
}

std::string requests_header() {
  std::string header = "policy,tenant,request,arrival_ns,first_wave_ns,end_ns";
  for (std::size_t i = 0; i < kDriverPhases; ++i) {
    header += fmt::format(",{}_ns", to_string(static_cast<DriverPhase>(i)));
  }
  return header + ",first_token_ns,tokens";
}

}  // namespace gpreempt::cli
