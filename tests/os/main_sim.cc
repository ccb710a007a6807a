// The port's contract in virtual time: every test runs in one party of a simulated world.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/sim/kfd_model/personality.h"
#include "backends/sim/system.h"
#include "backends/sim/world.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/sim_os.h"
#include "core/ids.h"
#include "tests/os/os_case.h"

namespace gpreempt::os_contract {
namespace {

/// Of the whole program: the engine under it cannot be made twice.
sim::World& world() {
  static sim::World world;
  return world;
}

class VirtualWorld final : public OsWorld {
 public:
  VirtualWorld()
      : system_(world().timeline(), {.gpu = {}, .personality = sim::personalities()[0]}),
        machine_(world(), system_),
        os_(vkfd::SimOs::open(machine_)) {}

  kfd::Os& os() override { return *os_; }
  void run(const std::function<void()>& body) override { body(); }
  [[nodiscard]] std::string missing(Feature /*feature*/) const override { return {}; }

  std::string make_file(const std::string& text) override {
    const std::string path = "/tmp/os-contract/file";
    machine_.files().put(path, text);
    return path;
  }
  [[nodiscard]] std::vector<std::string> exiting_program(int code) const override {
    return {"exit", std::to_string(code)};
  }
  [[nodiscard]] std::vector<std::string> waiting_program() const override {
    return {"sleep", "infinity"};
  }

  Memory memory_of(Pid child) override {
    constexpr std::uint64_t kAddress = 0x400000;
    const std::string content = "sixteen readable";
    machine_.processes().map_memory(child, kAddress, content);
    return {.address = kAddress, .content = content};
  }

 private:
  sim::System system_;
  vkfd::Machine machine_;
  std::shared_ptr<vkfd::SimOs> os_;
};

}  // namespace

std::vector<OsCase> os_cases() {
  return {{.name = "Virtual", .open = [] { return std::make_unique<VirtualWorld>(); }}};
}

}  // namespace gpreempt::os_contract

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  int exit_code = EXIT_FAILURE;
  const auto finished =
      gpreempt::os_contract::world().run([&exit_code] { exit_code = RUN_ALL_TESTS(); });
  if (!finished) {
    std::fprintf(stderr, "%s\n", finished.error().what.c_str());
    return EXIT_FAILURE;
  }
  return exit_code;
}
