#pragma once

#include <gmock/gmock.h>

#include <optional>
#include <span>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt {

/// A backend of which a test asserts the calls.
class MockBackend : public Backend {
 public:
  MOCK_METHOD(const BackendInfo&, info, (), (const, override));
  MOCK_METHOD(Instant, now, (), (const, override));
  MOCK_METHOD(Result<TargetId>, attach, (Pid pid, AttachMode mode), (override));
  MOCK_METHOD(Result<void>, detach, (TargetId target), (override));
  MOCK_METHOD(std::vector<QueueInfo>, queues, (TargetId target), (const, override));
  MOCK_METHOD(Result<RequestId>, control,
              (TargetId target, std::span<const QueueId> ids, const Control& control), (override));
  MOCK_METHOD(Result<void>, watch, (TargetId target, Duration period), (override));
  MOCK_METHOD(Result<RequestId>, inspect, (InspectView view), (override));
  MOCK_METHOD(Result<std::optional<Event>>, next_event, (Instant deadline), (override));
  MOCK_METHOD(Result<void>, close, (), (override));
};

}  // namespace gpreempt
