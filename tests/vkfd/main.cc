#include <gtest/gtest.h>

#include "backends/sim/world.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {

sim::World& world() {
  static sim::World world;
  return world;
}

}  // namespace gpreempt::vkfd

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
