#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "tests/unit/workloads/temporary_folder.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"

// Every way to write a scenario wrongly: one good scenario, one replacement at a time.

namespace gpreempt {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kGood = R"(schema = 1
name = "good"
[run]
duration = "10s"
warmup = "1s"
[hardware]
gpus = 1
[slo]
quantile = 0.99
online_latency = ["50ms"]
offline_loss = ["20%"]
[scheduler]
grace = "default"
lease = "1ms"
detection = "hint"
[scheduler.options]
linger = { hold = "5ms", bins = 3, strict = true }
[[online]]
name = "guard"
priority = 15
arrivals = { kind = "bursty", rate = "5/s", cv2 = 1.2 }
request = { kind = "transformer", phase = "prefill", parameters = 1e9, layers = 2, kernels_per_layer = 3, context_tokens = { kind = "lognormal", mean = 100, p99 = 300, max = 1000 } }
[[offline]]
name = "train"
priority = 2
step = { kind = "kernels", repeat = [{ count = 2, duration = "6us", lds = "0KiB" }] }
)";

/// The error of the good scenario with `from` replaced by `to`.
Error refusal(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const std::size_t at = text.find(from);
  if (at == std::string::npos) {
    ADD_FAILURE() << "'" << from << "' is not in the good scenario";
    return {};
  }
  text.replace(at, from.size(), to);
  const auto scenario = parse_scenario(text, "s.toml");
  if (scenario) {
    ADD_FAILURE() << "accepted with " << to;
    return {};
  }
  return scenario.error();
}

TEST(ScenarioErrors, AreNotInTheGoodOne) {
  const auto scenario = parse_scenario(kGood, "s.toml");
  ASSERT_TRUE(scenario) << scenario.error().what;
  EXPECT_EQ(policy_with_options(scenario->scheduler, "linger"),
            "linger:bins=3,hold=5ms,strict=true");
}

struct Slip {
  std::string_view from;
  std::string_view to;
  std::string_view position;
  std::string_view reason;
};

TEST(ScenarioErrors, OfValuesNamePlaceAndRemedy) {
  const std::vector<Slip> slips{
      {"schema = 1", "schema = 2", "s.toml:1:10: ", "write schema = 1"},
      {"schema = 1", "schema == 1", "s.toml:1:", "not valid TOML"},
      {"duration = \"10s\"", "duration = \"10\"", "s.toml:4:12: ", "unit is missing"},
      {"duration = \"10s\"", "duration = 10", "s.toml:4:12: ", "an integer found"},
      {"duration = \"10s\"", "duration = \"trace\"", "s.toml:3:", "arrivals of kind \"trace\""},
      {"warmup = \"1s\"", "warmup = \"10s\"", "s.toml:5:", "leaves nothing to count"},
      {"warmup = \"1s\"", "warmpu = \"1s\"", "s.toml:5:1: ", "did you mean 'warmup'?"},
      {"gpus = 1", "gpus = 0", "s.toml:7:", "within 1..64"},
      {"quantile = 0.99", "quantile = 1.0", "s.toml:9:", "below 1"},
      {"[\"50ms\"]", "[\"0ms\"]", "s.toml:10:", "longer than 0"},
      {"[\"20%\"]", "[\"120%\"]", "s.toml:11:", "at most 100%"},
      {"\"default\"", "\"soon\"", "s.toml:13:", "not a duration"},
      {"lease = \"1ms\"", "lease = \"999us\"", "s.toml:14:9: ", "the least is 1ms"},
      {"linger = {", "lingr = {", "s.toml:17:", "did you mean 'linger'?"},
      {"linger = {", "slce = {", "s.toml:17:", "did you mean 'slice'?"},
      {"\"hint\"", "\"telepathy\"", "s.toml:15:", "poll:<period> or oracle"},
      {"hold = \"5ms\"", "hold = [1]", "s.toml:17:", "a string, a number or a boolean"},
  };
  for (const Slip& slip : slips) {
    const Error error = refusal(slip.from, slip.to);
    EXPECT_EQ(error.code, Errc::kParse) << slip.to;
    EXPECT_THAT(error.what, StartsWith(std::string(slip.position))) << slip.to;
    EXPECT_THAT(error.what, HasSubstr(std::string(slip.reason))) << slip.to;
  }
}

TEST(ScenarioErrors, OfTenantsNamePlaceAndRemedy) {
  const std::vector<Slip> slips{
      {"name = \"guard\"", "name = \"train\"", "s.toml:24:", "'train' is taken"},
      {"name = \"guard\"", "name = \"a b\"", "s.toml:19:", "letters, digits"},
      {"name = \"guard\"", "name = \"\"", "s.toml:19:", "letters, digits"},
      {"priority = 15", "priority = 16", "s.toml:20:", "within 0..15"},
      {"priority = 15", "priority = 15\ngpu = 1", "s.toml:21:", "[hardware] gpus is 1"},
      {"priority = 15", "priority = 15\nhardware_priority = 99", "s.toml:21:", "0..15"},
      {"priority = 15", "priority = 15\nqueues = 0", "s.toml:21:", "1..1024"},
      {"priority = 15", "", "s.toml:18:", "'online.0.priority': missing"},
      {"\"5/s\"", "\"-5/s\"", "s.toml:21:", "negative"},
      {"\"5/s\"", "\"0/s\"", "s.toml:21:", "greater than 0"},
      {"\"bursty\"", "\"brusty\"", "s.toml:21:", "did you mean 'bursty'?"},
      {"cv2 = 1.2", "cv2 = 0", "s.toml:21:", "the least is 0.001"},
      {"cv2 = 1.2", "cv = 1.2", "s.toml:21:", "did you mean 'cv2'?"},
      {"{ kind = \"bursty\", rate = \"5/s\", cv2 = 1.2 }",
       "{ kind = \"uniform\", min = \"2s\", max = \"1s\" }",
       "s.toml:21:", "1s is less than min, 2s"},
      {"{ kind = \"bursty\", rate = \"5/s\", cv2 = 1.2 }", "{ kind = \"uniform\", min = \"2s\" }",
       "s.toml:21:", "'online.0.arrivals.max': missing"},
      {"kind = \"bursty\"", "kind = \"uniform\", min = \"1s\", max = \"2s\"",
       "s.toml:21:", "'online.0.arrivals.cv2': unknown; valid: kind, max, min"},
      {"{ kind = \"bursty\", rate = \"5/s\", cv2 = 1.2 }", "{ kind = \"trace\", format = \"csv\" }",
       "s.toml:21:", "unknown value 'csv'"},
      {"request = {", "step = {", "s.toml:22:", "an Online tenant has a `request` instead"},
      {"step = {", "request = {", "s.toml:26:", "an Offline tenant has a `step` instead"},
      {"step = {", "stepp = {", "s.toml:26:1: ", "did you mean 'step'?"},
      {"\"transformer\"", "\"transfomer\"", "s.toml:22:", "did you mean 'transformer'?"},
      {"\"prefill\"", "\"decode\"", "s.toml:22:", "unknown value 'decode'"},
      {"layers = 2", "layers = 0", "s.toml:22:", "within 1..10000"},
      {"p99 = 300", "p99 = 90", "s.toml:22:", "above the mean"},
      {"p99 = 300", "p99 = 3000", "s.toml:22:", "lognormal"},
      {"\"lognormal\"", "\"normal\"", "s.toml:22:", "unknown value 'normal'"},
      {"{ kind = \"lognormal\", mean = 100, p99 = 300, max = 1000 }", "\"from-trace\"",
       "s.toml:22:", "needs arrivals of kind \"trace\""},
      {"{ kind = \"lognormal\", mean = 100, p99 = 300, max = 1000 }", "1.5",
       "s.toml:22:", "write an integer"},
      {"\"kernels\"", "\"graph\"", "s.toml:26:", "unknown value 'graph'"},
      {"[{ count = 2, duration = \"6us\", lds = \"0KiB\" }]", "[]", "s.toml:26:", "no kernels"},
      {"lds = \"0KiB\"", "lds = \"1MiB\"", "s.toml:26:", "at most 160 KiB"},
      {"duration = \"6us\"", "duration = \"0us\"", "s.toml:26:", "must be longer"},
      {"count = 2", "conut = 2", "s.toml:26:", "did you mean 'count'?"},
  };
  for (const Slip& slip : slips) {
    const Error error = refusal(slip.from, slip.to);
    EXPECT_EQ(error.code, Errc::kParse) << slip.to;
    EXPECT_THAT(error.what, StartsWith(std::string(slip.position))) << slip.to;
    EXPECT_THAT(error.what, HasSubstr(std::string(slip.reason))) << slip.to;
  }
}

TEST(ScenarioErrors, SayThatThereAreNoTenants) {
  const auto scenario =
      parse_scenario("schema = 1\nname = \"x\"\n[run]\nduration = \"1s\"\n", "s.toml");
  ASSERT_FALSE(scenario);
  EXPECT_THAT(scenario.error().what, HasSubstr("no tenants"));
}

TEST(ScenarioErrors, NameAMissingProfile) {
  const std::string_view kernels =
      "{ kind = \"kernels\", repeat = [{ count = 2, duration = \"6us\", lds = \"0KiB\" }] }";
  const std::string_view profile =
      "{ kind = \"profile\", format = \"orion\", file = \"absent.csv\" }";
  const Error embedded = refusal(kernels, profile);
  EXPECT_EQ(embedded.code, Errc::kIo);
  EXPECT_THAT(embedded.what, HasSubstr("no embedded profile 'absent.csv'"));

  std::string text(kGood);
  text.replace(text.find(kernels), kernels.size(), profile);
  const TemporaryFolder folder;
  const auto scenario = load_scenario(folder.write("s.toml", text));
  ASSERT_FALSE(scenario);
  EXPECT_EQ(scenario.error().code, Errc::kIo);
  EXPECT_THAT(scenario.error().what, HasSubstr((folder.path() / "absent.csv").string()));
}

TEST(ScenarioErrors, SayThatAFolderIsNoScenario) {
  const TemporaryFolder folder;
  const auto scenario = find_scenario(folder.path().string());
  ASSERT_FALSE(scenario);
  EXPECT_EQ(scenario.error().code, Errc::kIo);
  EXPECT_THAT(scenario.error().what, HasSubstr("it is a folder"));
}

TEST(ScenarioErrors, NameAMissingScenario) {
  const auto file = load_scenario("/nonexistent/s.toml");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::kIo);
  const auto name = find_scenario("defualt");
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().code, Errc::kIo);
  EXPECT_THAT(name.error().what, HasSubstr("did you mean 'default'?"));
}

}  // namespace
}  // namespace gpreempt
