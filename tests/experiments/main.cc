#include <gtest/gtest.h>

#include "tests/experiments/worlds.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return testing::GTEST_FLAG(list_tests) ? RUN_ALL_TESTS()
                                         : gpreempt::experiments::testing::run_tests_in_world();
}
