#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

/// What the simulator is held against: published numbers, driver rules and closed forms, one target
/// each. `gpreempt validate` prints them and tests/validation runs the same list.
///
/// Adding one: write a function that returns its `Target`s in the file of its group (or a new one),
/// declare it in groups.h and name it in targets.cc.
namespace gpreempt::validation {

/// amdgpu's default: 8 compute queues for the kernel, 24 HQD slots an XCC left to KFD.
inline constexpr std::uint32_t kNumKcq = 8;

/// What the model knew of the number beforehand. A target that depends on a fitted parameter is
/// fitted, unless what it compares does not change with that parameter.
enum class Label {
  kInput,      ///< a parameter of the model itself: shows that it is used, proves nothing
  kFitted,     ///< parameters were chosen so that it comes out
  kPredicted,  ///< neither
};
[[nodiscard]] std::string_view to_string(Label label);

/// How far off is still right, because of the source's own noise.
struct Tolerance {
  enum class Kind { kExact, kRelative, kAbsolute, kAtMost };
  Kind kind = Kind::kExact;
  double amount = 0;  ///< a fraction for kRelative, in the target's unit for kAbsolute
};
[[nodiscard]] constexpr Tolerance exactly() { return {}; }
[[nodiscard]] constexpr Tolerance within_percent(double percent) {
  return {.kind = Tolerance::Kind::kRelative, .amount = percent / 100};
}
[[nodiscard]] constexpr Tolerance within(double amount) {
  return {.kind = Tolerance::Kind::kAbsolute, .amount = amount};
}
/// The expected value is a bound.
[[nodiscard]] constexpr Tolerance at_most() { return {.kind = Tolerance::Kind::kAtMost}; }

/// What nine in ten draws from the priors of the model give.
struct Band {
  double lo = 0;
  double hi = 0;
};
/// Why an answer has no band.
enum class NoBand {
  kNotAsked,
  kNoPrior,  ///< nothing uncertain enters: a closed form, a rule
  kTooLong,  ///< see `Target::long_run`
};
/// What the model says: the value with every parameter at its own, and what its priors leave open.
struct Answer {
  double value = 0;
  std::optional<Band> band;
  NoBand no_band = NoBand::kNotAsked;  ///< without a band
};

class Hardware;

struct Target {
  std::string group;  ///< "V1"; "closed-form"
  std::string name;   ///< unique: "v1-mi308x-area"
  std::string unit;   ///< of `expected` and of the answer
  /// Published, or a formula's. nullopt: a prediction, for which no result is at hand.
  std::optional<double> expected;
  Tolerance tolerance;
  Label label = Label::kPredicted;
  std::string source;  ///< of the expected value
  /// Targets of one claim say the same in different places (the same ratio at several lengths):
  /// met together, they count as one. Empty: a claim of its own.
  std::string claim{};
  /// Set where the model is known to miss, and why: what it does not model. Counts as no success.
  std::string miss{};
  bool long_run = false;  ///< takes so long that no band is computed
  /// Runs the model on that hardware; deterministic. Errors: kUnsupported (its input is not there),
  /// whatever else stops it from answering.
  std::function<Result<double>(Hardware&)> run;
};

/// All targets, group by group, always in the same order. `data` holds recorded workloads that are
/// not ours to ship (workloads/reef/profiles); targets that need them are skipped where they are
/// absent.
[[nodiscard]] std::vector<Target> targets(const std::filesystem::path& data);

enum class Verdict {
  kPass,
  kFail,
  kKnownMiss,   ///< missed, for the reason that the target gives
  kPrediction,  ///< nothing to hold it against
  kSkipped,     ///< its input is not there
};
[[nodiscard]] std::string_view to_string(Verdict verdict);

/// Asks the model: at its values, and on `draws` draws from its priors for the band (0: none).
/// Errors: those of `Target::run`, and the draw's with its number.
[[nodiscard]] Result<Answer> answer(const Target& target, std::uint32_t draws);

/// Right if the value is within the tolerance. The band does not count: a wide one would be right
/// about anything.
[[nodiscard]] Verdict judge(const Target& target, const Result<Answer>& answer);

}  // namespace gpreempt::validation
