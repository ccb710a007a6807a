#include "tests/report/sample_run.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/report/document.h"
#include "cli/report/run_files.h"

namespace gpreempt::report::testing {
namespace {

constexpr std::int64_t kStart = 1'000'000'000;
constexpr const char* kPolicy = "p:a=1,b=2";

}  // namespace

nlohmann::ordered_json sample_summary() {
  return nlohmann::ordered_json::parse(R"({
"schema":1,"scenario":"</script><b>x","backend":"sim","seed":7,"evidence":"guess",
 "statement":"simulated",
"detection":"hint:0s","duration_ns":10000000000,"warmup_ns":1000000000,"warnings":[],
"tenants":[{"name":"guard","class":"online","gpus":[0]},{"name":"train","class":"offline",
 "gpus":[0]}],
"results":[{"policy":"p:a=1,b=2","start_ns":1000000000,
 "online":{"requests":90,"completed":90,"unfinished":0,
  "latency_ns":{"p50":5500000,"p95":9600000,"p99":9900000,"max":10000000},
  "added_latency_ns":{"p50":null,"p95":null,"p99":null,"max":null},
  "slo":{"limit_ns":8000000,"met":false,"quantile":0.99,"metric":"latency",
 "goals":[{"limit_ns":20000000,"met":true}]},
  "decomposition_mean_ns":{"mean":5500000,"detect":500000,"run":5000000}},
 "offline":{"loss":0.25,"loss_floor":0.05,"overhead":0.2,"work_done":6750000000,
 "work_alone":9000000000,
  "slo":[{"limit":0.2,"met":true}]},
 "preemptions":{"suspend":3,"resume":3,"first_suspend_latency_ns":{"max":7000000},
  "steady_suspend_latency_ns":{"p50":68000,"p99":830000},"bystander_per_call_ns":413000},
 "bystander_ns":1239000,"band":{"p50":[5000000,6000000],"p99":[9800000,10000000]}}]})");
}

RunFiles sample_run() {
  RunFiles files;
  files.summary = sample_summary().dump();
  files.run =
      R"({"schema":1,"command":["run","a b.toml","--seed","7"],"version":"0",
"model":"mi308x","personality":"dkms","seed":7,"backend":"sim","mechanism":"suspend-queues"})";
  for (std::int64_t i = 0; i < 100; ++i) {
    const std::int64_t arrival = kStart + i * 100'000'000;
    files.requests.push_back({.policy = kPolicy,
                              .tenant = "guard",
                              .request = i,
                              .arrival_ns = arrival,
                              .first_wave_ns = arrival + 1000,
                              .end_ns = arrival + (i + 1) * 100'000});
  }
  files.requests.push_back({.policy = kPolicy,
                            .tenant = "train",
                            .request = 0,
                            .arrival_ns = kStart + 2'000'000'000,
                            .first_wave_ns = {},
                            .end_ns = kStart + 9'000'000'000});
  files.requests.push_back({.policy = "online-alone",
                            .tenant = "guard",
                            .request = 0,
                            .arrival_ns = kStart + 2'000'000'000,
                            .first_wave_ns = {},
                            .end_ns = kStart + 9'000'000'000});
  return files;
}

const Section& section_of(const Document& document, const std::string& title) {
  static const Section none;
  for (const Section& section : document.sections) {
    if (section.title == title) {
      return section;
    }
  }
  ADD_FAILURE() << "no section " << title;
  return none;
}

nlohmann::json chart_of(const Section& section, const std::string& id) {
  for (const Chart& chart : section.charts) {
    if (chart.id == id) {
      return nlohmann::json::parse(chart.data);
    }
  }
  ADD_FAILURE() << "no chart " << id;
  return {};
}

}  // namespace gpreempt::report::testing
