// Goal: samples.csv gives back what was written, and refuses with its place what cannot be.
#include "cli/samples_file.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "calibration/sample.h"
#include "core/error.h"
#include "tests/calibration/synthetic.h"

namespace gpreempt::cli {
namespace {

using calibration::CallSample;

std::vector<CallSample> some() {
  return calibration::testing::samples_of(
      {.truth = calibration::testing::usual_costs(), .missing = 0.5, .repetitions = 5}, 1);
}

std::string refused(const std::string& text) {
  const Result<std::vector<CallSample>> samples = read_samples(text, "samples.csv");
  EXPECT_FALSE(samples.has_value());
  return samples ? std::string{} : samples.error().what;
}

/// The text with the first row's field of that column replaced.
std::string with(std::string text, const std::string& column, const std::string& value) {
  const std::string titles = text.substr(0, text.find('\n'));
  std::size_t index = 0;
  for (std::size_t at = 0; titles.compare(at, column.size() + 1, column + ",") != 0; ++index) {
    at = titles.find(',', at) + 1;
  }
  std::size_t begin = text.find('\n') + 1;
  for (; index > 0; --index) {
    begin = text.find(',', begin) + 1;
  }
  return text.replace(begin, text.find(',', begin) - begin, value);
}

TEST(SamplesFile, GivesBackWhatWasWritten) {
  std::vector<CallSample> samples = some();
  samples.front().parts.at(2) = 17;
  samples.front().first = true;
  const Result<std::vector<CallSample>> read = read_samples(samples_text(samples), "samples.csv");
  ASSERT_TRUE(read.has_value()) << read.error().what;
  EXPECT_EQ(*read, samples);
}

TEST(SamplesFile, RefusesWhatIsNoNumberWithItsLine) {
  const std::string what = refused(with(samples_text(some()), "suspend_ns", "soon"));
  EXPECT_NE(what.find("samples.csv:2"), std::string::npos) << what;
}

TEST(SamplesFile, RefusesNegativeTimes) {
  const std::string what = refused(with(samples_text(some()), "suspend_ns", "-5"));
  EXPECT_NE(what.find("suspend_ns is -5"), std::string::npos) << what;
}

TEST(SamplesFile, RefusesHalfOfTheStamps) {
  std::vector<CallSample> samples = some();
  samples.resize(1);
  samples.front().stamps = calibration::SaveStamps{1, 2, 3, 4};
  const std::string what = refused(with(samples_text(samples), "save_end_gpu_ns", ""));
  EXPECT_NE(what.find("not all"), std::string::npos) << what;
}

TEST(SamplesFile, RefusesAFileThatWasCutOff) {
  std::string text = samples_text(some());
  text.resize(text.size() - 3);
  EXPECT_NE(refused(text).find("cut off"), std::string::npos);
}

TEST(SamplesFile, RefusesAFileWithoutAColumn) {
  EXPECT_NE(refused("place,repetition\nx,0\n").find("no column"), std::string::npos);
}

TEST(Halves, AreTheFirstAndTheLastRepetitionsOfEachPlace) {
  const std::vector<CallSample> samples = some();  // five repetitions
  const Halves halves = halves_of(samples);
  EXPECT_EQ(halves.fit.size() + halves.held_out.size(), samples.size());
  for (const CallSample& sample : halves.fit) {
    EXPECT_LT(sample.repetition, 3U);
  }
  for (const CallSample& sample : halves.held_out) {
    EXPECT_GE(sample.repetition, 3U);
  }
}

}  // namespace
}  // namespace gpreempt::cli
