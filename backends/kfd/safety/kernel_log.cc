#include "backends/kfd/safety/kernel_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/mutant.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// Longer than any record: the kernel's PRINTK_MESSAGE_MAX.
constexpr std::size_t kRecordBytes = 8192;

/// Of amdgpu and amdkfd, in small letters.
constexpr std::array<std::string_view, 22> kDriverTrouble = {
    "gpu reset",
    "mode1 reset",
    "mode2 reset",
    "baco reset",
    "qcm fence wait loop timeout",
    "unsuccessful queues preemption",
    "queue preemption time out",
    "queue preemption failed",
    "suspending all queues failed",
    "unmapping queues failed",
    "failed to evict process queues",
    "failed to evict queue",
    "failed to quiesce kfd",
    "failed to remove queue",
    "failed to suspend process",
    "resetting wave fronts",
    "mes failed to respond",
    "device wedged",
    "device lost from bus",
    "new uncorrectable hardware error",
    "uncorrectable hardware error(",
    "ras event of type errevent",
};

/// Of the kernel itself, as it writes them: a crash in the driver's call leaves its locks held.
constexpr std::array<std::string_view, 4> kKernelTrouble = {
    "BUG: ", "Oops: ", "general protection fault", "Kernel panic"};

template <std::size_t N>
bool has_any(std::string_view text, const std::array<std::string_view, N>& phrases) {
  return std::ranges::any_of(phrases, [&](std::string_view phrase) {
    return text.find(phrase) != std::string_view::npos;
  });
}

/// "ring comp_1.0.0 timeout, signaled seq=...": of the graphics driver's own rings.
bool is_ring_timeout(std::string_view text) {
  const std::size_t ring = text.find("ring ");
  return ring != std::string_view::npos && text.find(" timeout", ring) != std::string_view::npos;
}

/// Cuts `text` at the next `separator`, which goes too; all of it where there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return taken;
}

tl::unexpected<Error> not_opened(const std::string& path, SysError error) {
  const bool is_refused = error.number == EACCES || error.number == EPERM;
  const bool is_absent = error.number == ENOENT || error.number == ENXIO;
  return fail(is_refused  ? Errc::kNotPermitted
              : is_absent ? Errc::kNoSuchDevice
                          : Errc::kIo,
              fmt::format("watch the kernel's log {}: {}; {}, or give up the watch with "
                          "--kernel-log none",
                          path, std::strerror(error.number),
                          is_refused  ? "run as root, or with CAP_SYSLOG where "
                                        "kernel.dmesg_restrict is 1"
                          : is_absent ? "start the container with --device /dev/kmsg"
                                      : "see whether `dmesg` works"),
              error.number);
}

}  // namespace

Result<KernelRecord> parse_kernel_record(std::string_view record) {
  std::string_view rest = record.substr(0, record.find('\n'));
  const bool has_text = rest.find(';') != std::string_view::npos;
  std::string_view prefix = take_until(rest, ';');
  const auto priority = whole_number<unsigned>(take_until(prefix, ','));
  const auto sequence = whole_number<std::uint64_t>(take_until(prefix, ','));
  const auto microseconds = whole_number<std::int64_t>(take_until(prefix, ','));
  if (!has_text || !priority || !sequence || !microseconds) {
    return fail(Errc::kParse,
                fmt::format("reading a record of the kernel's log: \"{}\" does not begin with "
                            "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;",
                            printable(std::string(record.substr(0, record.find('\n'))))));
  }
  constexpr unsigned kLevels = 8;
  return KernelRecord{.level = static_cast<int>(*priority % kLevels),
                      .sequence = *sequence,
                      .since_boot = std::chrono::microseconds(*microseconds),
                      .text = printable(std::string(rest))};
}

bool is_trouble(std::string_view text) {
  std::string small(text);
  std::ranges::transform(small, small.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  const bool is_of_driver = has_any(
      small, std::array<std::string_view, 3>{"amdgpu", "kfd", "[drm"});  // older ones: no "amdgpu"
  if (is_of_driver && (has_any(small, kDriverTrouble) || is_ring_timeout(small))) {
    return !GPREEMPT_MUTANT("reset-line-overlooked");
  }
  return has_any(text, kKernelTrouble);
}

std::vector<LogLine> lines_of_trouble(std::string_view log) {
  std::vector<LogLine> lines;
  for (std::size_t number = 1; !log.empty(); ++number) {
    const std::string_view line = take_until(log, '\n');
    if (is_trouble(line)) {
      lines.push_back({.number = number, .text = printable(std::string(line))});
    }
  }
  return lines;
}

KernelLog::KernelLog(Os& os, std::string path, Fd fd) : os_(os), path_(std::move(path)), fd_(fd) {}

Result<std::unique_ptr<KernelLog>> KernelLog::open(Os& os, const std::string& path) {
  const auto file = os.open(path, OpenMode::kRead);
  if (!file) {
    return not_opened(path, file.error());
  }
  std::unique_ptr<KernelLog> log(new KernelLog(os, path, *file));
  auto history = log->read_all(/*may_skip=*/true);
  if (!history) {
    os.close(*file);
    return tl::unexpected<Error>(std::move(history).error());
  }
  log->history_ = *std::move(history);
  return log;
}

Result<std::vector<KernelRecord>> KernelLog::take() { return read_all(/*may_skip=*/false); }

/// `may_skip`: old lines that go while they are read are nobody's loss.
Result<std::vector<KernelRecord>> KernelLog::read_all(bool may_skip) {
  std::vector<KernelRecord> trouble;
  std::vector<char> buffer(kRecordBytes);
  for (;;) {
    const auto got = os_.read(fd_, std::as_writable_bytes(std::span(buffer)));
    if (!got && got.error().number == EPIPE) {
      if (may_skip) {
        continue;
      }
      return fail(Errc::kIo,
                  fmt::format("read the kernel's log {}: lines went before they were read, and "
                              "trouble may have been among them; look at `dmesg`",
                              path_),
                  EPIPE);
    }
    if (!got && got.error().number != EAGAIN) {
      // Reading is refused, not opening it, to who may not see the log.
      return not_opened(path_, got.error());
    }
    if (!got || *got == 0) {
      return trouble;
    }
    auto record = parse_kernel_record(std::string_view(buffer.data(), *got));
    GPREEMPT_TRY(record);
    if (is_trouble(record->text)) {
      trouble.push_back(*std::move(record));
    }
  }
}

void KernelLog::close() {
  if (fd_ != kNoFd) {
    os_.close(std::exchange(fd_, kNoFd));
  }
}

}  // namespace gpreempt::kfd
