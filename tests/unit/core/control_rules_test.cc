// Goal: a control that makes no sense is refused before any backend sees it, and says why.
// Method: GPUs of one and of four XCCs; the rule for CU masks is the kernel's: bit b belongs to XCC
// b modulo their number.

#include "core/control_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const std::vector<GpuInfo> kFourXccs{{.id = GpuId(7), .xccs = 4, .cus = 80, .hqd_slots = 24}};
const std::vector<GpuInfo> kOneXcc{{.id = GpuId(8), .xccs = 1, .cus = 60, .hqd_slots = 24}};

/// Why it is refused; empty if it is not.
std::string refusal(const Control& control, const std::vector<GpuInfo>& gpus = kFourXccs) {
  const Result<void> checked = check_control(control, gpus);
  if (checked) {
    return {};
  }
  EXPECT_EQ(checked.error().code, Errc::kInvalidArgument);
  return checked.error().what;
}

std::string refusal_of_mask(std::vector<std::uint32_t> words, const std::vector<GpuInfo>& gpus) {
  return refusal(CuMask{.words = std::move(words), .lease = {}}, gpus);
}

TEST(ControlRulesTest, WhatStopsWorkNeedsAPositiveLease) {
  const std::vector<Control> stops{
      Suspend{},        Percentage{.percent = 0, .lease = {}},
      Reset{},          Throttle{.in_flight = 0, .batch = 1, .lease = {}},
      SelectiveUnmap{}, Signal{.number = SIGSTOP, .lease = {}},
      KernelBoundary{}};
  for (const Control& control : stops) {
    EXPECT_THAT(refusal(control), HasSubstr("not positive")) << to_string(kind_of(control));
  }
}

TEST(ControlRulesTest, WhatLetsWorkGoOnNeedsNoLease) {
  const std::vector<Control> others{Resume{},
                                    Percentage{.percent = 50, .lease = {}},
                                    Priority{.level = 0, .lease = {}},
                                    CuMask{},
                                    Throttle{},
                                    Signal{.number = SIGCONT, .lease = {}}};
  for (const Control& control : others) {
    EXPECT_EQ(refusal(control), "") << to_string(kind_of(control));
  }
}

TEST(ControlRulesTest, NegativeLeaseIsRefused) {
  EXPECT_THAT(refusal(Priority{.level = 0, .lease = -1ns}), HasSubstr("not positive"));
}

TEST(ControlRulesTest, ValuesHaveTheirRanges) {
  EXPECT_EQ(refusal(Percentage{.percent = 100, .lease = {}}), "");
  EXPECT_THAT(refusal(Percentage{.percent = 101, .lease = {}}), HasSubstr("over 100"));
  EXPECT_EQ(refusal(Priority{.level = 15, .lease = {}}), "");
  EXPECT_THAT(refusal(Priority{.level = 16, .lease = {}}), HasSubstr("over 15"));
  EXPECT_EQ(refusal(Throttle{.in_flight = 4, .batch = 4, .lease = {}}), "");
  EXPECT_THAT(refusal(Throttle{.in_flight = 4, .batch = 5, .lease = {}}), HasSubstr("batch"));
  EXPECT_THAT(refusal(Throttle{.in_flight = 4, .batch = 0, .lease = {}}), HasSubstr("batch"));
}

TEST(ControlRulesTest, MaskMustLeaveEveryXccACu) {
  EXPECT_EQ(refusal_of_mask({0b1111}, kFourXccs), "");
  EXPECT_EQ(refusal_of_mask({0b0001'0010'0100'1000}, kFourXccs), "");
  EXPECT_THAT(refusal_of_mask({0b0111}, kFourXccs), HasSubstr("without a CU"));
  EXPECT_THAT(refusal_of_mask({0b0001'0001'0001'0001}, kFourXccs), HasSubstr("without a CU"));
  EXPECT_EQ(refusal_of_mask({0b1000}, kOneXcc), "");
}

TEST(ControlRulesTest, MaskWithoutABitIsRefused) {
  EXPECT_THAT(refusal_of_mask({0, 0}, kOneXcc), HasSubstr("without a CU"));
}

TEST(ControlRulesTest, BitsBeyondTheCusMeanNothing) {
  // 60 CUs: bits 60 to 63 of the second word stand for none.
  EXPECT_THAT(refusal_of_mask({0, 0xf0000000}, kOneXcc), HasSubstr("without a CU"));
}

}  // namespace
}  // namespace gpreempt
