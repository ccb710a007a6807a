#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/sim/gpu/parameters.h"

namespace gpreempt::sim {

/// XCCs of the largest GPU modelled.
inline constexpr std::uint32_t kMaxXccs = 8;
/// CUs of the largest XCC modelled.
inline constexpr std::uint32_t kMaxCusPerXcc = 128;
/// What a CU may have: each must leave the highest bit of its field in `CuPool` free.
inline constexpr std::uint32_t kMaxWavesPerCu = (1U << 15U) - 1;
inline constexpr std::uint32_t kMaxVgprBytesPerCu = ((1U << 23U) - 1) * 256;
inline constexpr std::uint32_t kMaxLdsBytesPerCu = (1U << 23U) - 1;
/// Workgroups on each XCC.
using PerXcc = std::array<std::uint32_t, kMaxXccs>;
/// Some CUs of one XCC: bit i is its CU i.
__extension__ using CuSet = unsigned __int128;
/// CUs on each XCC.
using CuSets = std::array<CuSet, kMaxXccs>;

/// What one workgroup takes of a CU.
struct Footprint {
  std::uint32_t waves = 1;
  std::uint32_t vgpr_bytes = 0;
  std::uint32_t lds_bytes = 0;
};

/// Workgroups of one footprint on the CUs of a GPU.
class Placement {
 public:
  [[nodiscard]] std::uint32_t on_cu(std::uint32_t xcc, std::uint32_t cu_of_xcc) const;

 private:
  friend class CuPool;
  struct Group {
    CuSet cus = 0;
    std::uint32_t xcc = 0;
    std::uint32_t each = 0;  ///< on every one of them
  };
  std::vector<Group> groups_;  ///< a CU may be in several
};

/// Wave slots, registers and LDS of every CU of one GPU. A workgroup lies on one CU. CUs are
/// numbered XCC by XCC. Works on sets of CUs with equal room, of which there are few, not on CUs.
class CuPool {
 public:
  explicit CuPool(const GpuParameters& gpu);

  [[nodiscard]] std::uint32_t xccs() const { return xccs_; }
  [[nodiscard]] std::uint32_t cus_per_xcc() const { return cus_per_xcc_; }
  /// Every CU of the GPU.
  [[nodiscard]] CuSets all() const;

  /// Places up to `limit` workgroups on those CUs of `xcc` that are `allowed`, spread as evenly as
  /// they fit, lower CUs first, and adds them to `placement`, which holds others of that footprint
  /// only. Returns how many were placed: fewer than `limit` only if no further one fits.
  std::uint32_t place(std::uint32_t xcc, const Footprint& footprint, std::uint32_t limit,
                      CuSet allowed, Placement& placement);
  /// Frees the workgroups of `placement`, which is empty then.
  void give_back(const Footprint& footprint, Placement& placement);
  /// Whether it was found that no workgroup fits on `xcc`, and nothing was freed since.
  [[nodiscard]] bool is_known_full(std::uint32_t xcc, const Footprint& footprint) const {
    const Footprint& large = too_large_[xcc];
    return large.waves > 0 && footprint.waves >= large.waves &&
           footprint.vgpr_bytes >= large.vgpr_bytes && footprint.lds_bytes >= large.lds_bytes;
  }
  /// Whether a workgroup fits on one of those CUs of `xcc`.
  [[nodiscard]] bool fits(std::uint32_t xcc, const Footprint& footprint, CuSet allowed) const;

 private:
  /// Wave slots, registers and LDS in one word, so that taking and giving back is one operation:
  /// no field ever underflows.
  using Packed = std::uint64_t;
  /// CUs with the same room.
  struct Level {
    CuSet cus = 0;
    Packed room = 0;
  };
  using Levels = std::vector<Level>;

  [[nodiscard]] static Packed pack(const Footprint& footprint);
  /// Workgroups that fit on one CU.
  [[nodiscard]] static std::uint32_t fit(Packed room, const Footprint& footprint);
  [[nodiscard]] static bool has_room(Packed room, Packed need);
  /// Adds `change`, modulo 2^64, to the room of `cus`.
  static void change_room(Levels& levels, CuSet cus, Packed change);
  static void merge(Levels& levels);

  std::uint32_t xccs_;
  std::uint32_t cus_per_xcc_;
  std::vector<Levels> levels_;  ///< by XCC: every CU is in one
  /// By XCC: a footprint that did not fit anywhere and nothing was freed since; waves 0: none.
  std::vector<Footprint> too_large_;
};

/// The CUs that a KFD mask names on a node: bit b belongs to XCC b modulo `xccs`, successive bits
/// of an XCC to its successive CUs; no words: all. (The hardware walks shader engines in turn;
/// which CUs of an XCC they are makes no difference here.) Source: mqd_symmetrically_map_cu_mask.
[[nodiscard]] CuSets cu_sets_of(const GpuParameters& gpu, std::span<const std::uint32_t> words);

/// Workgroups of a dispatch that go to each XCC: one after another in turn, whatever their load.
/// Source: compute_tg_chunk_size = 1 for AQL queues; ROCm MI300 documentation.
[[nodiscard]] PerXcc share_of_xccs(std::uint32_t workgroups, std::uint32_t xccs);

}  // namespace gpreempt::sim
