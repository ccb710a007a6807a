#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/queue_join.h"
#include "core/event.h"
#include "core/ids.h"

namespace gpreempt::kfd {

/// Something about a process's queues that its user should know. A whole sentence.
struct QueueWarning {
  Pid pid;
  std::string text;
};

/// Of the roles of the queues that are to be suspended and of all queues that the process has on
/// these GPUs: the sentence that says that none of the application's own is among them. nullopt:
/// one is, or nothing is to be suspended.
[[nodiscard]] std::optional<std::string> warn_of_choice(Pid pid, std::span<const QueueRole> chosen,
                                                        std::span<const QueueRole> all);

/// Of a process all of whose compute queues are off, or are to be: the sentence that says that its
/// SDMA queues go on. nullopt: it has none.
[[nodiscard]] std::optional<std::string> warn_of_sdma(Pid pid, std::span<const QueueRole> all);

/// What is to be said of the rows, by process: slots that do not fit, who has nothing but internal
/// queues, who is suspended while its SDMA queues go on, who is traced by another. `processes` may
/// be empty.
[[nodiscard]] std::vector<QueueWarning> queue_warnings(std::span<const QueueRow> rows,
                                                       std::span<const KfdProcess> processes);

}  // namespace gpreempt::kfd
