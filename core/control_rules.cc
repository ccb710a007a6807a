#include "core/control_rules.h"

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr std::uint32_t kWholeQueue = 100;
constexpr std::uint32_t kMaxPriority = 15;
constexpr std::uint32_t kBitsPerWord = 32;

/// Bit b belongs to XCC b modulo their number; bits beyond the CUs mean nothing.
bool leaves_every_xcc_a_cu(const std::vector<std::uint32_t>& words, const GpuInfo& gpu) {
  std::vector<bool> has_cu(gpu.xccs);
  for (std::uint32_t bit = 0; bit < gpu.cus && bit / kBitsPerWord < words.size(); ++bit) {
    if (((words[bit / kBitsPerWord] >> (bit % kBitsPerWord)) & 1U) != 0) {
      has_cu[bit % gpu.xccs] = true;
    }
  }
  for (const bool each : has_cu) {
    if (!each) {
      return false;
    }
  }
  return true;
}

/// What is wrong with its values; empty if nothing is.
struct Flaw {
  std::span<const GpuInfo> gpus;

  std::string operator()(const Percentage& each) const {
    return each.percent > kWholeQueue ? fmt::format("{} % is over 100", each.percent) : "";
  }
  std::string operator()(const Priority& each) const {
    const std::uint32_t level = each.level.value_or(0);
    return level > kMaxPriority ? fmt::format("priority {} is over 15", level) : "";
  }
  std::string operator()(const CuMask& each) const {
    for (const GpuInfo& gpu : gpus) {
      if (!each.words.empty() && !leaves_every_xcc_a_cu(each.words, gpu) &&
          !GPREEMPT_MUTANT("starving-mask")) {
        return fmt::format(
            "the mask leaves an XCC of GPU {} without a CU, on which the queue "
            "would hang; bit b belongs to XCC b modulo {}",
            gpu.id, gpu.xccs);
      }
    }
    return "";
  }
  std::string operator()(const Throttle& each) const {
    if (each.batch == 0 || (each.in_flight != 0 && each.batch > each.in_flight)) {
      return fmt::format("a batch of {} kernels under a limit of {}; choose 1 to the limit",
                         each.batch, each.in_flight);
    }
    return "";
  }
  std::string operator()(const Suspend&) const { return ""; }
  std::string operator()(const Resume&) const { return ""; }
  std::string operator()(const Signal&) const { return ""; }
  std::string operator()(const Reset&) const { return ""; }
  std::string operator()(const SelectiveUnmap&) const { return ""; }
  std::string operator()(const KernelBoundary&) const { return ""; }
};

}  // namespace

Result<void> check_control(const Control& control, std::span<const GpuInfo> gpus) {
  const Duration lease = lease_of(control);
  if (lease < Duration::zero() ||
      (stops_work(control) && lease == Duration::zero() && !GPREEMPT_MUTANT("endless-lease"))) {
    return fail(Errc::kInvalidArgument,
                fmt::format("a lease of {} ns is not positive; every suspension needs an end",
                            to_ns(lease)));
  }
  if (std::string flaw = std::visit(Flaw{gpus}, control); !flaw.empty()) {
    return fail(Errc::kInvalidArgument, std::move(flaw));
  }
  return {};
}

}  // namespace gpreempt
