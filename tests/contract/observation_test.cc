// Goal: the hardware's own views agree with what the backend says: a suspended queue is off the
// runlist and off every slot, and all others are on.
// Method: the driver's debugfs files rls and hqds are read through the backend; only the words that
// say "mapped" are looked at: the MAP_QUEUES packet (PM4 opcode 0xa2) and CP_HQD_ACTIVE, the third
// register of a slot's dump (kfd_packet_manager_v9.c, kgd_gfx_v9_hqd_dump).
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"
#include "tests/contract/backend_test.h"
#include "tests/support/testbed_case.h"
#include "tests/support/wait.h"

namespace gpreempt::contract {
namespace {

using std::chrono::milliseconds;

/// By then what a call has submitted is mapped.
constexpr Duration kMappedAgain = milliseconds(10);

/// Words of a line "ADDRESS: WORD WORD ..."; none of a title.
std::vector<std::uint32_t> words_of(const std::string& line) {
  const std::size_t colon = line.find(": ");
  std::vector<std::uint32_t> words;
  if (colon == std::string::npos || line.find_first_not_of(" 0123456789abcdef") != colon) {
    return words;
  }
  std::istringstream rest(line.substr(colon + 1));
  rest >> std::hex;
  for (std::uint32_t word = 0; rest >> word;) {
    words.push_back(word);
  }
  return words;
}

/// MAP_QUEUES packets in a text of rls.
std::size_t queues_on_runlists(const std::string& text) {
  constexpr std::uint32_t kMapQueues = 0xc005a200;  // type 3, 7 dwords
  std::size_t count = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    for (const std::uint32_t word : words_of(line)) {
      count += word == kMapQueues ? 1U : 0U;
    }
  }
  return count;
}

/// Compute slots of the first XCC of each node that a text of hqds shows active.
std::size_t active_slots(const std::string& text) {
  constexpr std::size_t kActive = 2;
  std::size_t count = 0;
  bool at_slot = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::uint32_t> words = words_of(line);
    if (words.empty()) {
      at_slot = line.find("Inst 0,") != std::string::npos && line.find("CP Pipe") < line.size();
    } else if (at_slot) {
      count += words.size() > kActive && (words[kActive] & 1U) != 0 ? 1U : 0U;
      at_slot = false;
    }
  }
  return count;
}

class ObservationTest : public BackendTest {
 protected:
  /// Whether this world shows the hardware; `reason` otherwise.
  bool can_look(std::string& reason) {
    const Result<RequestId> asked = backend().inspect(InspectView::kRunlists);
    if (!asked) {
      EXPECT_EQ(asked.error().code, Errc::kUnsupported);
      reason = asked.error().what;
      return false;
    }
    await<InspectDone>();
    return true;
  }
  std::string view(InspectView which) {
    const Result<RequestId> asked = backend().inspect(which);
    EXPECT_TRUE(asked) << sentence(asked);
    const InspectDone done = await<InspectDone>();
    EXPECT_FALSE(done.error) << done.error->what;
    EXPECT_EQ(done.request, asked.value_or(RequestId{}));
    return done.text;
  }
  void expect_on_hardware(std::size_t queues, const char* when) {
    wait(kMappedAgain);
    EXPECT_EQ(queues_on_runlists(view(InspectView::kRunlists)), queues) << when;
    EXPECT_EQ(active_slots(view(InspectView::kHqds)), queues) << when;
  }
};
GPREEMPT_IN_EVERY_WORLD(ObservationTest);

#define GPREEMPT_LOOK_OR_SKIP() \
  if (std::string why; !can_look(why)) GTEST_SKIP() << why

TEST_P(ObservationTest, SuspendedQueueIsOffTheHardwareAndAllOthersAreOn) {
  GPREEMPT_LOOK_OR_SKIP();
  launch(online_service(1, milliseconds(1)));
  const Pid pid = launch(offline_training(3));
  start_and_wait_for_work(pid);
  const Attached target = attach(pid);
  expect_on_hardware(4, "before");
  suspend(Attached{.id = target.id, .queues = {target.queues.at(0), target.queues.at(2)}});
  expect_on_hardware(2, "two suspended");
  suspend(target);
  expect_on_hardware(1, "all suspended");
  resume(Attached{.id = target.id, .queues = {target.queues.at(1)}});
  expect_on_hardware(2, "one resumed");
  resume(target);
  expect_on_hardware(4, "all resumed");
}

TEST_P(ObservationTest, EvictedQueueIsOffUntilBothReasonsAreGone) {
  GPREEMPT_LOOK_OR_SKIP();
  const Training training = start_training();
  suspend(training.target);
  resume(training.target);
  wait(milliseconds(20));
  ASSERT_TRUE(testbed().evict(training.pid));
  expect_on_hardware(0, "evicted");
  suspend(training.target);
  expect_on_hardware(0, "evicted and suspended");
  wait(milliseconds(150));
  expect_on_hardware(0, "restored, still suspended");
  resume(training.target);
  expect_on_hardware(1, "resumed");
}

TEST_P(ObservationTest, NothingStaysOffAfterTheControllersEnd) {
  GPREEMPT_LOOK_OR_SKIP();
  const Pid pid = launch(offline_training(2));
  start_and_wait_for_work(pid);
  const Attached target = attach(pid);
  suspend(target);
  ASSERT_TRUE(backend().detach(target.id));
  await<DetachDone>();
  expect_on_hardware(2, "detached");
}

TEST_P(ObservationTest, ViewsAgreeWithTheBackendWhileQueuesComeAndGo) {
  GPREEMPT_LOOK_OR_SKIP();
  const Training training = start_training();
  const auto running = [&] {
    std::size_t count = 0;
    for (const QueueInfo& queue : backend().queues(training.target.id)) {
      count += queue.state == QueueState::kRunning ? 1U : 0U;
    }
    return count;
  };
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(testbed().create_queue(training.pid));
    await<QueueBorn>();
    expect_on_hardware(running(), "born");
    suspend(training.target);
    expect_on_hardware(running(), "first one suspended");
    resume(training.target);
    expect_on_hardware(running(), "resumed");
  }
  EXPECT_EQ(running(), 4U);
}

}  // namespace
}  // namespace gpreempt::contract
