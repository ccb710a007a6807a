#include "core/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "core/name_spec.h"
#include "core/nearest.h"
#include "core/option_reader.h"
#include "core/policies/entries.h"  // IWYU pragma: keep (its functions are named by the list)
#include "core/policy_guard.h"
#include "core/time.h"

namespace gpreempt {
namespace {

auto sorted_table() {
  std::array table{
#define GPREEMPT_POLICY(name) name##_entry(),
#include "core/policy_list.inc"
#undef GPREEMPT_POLICY
  };
  std::ranges::sort(table, {},
                    [](const PolicyEntry& entry) { return std::pair(entry.place, entry.name); });
  return table;
}

/// One row a policy, in the order of `--policy all`.
const auto& table() {
  static const auto kTable = sorted_table();
  return kTable;
}

}  // namespace

std::string_view to_string(TenantClass cls) {
  switch (cls) {
    case TenantClass::kOnline: return "online";
    case TenantClass::kOffline: return "offline";
  }
  return "unknown";
}

void ServiceEstimate::learn(Duration sample) {
  constexpr int kMeanGain = 8;
  constexpr int kDeviationGain = 4;
  if (samples == 0) {
    mean = sample;
    deviation = sample / 2;
  } else {
    const Duration error = sample - mean;
    deviation += (std::chrono::abs(error) - deviation) / kDeviationGain;
    mean += error / kMeanGain;
  }
  ++samples;
}

Instant TenantView::deadline() const { return saturating_add(oldest_arrival, promise); }

std::span<const PolicyEntry> policies() { return table(); }

std::span<const PolicyOption> common_policy_options() { return guard_options(); }

std::span<const std::string_view> policy_names() {
  static const auto kNames = [] {
    std::array<std::string_view, std::tuple_size_v<std::remove_cvref_t<decltype(table())>>> names;
    std::ranges::transform(table(), names.begin(), &PolicyEntry::name);
    return names;
  }();
  return kNames;
}

Result<std::unique_ptr<Policy>> make_policy(std::string_view text) {
  const std::string_view name = text.substr(0, text.find(':'));
  const auto* const found = std::ranges::find(table(), name, &PolicyEntry::name);
  if (found == table().end()) {
    return fail(Errc::kInvalidArgument, fmt::format("reading policy '{}': no policy of that name{}",
                                                    name, suggestion(name, policy_names())));
  }
  Result<NameSpec> spec = parse_name_spec("policy", text);
  if (!spec) {
    return tl::unexpected<Error>(std::move(spec).error());
  }
  OptionReader options("policy", text, *std::move(spec));
  Result<std::unique_ptr<Policy>> policy = found->make(options);
  if (policy) {
    policy = guarded(options, *std::move(policy));
  }
  if (policy) {
    GPREEMPT_TRY(options.done());
  }
  return policy;
}

}  // namespace gpreempt
