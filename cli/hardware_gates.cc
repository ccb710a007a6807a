#include "cli/hardware_gates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/nearest.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::cli {
namespace {

constexpr double kMs = 1e6;

constexpr auto kDefaults = std::to_array<Gate>({
    {.name = "online",
     .unit = GateUnit::kTime,
     .value = 50 * kMs,
     .meaning = "a request end to end, p99 (50 ms everywhere)"},
    {.name = "online-goal",
     .unit = GateUnit::kTime,
     .value = 10 * kMs,
     .meaning = "the same, the ideal; reported, fails nothing"},
    {.name = "suspend-p99",
     .unit = GateUnit::kTime,
     .value = 5 * kMs,
     .meaning = "of SUSPEND_QUEUES (5 ms; elsewhere 10)"},
    {.name = "resume-p99",
     .unit = GateUnit::kTime,
     .value = 5 * kMs,
     .meaning = "of RESUME_QUEUES (5 ms; elsewhere 10)"},
    {.name = "loss",
     .unit = GateUnit::kShare,
     .value = 0.2,
     .meaning = "Offline work lost against alone (20 %)"},
    {.name = "loss-goal",
     .unit = GateUnit::kShare,
     .value = 0.1,
     .meaning = "the same, a goal (10 %); reported, fails nothing"},
    {.name = "loss-stretch",
     .unit = GateUnit::kShare,
     .value = 0.05,
     .meaning = "the same, the stretch (5 %); reported, fails nothing"},
    {.name = "success",
     .unit = GateUnit::kShare,
     .value = 1,
     .meaning = "least share of iterations that succeed (\"about 100 %\")"},
    {.name = "tenant-a",
     .unit = GateUnit::kTime,
     .value = 100 * kMs,
     .meaning = "three tenants: p99 of A"},
    {.name = "tenant-b",
     .unit = GateUnit::kTime,
     .value = 500 * kMs,
     .meaning = "three tenants: p99 of B"},
    {.name = "tenant-c",
     .unit = GateUnit::kShare,
     .value = 0.2,
     .meaning = "three tenants: least throughput of C against alone"},
    {.name = "video",
     .unit = GateUnit::kTime,
     .value = 40 * kMs,
     .meaning = "video at 30 frames a second: p99"},
    {.name = "slowdown",
     .unit = GateUnit::kRatio,
     .value = 1.5,
     .meaning = "Online p99 over that alone (elsewhere 1.1)"},
    {.name = "throughput",
     .unit = GateUnit::kRatio,
     .value = 0.3,
     .meaning = "least Offline throughput over that alone"},
    {.name = "queue-create",
     .unit = GateUnit::kTime,
     .value = 1 * kMs,
     .meaning = "CREATE_QUEUE, mean"},
    {.name = "backlog",
     .unit = GateUnit::kRatio,
     .value = 99,
     .meaning = "packets that wait in a ring of one that works (under 100)"},
    {.name = "batch-unmap",
     .unit = GateUnit::kTime,
     .value = 1 * kMs,
     .meaning = "a BATCH_UNMAP of ten queues, p99 (no driver has it)"},
    {.name = "batch-unmap-goal",
     .unit = GateUnit::kTime,
     .value = 0.5 * kMs,
     .meaning = "the same, a goal; reported, fails nothing"},
    {.name = "batch-unmap-stretch",
     .unit = GateUnit::kTime,
     .value = 0.3 * kMs,
     .meaning = "the same, the stretch; reported, fails nothing"},
});

std::string_view unit_text(GateUnit unit) {
  switch (unit) {
    case GateUnit::kTime: return "a duration, like 5ms";
    case GateUnit::kShare: return "a percentage, like 20%";
    case GateUnit::kRatio: break;
  }
  return "a number, like 1.5";
}

Result<double> read_ratio(std::string_view text) {
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size()) {
    return fail(Errc::kInvalidArgument, fmt::format("'{}' is no number", text));
  }
  return value;
}

Result<double> read_value(GateUnit unit, std::string_view text) {
  switch (unit) {
    case GateUnit::kTime:
      return parse_duration(text).map(
          [](Duration value) { return static_cast<double>(to_ns(value)); });
    case GateUnit::kShare: return parse_percent(text);
    case GateUnit::kRatio: break;
  }
  return read_ratio(text);
}

}  // namespace

Gates::Gates() : gates_(kDefaults.begin(), kDefaults.end()) { tell_goals(); }

/// A limit knows the goals beyond it.
void Gates::tell_goals() {
  const auto value_of = [this](const std::string& name) {
    const auto found = std::ranges::find(gates_, name, &Gate::name);
    return found == gates_.end() ? std::nullopt : std::optional(found->value);
  };
  for (Gate& gate : gates_) {
    gate.goal = value_of(fmt::format("{}-goal", gate.name));
    gate.stretch = value_of(fmt::format("{}-stretch", gate.name));
  }
}

Result<void> Gates::set(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const auto found = std::ranges::find(gates_, name, &Gate::name);
  if (found == gates_.end()) {
    std::vector<std::string_view> names;
    std::ranges::transform(gates_, std::back_inserter(names), &Gate::name);
    return fail(Errc::kInvalidArgument, fmt::format("reading --gate '{}': no gate of that name{}",
                                                    text, suggestion(name, names)));
  }
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  const Result<double> read = read_value(found->unit, value);
  if (!read) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --gate '{}': {}; write {}={}", text, read.error().what, name,
                            unit_text(found->unit)));
  }
  if (!std::isfinite(*read) || *read <= 0 || (found->unit == GateUnit::kShare && *read > 1)) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading --gate '{}': a limit is more than 0{}; write {}={}", text,
                            found->unit == GateUnit::kShare ? " and at most 100 %" : "", name,
                            unit_text(found->unit)));
  }
  found->value = *read;
  tell_goals();
  return {};
}

const Gate& Gates::get(std::string_view name) const {
  const auto found = std::ranges::find(gates_, name, &Gate::name);
  GPREEMPT_CHECK(found != gates_.end());
  return *found;
}

std::string quantity_text(GateUnit unit, double value) {
  switch (unit) {
    case GateUnit::kShare: return fmt::format("{:.4g} %", 100 * value);
    case GateUnit::kRatio: return fmt::format("{:.4g}", value);
    case GateUnit::kTime: break;
  }
  constexpr double kUs = 1e3;
  constexpr double kSecond = 1e9;
  if (std::abs(value) >= kSecond) {
    return fmt::format("{:.4g} s", value / kSecond);
  }
  if (std::abs(value) >= kMs) {
    return fmt::format("{:.4g} ms", value / kMs);
  }
  return std::abs(value) >= kUs ? fmt::format("{:.4g} us", value / kUs)
                                : fmt::format("{:.4g} ns", value);
}

}  // namespace gpreempt::cli
