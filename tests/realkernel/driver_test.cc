#include <gtest/gtest.h>

#include "backends/kfd/driver.h"
#include "backends/kfd/linux_os.h"

namespace gpreempt::kfd {
namespace {

TEST(DriverTest, OpensAndHasQueueDebugging) {
  LinuxOs os;
  const auto driver = open_driver(os, "/dev/kfd");
  ASSERT_TRUE(driver) << driver.error().what;
  const auto version = check_version(os, *driver, "/dev/kfd");
  EXPECT_TRUE(version) << version.error().what;
  os.close(*driver);
}

}  // namespace
}  // namespace gpreempt::kfd
