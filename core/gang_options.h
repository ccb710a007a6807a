#pragma once

#include <string_view>

#include "core/time.h"

namespace gpreempt {

/// Which member of an Offline tenant, a (process, GPU) pair, is taken off first.
enum class GangOrder {
  kMember,        ///< in the order of its targets and, within one, of their GPUs
  kReverse,       ///< the other way round
  kSlowestFirst,  ///< whose last suspend took longest; one that was never suspended before all
                  ///< others
};

/// How the members of an Offline tenant are taken off. They are always given back at once.
enum class GangSplit {
  kTogether,   ///< one call for each process, all at once
  kPerGpu,     ///< one call for each (process, GPU); those of one process follow one another
  kOneByOne,   ///< the same, each after the one before is done
  kStaggered,  ///< the same, each no sooner than `GangOptions::gap` after the one before was made
};

/// What becomes of the other members when one cannot be taken off, because a queue of it failed.
enum class GangFailure {
  kHold,     ///< they are taken off and given back as before
  kRelease,  ///< they are given back, and the tenant is never taken off again
};

struct GangOptions {
  GangOrder order = GangOrder::kMember;
  GangSplit split = GangSplit::kTogether;
  Duration gap{};  ///< of `kStaggered`
  GangFailure on_failure = GangFailure::kHold;
};

/// As scenarios write them.
[[nodiscard]] std::string_view to_string(GangOrder order);
[[nodiscard]] std::string_view to_string(GangSplit split);
[[nodiscard]] std::string_view to_string(GangFailure on_failure);

}  // namespace gpreempt
