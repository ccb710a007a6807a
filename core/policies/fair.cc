// `fair:slice=10ms`: weighted fair queueing in the manner of Linux' CFS. On each GPU, Online (the
// sum of the weights of its busy tenants) and each Offline member (its tenant's weight) collect
// virtual time: the time that they had the GPU, divided by their weight. Whoever has least of it
// has the GPU next, for a slice. Online that wakes is put at most one slice behind the least, and
// goes at once if it is more than half a slice behind whoever has the GPU. Guarantee: while all
// have work, the virtual times of any two stay within a slice or two of each other, so that shares
// converge to the weights. It looks once a slice, and counts two slices at most from one look to
// the next: where it could not look (the controller was frozen, or the clock stepped) nobody pays
// for that by being off as long. Linux' EEVDF limits lag in the same way.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/decision.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/option_reader.h"
#include "core/policies/entries.h"
#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr PolicyNeeds kFairNeeds{.activity = true, .requests = false, .deadlines = false};
constexpr std::int64_t kVirtualScale = 1024;

// Words of a member's notes; Online's are the same in all members of a GPU.
constexpr std::size_t kOwnTime = 0;       // virtual
constexpr std::size_t kOnlineTime = 1;    // virtual
constexpr std::size_t kUntil = 2;         // counted until here
constexpr std::size_t kJoined = 3;        // 0: it is new
constexpr std::size_t kOnlineWeight = 4;  // since then; 0: Online had no work

/// One GPU at one instant.
struct FairGpu {
  std::int64_t least = INT64_MAX;  ///< virtual time of the members
  std::size_t least_member = 0;
  std::int64_t online_time = 0;
  bool online_woke = false;
  std::uint32_t running = 0;
  std::size_t runner = 0;  ///< the last of those that run
  Instant last_change = Instant::min();
  std::uint32_t members = 0;
};

class FairPolicy final : public Policy {
 public:
  explicit FairPolicy(Duration slice) : slice_(slice) {}

  [[nodiscard]] std::string_view name() const override { return "fair"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kFairNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& state,
                 std::span<Want> wants) const override {
    let_all_run(view, now, wants);
    Instant again = kForever;
    each_gpu(view, [&](GpuId gpu) {
      again = std::min(again, schedule(view, gpu, now, state.members, wants));
    });
    return again;
  }

 private:
  [[nodiscard]] Instant schedule(const StateView& view, GpuId id, Instant now,
                                 std::span<MemberNotes> notes, std::span<Want> wants) const {
    const OnlineLoad load = online_load(view, id);
    FairGpu gpu = count(view, id, now, notes);
    if (load.busy && gpu.online_woke) {
      gpu.online_time = std::max(gpu.online_time, gpu.least - to_ns(slice_) * kVirtualScale);
    }
    note_online(view, id, gpu.online_time, load.weight, notes);
    if (gpu.members + (load.busy ? 1U : 0U) < 2) {
      return kForever;
    }
    const Instant slice_end = saturating_add(gpu.last_change, slice_);
    const bool within_slice = now < slice_end && keeps(gpu, load, notes);
    const bool online_next =
        within_slice ? gpu.running == 0 : load.busy && gpu.online_time <= gpu.least;
    const std::size_t member_next = within_slice ? gpu.runner : gpu.least_member;
    const Reason reason = online_next ? Reason::kOnlineBusy : Reason::kOthersTurn;
    const TenantId cause = online_next ? load.first : view.members[member_next].tenant;
    const std::int64_t lag = (gpu.least - gpu.online_time) / kVirtualScale;
    for (std::size_t i = 0; i < wants.size(); ++i) {
      if (view.members[i].gpu != id || (!online_next && i == member_next)) {
        continue;
      }
      wants[i].set(Verdict::kSuspend, reason, cause);
      if (load.busy) {
        wants[i].terms.add(TermName::kLagNs, lag);
      }
    }
    if (!online_next && load.busy) {
      wants[member_next].reason = Reason::kOwnTurn;
    }
    return within_slice ? slice_end : saturating_add(now, slice_);
  }

  /// All members of a GPU remember the same of Online.
  static void note_online(const StateView& view, GpuId id, std::int64_t time, std::int64_t weight,
                          std::span<MemberNotes> notes) {
    for (std::size_t i = 0; i < notes.size(); ++i) {
      if (view.members[i].gpu == id) {
        notes[i].words.at(kOnlineTime) = time;
        notes[i].words.at(kOnlineWeight) = weight;
      }
    }
  }

  /// Whether who has the GPU keeps it until the end of its slice.
  [[nodiscard]] bool keeps(const FairGpu& gpu, const OnlineLoad& load,
                           std::span<const MemberNotes> notes) const {
    if (gpu.running > 1) {
      return false;
    }
    if (gpu.running == 0) {
      return load.busy;
    }
    const std::int64_t ahead = notes[gpu.runner].words.at(kOwnTime) - gpu.online_time;
    return !load.busy || !gpu.online_woke || ahead <= to_ns(slice_) * kVirtualScale / 2;
  }

  /// Adds the time since the last call to whoever had the GPU, and looks who is where.
  [[nodiscard]] FairGpu count(const StateView& view, GpuId id, Instant now,
                              std::span<MemberNotes> notes) const {
    FairGpu gpu;
    std::int64_t online_weight = 0;
    std::int64_t passed = 0;
    for (std::size_t i = 0; i < view.members.size(); ++i) {
      const MemberView& member = view.members[i];
      if (member.gpu != id) {
        continue;
      }
      auto& words = notes[i].words;
      ++gpu.members;
      if (!is_off(member)) {
        ++gpu.running;
        gpu.runner = i;
      }
      gpu.last_change = std::max(gpu.last_change, member.since);
      if (words.at(kJoined) == 0) {
        continue;
      }
      passed = std::min(to_ns(now) - words.at(kUntil), 2 * to_ns(slice_));
      if (!is_off(member)) {
        words.at(kOwnTime) += passed * kVirtualScale / view.tenants[member.tenant_index].weight;
      }
      online_weight = words.at(kOnlineWeight);
      gpu.online_time = words.at(kOnlineTime);
      note_least(gpu, words.at(kOwnTime), i);
    }
    gpu.online_woke = online_weight == 0;
    if (gpu.running == 0 && online_weight > 0) {
      gpu.online_time += passed * kVirtualScale / online_weight;
    }
    join(view, id, now, notes, gpu);
    return gpu;
  }

  static void note_least(FairGpu& gpu, std::int64_t time, std::size_t member) {
    if (time < gpu.least) {
      gpu.least = time;
      gpu.least_member = member;
    }
  }

  /// New members begin with the least virtual time there is.
  static void join(const StateView& view, GpuId id, Instant now, std::span<MemberNotes> notes,
                   FairGpu& gpu) {
    for (std::size_t i = 0; i < view.members.size(); ++i) {
      if (view.members[i].gpu != id) {
        continue;
      }
      auto& words = notes[i].words;
      if (words.at(kJoined) == 0) {
        words.at(kJoined) = 1;
        words.at(kOwnTime) = gpu.least == INT64_MAX ? gpu.online_time : gpu.least;
        note_least(gpu, words.at(kOwnTime), i);
      }
      words.at(kUntil) = to_ns(now);
    }
  }

  Duration slice_;
};

Result<std::unique_ptr<Policy>> make_fair(OptionReader& options) {
  Duration slice = std::chrono::milliseconds(10);
  constexpr Duration kMost = std::chrono::hours(1);
  GPREEMPT_TRY(options.duration("slice", slice));
  if (slice == Duration{} || slice > kMost) {
    return options.refuse("slice must be over zero and at most 1h");
  }
  return std::make_unique<FairPolicy>(slice);
}

constexpr std::array<PolicyOption, 1> kFairOptions{
    {{.key = "slice", .fallback = "10ms", .summary = "least time of a turn"}}};

}  // namespace

PolicyEntry fair_entry() {
  return {.name = "fair",
          .summary = "shares by weight between Online and all Offline tenants, as Linux' CFS",
          .options = kFairOptions,
          .needs = kFairNeeds,
          .make = make_fair,
          .place = 130};
}

}  // namespace gpreempt
