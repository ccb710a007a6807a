// Goal: each banned word is found, and only where it is banned. Method: one line of text in one
// file.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/layering/rules.h"

namespace gpreempt::tidy {
namespace {

struct WordCase {
  std::string path;
  std::string line;
};

void PrintTo(const WordCase& c, std::ostream* out) { *out << c.path << ": " << c.line; }

Findings judge(const WordCase& c) {
  return check_words({.path = c.path, .text = "\n" + c.line + "\n"});
}

class BannedWord : public testing::TestWithParam<WordCase> {};

TEST_P(BannedWord, IsFoundOnItsLine) {
  const Findings findings = judge(GetParam());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].line, 2U);
  EXPECT_NE(findings[0].message.find("': "), std::string::npos) << "no advice";
}

INSTANTIATE_TEST_SUITE_P(
    Words, BannedWord,
    testing::Values(WordCase{"core/a.cc", "if (backend.is_simulated()) {"},
                    WordCase{"tests/unit/a_test.cc", "EXPECT_TRUE(isSimulated());"},
                    WordCase{"core/a.cc", "auto t = std::chrono::steady_clock::now();"},
                    WordCase{"backends/sim/a.cc", "using C = std::chrono::system_clock;"},
                    WordCase{"tests/unit/a_test.cc", "clock_gettime(CLOCK_MONOTONIC, &t);"},
                    WordCase{"workloads/a.cc", "int x = rand();"},
                    WordCase{"tests/unit/a_test.cc", "std::random_device device;"},
                    WordCase{"core/a.cc", "const char* v = std::getenv(\"X\");"},
                    WordCase{"backends/kfd/session.cc", "return errno;"},
                    WordCase{"backends/vkfd/a.cc", "thread_local int x = 0;"},
                    WordCase{"backends/sim/a.cc", "#include <thread>"},
                    WordCase{"backends/kfd/tracer.cc", "#include <condition_variable>"},
                    WordCase{"backends/kfd/session.h", "#include <mutex>"},
                    WordCase{"core/a.h", "std::mutex lock_;"},
                    WordCase{"tests/os/a_test.cc", "} catch (...) {"},
                    WordCase{"backends/kfd/linux_os.cc", "} catch ( ... ) {"},
                    WordCase{"tests/unit/a_test.cc", "std::this_thread::sleep_for(1ms);"},
                    WordCase{"cli/run.cc", "usleep(10);"},
                    WordCase{"core/a.cc",
                             "// TO"
                             "DO: later"},
                    WordCase{"core/a.cc",
                             "int x = 0;  // FIX"
                             "ME"},
                    WordCase{"tests/unit/a_test.cc",
                             "/* XX"
                             "X */"}));

class AllowedWord : public testing::TestWithParam<WordCase> {};

TEST_P(AllowedWord, IsNotFound) { EXPECT_TRUE(judge(GetParam()).empty()); }

INSTANTIATE_TEST_SUITE_P(
    Words, AllowedWord,
    testing::Values(WordCase{"core/a.h", "int sys_errno = 0;"},
                    WordCase{"core/a.h", "/// Never the global errno; no thread_local either."},
                    WordCase{"core/a.cc", "fail(code, \"read: errno 5, catch (...) it\");"},
                    WordCase{"core/a.cc", "auto s = R\"(std::mutex \" rand())\";"},
                    WordCase{"core/a.cc", "const int n = 1'000; /* ' */ const int m = 2'000;"},
                    WordCase{"backends/kfd/linux_os.cc", "return -errno;"},
                    WordCase{"backends/kfd/linux_os.h", "#include <thread>"},
                    WordCase{"backends/kfd/linux_process.cc", "return -errno;"},
                    WordCase{"backends/kfd/mailbox.h", "#include <mutex>"},
                    WordCase{"tests/os/a_test.cc", "std::this_thread::sleep_for(1ms);"},
                    WordCase{"tests/sim/a_test.cc", "simgrid::s4u::this_actor::sleep_for(1);"},
                    WordCase{"cli/run.cc", "auto t = std::chrono::steady_clock::now();"},
                    WordCase{"core/a.cc", "operand(x); struct BackendClock {};"},
                    WordCase{"backends/kfd/a.cc", "#include <cerrno>"}));

}  // namespace
}  // namespace gpreempt::tidy
