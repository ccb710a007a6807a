#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "soak/plan.h"
#include "soak/run.h"

namespace gpreempt::soak {

/// A process of ours that carries plans out, one after another.
class Chunk {
 public:
  Chunk() = default;
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  /// Kills it if it still runs.
  ~Chunk();

  /// Errors: kIo.
  [[nodiscard]] Result<void> start(std::vector<SoakPlan> plans);
  /// Readable when there is something to `take`.
  [[nodiscard]] int fd() const { return fd_; }
  /// Takes in what it has written, by seed; false: it has ended.
  [[nodiscard]] bool take(std::map<std::uint64_t, SoakResult>& results);
  /// After its end, or to end it because it `is_late`: how the plan went that it was at, and the
  /// plans it did not get to.
  [[nodiscard]] std::vector<SoakPlan> reap(std::map<std::uint64_t, SoakResult>& results,
                                           bool is_late);

 private:
  void read_line(const std::string& line, std::map<std::uint64_t, SoakResult>& results);

  std::vector<SoakPlan> plans_;
  pid_t pid_ = -1;
  int fd_ = -1;
  std::string text_;
  std::uint64_t current_ = 0;
  bool has_current_ = false;
  std::size_t finished_ = 0;
};

}  // namespace gpreempt::soak
