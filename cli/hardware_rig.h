#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <variant>

#include "cli/hardware_check.h"
#include "core/error.h"
#include "core/event.h"
#include "core/program.h"
#include "core/time.h"
#include "experiments/experiment.h"
#include "experiments/session.h"

/// Checks that call the driver themselves, without a scheduler.
namespace gpreempt::cli {

/// Until a program's word of what it did before a suspend has reached its controller; on a model
/// that takes no time.
inline constexpr Duration kUntilTold = std::chrono::milliseconds(5);

/// The campaign's world for experiments::in_world.
[[nodiscard]] experiments::Setting setting_of(const Campaign& campaign);

/// An Offline process that always has work on each of its queues.
[[nodiscard]] Program busy_job(std::uint32_t queues);

/// An Online process with `requests` requests of 2 ms, the first at `first`, then every `period`;
/// it tells of each.
[[nodiscard]] Program telling_service(std::uint32_t requests, Duration first, Duration period);

/// Launches it, lets it begin and takes control of it once it has done work.
/// Blocks: until then. Errors: those of the session, kTimedOut.
[[nodiscard]] Result<experiments::Followed> start_job(experiments::Session& session,
                                                      Program program);

/// A job and a service under one controller, nothing begun yet.
struct Pair {
  experiments::Followed job;
  experiments::Followed service;
};
[[nodiscard]] Result<Pair> launch_pair(experiments::Session& session, Program job, Program service);

/// Waits for the service's word of this kind (WorkArrived, WorkFinished) about `request`, unless it
/// was served before, as while a driver call was awaited. Errors: kTimedOut.
template <class Word>
[[nodiscard]] Result<Event> await_word(experiments::Session& session,
                                       const experiments::Followed& service, std::uint64_t request,
                                       Duration patience) {
  const auto is_it = [&](const Event& event) {
    const auto* const word = std::get_if<Word>(&event.what);
    return word != nullptr && word->target == service.id && word->request == request;
  };
  const auto said = std::ranges::find_if(session.events(), is_it);
  return said != session.events().end()
             ? Result<Event>(*said)
             : session.await(is_it, saturating_add(session.backend().now(), patience));
}

}  // namespace gpreempt::cli
