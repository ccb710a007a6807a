#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

/// What a process says to the controller of its GPU, and is told by it: one JSON object a message
/// on a local socket that keeps messages apart. The form is public: docs/run-anything.md. Instants
/// are CLOCK_MONOTONIC in nanoseconds.
namespace gpreempt::kfd {

/// Version of the protocol.
inline constexpr std::uint64_t kHintProtocol = 1;
/// Of a message; longer ones are cut, and then refused.
inline constexpr std::size_t kLongestHint = 1024;

/// {"hello":1} or {"hello":1,"pid":4711}: for whom the connection speaks from now on.
struct HintHello {
  std::optional<Pid> pid;  ///< nullopt: for the process that connected
};
/// {"ready":true}: it has made its queues, and waits for its start.
struct HintReady {};
/// {"arrived":17} or {"arrived":17,"at_ns":T}: a request is there.
struct HintArrived {
  std::uint64_t request = 0;
  std::optional<Instant> at;
};
/// {"finished":17}, with "at_ns", "first_wave_ns", "first_token_ns" and "tokens" as far as they are
/// known: that request is done.
struct HintFinished {
  std::uint64_t request = 0;
  std::optional<Instant> at;
  std::optional<Instant> first_wave;
  std::optional<Instant> first_token;
  std::uint32_t tokens = 0;
};
/// {"work_ns":W,"kernels":K}: what it has done since it was started, kernel time as on an idle GPU.
struct HintWork {
  Duration work{};
  std::uint64_t kernels = 0;
};
/// {"bystander_ns":B}: how long its queues were off the GPU for others since it was started.
struct HintBystander {
  Duration off{};
};
using HintMessage =
    std::variant<HintHello, HintReady, HintArrived, HintFinished, HintWork, HintBystander>;

/// Errors: kParse (what is wrong with it, and what a message looks like).
[[nodiscard]] Result<HintMessage> read_hint(std::string_view text);

/// The message as a process sends it.
[[nodiscard]] std::string hint_text(const HintMessage& message);

/// {"start_ns":T}: instant zero of its arrivals.
[[nodiscard]] std::string start_text(Instant start);
/// {"error":"..."}: the connection is over.
[[nodiscard]] std::string refusal_text(std::string_view reason);

}  // namespace gpreempt::kfd
