#include "cli/hardware_host.h"

#include <fmt/format.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/safety/kernel_log.h"
#include "backends/kfd/whole_number.h"
#include "cli/hardware_verdicts.h"
#include "core/error.h"
#include "experiments/verdict.h"

namespace gpreempt::cli {
namespace {

constexpr const char* kKernelLog = "kernel-log";
constexpr const char* kMemory = "memory";
constexpr std::string_view kUnit = " kB";

Result<std::unique_ptr<kfd::KernelLog>> open_log(kfd::Os* os, const std::string& path) {
  if (os == nullptr) {
    return fail(Errc::kUnsupported, "a model has no kernel's log");
  }
  if (path.empty()) {
    return fail(Errc::kUnsupported, "--kernel-log says that no log is read");
  }
  return kfd::KernelLog::open(*os, path);
}

std::int64_t cpu_ns() {
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  return static_cast<std::int64_t>(std::clock()) * (kNsPerSecond / CLOCKS_PER_SEC);
}

}  // namespace

HostBooks::HostBooks(kfd::Os* os, const std::string& log)
    : os_(os), log_(open_log(os, log)), before_kb_(resident_kb()), cpu_before_ns_(cpu_ns()) {}

HostBooks::~HostBooks() {
  if (log_) {
    (*log_)->close();
  }
}

experiments::Verdict HostBooks::kernel_log() {
  if (!log_) {
    return experiments::unavailable(kKernelLog, log_.error().what);
  }
  const Result<std::vector<kfd::KernelRecord>> trouble = (*log_)->take();
  (*log_)->close();
  if (!trouble) {
    return experiments::unavailable(kKernelLog, trouble.error().what);
  }
  return exactly(kKernelLog, static_cast<double>(trouble->size()), 0,
                 trouble->empty()
                     ? "lines that tell of a failure of a GPU, of its driver or of the kernel"
                     : fmt::format("the first: {}", trouble->front().text));
}

experiments::Verdict HostBooks::memory() const {
  const std::optional<std::uint64_t> after_kb = resident_kb();
  if (!before_kb_ || !after_kb) {
    return experiments::unavailable(kMemory, os_ == nullptr
                                                 ? "simulated time is none of this process's"
                                                 : "/proc/self/status has no VmRSS");
  }
  constexpr double kKbPerMb = 1024;
  constexpr double kNsPerSecond = 1e9;
  const double before = static_cast<double>(*before_kb_) / kKbPerMb;
  const double after = static_cast<double>(*after_kb) / kKbPerMb;
  const double cpu_s = static_cast<double>(cpu_ns() - cpu_before_ns_) / kNsPerSecond;
  experiments::Verdict verdict =
      reported(kMemory, fmt::format("{:+.1f} MB", after - before),
               fmt::format("of this process: {:.1f} MB resident before and {:.1f} MB after, its "
                           "records included; {:.1f} s of CPU time",
                           before, after, cpu_s));
  verdict.numbers = {{"before_mb", before}, {"after_mb", after}, {"cpu_s", cpu_s}};
  return verdict;
}

std::optional<std::uint64_t> HostBooks::resident_kb() const {
  if (os_ == nullptr) {
    return std::nullopt;
  }
  const auto status = kfd::read_process_status(*os_, "/proc", "self");
  if (!status) {
    return std::nullopt;
  }
  const std::string text(kfd::value_of(*status, "VmRSS"));
  return text.ends_with(kUnit) ? kfd::whole_number<std::uint64_t>(
                                     std::string_view(text).substr(0, text.size() - kUnit.size()))
                               : std::nullopt;
}

}  // namespace gpreempt::cli
