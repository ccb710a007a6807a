#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/decision.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::cli {

/// One decision to take a tenant off, over those of its members that it was about.
struct GangTakeOff {
  TenantId tenant;
  Instant decided;
  std::uint32_t members = 0;  ///< decided on
  std::uint32_t off = 0;      ///< of them, off by now: all their queues
  Instant first_off = kForever;
  Instant last_off = Instant::min();

  /// Whether all went off; otherwise one failed, or the decision was taken back before.
  [[nodiscard]] bool complete() const { return off == members; }
};

/// Puts the decisions of an instant about one tenant together with what became of them.
class GangWatch {
 public:
  void decision(const Decision& decision);
  void realisation(const Realisation& realisation);
  /// In order of decision.
  [[nodiscard]] std::vector<GangTakeOff> take() { return std::move(take_offs_); }

 private:
  std::vector<GangTakeOff> take_offs_;
  std::map<std::uint64_t, std::size_t> open_;  ///< by the decision's number
};

}  // namespace gpreempt::cli
