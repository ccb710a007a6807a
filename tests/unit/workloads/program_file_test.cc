// Goal: a program that goes through a file is the same program, whatever it holds; what is no
// program is refused.
#include "workloads/program_file.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/compile.h"
#include "workloads/loader.h"
#include "workloads/scenario.h"

namespace gpreempt {
namespace {

std::uint32_t any_count() { return *rc::gen::arbitrary<std::uint32_t>(); }
Duration any_time() { return Duration(*rc::gen::inRange<std::int64_t>(0, INT64_MAX)); }

KernelShape any_shape() {
  return {.workgroups = any_count(),
          .waves = any_count(),
          .vgprs = any_count(),
          .sgprs = any_count(),
          .lds_bytes = *rc::gen::arbitrary<std::uint64_t>()};
}

Program any_program() {
  Program program;
  program.name = *rc::gen::container<std::string>(rc::gen::inRange('a', 'z'));
  program.offline = *rc::gen::arbitrary<bool>();
  program.gpu = any_count();
  program.more_gpus = *rc::gen::arbitrary<std::vector<std::uint32_t>>();
  program.idle_gpus = *rc::gen::arbitrary<std::vector<std::uint32_t>>();
  if (*rc::gen::arbitrary<bool>()) {
    program.gang = GangPlace{
        .gang = any_count(), .rank = any_count(), .ranks = any_count(), .timeout = any_time()};
  }
  program.runtime = *rc::gen::arbitrary<bool>() ? Runtime::kHip : Runtime::kBare;
  program.queues = any_count();
  program.hints = *rc::gen::arbitrary<bool>();
  program.hint_delay = any_time();
  program.heartbeat = *rc::gen::arbitrary<bool>();
  program.preparation = any_time();
  program.endless = *rc::gen::arbitrary<bool>();
  program.run_ahead = any_count();
  program.clients = any_count();
  const int trains = *rc::gen::inRange(0, 4);
  for (int i = 0; i < trains; ++i) {
    program.trains.push_back({KernelRun{.count = any_count(),
                                        .duration = any_time(),
                                        .shape = any_shape(),
                                        .collective = *rc::gen::arbitrary<bool>()}});
    program.arrivals.push_back({.at = any_time(),
                                .train = static_cast<std::uint32_t>(i),
                                .prompt_tokens = any_count(),
                                .output_tokens = any_count()});
  }
  if (*rc::gen::arbitrary<bool>()) {
    program.serving =
        Serving{.max_batch = any_count(),
                .prefill = {{{.size = any_count(), .time = any_time()}}},
                .decode = {},
                .shape = any_shape(),
                .collective =
                    Collective{.every = any_count(), .duration = any_time(), .shape = any_shape()}};
  }
  return program;
}

TEST(ProgramFile, ProgramThatIsWrittenReadsAsItself) {
  EXPECT_TRUE(rc::check([] {
    const Program program = any_program();
    const auto read = read_program(program_text(program), "program.json");
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == program);
  }));
}

TEST(ProgramFile, ProgramsOfAScenarioReadAsThemselves) {
  for (const char* const name : {"default", "tp8-llm", "llm-serving"}) {
    const auto source = find_scenario_text(name);
    ASSERT_TRUE(source) << source.error().what;
    const auto scenario = read_scenario(*source, {});
    ASSERT_TRUE(scenario) << scenario.error().what;
    const auto workload =
        compile(*scenario, {.flops_fp16 = 1e15, .gpus = scenario->hardware.gpus}, {});
    ASSERT_TRUE(workload) << workload.error().what;
    for (const Program& program : workload->programs) {
      EXPECT_EQ(read_program(program_text(program), "program.json").value(), program);
    }
  }
}

TEST(ProgramFile, WhatIsNoProgramIsRefusedByItsName) {
  std::string text = program_text(Program{});
  const std::string queues = "\"queues\":1";
  ASSERT_NE(text.find(queues), std::string::npos);
  std::string negative = text;
  negative.replace(text.find(queues), queues.size(), "\"queues\":-1");
  std::string missing = text;
  missing.replace(text.find(queues), queues.size(), "\"kues\":1");
  for (const std::string& bad : {std::string(), std::string("{}"), std::string("[1]"),
                                 std::string(R"({"schema":2})"), negative, missing}) {
    const auto read = read_program(bad, "some.json");
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, Errc::kParse);
    EXPECT_TRUE(read.error().what.starts_with("some.json: ")) << read.error().what;
  }
}

}  // namespace
}  // namespace gpreempt
