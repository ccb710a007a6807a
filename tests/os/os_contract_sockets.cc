// Local sockets. Goal: messages arrive whole, in order and from whom the kernel says, and nothing
// blocks.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "backends/kfd/os.h"
#include "tests/os/os_case.h"
#include "tests/os/os_contract.h"

namespace gpreempt::os_contract {
namespace {

using kfd::Fd;

class SocketTest : public OsTest {
 protected:
  /// A path that is free and whose folder is there.
  [[nodiscard]] std::string free_path() { return world().make_file("") + ".socket"; }

  [[nodiscard]] kfd::SysResult<std::size_t> send(Fd fd, std::string_view text) {
    return os().write(fd, std::as_bytes(std::span(text)));
  }
  /// One message, or "" if there is none.
  [[nodiscard]] std::string receive(Fd fd) {
    std::array<std::byte, 64> buffer{};
    const auto got = os().read(fd, buffer);
    std::string text;
    for (std::size_t i = 0; i < got.value_or(0); ++i) {
      text += static_cast<char>(buffer.at(i));
    }
    return text;
  }
};

/// A listening socket and one connection to it.
struct Connected {
  std::string path;
  Fd listener = kfd::kNoFd;
  Fd caller = kfd::kNoFd;
  Fd accepted = kfd::kNoFd;

  Connected(kfd::Os& os, std::string at) : path(std::move(at)) {
    listener = os.listen(path).value();
    caller = os.connect(path).value();
    accepted = os.accept(listener).value();
  }
  void close(kfd::Os& os) const {
    for (const Fd fd : {listener, caller, accepted}) {
      os.close(fd);
    }
    EXPECT_TRUE(os.remove_file(path));
  }
};

TEST_P(SocketTest, MessagesOfBothSidesArriveWholeAndInOrder) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const Connected pair(os(), free_path());
    EXPECT_EQ(send(pair.caller, "first").value(), 5U);
    EXPECT_EQ(send(pair.caller, "2").value(), 1U);
    EXPECT_TRUE(await(pair.accepted));
    EXPECT_EQ(receive(pair.accepted), "first");
    EXPECT_EQ(receive(pair.accepted), "2");
    EXPECT_EQ(send(pair.accepted, "answer").value(), 6U);
    EXPECT_TRUE(await(pair.caller));
    EXPECT_EQ(receive(pair.caller), "answer");
    pair.close(os());
  });
}

TEST_P(SocketTest, ListenerIsReadableOnceSomebodyConnects) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const std::string path = free_path();
    const Fd listener = os().listen(path).value();
    EXPECT_EQ(os().accept(listener).error().number, EAGAIN);
    const Fd caller = os().connect(path).value();
    EXPECT_TRUE(await(listener));
    const Fd accepted = os().accept(listener).value();
    for (const Fd fd : {listener, caller, accepted}) {
      os().close(fd);
    }
    EXPECT_TRUE(os().remove_file(path));
  });
}

TEST_P(SocketTest, BothSidesKnowWhoTheOtherIs) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const Connected pair(os(), free_path());
    const auto caller = os().peer_of(pair.accepted);
    const auto listener = os().peer_of(pair.caller);
    ASSERT_TRUE(caller);
    ASSERT_TRUE(listener);
    EXPECT_EQ(*caller, *listener);  // this process is both
    EXPECT_EQ(os().read_link("/proc/self").value(), fmt::format("{}", caller->pid));
    const kfd::PipeEnds pipe = os().pipe().value();
    EXPECT_EQ(os().peer_of(pipe.read).error().number, ENOTSOCK);
    os().close(pipe.read);
    os().close(pipe.write);
    pair.close(os());
  });
}

TEST_P(SocketTest, NothingToReadIsNoWait) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const Connected pair(os(), free_path());
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ(os().read(pair.accepted, buffer).error().number, EAGAIN);
    pair.close(os());
  });
}

TEST_P(SocketTest, EndOfTheOtherSideIsReadAfterItsLastMessage) {
  OS_NEEDS(kPipes);
  world().run([&] {
    Connected pair(os(), free_path());
    EXPECT_TRUE(send(pair.caller, "last"));
    os().close(pair.caller);
    pair.caller = kfd::kNoFd;
    EXPECT_TRUE(await(pair.accepted));
    EXPECT_EQ(receive(pair.accepted), "last");
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ(os().read(pair.accepted, buffer).value(), 0U);
    EXPECT_EQ(send(pair.accepted, "nobody").error().number, EPIPE);
    pair.close(os());
  });
}

TEST_P(SocketTest, PathOfASocketThatIsClosedRefusesUntilItIsRemoved) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const std::string path = free_path();
    EXPECT_EQ(os().connect(path).error().number, ENOENT);
    EXPECT_EQ(os().remove_file(path).error().number, ENOENT);
    const Fd listener = os().listen(path).value();
    EXPECT_EQ(os().listen(path).error().number, EADDRINUSE);
    os().close(listener);
    EXPECT_EQ(os().connect(path).error().number, ECONNREFUSED);
    EXPECT_TRUE(os().remove_file(path));
    EXPECT_EQ(os().connect(path).error().number, ENOENT);
  });
}

TEST_P(SocketTest, PathThatNoSocketCanHaveIsRefused) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const std::string path = "/tmp/" + std::string(120, 'x');
    EXPECT_EQ(os().listen(path).error().number, ENAMETOOLONG);
  });
}

OS_SUITE(SocketTest);

}  // namespace
}  // namespace gpreempt::os_contract
