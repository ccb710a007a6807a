#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/kfd/debugfs/samples.h"

/// amdkfd's debugfs of one GPU (f7bc, 4 XCCs, 2 SDMA engines) with invented processes, made without
/// the code under test.
namespace gpreempt::kfd {

struct SavedQueue {
  debugfs::ComputeSample compute;
  std::optional<debugfs::SdmaSample> sdma;  ///< set: it is one of these
  std::uint32_t pipe = 0;  ///< and `queue`: its slot; of an SDMA queue its sample's
  std::uint32_t queue = 2;
  std::uint32_t mapped_xccs = 4;  ///< on the first so many it is in its slot
  bool on_runlist = true;
};
struct SavedProcess {
  std::uint32_t pid = 0;
  std::vector<SavedQueue> newest_first;
};

/// What differs between the queues of a process; the rest follows from `number`, which no two
/// queues share.
[[nodiscard]] SavedQueue saved_compute(std::uint32_t number, std::uint32_t ring_bytes,
                                       std::uint32_t doorbell_slot);
[[nodiscard]] SavedQueue saved_sdma(std::uint32_t number);

[[nodiscard]] std::string saved_mqds(std::span<const SavedProcess> processes);
/// Slots that nobody is mapped to, but for the first one, still have a queue that is gone.
[[nodiscard]] std::string saved_hqds(std::span<const SavedProcess> processes);
[[nodiscard]] std::string saved_rls(std::span<const SavedProcess> processes);

}  // namespace gpreempt::kfd
