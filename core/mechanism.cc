#include "core/mechanism.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/name_spec.h"
#include "core/nearest.h"
#include "core/option_reader.h"
#include "core/time.h"

namespace gpreempt {
namespace {

constexpr std::uint32_t kMaxPriority = 15;
constexpr std::uint32_t kBitsPerWord = 32;

constexpr std::array<MechanismEntry, 9> kMechanisms = {{
    {.kind = MechanismKind::kSuspendQueues,
     .name = "suspend-queues",
     .options = {},
     .summary = "saves the waves and unmaps the queues (SUSPEND_QUEUES of the debugger)",
     .takes_off = ControlKind::kSuspend,
     .gives_back = ControlKind::kResume},
    {.kind = MechanismKind::kQueuePercent,
     .name = "queue-percent",
     .options = {},
     .summary = "the same by UPDATE_QUEUE to 0 % in the process, one call a queue",
     .takes_off = ControlKind::kPercentage,
     .gives_back = ControlKind::kPercentage},
    {.kind = MechanismKind::kPriority,
     .name = "priority",
     .options = "level=0",
     .summary = "new workgroups yield, those on the GPU stay until they end",
     .takes_off = ControlKind::kPriority,
     .gives_back = ControlKind::kPriority},
    {.kind = MechanismKind::kCuMask,
     .name = "cu-mask",
     .options = "share=25%",
     .summary = "leaves Offline a share of the CUs of every XCC",
     .takes_off = ControlKind::kCuMask,
     .gives_back = ControlKind::kCuMask},
    {.kind = MechanismKind::kLaunchThrottle,
     .name = "launch-throttle",
     .options = "k=8,b=4",
     .summary = "never more than k kernels on the GPU, launched b at a time; stops launching",
     .takes_off = ControlKind::kThrottle,
     .gives_back = ControlKind::kThrottle},
    {.kind = MechanismKind::kKernelBoundary,
     .name = "kernel-boundary",
     .options = {},
     .summary = "no kernel starts after the one that runs",
     .takes_off = ControlKind::kKernelBoundary,
     .gives_back = ControlKind::kResume},
    {.kind = MechanismKind::kReset,
     .name = "reset",
     .options = {},
     .summary = "kills the waves; their kernels start over (REEF)",
     .takes_off = ControlKind::kReset,
     .gives_back = ControlKind::kResume},
    {.kind = MechanismKind::kSigstop,
     .name = "sigstop",
     .options = {},
     .summary = "stops the host process; what it has launched still runs",
     .takes_off = ControlKind::kSignal,
     .gives_back = ControlKind::kSignal},
    {.kind = MechanismKind::kSelectiveUnmap,
     .name = "selective-unmap",
     .options = {},
     .summary = "as suspend-queues, but other queues stay mapped; no driver can do it",
     .takes_off = ControlKind::kSelectiveUnmap,
     .gives_back = ControlKind::kResume,
     .hypothetical = true},
}};

const MechanismEntry& entry_of(MechanismKind kind) {
  return kMechanisms.at(static_cast<std::size_t>(kind));
}

std::uint32_t cus_per_xcc(const GpuInfo& gpu) { return gpu.cus / std::max(1U, gpu.xccs); }

/// The first CUs of every XCC: bit b belongs to XCC b modulo their number.
CuMask mask_of(double share, const GpuInfo& gpu, Duration lease) {
  const std::uint32_t whole = cus_per_xcc(gpu);
  const auto kept = static_cast<std::uint32_t>(std::lround(share * whole));
  const std::uint32_t bits = std::clamp(kept, 1U, std::max(1U, whole)) * gpu.xccs;
  CuMask mask{.words = {}, .lease = lease};
  mask.words.resize((bits + kBitsPerWord - 1) / kBitsPerWord);
  for (std::uint32_t bit = 0; bit < bits; ++bit) {
    mask.words[bit / kBitsPerWord] |= 1U << (bit % kBitsPerWord);
  }
  return mask;
}

Result<void> read_options(OptionReader& options, Mechanism& mechanism) {
  switch (mechanism.kind) {
    case MechanismKind::kPriority:
      GPREEMPT_TRY(options.count("level", mechanism.level));
      if (mechanism.level > kMaxPriority) {
        return options.refuse("option level: choose 0 to 15");
      }
      break;
    case MechanismKind::kCuMask:
      GPREEMPT_TRY(options.percent("share", mechanism.share));
      if (mechanism.share <= 0 || mechanism.share >= 1) {
        return options.refuse("option share: choose more than 0% and less than 100%");
      }
      break;
    case MechanismKind::kLaunchThrottle:
      GPREEMPT_TRY(options.count("k", mechanism.in_flight));
      mechanism.batch = std::min(mechanism.batch, mechanism.in_flight);
      GPREEMPT_TRY(options.count("b", mechanism.batch));
      if (mechanism.batch == 0 || mechanism.batch > mechanism.in_flight) {
        return options.refuse("options k, b: choose 1 <= b <= k");
      }
      break;
    case MechanismKind::kSuspendQueues:
    case MechanismKind::kQueuePercent:
    case MechanismKind::kKernelBoundary:
    case MechanismKind::kReset:
    case MechanismKind::kSigstop:
    case MechanismKind::kSelectiveUnmap: break;
  }
  return options.done();
}

}  // namespace

std::span<const MechanismEntry> mechanisms() { return kMechanisms; }

Result<Mechanism> make_mechanism(std::string_view text) {
  Result<NameSpec> spec = parse_name_spec("mechanism", text);
  if (!spec) {
    return tl::unexpected<Error>(std::move(spec).error());
  }
  const auto* const found = std::ranges::find(kMechanisms, spec->name, &MechanismEntry::name);
  if (found == kMechanisms.end()) {
    std::vector<std::string_view> names;
    names.reserve(kMechanisms.size());
    for (const MechanismEntry& entry : kMechanisms) {
      names.push_back(entry.name);
    }
    return fail(Errc::kInvalidArgument,
                fmt::format("reading mechanism '{}': no mechanism of that name{}", text,
                            suggestion(spec->name, names)));
  }
  Mechanism mechanism;
  mechanism.kind = found->kind;
  mechanism.spec = text;
  OptionReader options("mechanism", text, *std::move(spec));
  GPREEMPT_TRY(read_options(options, mechanism));
  return mechanism;
}

Result<void> check_mechanism(const Mechanism& mechanism, const BackendInfo& info) {
  const MechanismEntry& entry = entry_of(mechanism.kind);
  for (const ControlKind kind : {entry.takes_off, entry.gives_back}) {
    if (const std::string& reason = info.missing(kind); !reason.empty()) {
      return fail(Errc::kUnsupported,
                  fmt::format("use mechanism '{}': {}", label_of(mechanism), reason));
    }
  }
  const auto differs = [&](const GpuInfo& gpu) {
    return gpu.xccs != info.gpus.front().xccs || gpu.cus != info.gpus.front().cus;
  };
  if (mechanism.kind == MechanismKind::kCuMask && std::ranges::any_of(info.gpus, differs)) {
    return fail(Errc::kUnsupported,
                fmt::format("use mechanism '{}': the GPUs differ in XCCs or CUs, and one mask must "
                            "fit all; use GPUs of one kind",
                            mechanism.spec));
  }
  return {};
}

std::string label_of(const Mechanism& mechanism) {
  return mechanism.spec + (entry_of(mechanism.kind).hypothetical ? " (hypothetical)" : "");
}

bool needs_arming(const Mechanism& mechanism) {
  return mechanism.kind == MechanismKind::kLaunchThrottle;
}

Control take_off(const Mechanism& mechanism, std::optional<Duration> grace, Duration lease,
                 const BackendInfo& info) {
  switch (mechanism.kind) {
    case MechanismKind::kSuspendQueues: return Suspend{.grace = grace, .lease = lease};
    case MechanismKind::kQueuePercent: return Percentage{.percent = 0, .lease = lease};
    case MechanismKind::kPriority: return Priority{.level = mechanism.level, .lease = lease};
    case MechanismKind::kCuMask: return mask_of(mechanism.share, info.gpus.at(0), lease);
    case MechanismKind::kLaunchThrottle:
      return Throttle{.in_flight = 0, .batch = mechanism.batch, .lease = lease};
    case MechanismKind::kKernelBoundary: return KernelBoundary{.lease = lease};
    case MechanismKind::kReset: return Reset{.lease = lease};
    // NOLINTNEXTLINE(misc-include-cleaner): csignal has it
    case MechanismKind::kSigstop: return Signal{.number = SIGSTOP, .lease = lease};
    case MechanismKind::kSelectiveUnmap: return SelectiveUnmap{.lease = lease};
  }
  GPREEMPT_CHECK(false && "a mechanism that is not listed");
  return Resume{};
}

Control give_back(const Mechanism& mechanism) {
  switch (mechanism.kind) {
    case MechanismKind::kQueuePercent: return Percentage{.percent = 100, .lease = {}};
    case MechanismKind::kPriority: return Priority{.level = std::nullopt, .lease = {}};
    case MechanismKind::kCuMask: return CuMask{};
    case MechanismKind::kLaunchThrottle:
      return Throttle{.in_flight = mechanism.in_flight, .batch = mechanism.batch, .lease = {}};
    // NOLINTNEXTLINE(misc-include-cleaner): csignal has it
    case MechanismKind::kSigstop: return Signal{.number = SIGCONT, .lease = {}};
    case MechanismKind::kSuspendQueues:
    case MechanismKind::kKernelBoundary:
    case MechanismKind::kReset:
    case MechanismKind::kSelectiveUnmap: break;
  }
  return Resume{};
}

}  // namespace gpreempt
