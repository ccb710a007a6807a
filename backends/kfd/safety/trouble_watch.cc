#include "backends/kfd/safety/trouble_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/kfd/mailbox.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/kernel_log.h"
#include "backends/kfd/safety/ras_counts.h"
#include "core/error.h"
#include "core/mutant.h"
#include "core/time.h"
#include "core/units.h"

namespace gpreempt::kfd {

/// Posts the first sign, and ends.
class TroubleWatch::Worker {
 public:
  Worker(Os& os, const TroubleOptions& options, std::unique_ptr<KernelLog> log, Box signs, Box stop)
      : os_(os),
        ras_period_(options.ras_period),
        log_(std::move(log)),
        signs_(std::move(signs)),
        stop_(std::move(stop)) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() = default;

  /// What rises from here on is a sign. Errors: those of `find_gpu_devices` and `read_ras_counts`.
  Result<void> begin(const std::string& sysfs_root) {
    auto devices = find_gpu_devices(os_, sysfs_root);
    GPREEMPT_TRY(devices);
    devices_ = *std::move(devices);
    auto counts = read_ras_counts(os_, devices_);
    GPREEMPT_TRY(counts);
    counts_ = *std::move(counts);
    return {};
  }
  [[nodiscard]] bool counts_errors() const { return !counts_.empty(); }

  void run() {
    Instant look_at = next_look();
    for (;;) {
      std::vector<WaitFd> fds{WaitFd{.fd = stop_->fd()}};
      if (log_ != nullptr) {
        fds.push_back({.fd = log_->fd()});
      }
      if (!os_.wait(fds, look_at) || fds.front().ready) {
        break;
      }
      std::optional<std::string> sign;
      if (log_ != nullptr && fds.back().ready) {
        sign = read_log();
      }
      if (!sign && os_.now() >= look_at) {
        sign = read_counts();
        look_at = next_look();
      }
      if (sign) {
        signs_->post(*std::move(sign));
        break;
      }
    }
    close_log();
  }
  void close_log() {
    if (log_ != nullptr) {
      log_->close();
    }
  }

 private:
  [[nodiscard]] Instant next_look() const {
    return counts_errors() ? saturating_add(os_.now(), ras_period_) : kForever;
  }

  std::optional<std::string> read_log() {
    const auto lines = log_->take();
    if (!lines) {
      return lines.error().what;
    }
    if (lines->empty()) {
      return std::nullopt;
    }
    return fmt::format("the kernel's log says \"{}\"", lines->front().text);
  }

  std::optional<std::string> read_counts() {
    auto counts = read_ras_counts(os_, devices_);
    if (!counts) {
      return counts.error().what;
    }
    std::string rise = what_rose(counts_, *counts);
    // A block that could not be asked this time is compared with what it had before.
    for (auto& [gpu, blocks] : *counts) {
      for (auto& [block, count] : blocks) {
        counts_[gpu][block] = count;
      }
    }
    return rise.empty() ? std::nullopt : std::optional(std::move(rise));
  }

  Os& os_;
  Duration ras_period_;
  std::unique_ptr<KernelLog> log_;
  Box signs_;
  Box stop_;
  std::vector<GpuDevice> devices_;
  RasCounts counts_;
};

namespace {

/// How long ago, in whole seconds; a clock that runs a little ahead of ours does not make it
/// negative.
Duration age_of(const KernelRecord& record, Instant now) {
  const Duration age = std::max(now.time_since_epoch() - record.since_boot, Duration{});
  return std::chrono::floor<std::chrono::seconds>(age);
}

tl::unexpected<Error> not_started(SysError error) {
  return fail(Errc::kIo,
              fmt::format("watch for trouble: {}; nothing is preempted without that",
                          std::strerror(error.number)),
              error.number);
}

}  // namespace

Result<void> check_back_off(std::span<const KernelRecord> history, Duration back_off, Instant now) {
  const Duration age = history.empty() ? Duration::max() : age_of(history.back(), now);
  if (age >= back_off || GPREEMPT_MUTANT("back-off-forgotten")) {
    return {};
  }
  return fail(
      Errc::kHardwareFailure,
      fmt::format("preempt on this machine: {}; see that its GPUs are well, and wait {}, or "
                  "say --back-off 0s",
                  last_trouble(history, now), format_duration(back_off - age)));
}

std::string last_trouble(std::span<const KernelRecord> history, Instant now) {
  return history.empty()
             ? std::string()
             : fmt::format("{} ago the kernel's log said \"{}\"",
                           format_duration(age_of(history.back(), now)), history.back().text);
}

Result<std::unique_ptr<TroubleWatch>> TroubleWatch::start(Os& os, const TroubleOptions& options) {
  std::vector<std::string> warnings;
  std::unique_ptr<KernelLog> log;
  if (options.kernel_log.empty()) {
    warnings.emplace_back(
        "the kernel's log is not watched, as asked: a GPU that is reset is noticed by its queues");
  } else {
    auto opened = KernelLog::open(os, options.kernel_log);
    if (!opened) {
      return tl::unexpected<Error>(std::move(opened).error());
    }
    log = *std::move(opened);
    if (auto waited = check_back_off(log->history(), options.back_off, os.now()); !waited) {
      log->close();
      return tl::unexpected<Error>(std::move(waited).error());
    }
    if (!log->history().empty()) {
      warnings.push_back(last_trouble(log->history(), os.now()));
    }
  }
  auto signs = Mailbox<std::string>::open(os);
  auto stop = Mailbox<std::string>::open(os);
  const auto close_log = [&](const std::unique_ptr<KernelLog>& opened) {
    if (opened != nullptr) {
      opened->close();
    }
  };
  if (!signs || !stop) {
    close_log(log);
    return not_started(signs ? stop.error() : signs.error());
  }
  auto body = std::make_shared<Worker>(os, options, std::move(log), *signs, *stop);
  if (auto begun = body->begin(options.sysfs_root); !begun) {
    body->close_log();
    return tl::unexpected<Error>(std::move(begun).error());
  }
  if (!body->counts_errors()) {
    warnings.emplace_back(
        "no GPU here shows error counts (no ras folder in sysfs): they are not watched");
  }
  const auto worker = os.spawn("trouble", [body] { body->run(); });
  if (!worker) {
    body->close_log();
    return not_started(worker.error());
  }
  return std::unique_ptr<TroubleWatch>(
      new TroubleWatch(os, *std::move(signs), *std::move(stop), *worker, std::move(warnings)));
}

TroubleWatch::TroubleWatch(Os& os, Box signs, Box stop, WorkerId worker,
                           std::vector<std::string> warnings)
    : os_(os),
      signs_(std::move(signs)),
      stop_(std::move(stop)),
      worker_(worker),
      warnings_(std::move(warnings)) {}

std::optional<std::string> TroubleWatch::sign() {
  if (!sign_) {
    sign_ = signs_->take();
  }
  return sign_;
}

void TroubleWatch::close() {
  if (std::exchange(closed_, true)) {
    return;
  }
  stop_->post("");
  (void)os_.join(worker_);
}

}  // namespace gpreempt::kfd
