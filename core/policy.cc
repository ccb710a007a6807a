#include "core/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/name_spec.h"
#include "core/nearest.h"
#include "core/option_reader.h"
#include "core/policies/linger.h"
#include "core/policies/none.h"
#include "core/policies/slice.h"
#include "core/policies/suspend.h"
#include "core/time.h"

namespace gpreempt {
namespace {

using Made = Result<std::unique_ptr<Policy>>;

Made make_none(OptionReader& /*options*/) { return make_none_policy(); }

Made make_suspend(OptionReader& /*options*/) { return make_suspend_policy(); }

Made make_linger(OptionReader& options) {
  LingerOptions linger;
  GPREEMPT_TRY(options.duration("hold", linger.hold));
  return make_linger_policy(linger);
}

Made make_slice(OptionReader& options) {
  SliceOptions slice;
  GPREEMPT_TRY(options.duration("slice", slice.slice));
  GPREEMPT_TRY(options.duration("gap", slice.gap));
  if (slice.slice == Duration::zero() || slice.gap == Duration::zero()) {
    return options.refuse("slice and gap must be longer than zero, or Offline would flap");
  }
  return make_slice_policy(slice);
}

using Factory = Made (*)(OptionReader&);

constexpr std::array<std::string_view, 4> kNames{"none", "suspend", "linger", "slice"};
constexpr std::array<Factory, 4> kFactories{make_none, make_suspend, make_linger, make_slice};

}  // namespace

std::span<const std::string_view> policy_names() { return kNames; }

Result<std::unique_ptr<Policy>> make_policy(std::string_view text) {
  const std::string_view name = text.substr(0, text.find(':'));
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    return fail(Errc::kInvalidArgument, fmt::format("reading policy '{}': no policy of that name{}",
                                                    name, suggestion(name, kNames)));
  }
  Result<NameSpec> spec = parse_name_spec("policy", text);
  if (!spec) {
    return tl::unexpected<Error>(std::move(spec).error());
  }
  OptionReader options("policy", text, *std::move(spec));
  const Factory make = kFactories.at(static_cast<std::size_t>(found - kNames.begin()));
  Made policy = make(options);
  if (policy) {
    GPREEMPT_TRY(options.done());
  }
  return policy;
}

}  // namespace gpreempt
