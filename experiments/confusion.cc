#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

#include "core/ids.h"
#include "experiments/identification.h"

namespace gpreempt::experiments {

std::string_view to_string(Side side) { return side == Side::kOffline ? "offline" : "online"; }

Confusion& Confusion::operator+=(const Confusion& other) {
  right += other.right;
  wrong += other.wrong;
  missed += other.missed;
  abstained += other.abstained;
  left_out += other.left_out;
  return *this;
}

double Confusion::recall() const {
  const std::size_t all = right + missed + abstained;
  return all == 0 ? 0 : static_cast<double>(right) / static_cast<double>(all);
}

Confusion compare(const Identification& found, const std::set<NamedQueue>& truth,
                  const std::set<std::pair<Pid, std::uint32_t>>& others) {
  Confusion confusion;
  std::set<std::pair<Pid, std::uint32_t>> claimed;
  for (const NamedQueue& claim : found.claims) {
    claimed.emplace(claim.pid, claim.id);
    ++(truth.contains(claim) ? confusion.right : confusion.wrong);
  }
  for (const NamedQueue& queue : truth) {
    if (found.claims.contains(queue)) {
      continue;
    }
    const bool says_so = !found.abstained_from_all.empty() || found.abstained.contains(queue.pid);
    ++(says_so ? confusion.abstained : confusion.missed);
  }
  for (const auto& queue : others) {
    confusion.left_out += claimed.contains(queue) ? 0U : 1U;
  }
  return confusion;
}

}  // namespace gpreempt::experiments
