// Goal: what docs/policies.md says of adding a policy is true: its example is compiled and run
// here, word for word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/name_spec.h"
#include "core/option_reader.h"
#include "core/policies/entries.h"
#include "core/policies/yield.h"
#include "core/policy.h"
#include "core/time.h"
#include "tests/unit/core/timetable.h"

namespace gpreempt {
/// As `core/policies/entries.h` would declare it.
[[nodiscard]] PolicyEntry every_other_entry();
}  // namespace gpreempt

namespace gpreempt {
namespace {

constexpr PolicyNeeds kEveryOtherNeeds{.activity = true, .requests = false, .deadlines = false};

class EveryOtherPolicy final : public Policy {
 public:
  explicit EveryOtherPolicy(Duration period) : period_(period) {}
  [[nodiscard]] std::string_view name() const override { return "every-other"; }
  [[nodiscard]] PolicyNeeds needs() const override { return kEveryOtherNeeds; }

  Instant decide(const StateView& view, Instant now, PolicyState& /*state*/,
                 std::span<Want> wants) const override {
    const auto period = now.time_since_epoch() / period_;
    if (period % 2 == 0) {
      yield_to_busy(view, now, wants);
    } else {
      let_all_run(view, now, wants);
    }
    return Instant((period + 1) * period_);
  }

 private:
  Duration period_;
};

Result<std::unique_ptr<Policy>> make_every_other(OptionReader& options) {
  Duration period = std::chrono::milliseconds(10);
  GPREEMPT_TRY(options.duration("period", period));
  if (period == Duration{}) {
    return options.refuse("period must be longer than zero");
  }
  return std::make_unique<EveryOtherPolicy>(period);
}

constexpr std::array<PolicyOption, 1> kEveryOtherOptions{
    {{.key = "period", .fallback = "10ms", .summary = "Online has every other one"}}};

}  // namespace

PolicyEntry every_other_entry() {
  return {.name = "every-other",
          .summary = "Online has every other period",
          .options = kEveryOtherOptions,
          .needs = kEveryOtherNeeds,
          .make = make_every_other};
}

}  // namespace gpreempt

namespace gpreempt::added {
namespace {

using ::testing::ElementsAre;

std::unique_ptr<Policy> made(std::string_view text) {
  OptionReader options("policy", text, parse_name_spec("policy", text).value());
  return every_other_entry().make(options).value();
}

/// The example's policy is not in the table, so its test takes it from the entry.
class Timetable : public gpreempt::Timetable {
 public:
  explicit Timetable(std::string_view policy) : gpreempt::Timetable(made(policy)) {}
};

TEST(EveryOtherPolicyTest, OnlineWaitsForItsPeriod) {
  Timetable table("every-other:period=10ms");
  table.born(0);
  table.busy(15);
  EXPECT_THAT(table.until(35), ElementsAre("20ms suspend online-busy", "30ms run no-online-work"));
}

std::string text_of(const std::string& file) {
  std::ifstream stream(std::filesystem::path(GPREEMPT_SOURCE_DIR) / file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(AddedPolicyTest, IsTheExampleOfTheDocument) {
  const std::string document = text_of("docs/policies.md");
  const std::string here = text_of("tests/unit/core/added_policy_test.cc");
  const std::string fence = "```cpp\n";
  std::size_t blocks = 0;
  for (std::size_t at = document.find(fence); at != std::string::npos;
       at = document.find(fence, at + 1)) {
    const std::size_t begin = at + fence.size();
    const std::string block = document.substr(begin, document.find("```", begin) - begin);
    std::istringstream lines(block.substr(0, block.find("namespace gpreempt {")));
    const bool is_whole_file = block.find("#include") != std::string::npos;
    for (std::string line; is_whole_file && std::getline(lines, line);) {
      EXPECT_TRUE(!line.starts_with("#include") || here.find(line) != std::string::npos) << line;
    }
    const std::string code =
        is_whole_file ? block.substr(block.find("namespace gpreempt {")) : block;
    EXPECT_NE(here.find(code), std::string::npos) << code;
    ++blocks;
  }
  EXPECT_EQ(blocks, 2U);
}

}  // namespace
}  // namespace gpreempt::added
