// Files and pipes. Goal: errors are values with Linux's numbers, and nothing here blocks.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "backends/kfd/os.h"
#include "tests/os/os_case.h"
#include "tests/os/os_contract.h"

namespace gpreempt::os_contract {
namespace {

using kfd::OpenMode;
using kfd::PipeEnds;

class FileTest : public OsTest {};
class PipeTest : public OsTest {};

TEST_P(FileTest, MissingPathsAreReportedAsSuch) {
  OS_NEEDS(kFiles);
  world().run([&] {
    EXPECT_EQ(os().read_file("/nowhere/at-all").error().number, ENOENT);
    EXPECT_EQ(os().list_dir("/nowhere/at-all").error().number, ENOENT);
    EXPECT_EQ(os().read_link("/nowhere/at-all").error().number, ENOENT);
    EXPECT_EQ(os().open("/nowhere/at-all", OpenMode::kRead).error().number, ENOENT);
  });
}

TEST_P(FileTest, ReadFileReturnsTheWholeText) {
  OS_NEEDS(kFiles);
  world().run([&] {
    const std::string text(10000, 'x');
    EXPECT_EQ(os().read_file(world().make_file(text)).value(), text);
  });
}

TEST_P(FileTest, ListDirIsSortedAndLeavesTheDotsOut) {
  OS_NEEDS(kFiles);
  world().run([&] {
    const auto path = world().make_file("text");
    const auto slash = path.rfind('/');
    const auto names = os().list_dir(path.substr(0, slash)).value();
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
    EXPECT_TRUE(std::binary_search(names.begin(), names.end(), path.substr(slash + 1)));
    EXPECT_FALSE(std::binary_search(names.begin(), names.end(), std::string(".")));
    EXPECT_FALSE(std::binary_search(names.begin(), names.end(), std::string("..")));
  });
}

TEST_P(PipeTest, EmptyPipeDoesNotBlockItsReader) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const PipeEnds pipe = os().pipe().value();
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ(os().read(pipe.read, buffer).error().number, EAGAIN);
    os().close(pipe.read);
    os().close(pipe.write);
  });
}

TEST_P(PipeTest, FullPipeDoesNotBlockItsWriter) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const PipeEnds pipe = os().pipe().value();
    const std::vector<std::byte> block(65536);
    constexpr int kMoreThanAnyPipeHolds = 1024;
    int error = 0;
    for (int i = 0; i < kMoreThanAnyPipeHolds && error == 0; ++i) {
      const auto written = os().write(pipe.write, block);
      error = written ? 0 : written.error().number;
    }
    EXPECT_EQ(error, EAGAIN);
    os().close(pipe.read);
    os().close(pipe.write);
  });
}

TEST_P(PipeTest, WhatIsWrittenIsReadable) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const PipeEnds pipe = os().pipe().value();
    const std::array<std::byte, 1> dot{std::byte{'.'}};
    EXPECT_EQ(os().write(pipe.write, dot).value(), 1U);
    EXPECT_TRUE(await(pipe.read));
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ(os().read(pipe.read, buffer).value(), 1U);
    EXPECT_EQ(buffer[0], dot[0]);
    os().close(pipe.read);
    os().close(pipe.write);
  });
}

TEST_P(PipeTest, DrainEmptiesIt) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const PipeEnds pipe = os().pipe().value();
    const std::array<std::byte, 3> dots{};
    EXPECT_TRUE(os().write(pipe.write, dots));
    os().drain(pipe.read);
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ(os().read(pipe.read, buffer).error().number, EAGAIN);
    os().close(pipe.read);
    os().close(pipe.write);
  });
}

TEST_P(PipeTest, ReaderSeesTheEndWhenTheWriterCloses) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const PipeEnds pipe = os().pipe().value();
    os().close(pipe.write);
    EXPECT_TRUE(await(pipe.read));
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ(os().read(pipe.read, buffer).value(), 0U);
    os().close(pipe.read);
  });
}

TEST_P(PipeTest, WritingWithoutAReaderIsAnErrorAndNoSignal) {
  OS_NEEDS(kPipes);
  world().run([&] {
    const PipeEnds pipe = os().pipe().value();
    os().close(pipe.read);
    const std::array<std::byte, 1> dot{};
    EXPECT_EQ(os().write(pipe.write, dot).error().number, EPIPE);
    os().close(pipe.write);
  });
}

OS_SUITE(FileTest);
OS_SUITE(PipeTest);

}  // namespace
}  // namespace gpreempt::os_contract
