#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"
#include "experiments/experiment.h"

namespace gpreempt::experiments {

/// Longer than any driver takes, hung firmware included.
inline constexpr Duration kPatience = std::chrono::seconds(20);
/// A lease that no experiment outlives, and that frees a process whose experimenter is gone.
inline constexpr Duration kLease = std::chrono::minutes(10);

/// Errors: kUnsupported (a program does not tell how much work it has done, or how long somebody
/// else's calls kept it off the GPU).
[[nodiscard]] Result<void> check_tells_work(const ProgramProgress& progress);
[[nodiscard]] Result<void> check_tells_bystander(const ProgramProgress& progress);

/// A process that is followed, with its queues as they were then, oldest first.
struct Followed {
  Pid pid;
  TargetId id;
  std::vector<QueueId> queues;
};

/// A world for as long as an experiment uses it: every request waits for its answer. Made by
/// `in_world`.
class Session {
 public:
  /// Errors: those of `Setting::open`; kUnsupported (fewer GPUs than asked for).
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const Setting& setting,
                                                             const WorldRequest& request);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() = default;

  [[nodiscard]] Testbed& testbed() { return *testbed_; }
  [[nodiscard]] Backend& backend() { return testbed_->backend(); }
  /// Every event served so far, in order.
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }

  /// Launches it and lets it begin. Errors: those of `Testbed::launch`.
  [[nodiscard]] Result<Pid> run(Program program);
  /// Blocks: until the attach is done. Errors: those of `attach` and `AttachDone`, kTimedOut.
  [[nodiscard]] Result<Followed> follow(Pid pid, AttachMode mode);
  /// Blocks: until detached. Errors: those of `detach`, kTimedOut.
  [[nodiscard]] Result<void> leave(const Followed& process);
  /// Blocks: until it is done. Errors: those of `control`, of the call as a whole, of the first
  /// queue that is not ok (kHardwareFailure or kNoSuchQueue), kTimedOut.
  [[nodiscard]] Result<ControlDone> control(const Followed& process, const Control& control);
  [[nodiscard]] Result<ControlDone> control(TargetId target, std::span<const QueueId> queues,
                                            const Control& control);
  [[nodiscard]] Result<ControlDone> suspend(const Followed& process,
                                            std::optional<Duration> grace = std::nullopt);
  [[nodiscard]] Result<ControlDone> resume(const Followed& process);
  /// Lets the world go on; events are served later. Errors: those of `Testbed::wait`.
  [[nodiscard]] Result<void> wait(Duration duration);
  /// The same, asking every `step` whether `holds`. Errors: kTimedOut.
  [[nodiscard]] Result<void> wait_until(const std::function<bool()>& holds,
                                        Duration patience = kPatience,
                                        Duration step = std::chrono::milliseconds(1));
  /// Serves events until one meets `wanted`, at most until `deadline`. Errors: kTimedOut, those of
  /// `next_event`.
  [[nodiscard]] Result<Event> await(const std::function<bool(const Event&)>& wanted,
                                    Instant deadline);
  /// Serves events until `deadline`. Errors: those of `next_event`.
  [[nodiscard]] Result<void> serve_until(Instant deadline);
  /// Ends the world. Errors: those of `Backend::close`.
  [[nodiscard]] Result<void> close();

 private:
  explicit Session(std::unique_ptr<Testbed> testbed) : testbed_(std::move(testbed)) {}
  [[nodiscard]] Instant patience() const;

  std::unique_ptr<Testbed> testbed_;
  std::vector<Event> events_;
};

/// Opens a world, lets `body` (Result<T>(Session&)) use it and closes it, whatever became of that.
/// Errors: those of `Session::open`, of `body` and of `Backend::close`.
template <class Body>
[[nodiscard]] auto in_world(const Setting& setting, const WorldRequest& request, Body&& body)
    -> std::invoke_result_t<Body, Session&> {
  std::unique_ptr<Session> session;
  GPREEMPT_TRY(store(session, Session::open(setting, request)));
  auto result = std::forward<Body>(body)(*session);
  const Result<void> closed = session->close();
  if (result && !closed) {
    return tl::unexpected<Error>(closed.error());
  }
  return result;
}

}  // namespace gpreempt::experiments
