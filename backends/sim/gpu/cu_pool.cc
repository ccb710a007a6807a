#include "backends/sim/gpu/cu_pool.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "backends/sim/gpu/parameters.h"
#include "core/error.h"

namespace gpreempt::sim {

CuPool::CuPool(const GpuParameters& gpu)
    : xccs_(gpu.xccs),
      cus_per_xcc_(gpu.cus_per_xcc),
      room_(gpu.cus(), pack({.waves = gpu.waves_per_cu,
                             .vgpr_bytes = static_cast<std::uint32_t>(gpu.vgpr_bytes_per_cu),
                             .lds_bytes = static_cast<std::uint32_t>(gpu.lds_bytes_per_cu)})),
      fits_(gpu.cus_per_xcc),
      too_large_(gpu.xccs, Footprint{.waves = 0}) {
  GPREEMPT_CHECK(xccs_ >= 1 && xccs_ <= kMaxXccs);
}

namespace {

// Bits from the lowest: LDS in bytes, VGPRs in units of 256 bytes, waves.
constexpr unsigned kVgprShift = 24;
constexpr unsigned kWaveShift = 48;
constexpr std::uint32_t kVgprUnit = 256;
constexpr std::uint64_t kFieldMask = (std::uint64_t{1} << kVgprShift) - 1;

}  // namespace

CuPool::Packed CuPool::pack(const Footprint& footprint) {
  return std::uint64_t{footprint.waves} << kWaveShift |
         std::uint64_t{(footprint.vgpr_bytes + kVgprUnit - 1) / kVgprUnit} << kVgprShift |
         footprint.lds_bytes;
}

std::uint32_t CuPool::fit(Packed room, const Footprint& footprint) {
  const Packed each = pack(footprint);
  std::uint64_t count = (room >> kWaveShift) / footprint.waves;
  if (const std::uint64_t vgprs = each >> kVgprShift & kFieldMask; vgprs > 0) {
    count = std::min(count, (room >> kVgprShift & kFieldMask) / vgprs);
  }
  if (footprint.lds_bytes > 0) {
    count = std::min(count, (room & kFieldMask) / footprint.lds_bytes);
  }
  return static_cast<std::uint32_t>(count);
}

std::uint32_t CuPool::fit(std::uint32_t cu, const Footprint& footprint) const {
  return fit(room_[cu], footprint);
}

std::uint32_t CuPool::count_fits(std::uint32_t xcc, const Footprint& footprint,
                                 const CuFlags& allowed) {
  const Footprint& known_large = too_large_[xcc];
  if (known_large.waves > 0 && footprint.waves >= known_large.waves &&
      footprint.vgpr_bytes >= known_large.vgpr_bytes &&
      footprint.lds_bytes >= known_large.lds_bytes) {
    return 0;
  }
  const std::uint32_t first = xcc * cus_per_xcc_;
  std::uint32_t total = 0;
  Packed known = room_[first];  // neighbours mostly have equal room
  std::uint32_t known_fit = fit(known, footprint);
  for (std::uint32_t i = 0; i < cus_per_xcc_; ++i) {
    if (room_[first + i] != known) {
      known = room_[first + i];
      known_fit = fit(known, footprint);
    }
    fits_[i] = known_fit;
    total += known_fit;
  }
  for (std::uint32_t i = 0; i < cus_per_xcc_ && !allowed.empty(); ++i) {
    if (!allowed[first + i]) {
      total -= std::exchange(fits_[i], 0);
    }
  }
  if (total == 0 && allowed.empty()) {
    too_large_[xcc] = footprint;
  }
  return total;
}

std::uint32_t CuPool::place(std::uint32_t xcc, const Footprint& footprint, std::uint32_t limit,
                            const CuFlags& allowed, std::span<std::uint16_t> counts) {
  const std::uint32_t first = xcc * cus_per_xcc_;
  const std::uint32_t total = count_fits(xcc, footprint, allowed);
  const Packed each_takes = pack(footprint);
  const auto put = [&](std::uint32_t i, std::uint32_t count) {
    room_[first + i] -= count * each_takes;
    counts[first + i] = static_cast<std::uint16_t>(counts[first + i] + count);
    fits_[i] -= count;
  };
  if (limit >= total) {
    for (std::uint32_t i = 0; i < cus_per_xcc_ && total > 0; ++i) {
      put(i, fits_[i]);
    }
    return total;
  }
  for (std::uint32_t left = limit; left > 0;) {
    // As many on each as fit on the fullest; at last one more on the first ones.
    std::uint32_t able = 0;
    std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
    for (const std::uint32_t fits : fits_) {
      able += fits > 0 ? 1 : 0;
      least = fits > 0 ? std::min(least, fits) : least;
    }
    const std::uint32_t each = std::max(1U, std::min(least, left / std::max(1U, able)));
    for (std::uint32_t i = 0; i < cus_per_xcc_ && left > 0; ++i) {
      if (fits_[i] > 0) {
        put(i, each);
        left -= each;
      }
    }
  }
  return limit;
}

void CuPool::give_back(const Footprint& footprint, std::span<std::uint16_t> counts) {
  const Packed each = pack(footprint);
  for (std::uint32_t xcc = 0; xcc < xccs_; ++xcc) {
    const std::size_t first = std::size_t{xcc} * cus_per_xcc_;
    for (std::size_t cu = first; cu < first + cus_per_xcc_; ++cu) {
      room_[cu] += counts[cu] * each;
      counts[cu] = 0;
    }
    too_large_[xcc].waves = 0;
  }
}

CuFlags cu_flags_of(const GpuParameters& gpu, std::span<const std::uint32_t> words) {
  constexpr std::uint32_t kBits = 32;
  if (words.empty()) {
    return {};
  }
  CuFlags flags(gpu.cus());
  for (std::uint32_t bit = 0; bit < words.size() * kBits && bit < gpu.cus(); ++bit) {
    if ((words[bit / kBits] >> (bit % kBits) & 1U) != 0) {
      flags[(bit % gpu.xccs) * gpu.cus_per_xcc + bit / gpu.xccs] = true;
    }
  }
  return flags;
}

PerXcc share_of_xccs(std::uint32_t workgroups, std::uint32_t xccs) {
  PerXcc share{};
  for (std::uint32_t xcc = 0; xcc < xccs; ++xcc) {
    share.at(xcc) = workgroups / xccs + (xcc < workgroups % xccs ? 1U : 0U);
  }
  return share;
}

}  // namespace gpreempt::sim
