// Goal: what is known to differ between worlds is data with an end, and no list of excuses.
// Method: the lists in tests/expectations are held against the tests of this program.
#include "tests/support/expectations.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/contract/command_line.h"
#include "tests/contract/known_divergences.h"
#include "tests/support/testbed_case.h"

namespace gpreempt::contract {
namespace {

TEST(ExpectationsTest, EveryEntryNamesATestAndHasNotExpired) {
  ASSERT_TRUE(known_divergences()) << known_divergences().error().what;
  std::vector<std::string> tests;
  const testing::UnitTest& program = *testing::UnitTest::GetInstance();
  for (int i = 0; i < program.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *program.GetTestSuite(i);
    for (int j = 0; j < suite.total_test_count(); ++j) {
      tests.push_back(full_name(*suite.GetTestInfo(j)));
    }
  }
  for (const std::string& complaint :
       complaints(*known_divergences(), world_name(), tests, present())) {
    ADD_FAILURE() << complaint;
  }
}

}  // namespace
}  // namespace gpreempt::contract
