// Goal: a page draws what it was given, in a real browser, asks the network for nothing, and no
// text in it becomes markup.
#include "cli/report/page.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"

namespace gpreempt::report {
namespace {

constexpr const char* kSummary =
    R"({"scenario":"</script><b>x","statement":"simulated","evidence":"guess","results":[{"policy":"none","online":{
"requests":1000,"unfinished":0,"latency_ns":{"p50":5000000,"p95":9500000,"p99":9900000,"max":10000000},
"slo":{"limit_ns":8000000,"met":false,"quantile":0.99,"metric":"latency","goals":[]}}}]})";
constexpr const char* kRun =
    R"({"command":["run","--out","x"],"version":"0","model":"mi308x","personality":"p","seed":1,"backend":"sim"})";

Result<std::string> sample_page() {
  PolicyLatency latency{.policy = "none", .latency_ns = {}};
  for (std::int64_t i = 1; i <= 1000; ++i) {
    latency.latency_ns.push_back(i * 10000);
  }
  return run_page(kSummary, kRun, {latency});
}

TEST(RunPage, TextThatEndsAScriptStaysText) {
  const Result<std::string> page = sample_page();
  ASSERT_TRUE(page) << page.error().what;
  EXPECT_EQ(page->find("</script><b>"), std::string::npos);
}

TEST(RunPage, RefusesWhatIsNoJsonObject) {
  const Result<std::string> page = run_page("[", kRun, {});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Errc::kParse);
}

TEST(RunPage, DrawsInABrowserAndAsksTheNetworkForNothing) {
#ifdef GPREEMPT_NODE
  const std::filesystem::path file =
      std::filesystem::path(::testing::TempDir()) / "gpreempt_report_page.html";
  const Result<std::string> page = sample_page();
  ASSERT_TRUE(page) << page.error().what;
  std::ofstream(file) << *page;
  const std::string command =
      std::string(GPREEMPT_NODE) + " " + GPREEMPT_PAGE_SCRIPT + " " + file.string();
  const int status = std::system(command.c_str());  // NOLINT(cert-env33-c,concurrency-mt-unsafe)
  EXPECT_EQ(status, 0);
#else
  GTEST_SKIP()
      << "no node, chromium or playwright-core when the build was configured; run ci/report";
#endif
}

}  // namespace
}  // namespace gpreempt::report
