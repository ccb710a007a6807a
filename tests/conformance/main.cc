#include <gtest/gtest.h>

#include "backends/sim/world.h"
#include "tests/conformance/rig.h"

namespace gpreempt::conformance {

sim::World& world() {
  static sim::World world;
  return world;
}

}  // namespace gpreempt::conformance

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
