#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// One job for several engines: customers arrive at one server, wait in line and are served
/// (M/M/1). All draws are made before, so that an engine's time is its own, and every engine gets
/// the same.
namespace gpreempt::bench {

struct Mm1Job {
  /// Before each customer since the one before, and at the server; one entry per customer.
  std::vector<std::int64_t> gap_ns;
  std::vector<std::int64_t> service_ns;

  [[nodiscard]] std::size_t customers() const { return gap_ns.size(); }
};

/// Exponential times: a mean service of 1 ms, and 0.8 customers in that time.
[[nodiscard]] Mm1Job draw_mm1(std::size_t customers, std::uint64_t seed);

/// The waits of all customers in line, in ns; exact, in integers, when no engine and no queue of
/// events takes part (Lindley's recursion). What every engine must come to.
[[nodiscard]] std::int64_t total_wait_ns(const Mm1Job& job);

/// Writes the job as 64-bit integers: how many customers, their gaps, their services. Returns
/// whether that succeeded.
[[nodiscard]] bool write_mm1(const Mm1Job& job, const std::string& path);

/// Runs an engine on the job, and prints a line of JSON with the CPU time it took and the mean wait
/// that it found. Returns an exit code: 1 if that is not the exact one to `tolerance` (a share of
/// it), or is further from the closed form than chance allows.
[[nodiscard]] int measure(const std::string& engine, const Mm1Job& job, double tolerance,
                          const std::function<double()>& run);

/// The rules of the queue for engines that call back. An engine has `now_ns()` and
/// `after_ns(delay, callback)`.
template <class Engine>
class Mm1Model {
 public:
  Mm1Model(Engine& engine, const Mm1Job& job) : engine_(engine), job_(job) {
    arrivals_.reserve(job.customers());
  }

  void start() { await_arrival(); }
  [[nodiscard]] bool done() const { return served_ == job_.customers(); }
  [[nodiscard]] double total_wait() const { return static_cast<double>(total_wait_); }

 private:
  void await_arrival() {
    if (arrivals_.size() < job_.customers()) {
      engine_.after_ns(job_.gap_ns[arrivals_.size()], [this] { arrive(); });
    }
  }
  void arrive() {
    arrivals_.push_back(engine_.now_ns());
    await_arrival();
    if (!busy_) {
      begin();
    }
  }
  void begin() {
    busy_ = true;
    total_wait_ += engine_.now_ns() - arrivals_[served_];
    engine_.after_ns(job_.service_ns[served_], [this] { end(); });
  }
  void end() {
    busy_ = false;
    ++served_;
    if (served_ < arrivals_.size()) {
      begin();
    }
  }

  Engine& engine_;
  const Mm1Job& job_;
  std::vector<std::int64_t> arrivals_;
  std::size_t served_ = 0;
  std::int64_t total_wait_ = 0;
  bool busy_ = false;
};

}  // namespace gpreempt::bench
