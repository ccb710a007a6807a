#pragma once

#include <optional>
#include <string>

#include "backends/kfd/discovery/queue_listing.h"
#include "core/time.h"

namespace gpreempt::cli {

/// A table, what its footnotes stand for, and warnings. Notes are not in it.
[[nodiscard]] std::string queues_text(const kfd::QueueListing& listing);

/// See docs/queues.md. `at`: when it was looked at, for one line of many; nullopt: a document of
/// its own, over several lines.
[[nodiscard]] std::string queues_json(const kfd::QueueListing& listing,
                                      std::optional<Duration> at = std::nullopt);

}  // namespace gpreempt::cli
