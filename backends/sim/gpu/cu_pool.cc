#include "backends/sim/gpu/cu_pool.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "backends/sim/gpu/parameters.h"
#include "core/error.h"

namespace gpreempt::sim {
namespace {

// Bits from the lowest: LDS in bytes, VGPRs in units of 256 bytes, waves.
constexpr unsigned kVgprShift = 24;
constexpr unsigned kWaveShift = 48;
constexpr std::uint32_t kVgprUnit = 256;
constexpr std::uint64_t kFieldMask = (std::uint64_t{1} << kVgprShift) - 1;
// The highest bit of each field, which no room needs.
constexpr std::uint64_t kGuards = std::uint64_t{1} << (kVgprShift - 1) |
                                  std::uint64_t{1} << (kWaveShift - 1) | std::uint64_t{1} << 63U;

CuSet first_cus(std::uint32_t count) {
  return count == kMaxCusPerXcc ? ~CuSet{0} : (CuSet{1} << count) - 1;
}

std::uint32_t size_of(CuSet cus) {
  constexpr unsigned kHalf = 64;
  return static_cast<std::uint32_t>(std::popcount(static_cast<std::uint64_t>(cus)) +
                                    std::popcount(static_cast<std::uint64_t>(cus >> kHalf)));
}

/// The `count` lowest of `cus`, which are more.
CuSet lowest(CuSet cus, std::uint32_t count) {
  CuSet rest = cus;
  for (std::uint32_t i = 0; i < count; ++i) {
    rest &= rest - 1;
  }
  return cus & ~rest;
}

}  // namespace

std::uint32_t Placement::on_cu(std::uint32_t xcc, std::uint32_t cu_of_xcc) const {
  std::uint32_t count = 0;
  for (const Group& group : groups_) {
    count += group.xcc == xcc && (group.cus >> cu_of_xcc & 1) != 0 ? group.each : 0;
  }
  return count;
}

CuPool::CuPool(const GpuParameters& gpu)
    : xccs_(gpu.xccs), cus_per_xcc_(gpu.cus_per_xcc), too_large_(gpu.xccs, Footprint{.waves = 0}) {
  GPREEMPT_CHECK(xccs_ >= 1 && xccs_ <= kMaxXccs);
  GPREEMPT_CHECK(cus_per_xcc_ >= 1 && cus_per_xcc_ <= kMaxCusPerXcc);
  GPREEMPT_CHECK(gpu.waves_per_cu <= kMaxWavesPerCu &&
                 gpu.vgpr_bytes_per_cu <= kMaxVgprBytesPerCu &&
                 gpu.lds_bytes_per_cu <= kMaxLdsBytesPerCu);
  const Footprint whole{.waves = gpu.waves_per_cu,
                        .vgpr_bytes = static_cast<std::uint32_t>(gpu.vgpr_bytes_per_cu),
                        .lds_bytes = static_cast<std::uint32_t>(gpu.lds_bytes_per_cu)};
  levels_.assign(xccs_, {Level{.cus = first_cus(cus_per_xcc_), .room = pack(whole)}});
}

CuSets CuPool::all() const {
  CuSets sets{};
  std::fill_n(sets.begin(), xccs_, first_cus(cus_per_xcc_));
  return sets;
}

CuPool::Packed CuPool::pack(const Footprint& footprint) {
  return std::uint64_t{footprint.waves} << kWaveShift |
         std::uint64_t{(footprint.vgpr_bytes + kVgprUnit - 1) / kVgprUnit} << kVgprShift |
         footprint.lds_bytes;
}

std::uint32_t CuPool::fit(Packed room, const Footprint& footprint) {
  const auto field = [](Packed packed, unsigned shift) {
    return static_cast<std::uint32_t>(packed >> shift & kFieldMask);
  };
  std::uint32_t count = field(room, kWaveShift) / footprint.waves;
  if (const std::uint32_t vgprs = field(pack(footprint), kVgprShift); vgprs > 0) {
    count = std::min(count, field(room, kVgprShift) / vgprs);
  }
  if (footprint.lds_bytes > 0) {
    count = std::min(count, field(room, 0) / footprint.lds_bytes);
  }
  return count;
}

/// Whether `fit` is not 0: no field of the difference borrows from its guard.
bool CuPool::has_room(Packed room, Packed need) {
  return (((room | kGuards) - need) & kGuards) == kGuards;
}

bool CuPool::fits(std::uint32_t xcc, const Footprint& footprint, CuSet allowed) const {
  return std::ranges::any_of(levels_[xcc], [&](const Level& level) {
    return (level.cus & allowed) != 0 && has_room(level.room, pack(footprint));
  });
}

void CuPool::change_room(Levels& levels, CuSet cus, Packed change) {
  for (std::size_t i = 0; cus != 0; ++i) {
    const CuSet changed = levels[i].cus & cus;
    cus &= ~changed;
    if (changed == levels[i].cus) {
      levels[i].room += change;
    } else if (changed != 0) {
      levels[i].cus &= ~changed;
      levels.push_back(Level{.cus = changed, .room = levels[i].room + change});
    }
  }
}

void CuPool::merge(Levels& levels) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    for (std::size_t other = levels.size() - 1; other > i; --other) {
      if (levels[other].room == levels[i].room) {
        levels[i].cus |= levels[other].cus;
        levels[other] = levels.back();
        levels.pop_back();
      }
    }
  }
}

std::uint32_t CuPool::place(std::uint32_t xcc, const Footprint& footprint, std::uint32_t limit,
                            CuSet allowed, Placement& placement) {
  if (is_known_full(xcc, footprint)) {
    return 0;
  }
  Levels& levels = levels_[xcc];
  const Packed need = pack(footprint);
  std::uint32_t left = limit;
  while (left > 0) {
    // As many on each as fit on the fullest; at last one more on the first ones.
    CuSet able = 0;
    std::uint32_t each = std::numeric_limits<std::uint32_t>::max();
    for (const Level& level : levels) {
      if ((level.cus & allowed) != 0 && has_room(level.room, need)) {
        able |= level.cus & allowed;
        each = std::min(each, fit(level.room, footprint));
      }
    }
    if (able == 0) {
      too_large_[xcc] = allowed == first_cus(cus_per_xcc_) ? footprint : too_large_[xcc];
      break;
    }
    std::uint32_t cus = size_of(able);
    if (left < cus) {
      able = lowest(able, left);
      cus = left;
    }
    each = std::min(each, left / cus);
    change_room(levels, able, -(each * need));
    placement.groups_.push_back({.cus = able, .xcc = xcc, .each = each});
    left -= each * cus;
  }
  merge(levels);
  return limit - left;
}

void CuPool::give_back(const Footprint& footprint, Placement& placement) {
  const Packed takes = pack(footprint);
  for (const Placement::Group& group : placement.groups_) {
    change_room(levels_[group.xcc], group.cus, group.each * takes);
  }
  placement.groups_.clear();
  for (std::uint32_t xcc = 0; xcc < xccs_; ++xcc) {
    merge(levels_[xcc]);
    too_large_[xcc].waves = 0;
  }
}

CuSets cu_sets_of(const GpuParameters& gpu, std::span<const std::uint32_t> words) {
  constexpr std::uint32_t kBits = 32;
  CuSets sets{};
  if (words.empty()) {
    std::fill_n(sets.begin(), gpu.xccs, first_cus(gpu.cus_per_xcc));
    return sets;
  }
  for (std::uint32_t bit = 0; bit < words.size() * kBits && bit < gpu.cus(); ++bit) {
    if ((words[bit / kBits] >> (bit % kBits) & 1U) != 0) {
      sets.at(bit % gpu.xccs) |= CuSet{1} << (bit / gpu.xccs);
    }
  }
  return sets;
}

PerXcc share_of_xccs(std::uint32_t workgroups, std::uint32_t xccs) {
  PerXcc share{};
  for (std::uint32_t xcc = 0; xcc < xccs; ++xcc) {
    share.at(xcc) = workgroups / xccs + (xcc < workgroups % xccs ? 1U : 0U);
  }
  return share;
}

}  // namespace gpreempt::sim
