// `queues` on the virtual machine. Goal: owner, controller and activity are those of the model, and
// watching ends when the user says so.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "backends/kfd/activity.h"
#include "backends/kfd/discovery/queue_listing.h"
#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/target_selector.h"
#include "backends/vkfd/sim_os.h"
#include "core/backend.h"
#include "core/checked_backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/vkfd/rig.h"

namespace gpreempt::vkfd {
namespace {

using kfd::QueueListing;

TEST(QueueListingOnTheModel, HasOwnerActivityAndController) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid busy = rig.system().launch(training(2)).value();
    rig.system().start();
    const auto backend = make_checked_backend(kfd::open_backend(rig.os(), {}).value());
    (void)backend->attach(busy, AttachMode::kControl).value();
    while (const auto event = backend->next_event(kForever).value()) {
      if (std::holds_alternative<AttachDone>(event->what)) {
        break;
      }
    }
    const auto os = SimOs::open(rig.machine());
    const QueueListing listing = kfd::list_queues(*os, {.pids = {busy}}).value();
    ASSERT_EQ(listing.queues.size(), 2U);
    EXPECT_TRUE(listing.notes.empty());
    const auto& owner = listing.processes.at(busy);
    EXPECT_EQ(owner.name, "training");
    EXPECT_EQ(owner.inner_pid, std::nullopt);
    ASSERT_TRUE(owner.controller);
    // Endless work is on its first queue.
    EXPECT_EQ(listing.queues[1].activity, kfd::Activity::kBusy);
    EXPECT_NE(listing.queues[0].activity, kfd::Activity::kBusy);
    // Without its memory the slots still show that they are behind.
    EXPECT_EQ(kfd::list_queues(*os, {.pids = {busy}, .is_saved = true}).value().queues[1].activity,
              kfd::Activity::kBusy);
    EXPECT_TRUE(kfd::list_queues(*os, {.pids = {busy}, .gpu = GpuId(1)}).value().queues.empty());
    EXPECT_TRUE(backend->close());
  }));
}

TEST(QueueListingOnTheModel, IsRepeatedUntilTheUserEndsIt) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid pid = rig.system().launch(training(1)).value();
    rig.system().start();
    const auto os = SimOs::open(rig.machine());
    const Instant begin = os->now();
    std::vector<Instant> looks;
    std::vector<std::size_t> queues;
    const auto watched = kfd::watch_queues(
        *os, {}, std::chrono::seconds(2), [&](const QueueListing& listing) -> Result<void> {
          looks.push_back(os->now());
          queues.push_back(static_cast<std::size_t>(std::ranges::count_if(
              listing.queues, [&](const auto& queue) { return queue.row.pid == pid; })));
          if (looks.size() == 2) {
            EXPECT_TRUE(rig.system().create_queue(pid));
          }
          if (looks.size() == 4) {
            os->ask_to_end(SIGINT);
          }
          return {};
        });
    EXPECT_TRUE(watched);
    EXPECT_EQ(queues, (std::vector<std::size_t>{1, 1, 2, 2}));
    // The last look began six seconds after the first, and takes the time between two reads.
    EXPECT_EQ(os->now() - begin, std::chrono::milliseconds(6005));
  }));
}

TEST(QueueListingOnTheModel, SaysWhatAContainerCannotTell) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const Pid pid = rig.system().launch(training(1)).value();
    rig.system().start();
    constexpr bool kApart = true;
    const auto os = rig.os().fork(kApart);
    const QueueListing listing = kfd::list_queues(*os, {.pids = {pid}}).value();
    ASSERT_EQ(listing.queues.size(), 1U);
    ASSERT_EQ(listing.notes.size(), 1U);
    EXPECT_NE(listing.notes[0].find("--pid=host"), std::string::npos);
    EXPECT_EQ(listing.processes.at(pid).name, "");
    // Nothing is launched yet, and only the slots are seen.
    EXPECT_EQ(listing.queues[0].activity, kfd::Activity::kMaybeIdle);
    EXPECT_EQ(
        kfd::list_queues(*os, {.selectors = {kfd::parse_target("tree:1").value()}}).error().code,
        Errc::kNotPermitted);
  }));
}

TEST(QueueListingOnTheModel, EndsWithTheErrorOfItsReader) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const auto os = SimOs::open(rig.machine());
    const auto watched = kfd::watch_queues(
        *os, {}, std::chrono::seconds(2),
        [](const QueueListing&) -> Result<void> { return fail(Errc::kIo, "write: nobody reads"); });
    ASSERT_FALSE(watched);
    EXPECT_EQ(watched.error().code, Errc::kIo);
  }));
}

TEST(QueueListingOnTheModel, WaitsForProcessesThatAreNotThereYet) {
  ASSERT_TRUE(run([] {
    Rig rig;
    const auto os = SimOs::open(rig.machine());
    kfd::ListingOptions options{.selectors = {kfd::parse_target("tree:4711").value()}};
    EXPECT_EQ(kfd::list_queues(*os, options).error().code, Errc::kProcessExited);
    options.may_be_none = true;
    EXPECT_TRUE(kfd::list_queues(*os, options).value().queues.empty());
  }));
}

}  // namespace
}  // namespace gpreempt::vkfd
