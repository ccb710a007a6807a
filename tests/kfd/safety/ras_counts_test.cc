// Goal: an error that a GPU has counted and could not correct is noticed, by block; one that it has
// corrected is not, nor is what it had counted before. Method: files as amdgpu_ras_sysfs_read
// writes them.
#include "backends/kfd/safety/ras_counts.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/ids.h"
#include "tests/kfd/fake_box.h"

namespace gpreempt::kfd {
namespace {

TEST(RasCount, IsReadWithAndWithoutDeferredErrors) {
  EXPECT_EQ(parse_ras_count("f", "ue: 2\nce: 7\n").value(),
            (RasCount{.uncorrectable = 2, .correctable = 7}));
  EXPECT_EQ(parse_ras_count("f", "ue: 0\nce: 0\nde: 3\n").value(), (RasCount{.deferred = 3}));
  EXPECT_EQ(parse_ras_count("f", "ue: 1").value(), (RasCount{.uncorrectable = 1}));
}

TEST(RasCount, FormatThatIsNotKnownIsRefusedWithItsLine) {
  for (const auto& [text, line] :
       std::vector<std::pair<std::string, std::string>>{{"ue: 1\nce: many\n", "f:2"},
                                                        {"ue 1\n", "f:1"},
                                                        {"Query currently inaccessible\n", "f:1"},
                                                        {"ce: 1\n", "f:1"},
                                                        {"", "f:0"}}) {
    const auto count = parse_ras_count("f", text);
    ASSERT_FALSE(count) << text;
    EXPECT_EQ(count.error().code, Errc::kParse);
    EXPECT_TRUE(count.error().what.starts_with(line + ":")) << count.error().what;
  }
}

class RasOfABox : public ::testing::Test {
 protected:
  RasCounts read() { return read_ras_counts(box_, find_gpu_devices(box_, "/sys").value()).value(); }
  void put(const std::string& block, const std::string& text) {
    box_.put(FakeBox::kDevice + "/ras/" + block + "_err_count", text);
  }
  FakeBox box_;
};

TEST_F(RasOfABox, GpuWithoutCountsHasNone) { EXPECT_TRUE(read().empty()); }

TEST_F(RasOfABox, EachBlockIsReadAndOtherFilesAreNot) {
  put("umc", "ue: 0\nce: 1\n");
  put("gfx", "ue: 0\nce: 0\n");
  box_.put(FakeBox::kDevice + "/ras/features", "feature mask: 0x3\n");
  const RasCounts counts = read();
  ASSERT_EQ(counts.size(), 1U);
  const auto& blocks = counts.begin()->second;
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks.at("umc").correctable, 1U);
  EXPECT_EQ(blocks.at("gfx"), RasCount());
}

TEST_F(RasOfABox, BlockThatCannotBeAskedNowIsLeftOut) {
  put("umc", "ue: 0\nce: 0\n");
  put("sdma", "Query currently inaccessible\n");
  put("gfx", "ue: 0\nce: 0\n");
  box_.fail(FakeBox::kDevice + "/ras/gfx_err_count", EPERM);
  EXPECT_EQ(read().begin()->second.size(), 1U);
}

RasCounts counts_of(const RasCount& umc) { return {{GpuId(0xf7bc), {{"umc", umc}}}}; }

TEST(RasRise, OnlyWhatCouldNotBeCorrectedIsNamed) {
  const RasCounts before = counts_of({.uncorrectable = 2, .deferred = 1, .correctable = 10});
  EXPECT_EQ(what_rose(before, before), "");
  EXPECT_EQ(what_rose(before, counts_of({.uncorrectable = 2, .deferred = 1, .correctable = 99})),
            "");
  EXPECT_EQ(what_rose(before, counts_of({.uncorrectable = 3, .deferred = 1})),
            "GPU f7bc, umc: 1 more uncorrectable error");
  EXPECT_EQ(what_rose(before, counts_of({.uncorrectable = 2, .deferred = 5})),
            "GPU f7bc, umc: 4 more deferred errors");
}

TEST(RasRise, BlockThatWasNotThereBeforeHadNoErrors) {
  EXPECT_EQ(what_rose({}, counts_of({.uncorrectable = 1})),
            "GPU f7bc, umc: 1 more uncorrectable error");
  EXPECT_EQ(what_rose(counts_of({.uncorrectable = 1}), {}), "");
}

TEST(RasRise, CountsThatStartAnewAfterAResetAreNone) {
  EXPECT_EQ(what_rose(counts_of({.uncorrectable = 5}), counts_of({.uncorrectable = 1})), "");
}

}  // namespace
}  // namespace gpreempt::kfd
