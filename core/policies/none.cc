// `none`: every member runs always. The baseline.

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/decision.h"
#include "core/error.h"
#include "core/mutant.h"
#include "core/option_reader.h"
#include "core/policies/entries.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

class NonePolicy final : public Policy {
 public:
  [[nodiscard]] std::string_view name() const override { return "none"; }
  [[nodiscard]] PolicyNeeds needs() const override { return {}; }

  Instant decide(const StateView& view, Instant /*now*/, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    for (std::size_t i = 0; i < wants.size(); ++i) {
      wants[i] = {.verdict = GPREEMPT_MUTANT("none-suspends") ? Verdict::kSuspend : Verdict::kRun,
                  .reason = Reason::kPolicyNeverActs,
                  .cause = view.members[i].tenant};
    }
    return kForever;
  }
};

Result<std::unique_ptr<Policy>> make_none(OptionReader& /*options*/) {
  return std::make_unique<NonePolicy>();
}

}  // namespace

PolicyEntry none_entry() {
  return {.name = "none", .summary = "Offline always runs", .make = make_none, .place = 0};
}

}  // namespace gpreempt
