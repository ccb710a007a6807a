#pragma once

#include <string>

#include "backends/kfd/os.h"

namespace gpreempt::kfd {

/// Whether the running driver is one whose way to give out ids and doorbells is known: a released
/// one, unpatched. Builds are in use that take a queue's id from its process's pid.
struct DriverKnowledge {
  bool is_stock = false;
  std::string reason;  ///< why it is not taken for one: a sentence
};

/// As the doctor judges it ("personality" and "driver-patches"). Blocks: as reading small files
/// does.
[[nodiscard]] DriverKnowledge know_driver(Os& os);

}  // namespace gpreempt::kfd
