#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "backends/kfd/os.h"
#include "backends/kfd/safety/kernel_log.h"
#include "core/error.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {

/// What a check leaves in the host's books: lines in the kernel's log, and this process's memory.
class HostBooks {
 public:
  /// From now on. `os` must outlive it; null: the world is a model, which has no kernel, and whose
  /// hours are none of this process's. `log`: as in --kernel-log; empty: none is read. Blocks: as
  /// reading the log does.
  HostBooks(kfd::Os* os, const std::string& log);
  HostBooks(const HostBooks&) = delete;
  HostBooks& operator=(const HostBooks&) = delete;
  ~HostBooks();

  /// "kernel-log": met if no line of trouble came (`kfd::is_trouble`); unavailable where it cannot
  /// be read. Once.
  [[nodiscard]] experiments::Verdict kernel_log();
  /// "memory": what this process has grown by, and its CPU time; reported.
  [[nodiscard]] experiments::Verdict memory() const;

 private:
  [[nodiscard]] std::optional<std::uint64_t> resident_kb() const;

  kfd::Os* os_;
  Result<std::unique_ptr<kfd::KernelLog>> log_;
  std::optional<std::uint64_t> before_kb_;
  std::int64_t cpu_before_ns_ = 0;
};

}  // namespace gpreempt::cli
