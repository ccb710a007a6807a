#include "core/fault.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/random.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr std::array<std::string_view, kFaultKinds> kNames = {"interrupted",
                                                              "busy",
                                                              "lost-tracer",
                                                              "error-outcome",
                                                              "invalid-outcome",
                                                              "late-events",
                                                              "lost-event",
                                                              "long-call",
                                                              "hang",
                                                              "target-exit",
                                                              "target-exec",
                                                              "evicted",
                                                              "queue-made",
                                                              "queue-destroyed",
                                                              "debugfs-gone",
                                                              "debugfs-malformed",
                                                              "activity-unread",
                                                              "clock-step",
                                                              "frozen"};

constexpr std::array<FaultKind, kFaultKinds> kKinds = [] {
  std::array<FaultKind, kFaultKinds> kinds{};
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    kinds.at(i) = static_cast<FaultKind>(i);
  }
  return kinds;
}();

template <std::size_t... Index>
std::array<RandomStream, kFaultKinds> streams_of(std::uint64_t seed,
                                                 std::index_sequence<Index...> /*indices*/) {
  return {RandomStream(seed, "fault/" + std::string(kNames.at(Index)))...};
}

}  // namespace

std::string_view to_string(FaultKind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

std::span<const FaultKind> fault_kinds() { return kKinds; }

Faults::Faults(std::uint64_t seed, const FaultRates& rates)
    : rates_(rates), streams_(streams_of(seed, std::make_index_sequence<kFaultKinds>())) {}

bool Faults::strike(FaultKind kind, Instant now) {
  const double rate = rates_[kind];
  if (rate <= 0 || now >= until_) {
    return false;
  }
  const bool strikes = streams_.at(static_cast<std::size_t>(kind)).uniform() < rate;
  if (strikes) {
    count(kind);
  }
  return strikes;
}

std::uint64_t Faults::choose(FaultKind kind, std::uint64_t bound) {
  return streams_.at(static_cast<std::size_t>(kind)).below(bound);
}

}  // namespace gpreempt
