#pragma once

#include <cstdint>

#include "backends/kfd/abi_queue.h"    // IWYU pragma: export
#include "backends/kfd/abi_request.h"  // IWYU pragma: export
#include "backends/kfd/abi_trap.h"     // IWYU pragma: export

/// The part of the KFD ioctl ABI this project speaks. Written from the kernel's documented layout,
/// not copied from its header; names without the kernel's prefixes. x86-64 and other 64-bit ABIs.
/// `tests/kfd/abi_test.cc` compares every number, size and offset with the system's header.
namespace gpreempt::kfd::abi {

struct Version {
  std::uint32_t major_version = 0;
  std::uint32_t minor_version = 0;
};
static_assert(sizeof(Version) == 8);

/// DBG_TRAP needs at least this minor version of major 1.
inline constexpr std::uint32_t kVersionMajor = 1;
inline constexpr std::uint32_t kVersionMinorDbgTrap = 13;

inline constexpr std::uint32_t kGetVersion = encode(kRead, sizeof(Version), 0x01);
static_assert(kGetVersion == 0x80084b01);

}  // namespace gpreempt::kfd::abi
