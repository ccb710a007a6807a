// The port's contract on Linux: real threads, real processes.
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "backends/kfd/linux_os.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"
#include "tests/os/os_case.h"

namespace gpreempt::os_contract {
namespace {

class LinuxWorld final : public OsWorld {
 public:
  LinuxWorld() {
    std::string name = std::filesystem::temp_directory_path() / "os-contract-XXXXXX";
    GPREEMPT_CHECK(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~LinuxWorld() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  kfd::Os& os() override { return os_; }
  void run(const std::function<void()>& body) override { body(); }
  std::string missing(Feature /*feature*/) const override { return {}; }

  std::string make_file(const std::string& text) override {
    const auto path = folder_ / "file";
    std::ofstream(path) << text;
    return path;
  }
  std::vector<std::string> exiting_program(int code) const override {
    return {"sh", "-c", "exit " + std::to_string(code)};
  }
  std::vector<std::string> waiting_program() const override { return {"sleep", "1000"}; }

  Memory memory_of(Pid child) override {
    // An ELF program begins with its magic number, at the start of its first mapping.
    const auto maps = os_.read_file("/proc/" + std::to_string(child.value()) + "/maps").value();
    std::uint64_t address = 0;
    constexpr int kHex = 16;
    std::from_chars(maps.data(), maps.data() + maps.find('-'), address, kHex);
    return {.address = address,
            .content =
                "\x7f"
                "ELF"};
  }

 private:
  kfd::LinuxOs os_;
  std::filesystem::path folder_;
};

}  // namespace

std::vector<OsCase> os_cases() {
  return {{.name = "Linux", .open = [] { return std::make_unique<LinuxWorld>(); }}};
}

}  // namespace gpreempt::os_contract
