#pragma once

#include <cstdint>

#include "core/ids.h"

namespace gpreempt {

/// Where an application's own word about its work enters a backend (`detection = "hint"`). Both
/// backends implement it; they turn a hint into `WorkArrived` or `WorkFinished`. May be called from
/// any thread; never blocks. Hints about a pid that is not attached are dropped.
class HintSink {
 public:
  HintSink() = default;
  HintSink(const HintSink&) = delete;
  HintSink& operator=(const HintSink&) = delete;
  virtual ~HintSink() = default;
  virtual void work_arrived(Pid pid, std::uint64_t request) = 0;
  virtual void work_finished(Pid pid, std::uint64_t request) = 0;
};

}  // namespace gpreempt
