#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "core/ids.h"

/// What one implementation of the port supplies to be judged by the suite of `os_contract_*.cc`.
namespace gpreempt::os_contract {

/// Groups of primitives that a world may be unable to serve.
enum class Feature { kFiles, kPipes, kProcesses, kTracing, kMemory };

/// An opened world. Destroyed after the test's body has returned.
class OsWorld {
 public:
  OsWorld() = default;
  OsWorld(const OsWorld&) = delete;
  OsWorld& operator=(const OsWorld&) = delete;
  virtual ~OsWorld() = default;

  [[nodiscard]] virtual kfd::Os& os() = 0;

  /// Runs a test's body on a worker of this world, to its end, and the world with it.
  virtual void run(const std::function<void()>& body) = 0;

  /// Empty: the world serves the feature; otherwise why not, and its tests are skipped.
  [[nodiscard]] virtual std::string missing(Feature feature) const = 0;

  /// A path whose file holds `text`.
  [[nodiscard]] virtual std::string make_file(const std::string& text) = 0;
  /// A program that exits with `code` at once.
  [[nodiscard]] virtual std::vector<std::string> exiting_program(int code) const = 0;
  /// A program that runs until a signal ends it.
  [[nodiscard]] virtual std::vector<std::string> waiting_program() const = 0;

  /// Something readable in the memory of `child`, which runs `waiting_program`: its address and
  /// what is there. Only with `Feature::kMemory`.
  struct Memory {
    std::uint64_t address = 0;
    std::string content;
  };
  [[nodiscard]] virtual Memory memory_of(Pid child) = 0;
};

struct OsCase {
  std::string name;
  std::function<std::unique_ptr<OsWorld>()> open;
};

/// The worlds of a test program: each `main_*.cc` defines it.
[[nodiscard]] std::vector<OsCase> os_cases();

}  // namespace gpreempt::os_contract
