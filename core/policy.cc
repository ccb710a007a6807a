#include "core/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/error.h"
#include "core/nearest.h"
#include "core/policies/none.h"
#include "core/policies/suspend.h"

namespace gpreempt {
namespace {

using Factory = std::unique_ptr<Policy> (*)();

constexpr std::array<std::string_view, 2> kNames{"none", "suspend"};
constexpr std::array<Factory, 2> kFactories{make_none_policy, make_suspend_policy};

/// No policy takes an option yet, so the first one named is unknown.
Result<void> refuse_options(std::string_view name, std::string_view options) {
  const std::string_view first = options.substr(0, options.find(','));
  const std::size_t equals = first.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail(Errc::kInvalidArgument,
                fmt::format("reading policy '{}': '{}' is not an option; write {}:key=value,...",
                            name, first, name));
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("reading policy '{}': unknown option '{}'; this policy takes no options",
                          name, first.substr(0, equals)));
}

}  // namespace

std::span<const std::string_view> policy_names() { return kNames; }

Result<std::unique_ptr<Policy>> make_policy(std::string_view spec) {
  const std::size_t colon = spec.find(':');
  const std::string_view name = spec.substr(0, colon);
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    return fail(Errc::kInvalidArgument, fmt::format("reading policy '{}': no policy of that name{}",
                                                    name, suggestion(name, kNames)));
  }
  if (colon != std::string_view::npos) {
    GPREEMPT_TRY(refuse_options(name, spec.substr(colon + 1)));
  }
  return kFactories.at(static_cast<std::size_t>(found - kNames.begin()))();
}

}  // namespace gpreempt
