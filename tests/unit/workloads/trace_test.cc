#include "workloads/trace.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "tests/unit/workloads/temporary_folder.h"
#include "workloads/scenario.h"

namespace gpreempt {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kHeader = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

Result<Trace> parse(std::string_view lines, TraceErrors on_error = TraceErrors::kRefuse) {
  return parse_azure_trace(std::string(kHeader) + std::string(lines), "t.csv", on_error);
}

TEST(AzureTrace, StartsAtZeroAndKeepsHundredNanoseconds) {
  const auto trace = parse(
      "2023-11-16 23:59:59.9999999,374,44\n"
      "2023-11-17 00:00:00.0000001,396,109\n"
      "2023-11-17 00:00:01,1,1\n");
  ASSERT_TRUE(trace) << trace.error().what;
  ASSERT_EQ(trace->requests.size(), 3U);
  EXPECT_EQ(trace->requests.at(0).at, Duration(0));
  EXPECT_EQ(trace->requests.at(0).context_tokens, 374U);
  EXPECT_EQ(trace->requests.at(0).generated_tokens, 44U);
  EXPECT_EQ(trace->requests.at(1).at, Duration(200));
  EXPECT_EQ(trace->requests.at(2).at, Duration(1'000'000'100));
  EXPECT_EQ(trace->skipped, 0U);
}

TEST(AzureTrace, AcceptsBothLineEndsAndAnUnendedLastLine) {
  const auto trace = parse_azure_trace(
      "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n"
      "2023-11-16 18:15:50.9951690,396,109",
      "t.csv", TraceErrors::kRefuse);
  ASSERT_TRUE(trace) << trace.error().what;
  ASSERT_EQ(trace->requests.size(), 2U);
  EXPECT_EQ(trace->requests.at(1).at, Duration(4'314'579'000));
  EXPECT_EQ(trace->requests.at(1).generated_tokens, 109U);
}

TEST(AzureTrace, AcceptsRequestsAtTheSameTime) {
  EXPECT_TRUE(parse("2023-11-16 18:00:00.5,1,1\n2023-11-16 18:00:00.5,2,2\n"));
}

TEST(AzureTrace, RefusesBadLinesWithTheirNumber) {
  const std::string good = "2023-11-16 18:00:01.0000000,10,1\n";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"2023-11-16 18:00:02.0000000,10", "truncated"},
      {"2023-11-16 18:00:0", "truncated"},
      {"", "truncated"},
      {"2023-11-16 18:00:02.0000000,10,", "malformed"},
      {"2023-11-16 18:00:02.0000000,ten,1", "malformed"},
      {"2023-11-16 18:00:02.0000000,10,1,1", "malformed"},
      {"2023-11-16T18:00:02.0000000,10,1", "not a time"},
      {"2023-02-30 18:00:02.0000000,10,1", "not a time"},
      {"2023-11-16 25:00:02.0000000,10,1", "not a time"},
      {"2023-11-16 18:00:02.,10,1", "not a time"},
      {"2023-11-16 18:00:02.0000000000,10,1", "not a time"},
      {"2023-11-16 18:00:0x,10,1", "not a time"},
      {"2023-11-16 18:00:02.0000000,-10,1", "-10 context"},
      {"2023-11-16 18:00:02.0000000,0,1", "0 context"},
      {"2023-11-16 18:00:02.0000000,10,0", "0 generated"},
      {"2023-11-16 18:00:02.0000000,5000000000,1", "fit 32 bits"},
      {"2023-11-16 18:00:00.0000000,10,1", "before that of an earlier line"},
  };
  for (const auto& [line, reason] : cases) {
    const auto refused = parse(good + line + "\n");
    ASSERT_FALSE(refused) << line;
    EXPECT_EQ(refused.error().code, Errc::kParse);
    EXPECT_THAT(refused.error().what, StartsWith("t.csv:3: ")) << line;
    EXPECT_THAT(refused.error().what, HasSubstr(reason)) << line;

    const auto skipped = parse(good + line + "\n" + good, TraceErrors::kSkip);
    ASSERT_TRUE(skipped) << line;
    EXPECT_EQ(skipped->requests.size(), 2U) << line;
    EXPECT_EQ(skipped->skipped, 1U) << line;
    EXPECT_THAT(skipped->first_skipped, HasSubstr(reason));
  }
}

TEST(AzureTrace, RefusesAnEmptyFile) {
  for (const auto on_error : {TraceErrors::kRefuse, TraceErrors::kSkip}) {
    const auto nothing = parse_azure_trace("", "t.csv", on_error);
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, Errc::kParse);
    EXPECT_THAT(nothing.error().what, StartsWith("t.csv:1: the trace is empty"));
    const auto header_only = parse("", on_error);
    ASSERT_FALSE(header_only);
    EXPECT_THAT(header_only.error().what, HasSubstr("no requests"));
  }
  EXPECT_FALSE(parse("bad\n", TraceErrors::kSkip));
}

TEST(AzureTrace, RefusesAnotherHeader) {
  const auto trace = parse_azure_trace("time,tokens\n1,2\n", "t.csv", TraceErrors::kSkip);
  ASSERT_FALSE(trace);
  EXPECT_THAT(trace.error().what, StartsWith("t.csv:1: the header is 'time,tokens'"));
}

TEST(AzureTrace, NamesAMissingFile) {
  const auto trace = load_azure_trace("/nonexistent/trace.csv", TraceErrors::kRefuse);
  ASSERT_FALSE(trace);
  EXPECT_EQ(trace.error().code, Errc::kIo);
  EXPECT_THAT(trace.error().what, HasSubstr("/nonexistent/trace.csv"));
}

TEST(AzureTrace, ReadsAThousandGeneratedLines) {
  const TemporaryFolder folder;
  std::string text(kHeader);
  for (int i = 0; i < 1000; ++i) {
    text += fmt::format("2023-11-16 18:{:02}:{:02}.{:07},{},{}\n", i / 60, i % 60, i, 100 + i, 1);
  }
  const auto trace = load_azure_trace(folder.write("trace.csv", text), TraceErrors::kRefuse);
  ASSERT_TRUE(trace) << trace.error().what;
  ASSERT_EQ(trace->requests.size(), 1000U);
  EXPECT_EQ(trace->requests.at(999).at, std::chrono::seconds(999) + Duration(99'900));
  EXPECT_EQ(trace->requests.at(999).context_tokens, 1099U);
}

TEST(AzureTrace, OfTheConversationServiceHasItsPublishedSize) {
  const std::filesystem::path file =
      recorded_inputs() / "traces" / "AzureLLMInferenceTrace_conv.csv";
  if (!std::filesystem::exists(file)) {
    GTEST_SKIP() << "traces/AzureLLMInferenceTrace_conv.csv is not in GPREEMPT_DATA_DIR; fetch it "
                    "from Azure/AzurePublicDataset";
  }
  const auto trace = load_azure_trace(file, TraceErrors::kRefuse);
  ASSERT_TRUE(trace) << trace.error().what;
  EXPECT_EQ(trace->requests.size(), 19'366U);
  EXPECT_NEAR(static_cast<double>(to_ns(trace->requests.back().at)) / 1e9, 3501.7, 0.05);
}

}  // namespace
}  // namespace gpreempt
