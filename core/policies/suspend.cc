// `suspend`: strict priority of Online over Offline. A member is off while an Online tenant of
// higher logical priority has work on its GPU.

#include <memory>
#include <span>
#include <string_view>

#include "core/error.h"
#include "core/option_reader.h"
#include "core/policies/entries.h"
#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr PolicyNeeds kSuspendNeeds{.activity = true, .requests = false, .deadlines = false};

class SuspendPolicy final : public Policy {
 public:
  [[nodiscard]] std::string_view name() const override { return "suspend"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kSuspendNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    yield_to_busy(view, now, wants);
    return kForever;
  }
};

Result<std::unique_ptr<Policy>> make_suspend(OptionReader& /*options*/) {
  return std::make_unique<SuspendPolicy>();
}

}  // namespace

PolicyEntry suspend_entry() {
  return {.name = "suspend",
          .summary = "Offline is off while Online has work",
          .needs = kSuspendNeeds,
          .make = make_suspend,
          .place = 10};
}

}  // namespace gpreempt
