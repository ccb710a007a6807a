#pragma once

#include <memory>

#include "core/backend.h"
#include "core/fault.h"

namespace gpreempt {

/// A backend on which calls are refused, outcomes fail, completions take seconds, events come late,
/// the clock jumps and the caller is not run: whatever the seam allows to happen, and nothing that
/// it does not. Order and completeness of events stay. It sits beneath the argument checks:
/// `make_checked_backend(make_faulty_backend(...))`.
///
/// Its kinds: busy, lost-tracer, error-outcome, invalid-outcome, late-events, long-call,
/// activity-unread (`watch` is refused), clock-step, frozen. `faults` must outlive it.
[[nodiscard]] std::unique_ptr<Backend> make_faulty_backend(std::unique_ptr<Backend> inner,
                                                           Faults& faults);

}  // namespace gpreempt
