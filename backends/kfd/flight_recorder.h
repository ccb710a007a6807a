#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "backends/kfd/flight_record.h"
#include "backends/kfd/forwarding_os.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/os.h"
#include "core/time.h"

namespace gpreempt::kfd {

struct FlightOptions {
  std::size_t capacity = 4096;
  /// A call that takes longer is an anomaly: a healthy suspend takes milliseconds.
  Duration slow = std::chrono::milliseconds(100);
  /// Called on the thread that made the call, after it: for a queue with an error, an EIO, a call
  /// that is slow. May be empty.
  std::function<void(std::string_view reason)> on_anomaly;
};

/// Remembers the last ioctls of a process, for when something goes wrong. Costs a copy of the
/// arguments for each, no system call but the clock's.
class FlightRecorder final : public ForwardingOs {
 public:
  FlightRecorder(Os& inner, FlightOptions options);

  [[nodiscard]] SysResult<long> ioctl(Fd fd, std::uint32_t request, void* arg) override;

  /// What is remembered, oldest first, for `read_flight_record`. Any thread.
  [[nodiscard]] std::string dump() const;

 private:
  void look_for_anomaly(const FlightEntry& entry) const;

  FlightOptions options_;
  BoundedLog<FlightEntry> log_;
};

}  // namespace gpreempt::kfd
