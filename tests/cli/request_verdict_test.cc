// Goal: which requests Offline was off for, and where the time of one went. Expectations by hand.
#include "cli/request_verdict.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

#include "cli/request_parts.h"
#include "core/decision.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::cli {
namespace {

constexpr GpuId kHere(1);
constexpr GpuId kThere(2);

Decision turn(std::int64_t at, Verdict verdict, GpuId gpu = kHere,
              Reason reason = Reason::kOnlineBusy) {
  Decision decision;
  decision.at = instant_from_ns(at);
  decision.target = TargetId(5);
  decision.gpu = gpu;
  decision.verdict = verdict;
  decision.reason = reason;
  return decision;
}

RequestRecord request_from(std::int64_t arrival, std::int64_t end) {
  RequestRecord request;
  request.arrival = instant_from_ns(arrival);
  request.first_wave = kForever;
  request.end = end < 0 ? kForever : instant_from_ns(end);
  return request;
}

/// Off from 100 to 200 and from 300 to 400 on this GPU, and from 500 on on another.
const std::vector<Decision>& turns() {
  static const std::vector<Decision> all = {turn(100, Verdict::kSuspend), turn(200, Verdict::kRun),
                                            turn(300, Verdict::kSuspend), turn(400, Verdict::kRun),
                                            turn(500, Verdict::kSuspend, kThere)};
  return all;
}

RequestVerdict verdict_on(GpuId gpu, std::int64_t arrival, std::int64_t end) {
  const std::vector<GpuId> gpus = {gpu};
  return OffTimes(turns()).verdict(request_from(arrival, end), gpus);
}

TEST(RequestVerdictOfDecisions, OneThatADecisionTookOfflineOffForIsPreemptedFor) {
  EXPECT_EQ(verdict_on(kHere, 90, 150), RequestVerdict::kPreempted);
  EXPECT_EQ(verdict_on(kHere, 100, 101), RequestVerdict::kPreempted) << "decided as it arrived";
  EXPECT_EQ(verdict_on(kHere, 210, 310), RequestVerdict::kPreempted);
}

TEST(RequestVerdictOfDecisions, OneThatCameWhileOfflineWasOffFoundItOff) {
  EXPECT_EQ(verdict_on(kHere, 101, 150), RequestVerdict::kFoundOff);
  EXPECT_EQ(verdict_on(kHere, 199, 300), RequestVerdict::kFoundOff) << "it ended at the decision";
  EXPECT_EQ(verdict_on(kHere, 199, 301), RequestVerdict::kPreempted);
}

TEST(RequestVerdictOfDecisions, OneBetweenTwoTimesOffIsNotPreemptedFor) {
  EXPECT_EQ(verdict_on(kHere, 200, 300), RequestVerdict::kNotPreempted);
  EXPECT_EQ(verdict_on(kHere, 0, 100), RequestVerdict::kNotPreempted);
  EXPECT_EQ(verdict_on(kHere, 600, 700), RequestVerdict::kNotPreempted) << "off elsewhere only";
}

TEST(RequestVerdictOfDecisions, OneThatDidNotEndIsThereForEver) {
  EXPECT_EQ(verdict_on(kHere, 250, -1), RequestVerdict::kPreempted);
  EXPECT_EQ(verdict_on(kThere, 900, -1), RequestVerdict::kFoundOff);
}

TEST(RequestVerdictOfDecisions, BeingOutrankedByAnotherOfflineTenantIsForNoRequest) {
  const std::vector<GpuId> gpus = {kHere};
  const OffTimes off(std::vector<Decision>{turn(100, Verdict::kSuspend, kHere, Reason::kOutranked),
                                           turn(900, Verdict::kRun)});
  EXPECT_EQ(off.verdict(request_from(200, 300), gpus), RequestVerdict::kNotPreempted);
}

TEST(RequestVerdictOfDecisions, ALateQueueIsNoTimeOffOfItsOwn) {
  const std::vector<GpuId> gpus = {kHere};
  const OffTimes off(std::vector<Decision>{turn(100, Verdict::kSuspend),
                                           turn(150, Verdict::kSuspend, kHere, Reason::kLateQueue),
                                           turn(200, Verdict::kRun)});
  EXPECT_EQ(off.verdict(request_from(140, 160), gpus), RequestVerdict::kFoundOff);
}

RequestRecord decomposed() {
  RequestRecord request = request_from(1000, 2000);
  request.first_wave = instant_from_ns(1500);
  const auto phase = [&](DriverPhase which) -> Duration& {
    return request.phases.at(static_cast<std::size_t>(which));
  };
  phase(DriverPhase::kUnmap) = Duration(60);
  phase(DriverPhase::kSave) = Duration(90);
  phase(DriverPhase::kCopy) = Duration(50);
  phase(DriverPhase::kNone) = Duration(800);  // the rest of 1000
  return request;
}

Duration part_of(const RequestParts& parts, RequestPart part) {
  return parts.at(static_cast<std::size_t>(part));
}

TEST(RequestPartsOfOne, FollowFromWhatIsKnownOfIt) {
  const RequestParts parts = parts_of(decomposed(), instant_from_ns(1100), instant_from_ns(1130));
  EXPECT_EQ(part_of(parts, RequestPart::kDetect), Duration(100));
  EXPECT_EQ(part_of(parts, RequestPart::kDecide), Duration(30));
  EXPECT_EQ(part_of(parts, RequestPart::kUnmap), Duration(60));
  EXPECT_EQ(part_of(parts, RequestPart::kSave), Duration(90));
  EXPECT_EQ(part_of(parts, RequestPart::kCopy), Duration(50));
  // 500 to the first wave, of which 130 and 200 are explained.
  EXPECT_EQ(part_of(parts, RequestPart::kFirstWave), Duration(170));
  EXPECT_EQ(part_of(parts, RequestPart::kRun), Duration(500));
}

TEST(RequestPartsOfOne, SumToItsLatencyWhateverIsSaid) {
  for (const std::optional<Instant> told :
       {std::optional<Instant>(), std::optional(instant_from_ns(1000)),
        std::optional(instant_from_ns(1999)), std::optional(instant_from_ns(5000))}) {
    for (const std::optional<Instant> decided :
         {std::optional<Instant>(), std::optional(instant_from_ns(1000)),
          std::optional(instant_from_ns(9000))}) {
      RequestRecord request = decomposed();
      const RequestParts early = parts_of(request, told, decided);
      request.first_wave = kForever;
      const RequestParts never = parts_of(request, told, decided);
      EXPECT_EQ(std::accumulate(early.begin(), early.end(), Duration{}), Duration(1000));
      EXPECT_EQ(std::accumulate(never.begin(), never.end(), Duration{}), Duration(1000));
    }
  }
}

}  // namespace
}  // namespace gpreempt::cli
