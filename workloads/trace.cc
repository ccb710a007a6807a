#include "workloads/trace.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "config/document.h"
#include "core/error.h"
#include "core/time.h"
#include "workloads/scenario.h"

namespace gpreempt {
namespace {

constexpr std::string_view kHeader = "TIMESTAMP,ContextTokens,GeneratedTokens";

/// Takes the next line off `text`, without its end.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

/// A whole text as an integer.
std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// A field of exactly `width` digits at `offset`.
std::optional<unsigned> digits(std::string_view text, std::size_t offset, std::size_t width) {
  unsigned value = 0;
  for (const char c : text.substr(offset, width)) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

/// ".9799600" in nanoseconds; nothing is 0.
std::optional<Duration> fraction(std::string_view text) {
  if (text.empty()) {
    return Duration::zero();
  }
  constexpr std::size_t kMaxDigits = 9;
  const std::size_t width = text.size() - 1;
  if (text.front() != '.' || width == 0 || width > kMaxDigits) {
    return std::nullopt;
  }
  std::optional<unsigned> value = digits(text, 1, width);
  for (std::size_t i = width; value && i < kMaxDigits; ++i) {
    *value *= 10;
  }
  return value ? std::optional(Duration(*value)) : std::nullopt;
}

/// "2023-11-16 18:17:03.9799600" since 1970.
std::optional<Duration> timestamp(std::string_view text) {
  constexpr std::size_t kSeconds = 19;  // length of "2023-11-16 18:17:03"
  if (text.size() < kSeconds || text[4] != '-' || text[7] != '-' || text[10] != ' ' ||
      text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  const auto part = fraction(text.substr(kSeconds));
  if (!year || !month || !day || !hour || !minute || !second || !part) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  // Years whose nanoseconds since 1970 fit 64 bits.
  if (!date.ok() || *year < 1970 || *year > 2200 || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second) + *part;
}

/// A line of the trace, or why it is not one.
tl::expected<TraceRequest, std::string> parse_line(std::string_view line) {
  const std::size_t first = line.find(',');
  const std::size_t second = first == std::string_view::npos ? first : line.find(',', first + 1);
  if (second == std::string_view::npos) {
    return tl::unexpected<std::string>("the line is truncated; it has fewer than 3 fields");
  }
  const auto at = timestamp(line.substr(0, first));
  if (!at) {
    return tl::unexpected<std::string>(
        fmt::format("'{}' is not a time like 2023-11-16 18:17:03.9799600", line.substr(0, first)));
  }
  const auto context = number(line.substr(first + 1, second - first - 1));
  const auto generated = number(line.substr(second + 1));
  if (!context || !generated) {
    return tl::unexpected<std::string>("the line is malformed; its last 2 fields must be integers");
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (*context < 1 || *generated < 1 || *context > kMost || *generated > kMost) {
    return tl::unexpected<std::string>(
        fmt::format("{} context and {} generated tokens; each must be at least 1 and fit 32 bits",
                    *context, *generated));
  }
  return TraceRequest{.at = *at,
                      .context_tokens = static_cast<std::uint32_t>(*context),
                      .generated_tokens = static_cast<std::uint32_t>(*generated)};
}

}  // namespace

Result<Trace> parse_azure_trace(std::string_view text, std::string_view display_name,
                                TraceErrors on_error) {
  if (text.empty()) {
    return fail(Errc::kParse, fmt::format("{}:1: the trace is empty; it starts with '{}'",
                                          display_name, kHeader));
  }
  if (const std::string_view header = take_line(text); header != kHeader) {
    return fail(Errc::kParse, fmt::format("{}:1: the header is '{}', but an azure-llm-2023 trace "
                                          "starts with '{}'",
                                          display_name, header, kHeader));
  }
  Trace trace;
  Duration origin{};
  for (std::size_t line_number = 2; !text.empty(); ++line_number) {
    auto request = parse_line(take_line(text));
    if (request && trace.requests.empty()) {
      origin = request->at;
    }
    if (request) {
      request->at -= origin;
      if (!trace.requests.empty() && request->at < trace.requests.back().at) {
        request = tl::unexpected<std::string>(
            "its time is before that of an earlier line; sort the trace by time");
      }
    }
    if (request) {
      trace.requests.push_back(*request);
      continue;
    }
    std::string problem = fmt::format("{}:{}: {}", display_name, line_number, request.error());
    if (on_error == TraceErrors::kRefuse) {
      return fail(Errc::kParse, problem + " (on_error = \"skip\" leaves such lines out)");
    }
    if (trace.skipped++ == 0) {
      trace.first_skipped = std::move(problem);
    }
  }
  if (trace.requests.empty()) {
    return fail(Errc::kParse, fmt::format("{}:2: the trace has no requests ({} lines skipped)",
                                          display_name, trace.skipped));
  }
  return trace;
}

Result<Trace> load_azure_trace(const std::filesystem::path& file, TraceErrors on_error) {
  return read_text_file(file).and_then(
      [&](const std::string& text) { return parse_azure_trace(text, file.string(), on_error); });
}

}  // namespace gpreempt
