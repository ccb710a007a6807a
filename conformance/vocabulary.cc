#include "conformance/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "conformance/operation.h"
#include "core/error.h"

namespace gpreempt::conformance {
namespace {

// NOLINTBEGIN(modernize-use-designated-initializers): a table
constexpr auto kOps = std::to_array<OpWord>({
    {"OPEN", OpKind::kOpen, false, "file", {}},
    {"CLOSE", OpKind::kClose, false, "", {}},
    {"STAT_DEVICE", OpKind::kStatDevice, false, "", {"mode"}},
    {"CHMOD_DEVICE", OpKind::kChmodDevice, false, "mode", {}},
    {"READ", OpKind::kRead, false, "file", {"first"}},
    {"POLL", OpKind::kPoll, false, "", {}},
    {"MMAP", OpKind::kMmap, false, "", {}},
    {"LIST_PROCESSES", OpKind::kListProcesses, false, "", {}},
    {"GET_VERSION", OpKind::kGetVersion, false, "place file size magic", {"major", "minor"}},
    {"IOCTL_NUMBER", OpKind::kIoctlNumber, false, "number", {}},
    {"GET_PROCESS_APERTURES_NEW", OpKind::kGetProcessApertures, false, "count", {}},
    {"CREATE_QUEUE", OpKind::kCreateQueue, false, "gpu", {}},
    {"DESTROY_QUEUE", OpKind::kDestroyQueue, false, "queue", {}},
    {"GET_CLOCK_COUNTERS", OpKind::kGetClockCounters, false, "gpu", {"gpu_clock"}},
    {"ACQUIRE_VM", OpKind::kAcquireVm, false, "gpu", {}},
    {"SMI_EVENTS", OpKind::kSmiEvents, false, "gpu", {}},
    {"GET_QUEUE_WAVE_STATE", OpKind::kGetQueueWaveState, false, "queue", {}},
    {"SET_XNACK_MODE", OpKind::kSetXnackMode, false, "", {}},
    {"RUNTIME_ENABLE", OpKind::kRuntimeEnable, false, "mode", {}},
    {"ENABLE", OpKind::kEnable, true, "file place size", {"size", "runtime"}},
    {"DISABLE", OpKind::kDisable, true, "", {}},
    {"SEND_RUNTIME_EVENT", OpKind::kSendRuntimeEvent, true, "mask gpu queue", {}},
    {"SET_EXCEPTIONS_ENABLED", OpKind::kSetExceptionsEnabled, true, "mask", {}},
    {"SET_WAVE_LAUNCH_OVERRIDE", OpKind::kSetWaveLaunchOverride, true, "mode mask", {}},
    {"SET_WAVE_LAUNCH_MODE", OpKind::kSetWaveLaunchMode, true, "mode", {}},
    {"SUSPEND_QUEUES", OpKind::kSuspendQueues, true, "ids count place", {}},
    {"RESUME_QUEUES", OpKind::kResumeQueues, true, "ids count place", {}},
    {"SET_NODE_ADDRESS_WATCH", OpKind::kSetNodeAddressWatch, true, "gpu", {}},
    {"SET_FLAGS", OpKind::kSetFlags, true, "mode", {"previous"}},
    {"QUERY_DEBUG_EVENT", OpKind::kQueryDebugEvent, true, "mask", {"mask"}},
    {"QUERY_EXCEPTION_INFO", OpKind::kQueryExceptionInfo, true, "number place size", {"size"}},
    {"GET_QUEUE_SNAPSHOT",
     OpKind::kGetQueueSnapshot,
     true,
     "count size place mask",
     {"queues", "entry"}},
    {"GET_DEVICE_SNAPSHOT", OpKind::kGetDeviceSnapshot, true, "count size place", {"entry"}},
    {"DBG_TRAP", OpKind::kTrapNumber, true, "number file place", {}},
    {"ATTACH", OpKind::kAttach, true, "mode", {}},
    {"DETACH", OpKind::kDetach, true, "", {}},
    {"REAP", OpKind::kReap, true, "", {}},
    {"FORK", OpKind::kFork, false, "mode", {}},
    {"EXEC", OpKind::kExec, false, "", {}},
    {"KILL", OpKind::kKill, true, "", {}},
    {"ANSWER", OpKind::kAnswer, false, "", {}},
});
// NOLINTEND(modernize-use-designated-initializers)

constexpr std::array<std::string_view, 4> kPlaces = {"valid", "null", "bad", "read-only"};
constexpr std::array<std::string_view, 8> kFiles = {"device", "read-only", "notify", "pipe",
                                                    "null",   "path",      "closed", "none"};
constexpr std::array<std::string_view, 4> kPersonalities = {"dkms-6.12.12", "upstream-6.12.95",
                                                            "upstream-6.12.107", "upstream-7.3"};
constexpr std::array<std::string_view, 3> kEvidence = {"ran", "ran-patched", "source"};
constexpr std::array<std::string_view, 5> kActors = {"a", "b", "target", "user", "user-target"};

constexpr std::array<std::pair<std::string_view, std::int32_t>, 5> kSpecialPids = {
    {{"zero", 0}, {"minus-one", -1}, {"nobody", 4194000}, {"init", 1}, {"kernel-thread", 2}}};

constexpr auto kErrnos = std::to_array<std::pair<int, std::string_view>>(
    {{EPERM, "EPERM"},   {ENOENT, "ENOENT"},       {ESRCH, "ESRCH"},        {EINTR, "EINTR"},
     {EIO, "EIO"},       {EBADF, "EBADF"},         {ECHILD, "ECHILD"},      {EAGAIN, "EAGAIN"},
     {ENOMEM, "ENOMEM"}, {EACCES, "EACCES"},       {EFAULT, "EFAULT"},      {EBUSY, "EBUSY"},
     {EEXIST, "EEXIST"}, {ENODEV, "ENODEV"},       {EINVAL, "EINVAL"},      {ENOTTY, "ENOTTY"},
     {ENOSPC, "ENOSPC"}, {EPIPE, "EPIPE"},         {ENODATA, "ENODATA"},    {EALREADY, "EALREADY"},
     {ENOSYS, "ENOSYS"}, {ETIMEDOUT, "ETIMEDOUT"}, {ECANCELED, "ECANCELED"}});

}  // namespace

std::span<const OpWord> op_words() { return kOps; }

const OpWord* find_op(std::string_view name) {
  const auto* const found = std::ranges::find(kOps, name, &OpWord::name);
  return found == kOps.end() ? nullptr : found;
}

const OpWord& word_of(OpKind kind) {
  const auto* const found = std::ranges::find(kOps, kind, &OpWord::kind);
  GPREEMPT_CHECK(found != kOps.end());
  return *found;
}

std::span<const std::string_view> place_words() { return kPlaces; }
std::span<const std::string_view> file_words() { return kFiles; }
std::span<const std::string_view> personality_words() { return kPersonalities; }
std::span<const std::string_view> evidence_words() { return kEvidence; }

bool is_actor(std::string_view process) {
  constexpr std::string_view kChild = ".child";
  if (process.ends_with(kChild)) {
    process.remove_suffix(kChild.size());
  }
  return std::ranges::find(kActors, process) != kActors.end();
}

Result<std::int32_t> special_pid(std::string_view name) {
  for (const auto& [word, number] : kSpecialPids) {
    if (word == name) {
      return number;
    }
  }
  return fail(Errc::kInvalidArgument, fmt::format("process '{}': no actor of that name", name));
}

bool is_special_pid(std::string_view name) {
  return std::ranges::any_of(kSpecialPids, [&](const auto& each) { return each.first == name; });
}

std::string result_text(long result) {
  if (result >= 0) {
    return std::to_string(result);
  }
  for (const auto& [number, name] : kErrnos) {
    if (number == -result) {
      return std::string(name);
    }
  }
  return fmt::format("errno {}", -result);
}

int errno_of(std::string_view name) {
  for (const auto& [number, word] : kErrnos) {
    if (word == name) {
      return number;
    }
  }
  return 0;
}

}  // namespace gpreempt::conformance
