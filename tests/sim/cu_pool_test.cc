// Goal: the pool, which works on sets of CUs, places what dealing workgroups to CUs one at a time
// places, and gets back what it gave.
#include "backends/sim/gpu/cu_pool.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "tests/sim/test_gpu.h"

namespace gpreempt::sim {
namespace {

/// One XCC, by CU.
class OneByOne {
 public:
  OneByOne(const GpuParameters& gpu, std::uint32_t cus)
      : room_(cus, {.waves = gpu.waves_per_cu,
                    .vgpr_bytes = static_cast<std::uint32_t>(gpu.vgpr_bytes_per_cu),
                    .lds_bytes = static_cast<std::uint32_t>(gpu.lds_bytes_per_cu)}) {}

  /// Round after round over the CUs, a workgroup on each that has room. Returns counts by CU.
  std::vector<std::uint32_t> place(const Footprint& takes, std::uint32_t limit, CuSet allowed) {
    std::vector<std::uint32_t> counts(room_.size());
    bool any = true;
    while (any && limit > 0) {
      any = false;
      for (std::size_t cu = 0; cu < room_.size() && limit > 0; ++cu) {
        Footprint& room = room_[cu];
        if ((allowed >> cu & 1) != 0 && room.waves >= takes.waves &&
            room.vgpr_bytes >= takes.vgpr_bytes && room.lds_bytes >= takes.lds_bytes) {
          add(room, takes, -1);
          ++counts[cu];
          --limit;
          any = true;
        }
      }
    }
    return counts;
  }
  void give_back(const Footprint& takes, const std::vector<std::uint32_t>& counts) {
    for (std::size_t cu = 0; cu < room_.size(); ++cu) {
      add(room_[cu], takes, static_cast<int>(counts[cu]));
    }
  }

 private:
  static void add(Footprint& room, const Footprint& takes, int times) {
    const auto factor = static_cast<std::uint32_t>(times);  // modulo 2^32
    room.waves += takes.waves * factor;
    room.vgpr_bytes += takes.vgpr_bytes * factor;
    room.lds_bytes += takes.lds_bytes * factor;
  }

  std::vector<Footprint> room_;
};

struct Placed {
  Footprint takes;
  Placement placement;
  std::vector<std::uint32_t> expected;
};

Footprint any_footprint() {
  return {.waves = *rc::gen::inRange(1U, 9U),
          .vgpr_bytes = 256 * *rc::gen::inRange(0U, 200U),
          .lds_bytes = *rc::gen::element(0U, 1024U, 16'384U, 65'536U)};
}

TEST(CuPoolTest, SetsOfCusTakeWhatDealingOneByOneGives) {
  EXPECT_TRUE(rc::check([] {
    GpuParameters gpu = free_gpu();
    gpu.cus_per_xcc = *rc::gen::element(1U, 20U, 38U, 110U, kMaxCusPerXcc);
    const std::uint32_t xcc = *rc::gen::inRange(0U, gpu.xccs);
    CuPool pool(gpu);
    OneByOne oracle(gpu, gpu.cus_per_xcc);
    std::vector<Placed> live;
    const auto steps = *rc::gen::inRange(1, 40);
    for (int step = 0; step < steps; ++step) {
      if (!live.empty() && *rc::gen::inRange(0, 3) == 0) {
        const auto which = *rc::gen::inRange<std::size_t>(0, live.size());
        pool.give_back(live[which].takes, live[which].placement);
        oracle.give_back(live[which].takes, live[which].expected);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
        continue;
      }
      CuSet allowed = pool.all().at(xcc);
      if (*rc::gen::arbitrary<bool>()) {
        allowed &= *rc::gen::arbitrary<std::uint64_t>();
      }
      Placed placed{.takes = any_footprint(), .placement = {}, .expected = {}};
      const auto limit = *rc::gen::inRange(0U, 8 * gpu.cus_per_xcc);
      const std::uint32_t count = pool.place(xcc, placed.takes, limit, allowed, placed.placement);
      placed.expected = oracle.place(placed.takes, limit, allowed);
      std::uint32_t expected = 0;
      for (std::uint32_t cu = 0; cu < gpu.cus_per_xcc; ++cu) {
        RC_ASSERT(placed.placement.on_cu(xcc, cu) == placed.expected[cu]);
        expected += placed.expected[cu];
      }
      RC_ASSERT(count == expected);
      RC_ASSERT(count == limit || !pool.fits(xcc, placed.takes, allowed));
      live.push_back(std::move(placed));
    }
  }));
}

}  // namespace
}  // namespace gpreempt::sim
