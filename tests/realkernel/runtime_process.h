#pragma once

#include <atomic>
#include <cstdint>

#include "core/ids.h"
#include "tests/support/forked_process.h"
#include "tests/support/shared.h"

namespace gpreempt::kfd {

/// A process as the driver sees one with a ROCm runtime: it has opened the device and tells the
/// driver when its runtime starts and ends. It counts in between; what is stopped, or waits inside
/// the driver, does not count. Fork it before any worker is started; those forked later may order
/// it about, too.
class RuntimeProcess {
 public:
  enum class Order : std::uint32_t {
    kOpen,  ///< the device, as everything but `kExit` does
    kStartRuntime,
    kStartRuntimeElsewhere,  ///< on another thread, for whose end it waits
    kEndRuntime,
    kExecute,           ///< another program, which never opens the device
    kExecuteElsewhere,  ///< the same by another thread, which takes the leader's number
    kExitLeader,        ///< another thread goes on counting, and obeys
    kExit,
  };

  RuntimeProcess();

  [[nodiscard]] Pid pid() const { return process_.pid(); }

  /// Gives an order, and waits for nothing.
  void give(Order order);
  /// Waits until the last order has been carried out; false if it was refused, or is not for long.
  [[nodiscard]] bool has_obeyed() const;
  [[nodiscard]] bool obeys(Order order);
  /// How far it has counted.
  [[nodiscard]] std::uint64_t count() const { return board_->count; }
  /// Waits until it has counted on; false if it does not for long.
  [[nodiscard]] bool runs_on() const;
  /// The same, or it is found inside the start or the end of its runtime.
  [[nodiscard]] bool runs_on_or_waits() const;
  /// Whether one of its threads is inside the start or the end of its runtime at this moment.
  [[nodiscard]] bool waits_in_runtime() const;
  /// Waits until it is.
  [[nodiscard]] bool enters_runtime() const;

  [[nodiscard]] const ForkedProcess& process() const { return process_; }

 private:
  struct Board {
    std::atomic<std::uint64_t> count = 0;
    std::atomic<Order> order = Order::kOpen;
    std::atomic<std::uint32_t> given = 0;  ///< orders so far
    std::atomic<std::uint32_t> done = 0;
    std::atomic<int> error = 0;  ///< of the last one that is done
  };
  [[noreturn]] static void run(const Shared<Board>& board);

  Shared<Board> board_;
  ForkedProcess process_;
};

}  // namespace gpreempt::kfd
