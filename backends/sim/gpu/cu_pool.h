#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/sim/gpu/parameters.h"

namespace gpreempt::sim {

/// XCCs of the largest GPU modelled.
inline constexpr std::uint32_t kMaxXccs = 8;
/// Workgroups on each XCC.
using PerXcc = std::array<std::uint32_t, kMaxXccs>;

/// What one workgroup takes of a CU.
struct Footprint {
  std::uint32_t waves = 1;
  std::uint32_t vgpr_bytes = 0;
  std::uint32_t lds_bytes = 0;
};

/// Which CUs a queue may use, as one flag per CU; empty means all.
using CuFlags = std::vector<bool>;

/// Wave slots, registers and LDS of every CU of one GPU. A workgroup lies on one CU. CUs are
/// numbered XCC by XCC.
class CuPool {
 public:
  explicit CuPool(const GpuParameters& gpu);

  [[nodiscard]] std::uint32_t xccs() const { return xccs_; }
  [[nodiscard]] std::uint32_t cus_per_xcc() const { return cus_per_xcc_; }

  /// Places up to `limit` workgroups on CUs of `xcc`, spread as evenly as they fit, lower CUs
  /// first, and adds them to `counts` (one entry per CU of the GPU). Returns how many were placed:
  /// fewer than `limit` only if no further one fits on any CU allowed.
  std::uint32_t place(std::uint32_t xcc, const Footprint& footprint, std::uint32_t limit,
                      const CuFlags& allowed, std::span<std::uint16_t> counts);
  /// Frees the workgroups of `counts` and sets it to zero.
  void give_back(const Footprint& footprint, std::span<std::uint16_t> counts);
  /// Workgroups that fit on `cu` besides what is there.
  [[nodiscard]] std::uint32_t fit(std::uint32_t cu, const Footprint& footprint) const;

 private:
  /// Wave slots, registers and LDS in one word, so that taking and giving back is one operation:
  /// no field ever underflows.
  using Packed = std::uint64_t;
  [[nodiscard]] static Packed pack(const Footprint& footprint);
  [[nodiscard]] static std::uint32_t fit(Packed room, const Footprint& footprint);
  /// Fills `fits_`. Returns their sum.
  std::uint32_t count_fits(std::uint32_t xcc, const Footprint& footprint, const CuFlags& allowed);

  std::uint32_t xccs_;
  std::uint32_t cus_per_xcc_;
  std::vector<Packed> room_;         ///< by CU
  std::vector<std::uint32_t> fits_;  ///< scratch: what fits on each CU of an XCC
  /// By XCC: a footprint that did not fit anywhere and nothing was freed since; waves 0: none.
  std::vector<Footprint> too_large_;
};

/// The CUs that a KFD mask names on a node: bit b belongs to XCC b modulo `xccs`, successive bits
/// of an XCC to its successive CUs. (The hardware walks shader engines in turn; which CUs of an XCC
/// they are makes no difference here.) Source: mqd_symmetrically_map_cu_mask.
[[nodiscard]] CuFlags cu_flags_of(const GpuParameters& gpu, std::span<const std::uint32_t> words);

/// Workgroups of a dispatch that go to each XCC: one after another in turn, whatever their load.
/// Source: compute_tg_chunk_size = 1 for AQL queues; ROCm MI300 documentation.
[[nodiscard]] PerXcc share_of_xccs(std::uint32_t workgroups, std::uint32_t xccs);

}  // namespace gpreempt::sim
