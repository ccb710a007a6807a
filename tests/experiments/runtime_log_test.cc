// Goal: what is taken from a log of the HIP runtime is what its dispatches say, under the runtime's
// own ids.
// Method: lines of the runtime's format, written by hand; the counts are counted by hand.
#include "experiments/runtime_log.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "core/error.h"
#include "experiments/identification.h"

namespace gpreempt::experiments {
namespace {

// Nobody passes one of these to a call that takes KFD's ids.
static_assert(!std::is_convertible_v<RuntimeId, std::uint32_t>);
static_assert(!std::is_convertible_v<GuessedNumber, std::uint32_t>);

const std::string kPrefix = ":4:rocvirtual.cpp :1025: 99 us: [pid:7 tid:0x7f] ";
const std::string kCreated =
    kPrefix +
    "Created SWq=0x55a0 to map on HWq=0x7f9567e00000 with size 16384 with priority 1, "
    "cooperative: 0\n";

std::string dispatch(const std::string& queue) {
  return kPrefix + queue +
         " Dispatch Header = 0xb02 (type=2), grid=[262144, 1, 1], completion_signal=0x0, "
         "correlation_id=0, rptr=11, wptr=11\n";
}

TEST(RuntimeLog, CountsTheDispatchesOfEachQueue) {
  const auto queues = parse_runtime_log(
      kCreated + dispatch("SWq=0x55a0, HWq=0x7f9567e00000, id=1,") +
          dispatch("SWq=0x55b0, HWq=0x7f9567f00000, id=4,") +
          dispatch("SWq=0x55a0, HWq=0x7f9567e00000, id=1,") + ":3:hip_memory.cpp: id=9\n",
      "log");
  ASSERT_TRUE(queues) << queues.error().what;
  ASSERT_EQ(queues->size(), 2U);
  EXPECT_EQ(queues->at(0).id, RuntimeId(1));
  EXPECT_EQ(queues->at(0).hardware_queue, 0x7f9567e00000U);
  EXPECT_EQ(queues->at(0).software_queue, 0x55a0U);
  EXPECT_EQ(queues->at(0).dispatches, 2U);
  EXPECT_EQ(queues->at(1).id, RuntimeId(4));
}

TEST(RuntimeLog, ACorrelationIdIsNoQueue) {
  const auto queues =
      parse_runtime_log(kPrefix + "Copy correlation_id=0, id=0, done\n" + kCreated, "log");
  ASSERT_TRUE(queues) << queues.error().what;
  EXPECT_TRUE(queues->empty());
}

TEST(RuntimeLog, ALastLineThatIsCutOffIsPassedOver) {
  const std::string whole = dispatch("SWq=0x1, HWq=0x2, id=3,");
  const auto queues = parse_runtime_log(whole + kPrefix + "SWq=0x1, HWq=0x2, id=", "log");
  ASSERT_TRUE(queues) << queues.error().what;
  ASSERT_EQ(queues->size(), 1U);
  EXPECT_EQ(queues->front().dispatches, 1U);
}

TEST(RuntimeLog, AnotherFormatIsRefusedWithItsLine) {
  for (const char* const text :
       {"SWq=0x1, HWq=0x2, id=x,", "SWq=0x1, HWq=0x2, correlation_id=0,", "SWq=1, HWq=0x2, id=3,",
        "SWq=0x1 HWq=0x2 id=3,", "SWq=0x1, HWq=0x2, id=3", "SWq=0x1, HWq=0x2, id=-3,"}) {
    const auto queues = parse_runtime_log(kCreated + dispatch(text), "a.log");
    ASSERT_FALSE(queues) << text;
    EXPECT_EQ(queues.error().code, Errc::kParse);
    EXPECT_TRUE(queues.error().what.starts_with("a.log:2: ")) << queues.error().what;
  }
}

TEST(RuntimeLog, LogsOfTwoProcessesAreRefused) {
  const auto queues = parse_runtime_log(
      dispatch("SWq=0x1, HWq=0x2, id=3,") + dispatch("SWq=0x1, HWq=0x2, id=4,"), "log");
  ASSERT_FALSE(queues);
  EXPECT_NE(queues.error().what.find("had 3 before"), std::string::npos) << queues.error().what;
}

}  // namespace
}  // namespace gpreempt::experiments
