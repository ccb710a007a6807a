// Another root for files. Goal: what is absolute goes below the root and stays there; the rest
// passes. Method: a port that notes the paths it is asked for.
#include "backends/kfd/rooted_os.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"

namespace gpreempt::kfd {
namespace {

class NotingOs : public ForwardingOs {
 public:
  explicit NotingOs(Os& inner) : ForwardingOs(inner) {}
  SysResult<Fd> open(const std::string& path, OpenMode /*mode*/) override {
    asked.push_back(path);
    return sys_fail(ENOENT);
  }
  SysResult<std::string> read_file(const std::string& path) override {
    asked.push_back(path);
    return std::string("text");
  }
  SysResult<std::vector<std::string>> list_dir(const std::string& path) override {
    asked.push_back(path);
    return sys_fail(ENOTDIR);
  }
  SysResult<std::string> read_link(const std::string& path) override {
    asked.push_back(path);
    return target;
  }

  std::vector<std::string> asked;
  std::string target;
};

class RootedOsTest : public ::testing::Test {
 protected:
  std::string path_of(const std::string& root, const std::string& path) {
    RootedOs os(noting_, root);
    EXPECT_EQ(os.read_file(path).value(), "text");
    return noting_.asked.back();
  }
  std::string link_of(const std::string& root, const std::string& target) {
    RootedOs os(noting_, root);
    noting_.target = target;
    return os.read_link("/link").value();
  }
  LinuxOs linux_;
  NotingOs noting_{linux_};
};

TEST_F(RootedOsTest, EveryPathOfAFileGetsTheRoot) {
  RootedOs os(noting_, "/saved/host");
  EXPECT_EQ(os.open("/dev/kfd", OpenMode::kRead).error().number, ENOENT);
  EXPECT_TRUE(os.read_file("/proc/version"));
  EXPECT_EQ(os.list_dir("/sys").error().number, ENOTDIR);
  EXPECT_TRUE(os.read_link("/proc/self"));
  EXPECT_EQ(noting_.asked,
            (std::vector<std::string>{"/saved/host/dev/kfd", "/saved/host/proc/version",
                                      "/saved/host/sys", "/saved/host/proc/self"}));
}

TEST_F(RootedOsTest, RelativePathsPass) { EXPECT_EQ(path_of("/saved", "notes.txt"), "notes.txt"); }

TEST_F(RootedOsTest, ARootMayEndInASlashOrBeNone) {
  EXPECT_EQ(path_of("saved//", "/sys/x"), "saved/sys/x");
  EXPECT_EQ(path_of("/", "/sys/x"), "/sys/x");
  EXPECT_EQ(path_of("", "/sys/x"), "/sys/x");
}

TEST_F(RootedOsTest, DotsDoNotClimbOverTheRoot) {
  EXPECT_EQ(path_of("/saved", "/../etc/passwd"), "/saved/etc/passwd");
  EXPECT_EQ(path_of("/saved", "/sys/../../x"), "/saved/x");
}

TEST_F(RootedOsTest, LinksStayInside) {
  EXPECT_EQ(link_of("/saved", "/saved/sys/devices/x"), "/sys/devices/x");
  EXPECT_EQ(link_of("/saved", "/sys/devices/x"), "/sys/devices/x") << "is below the root when used";
  EXPECT_EQ(link_of("/saved", "../x"), "../x");
  EXPECT_EQ(link_of("/saved", "/savedother/x"), "/savedother/x");
  EXPECT_EQ(link_of("", "/x"), "/x");
}

TEST_F(RootedOsTest, AllElseIsTheInnerPorts) {
  RootedOs os(noting_, "/saved");
  EXPECT_EQ(os.self(), linux_.self());
  const auto pipe = os.pipe().value();
  os.close(pipe.read);
  os.close(pipe.write);
}

}  // namespace
}  // namespace gpreempt::kfd
