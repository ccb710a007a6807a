// RUNTIME_ENABLE, and what a debugger asks about waves and exceptions.
#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "backends/sim/kfd_model/kfd_model.h"
#include "backends/sim/kfd_model/kfd_state.h"
#include "backends/sim/task.h"
#include "core/ids.h"
#include "core/mutant.h"

namespace gpreempt::sim {
namespace {

constexpr auto kQueueCodes =
    std::to_array<std::uint32_t>({1, 2, 3, 4, 5, 6, 16, 17, 18, 19, 20, 21, 22, 23, 30, 31});
constexpr std::uint32_t kFirstDeviceCode = 32;
constexpr std::uint32_t kLastDeviceCode = 36;
constexpr std::uint32_t kFirstProcessCode = 48;
constexpr std::uint32_t kLastProcessCode = 49;
constexpr std::uint32_t kWatchPoints = 4;  // of a GPU

std::uint64_t bit_of(std::uint32_t code) { return std::uint64_t{1} << (code - 1U); }

}  // namespace

// ---- the handshake
// ---------------------------------------------------------------------------------------

void KfdModel::set_runtime(Pid pid, RuntimeInfo request, Reply reply) {
  tasks_.start(own_ioctl(
      pid, std::nullopt,
      [this, request](Process& process, CallRecord& /*call*/, long& result) {
        return request.enabled ? start_runtime(process, request, result)
                               : end_runtime(process, result);
      },
      std::move(reply)));
}

void KfdModel::interrupt(Pid pid) {
  if (const auto found = processes_.find(pid); found != processes_.end()) {
    found->second->runtime_answered.interrupt();
  }
}

/// runtime_enable of kfd_chardev.c
Task KfdModel::start_runtime(Process& process, RuntimeInfo request, long& result) {
  if (!process.runtime_retry) {
    result = process.runtime.enabled ? -EBUSY : process.queues.empty() ? 0 : -EEXIST;
    if (result != 0) {
      co_return;
    }
    process.runtime = request;
    if (process.debug_enabled) {
      co_await activate(process);
      raise(process, process.process_exceptions, kProcessRuntime);
    }
  }
  co_await await_debugger(process, result);
}

/// runtime_disable
Task KfdModel::end_runtime(Process& process, long& result) {
  const bool was_enabled = std::exchange(process.runtime.enabled, false);
  process.runtime.r_debug = 0;
  if (process.debug_enabled) {
    if (was_enabled && !GPREEMPT_MUTANT("runtime-end-resumes-nothing")) {
      co_await deactivate(process);
    }
    if (!process.runtime_retry) {
      raise(process, process.process_exceptions, kProcessRuntime);
    }
  }
  co_await await_debugger(process, result);
}

/// With the process' mutex held, but not while it waits.
Task KfdModel::await_debugger(Process& process, long& result) {
  result = 0;
  if (!process.debug_enabled || GPREEMPT_MUTANT("handshake-does-not-wait")) {
    co_return;
  }
  process.mutex.release();
  const bool answered = co_await process.runtime_answered.down();
  co_await process.mutex.acquire();
  process.runtime_retry = !answered;
  result = answered ? 0 : -EINTR;
}

// ---- exceptions and waves
// --------------------------------------------------------------------------------

/// kfd_dbg_trap_query_exception_info
long KfdModel::query_exception(Caller caller, Pid target, const ExceptionQuery& query,
                               RuntimeInfo& info) {
  if (const long error = check(caller, target, Gate::kSession); error != 0) {
    return error;
  }
  Process& process = *find(target);
  std::uint64_t none = 0;
  std::uint64_t* status = nullptr;
  if (std::ranges::find(kQueueCodes, query.code) != kQueueCodes.end()) {
    Queue* const queue = process.queue(query.source);
    status = queue == nullptr ? nullptr : &queue->exceptions;
  } else if (query.code >= kFirstDeviceCode && query.code <= kLastDeviceCode) {
    status = process.device(query.source) == nullptr ? nullptr : &none;
  } else if (query.code >= kFirstProcessCode && query.code <= kLastProcessCode) {
    status = &process.process_exceptions;
  }
  if (status == nullptr) {
    return -EINVAL;
  }
  if ((*status & bit_of(query.code)) == 0) {
    return -ENODATA;
  }
  info = process.runtime;
  if (query.clears) {
    *status &= ~bit_of(query.code);
  }
  return 0;
}

long KfdModel::set_launch_mode(Caller caller, Pid target, std::uint32_t mode) {
  constexpr std::uint32_t kNormal = 0;
  constexpr std::uint32_t kHalt = 1;
  constexpr std::uint32_t kDebug = 3;
  if (const long error = check(caller, target, Gate::kRuntime); error != 0) {
    return error;
  }
  return mode == kNormal || mode == kHalt || mode == kDebug ? 0 : -EINVAL;
}

long KfdModel::set_flags(Caller caller, Pid target, std::uint32_t& flags) {
  constexpr std::uint32_t kSingleMemoryOperation = 1;
  const long error = check(caller, target, Gate::kRuntime);
  if (error == 0) {
    flags = std::exchange(find(target)->flags, flags & kSingleMemoryOperation);
  }
  return error;
}

/// The bits of the watch points in use on a GPU.
long KfdModel::find_watches(Caller caller, Pid target, std::optional<std::uint32_t> gpu,
                            std::uint32_t*& watches) {
  if (const long error = check(caller, target, Gate::kRuntime); error != 0) {
    return error;
  }
  Process& process = *find(target);
  if (!gpu || process.device(*gpu) == nullptr) {
    return -ENODEV;
  }
  watches = &process.watches[*gpu];
  return 0;
}

long KfdModel::set_watch(Caller caller, Pid target, std::optional<std::uint32_t> gpu,
                         std::uint32_t& id) {
  std::uint32_t* watches = nullptr;
  if (const long error = find_watches(caller, target, gpu, watches); error != 0) {
    return error;
  }
  std::uint32_t& used = *watches;
  const auto free = static_cast<std::uint32_t>(std::countr_one(used));
  if (free >= kWatchPoints) {
    return -ENOMEM;
  }
  used |= 1U << free;
  id = free;
  return 0;
}

long KfdModel::clear_watch(Caller caller, Pid target, std::optional<std::uint32_t> gpu,
                           std::uint32_t id) {
  std::uint32_t* watches = nullptr;
  if (const long error = find_watches(caller, target, gpu, watches); error != 0) {
    return error;
  }
  std::uint32_t& used = *watches;
  if (id >= kWatchPoints || (used & (1U << id)) == 0) {
    return -EINVAL;
  }
  used &= ~(1U << id);
  return 0;
}

std::vector<std::uint32_t> KfdModel::visible(Pid pid) const {
  std::vector<std::uint32_t> result;
  if (const Process* const process = find(pid)) {
    for (const Device& device : process->devices) {
      result.push_back(device.gpu);
    }
  }
  return result;
}

}  // namespace gpreempt::sim
