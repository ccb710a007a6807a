// `linger:hold=5ms`: strict priority with hysteresis. As `suspend`, but a member that is off stays
// off for `hold` after Online fell idle: a request that comes in that time costs no preemption.

#include <array>
#include <chrono>
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

constexpr PolicyNeeds kLingerNeeds{.activity = true, .requests = false, .deadlines = false};

class LingerPolicy final : public Policy {
 public:
  explicit LingerPolicy(Duration hold) : hold_(hold) {}

  [[nodiscard]] std::string_view name() const override { return "linger"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kLingerNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    yield_to_busy(view, now, wants);
    return keep_off_after_work(view, now, wants,
                               [this](const MemberView& /*member*/) { return hold_; });
  }

 private:
  Duration hold_;
};

Result<std::unique_ptr<Policy>> make_linger(OptionReader& options) {
  Duration hold = std::chrono::milliseconds(5);
  GPREEMPT_TRY(options.duration("hold", hold));
  return std::make_unique<LingerPolicy>(hold);
}

constexpr std::array<PolicyOption, 1> kLingerOptions{
    {{.key = "hold", .fallback = "5ms", .summary = "stays off so long after Online's last work"}}};

}  // namespace

PolicyEntry linger_entry() {
  return {.name = "linger",
          .summary = "as suspend, and off for a while after, for a request that comes then",
          .options = kLingerOptions,
          .needs = kLingerNeeds,
          .make = make_linger,
          .place = 20};
}

}  // namespace gpreempt
