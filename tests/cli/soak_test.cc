// Goal: `soak` as a user runs it: what struck, what failed, and how to see it again.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/fault.h"
#include "tests/cli/executable.h"

namespace gpreempt::cli {
namespace {

using testing::Finished;
using testing::gpreempt;

TEST(SoakVerb, TellsEachFaultAndTheTotals) {
  const Finished finished = gpreempt("soak --seeds 3 --quiet");
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  for (const FaultKind kind : fault_kinds()) {
    EXPECT_NE(finished.out.find("\n" + std::string(to_string(kind)) + " "), std::string::npos);
  }
  EXPECT_NE(finished.out.find("3 seeds, "), std::string::npos) << finished.out;
}

TEST(SoakVerb, KeepsItsJsonSchema) {
  const Finished finished = gpreempt("soak --seeds 2 --quiet --format json");
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  const auto document = nlohmann::json::parse(finished.out);
  EXPECT_EQ(document["schema"], 1);
  EXPECT_EQ(document["seeds"], 2);
  EXPECT_GT(document["suspends"].get<int>(), 0);
  ASSERT_EQ(document["results"].size(), kFaultKinds);
  EXPECT_EQ(document["results"][0]["name"], "fault interrupted");
  EXPECT_EQ(document["results"][0]["expected"], "at least 1");
  EXPECT_TRUE(document["smallest"].is_null());
  EXPECT_TRUE(document["built_from"].get<std::string>().starts_with("gpreempt "));
}

TEST(SoakVerb, ReplayTellsThePlanOfASeed) {
  const Finished finished = gpreempt("soak --replay 7");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_TRUE(finished.out.starts_with("seed 7: ")) << finished.out;
  EXPECT_NE(finished.out.find(" suspends, "), std::string::npos);
}

TEST(SoakVerb, RefusesWhatMakesNoSense) {
  EXPECT_EQ(gpreempt("soak --seeds 0").exit_code, 2);
  EXPECT_EQ(gpreempt("soak --jobs 0").exit_code, 2);
  EXPECT_EQ(gpreempt("soak --format yaml").exit_code, 2);
}

}  // namespace
}  // namespace gpreempt::cli
