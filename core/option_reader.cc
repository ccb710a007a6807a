#include "core/option_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/name_spec.h"
#include "core/nearest.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt {

OptionReader::OptionReader(std::string_view what, std::string_view text, NameSpec spec)
    : what_(what), text_(text), spec_(std::move(spec)) {}

tl::unexpected<Error> OptionReader::refuse(std::string_view reason) const {
  return fail(Errc::kInvalidArgument, fmt::format("reading {} '{}': {}", what_, text_, reason));
}

tl::unexpected<Error> OptionReader::refuse_option(std::string_view key,
                                                  std::string_view reason) const {
  return refuse(fmt::format("option {}: {}", key, reason));
}

const std::string* OptionReader::take(std::string_view key) {
  known_.push_back(key);
  const auto found = spec_.options.find(std::string(key));
  return found == spec_.options.end() ? nullptr : &found->second;
}

Result<void> OptionReader::duration(std::string_view key, Duration& out) {
  if (const std::string* given = take(key)) {
    const Result<Duration> parsed = parse_duration(*given);
    if (!parsed) {
      return refuse_option(key, parsed.error().what);
    }
    out = *parsed;
  }
  return {};
}

Result<void> OptionReader::percent(std::string_view key, double& out) {
  if (const std::string* given = take(key)) {
    const Result<double> parsed = parse_percent(*given);
    if (!parsed) {
      return refuse_option(key, parsed.error().what);
    }
    out = *parsed;
  }
  return {};
}

Result<void> OptionReader::rate(std::string_view key, double& out) {
  if (const std::string* given = take(key)) {
    const Result<double> parsed = parse_rate(*given);
    if (!parsed) {
      return refuse_option(key, parsed.error().what);
    }
    out = *parsed;
  }
  return {};
}

Result<void> OptionReader::count(std::string_view key, std::uint32_t& out) {
  if (const std::string* given = take(key)) {
    const char* const last = given->data() + given->size();
    const auto [end, status] = std::from_chars(given->data(), last, out);
    if (status != std::errc{} || end != last) {
      return refuse_option(key, fmt::format("'{}' is not a whole number", *given));
    }
  }
  return {};
}

Result<void> OptionReader::done() const {
  if (!spec_.bare.empty()) {
    return refuse(
        fmt::format("'{}' is not an option; write {}:key=value,...", spec_.bare, spec_.name));
  }
  for (const auto& [key, value] : spec_.options) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
      return refuse(fmt::format("unknown option '{}'{}", key,
                                known_.empty() ? fmt::format("; this {} takes no options", what_)
                                               : suggestion(key, known_)));
    }
  }
  return {};
}

}  // namespace gpreempt
