#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "workloads/hip/clock_fit.h"
#include "workloads/hip/gpu.h"
#include "workloads/hip/heartbeat.h"
#include "workloads/hip/heartbeat_log.h"
#include "workloads/hip/host.h"
#include "workloads/hip/kernel_plan.h"
#include "workloads/hip/witness.h"

/// Does on a GPU what a program says, and writes down what became of it.
namespace gpreempt::hip {

/// What an Offline program runs without a break.
enum class Endlessly {
  kTrains,      ///< its trains in turn, as in the simulator
  kEndless,     ///< one kernel that never ends: its ring is empty while it runs
  kPersistent,  ///< one kernel that is granted rounds, two ahead of those it has done
};

struct RunnerOptions {
  Duration duration{};  ///< nothing is issued after it
  Duration drain{};     ///< then at most this long for what is unfinished
  Endlessly endlessly = Endlessly::kTrains;
  /// The heartbeat runs every second stretch of so long; 0: never. Of a program that is to tell of
  /// its bystander time it runs all the time.
  Duration heartbeat{};
  Duration heartbeat_threshold{};  ///< gaps longer than it are kept
  std::uint32_t audit_every = 16;  ///< submissions of a stream, of which one leaves sums; 0: none
};

/// A request, its stamps still on the GPU's clock.
struct StampedRequest {
  std::uint64_t request = 0;
  Instant arrival;
  std::optional<std::uint64_t> first_ticks;
  std::optional<std::uint64_t> last_ticks;
};

struct WorkDone {
  Instant at;
  Duration work{};
};

struct RunOutcome {
  std::vector<StampedRequest> requests;  ///< in order of arrival
  std::vector<WorkDone> progress;        ///< at most some thousand samples
  Duration work{};
  std::uint64_t kernels = 0;
  std::uint64_t audits = 0;
  std::vector<Loss> losses;
  std::uint64_t losses_found = 0;  ///< by lanes, also those that were not kept
  std::vector<HeartbeatWindow> windows;
  std::vector<HeartbeatLog> heartbeats;  ///< one for each window
  bool stopped = false;                  ///< asked to end early
  bool unfinished = false;               ///< something was still on the GPU at the end
};

/// Records as a bundle has them.
[[nodiscard]] std::vector<RequestRecord> records_of(const RunOutcome& outcome,
                                                    const ClockFit& clock);

class Runner {
 public:
  /// `streams`: `program.queues` of them, idle. All references must outlive it. `clock`: for hints.
  Runner(const Program& program, const KernelPlan& plan, std::vector<StreamId> streams,
         const ClockFit& clock, const RunnerOptions& options);

  /// Runs from `start` until everything is done, the drain is over, or the host is asked to stop.
  /// Blocks: that long. Errors: those of the GPU; what was recorded until then is lost.
  [[nodiscard]] Result<RunOutcome> run(Gpu& gpu, Host& host, Instant start);

 private:
  /// A request that will arrive, or has and waits for its launch.
  struct Due {
    Instant launch;
    Instant arrival;
    std::size_t from = 0;  ///< index into the program's arrivals
    bool operator>(const Due& other) const { return launch > other.launch; }
  };
  /// Kernels on a stream.
  struct Flight {
    Ticket ticket = 0;
    std::size_t stream = 0;
    std::optional<std::size_t> request;  ///< index into the outcome's
    Duration work{};
    std::uint64_t kernels = 0;
  };
  /// A stretch of a train, for the endless loop.
  struct Stretch {
    std::vector<KernelBatch> kernels;
    Duration work{};
    std::uint64_t count = 0;
  };

  void expect_arrivals(Instant start);
  void expect(std::size_t from, Instant arrival);
  [[nodiscard]] Result<void> launch_due(Gpu& gpu, Host& host);
  [[nodiscard]] Result<void> launch(Gpu& gpu, Host& host, const Due& due);
  [[nodiscard]] Result<void> poll(Gpu& gpu, Host& host);
  [[nodiscard]] Result<void> land(Gpu& gpu, Host& host, const Flight& flight, Finish finish);
  [[nodiscard]] Result<void> judge(Gpu& gpu, const Flight& flight, const Finish& finish);
  [[nodiscard]] Result<void> keep_busy(Gpu& gpu, Host& host);
  [[nodiscard]] Result<void> start_endless(Gpu& gpu, bool persistent);
  [[nodiscard]] Result<void> keep_endless(Gpu& gpu, Host& host);
  [[nodiscard]] Result<void> beat(Gpu& gpu, Host& host);
  [[nodiscard]] Result<void> end_beat(Gpu& gpu, Host& host);
  void tell_bystander(Gpu& gpu, Host& host, Instant now);
  [[nodiscard]] Result<void> end_endless(Gpu& gpu, Host& host);
  void cut_next_train();
  [[nodiscard]] Stretch next_stretch();
  [[nodiscard]] bool issues(Instant now) const;
  [[nodiscard]] bool is_done(Instant now) const;
  void note_work(Host& host, Duration work, std::uint64_t kernels);
  [[nodiscard]] bool audits_next(std::size_t stream);

  const Program& program_;
  const KernelPlan& plan_;
  std::vector<StreamId> streams_;
  const ClockFit& clock_;
  RunnerOptions options_;

  Instant start_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::deque<Flight> flights_;
  std::vector<std::uint64_t> submissions_;  ///< of each stream
  std::vector<std::uint32_t> losses_seen_;  ///< of each stream
  std::size_t next_stream_ = 0;
  std::size_t issued_ = 0;        ///< closed loop: requests so far
  std::uint64_t ahead_ = 0;       ///< kernels of the endless loop on the GPU
  std::uint32_t next_train_ = 0;  ///< of the endless loop
  std::deque<Stretch> stretches_;
  bool endless_runs_ = false;
  Kernel round_;              ///< of an endless kernel: one round of it
  Duration round_work_{};     ///< that a round stands for
  std::uint64_t rounds_ = 0;  ///< done, by all blocks on average
  std::uint64_t granted_ = 0;
  std::optional<Instant> beats_since_;
  BystanderTime bystander_;
  Instant last_bystander_hint_;
  Instant last_sample_;
  Instant last_hint_;
  RunOutcome outcome_;
};

}  // namespace gpreempt::hip
