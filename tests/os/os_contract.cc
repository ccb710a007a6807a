#include "tests/os/os_contract.h"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <optional>
#include <string>

#include "backends/kfd/os.h"
#include "core/ids.h"
#include "core/time.h"
#include "tests/os/os_case.h"

namespace gpreempt::os_contract {

using kfd::ChildStatus;
using kfd::WaitFd;

bool OsTest::await(kfd::Fd fd) {
  std::array<WaitFd, 1> fds{WaitFd{.fd = fd}};
  const auto ready = os().wait(fds, saturating_add(os().now(), kPatience));
  return ready && *ready == 1 && fds[0].ready;
}

std::optional<ChildStatus> OsTest::await_child(Pid child) {
  const auto events = os().child_events();
  if (!events) {
    return std::nullopt;
  }
  for (;;) {
    const auto status = os().poll_child(child.value());
    if (!status) {
      return std::nullopt;
    }
    if (status->has_value()) {
      return *status;
    }
    if (!await(*events)) {
      return std::nullopt;
    }
    os().drain(*events);
  }
}

void OsTest::kill(Pid child) {
  const auto pidfd = os().open_pidfd(child);
  ASSERT_TRUE(pidfd);
  ASSERT_TRUE(os().signal(*pidfd, SIGKILL));
  os().close(*pidfd);
  std::optional<ChildStatus> status;
  do {
    status = await_child(child);
    ASSERT_TRUE(status);
  } while (status->kind != ChildStatus::Kind::kKilled);
}

std::string name_of(const ::testing::TestParamInfo<OsCase>& info) { return info.param.name; }

}  // namespace gpreempt::os_contract
