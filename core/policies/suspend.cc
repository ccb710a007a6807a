#include "core/policies/suspend.h"

#include <memory>
#include <span>
#include <string_view>

#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

class SuspendPolicy final : public Policy {
 public:
  [[nodiscard]] std::string_view name() const override { return "suspend"; }
  [[nodiscard]] PolicyNeeds needs() const override {
    return {.activity = true, .requests = false, .deadlines = false};
  }

  Instant decide(const StateView& view, Instant /*now*/, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    yield_to_busy(view, wants);
    return kForever;
  }
};

}  // namespace

std::unique_ptr<Policy> make_suspend_policy() { return std::make_unique<SuspendPolicy>(); }

}  // namespace gpreempt
