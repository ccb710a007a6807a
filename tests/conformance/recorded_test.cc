// Goal: the cases say what the real drivers answered. Method: every row of the recorded table is
// the next case of its scenario, with the same operation and result.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conformance/scenario.h"
#include "conformance/vocabulary.h"
#include "tests/conformance/rig.h"

namespace gpreempt::conformance {
namespace {

constexpr std::array<std::string_view, 3> kColumns = {"upstream-6.12.95", "upstream-6.12.107",
                                                      "upstream-7.3"};

struct Row {
  std::string call;
  std::array<std::string, kColumns.size()> results;
};

std::filesystem::path table() {
  const char* const given = std::getenv("GPREEMPT_DATA_DIR");
  return std::filesystem::path(given != nullptr ? given : GPREEMPT_DATA_DIR) / "kfd-errno.tsv";
}

/// The rows by scenario. One call was noted twice, with another note for each column.
std::map<std::string, std::vector<Row>> read_rows(std::istream& in) {
  std::map<std::string, std::vector<Row>> rows;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string scenario;
    std::string ignored;
    Row row;
    std::getline(fields, scenario, '\t');
    std::getline(fields, row.call, '\t');
    std::getline(fields, ignored, '\t');
    std::getline(fields, ignored, '\t');
    for (std::string& result : row.results) {
      std::getline(fields, result, '\t');
    }
    std::vector<Row>& known = rows[scenario];
    const auto half = std::ranges::find_if(
        known, [&](const Row& each) { return each.call == row.call && each.results[0] == "?"; });
    if (half != known.end()) {
      half->results = row.results;
    } else {
      known.push_back(row);
    }
  }
  return rows;
}

/// How the table's calls begin, and our word for each.
std::string_view op_of(std::string_view call) {
  static constexpr auto kWords = std::to_array<std::pair<std::string_view, std::string_view>>(
      {{"SUSPEND", "SUSPEND_QUEUES"},
       {"RESUME", "RESUME_QUEUES"},
       {"ioctl nr", "IOCTL_NUMBER"},
       {"op=", "DBG_TRAP"},
       {"open", "OPEN"},
       {"second open", "OPEN"},
       {"target open", "OPEN"},
       {"target(uid 1000) open", "OPEN"},
       {"root target open", "OPEN"},
       {"target close", "CLOSE"},
       {"target RUNTIME", "RUNTIME_ENABLE"},
       {"read(", "READ"},
       {"poll(", "POLL"},
       {"mmap(", "MMAP"},
       {"stat ", "STAT_DEVICE"},
       {"fork ", "FORK"},
       {"sysfs ", "LIST_PROCESSES"},
       {"SIGKILL ", "KILL"},
       {"PTRACE_DETACH", "DETACH"},
       {"PTRACE_", "ATTACH"},
       {"A: PTRACE_", "ATTACH"},
       {"B: PTRACE_", "ATTACH"}});
  for (const auto& [beginning, word] : kWords) {
    if (call.starts_with(beginning)) {
      return word;
    }
  }
  return call.substr(0, call.find(' '));
}

std::string as_we_write(const std::string& result) {
  return result == "ok" ? "0" : result == "ETIMEDOUT" ? std::string(kNoAnswer) : result;
}

bool waits(std::string_view call) { return call.starts_with("target RUNTIME"); }

void expect_equal(const Scenario& scenario, const std::vector<Row>& rows) {
  std::vector<const Case*> cases;
  for (const Case& each : scenario.cases) {
    if (!each.setup) {
      cases.push_back(&each);
    }
  }
  ASSERT_EQ(cases.size(), rows.size()) << scenario.name;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string_view op = word_of(cases[i]->step.operation.kind).name;
    EXPECT_TRUE(op == op_of(rows[i].call) || (op == "ANSWER" && waits(rows[i].call)))
        << scenario.name << ": " << rows[i].call << " is not " << op;
    for (std::size_t column = 0; column < kColumns.size(); ++column) {
      EXPECT_EQ(cases[i]->expected(kColumns[column]).result, as_we_write(rows[i].results[column]))
          << scenario.name << ": " << cases[i]->name << ", " << kColumns[column];
    }
  }
}

TEST(RecordedTable, EveryRowIsACaseWithTheSameResult) {
  std::ifstream in(table());
  if (!in) {
    GTEST_SKIP() << "kfd-errno.tsv is not in GPREEMPT_DATA_DIR; record it with ci/realkernel.sh";
  }
  const auto rows = read_rows(in);
  std::size_t count = 0;
  for (const auto& [name, of_scenario] : rows) {
    const auto found = std::ranges::find(scenarios(), name, &Scenario::name);
    ASSERT_NE(found, scenarios().end()) << name;
    expect_equal(*found, of_scenario);
    count += of_scenario.size();
  }
  EXPECT_GE(count, 298U);
}

}  // namespace
}  // namespace gpreempt::conformance
