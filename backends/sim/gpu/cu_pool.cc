#include "backends/sim/gpu/cu_pool.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "backends/sim/gpu/parameters.h"
#include "core/error.h"

namespace gpreempt::sim {

CuPool::CuPool(const GpuParameters& gpu)
    : xccs_(gpu.xccs),
      cus_per_xcc_(gpu.cus_per_xcc),
      room_(gpu.cus(), Cu{.waves = gpu.waves_per_cu,
                          .vgpr_bytes = static_cast<std::uint32_t>(gpu.vgpr_bytes_per_cu),
                          .lds_bytes = static_cast<std::uint32_t>(gpu.lds_bytes_per_cu)}),
      fits_(gpu.cus_per_xcc) {
  GPREEMPT_CHECK(xccs_ >= 1 && xccs_ <= kMaxXccs);
}

std::uint32_t CuPool::fit(const Cu& room, const Footprint& footprint) {
  std::uint32_t count = room.waves / footprint.waves;
  if (footprint.vgpr_bytes > 0) {
    count = std::min(count, room.vgpr_bytes / footprint.vgpr_bytes);
  }
  if (footprint.lds_bytes > 0) {
    count = std::min(count, room.lds_bytes / footprint.lds_bytes);
  }
  return count;
}

std::uint32_t CuPool::fit(std::uint32_t cu, const Footprint& footprint) const {
  return fit(room_[cu], footprint);
}

void CuPool::take(std::uint32_t cu, const Footprint& footprint, std::uint32_t count) {
  Cu& room = room_[cu];
  room.waves -= count * footprint.waves;
  room.vgpr_bytes -= count * footprint.vgpr_bytes;
  room.lds_bytes -= count * footprint.lds_bytes;
}

std::uint32_t CuPool::place(std::uint32_t xcc, const Footprint& footprint, std::uint32_t limit,
                            const CuFlags& allowed, std::span<std::uint16_t> counts) {
  const std::uint32_t first = xcc * cus_per_xcc_;
  std::uint32_t able = 0;                                           // CUs where one more fits
  std::uint32_t least = std::numeric_limits<std::uint32_t>::max();  // and how many on the fullest
  std::uint32_t total = 0;
  Cu known{};  // neighbours mostly have equal room
  std::uint32_t known_fit = fit(known, footprint);
  for (std::uint32_t i = 0; i < cus_per_xcc_; ++i) {
    const Cu& room = room_[first + i];
    if (!(room == known)) {
      known = room;
      known_fit = fit(room, footprint);
    }
    fits_[i] = allowed.empty() || allowed[first + i] ? known_fit : 0;
    if (fits_[i] > 0) {
      ++able;
      least = std::min(least, fits_[i]);
      total += fits_[i];
    }
  }
  const std::uint32_t placed = std::min(limit, total);
  std::uint32_t left = placed;
  while (left > 0) {
    // As many on each as fit on the fullest; at last one more on the first ones.
    const std::uint32_t each = std::max(1U, std::min(least, left / able));
    std::uint32_t next_least = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t next_able = 0;
    for (std::uint32_t i = 0; i < cus_per_xcc_ && left > 0; ++i) {
      if (fits_[i] == 0) {
        continue;
      }
      take(first + i, footprint, each);
      counts[first + i] = static_cast<std::uint16_t>(counts[first + i] + each);
      left -= each;
      fits_[i] -= each;
      if (fits_[i] > 0) {
        ++next_able;
        next_least = std::min(next_least, fits_[i]);
      }
    }
    able = next_able;
    least = next_least;
  }
  return placed;
}

void CuPool::give_back(const Footprint& footprint, std::span<std::uint16_t> counts) {
  for (std::size_t cu = 0; cu < counts.size(); ++cu) {
    if (const std::uint32_t count = counts[cu]; count > 0) {
      room_[cu].waves += count * footprint.waves;
      room_[cu].vgpr_bytes += count * footprint.vgpr_bytes;
      room_[cu].lds_bytes += count * footprint.lds_bytes;
      counts[cu] = 0;
    }
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
