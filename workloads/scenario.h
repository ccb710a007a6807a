#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/gang_options.h"
#include "core/program.h"
#include "core/time.h"

/// A scenario as written in its file, every default filled in and nothing drawn yet.
namespace gpreempt {

// ---- when requests arrive ----------------------------------------------------------------------

/// Every 1/rate, the first one at `phase`.
struct PeriodicArrivals {
  double rate = 0;  ///< per second
  Duration phase{};
};
/// Gamma distributed gaps with squared coefficient of variation `cv2`; 1 is a Poisson process.
struct RandomArrivals {
  double rate = 0;  ///< per second
  double cv2 = 1;
};
/// Gaps between `min` and `max`, each length as likely as another. The first request comes after
/// one.
struct UniformArrivals {
  Duration min{};
  Duration max{};
};
enum class TraceErrors { kRefuse, kSkip };
/// Recorded arrivals. The only format is "azure-llm-2023".
struct TraceArrivals {
  std::string format;
  std::filesystem::path file;  ///< resolved; empty: must come with `CompileOptions::traces`
  double rate_scale = 1;       ///< 2: twice the rate, half the gaps
  TraceErrors on_error = TraceErrors::kRefuse;
};
/// At these instants, in rising order.
struct ListedArrivals {
  std::vector<Duration> times;
};
/// So many clients; each issues its next request `think` after its last one is done.
struct ClosedLoopArrivals {
  std::uint32_t clients = 1;
  Duration think{};
};
using ArrivalSpec = std::variant<PeriodicArrivals, RandomArrivals, UniformArrivals, TraceArrivals,
                                 ListedArrivals, ClosedLoopArrivals>;

// ---- what a request or a step runs -------------------------------------------------------------

struct ConstantTokens {
  std::uint32_t tokens = 1;
};
/// Fixed by its mean and 99th percentile; draws are held to 1..max.
struct LognormalTokens {
  double mean = 0;
  double p99 = 0;
  std::uint32_t max = 0;
};
/// Each request's own, from the trace that its arrivals come from.
struct TraceTokens {};
using TokenSpec = std::variant<ConstantTokens, LognormalTokens, TraceTokens>;

/// layers x kernels_per_layer equal kernels; see `transformer_train` in workloads/work.h.
struct TransformerWork {
  double parameters = 0;
  std::uint32_t layers = 0;
  std::uint32_t kernels_per_layer = 0;
  TokenSpec context_tokens;
  KernelShape shape;
};
/// The kernels as listed.
struct KernelsWork {
  KernelTrain train;
};
/// The kernels of a recorded profile: "orion" (workloads/profile.h) or "reef" (workloads/reef.h).
struct ProfileWork {
  std::string format;
  std::string file;       ///< as written, for messages
  std::string text;       ///< content of the file
  double time_scale = 1;  ///< multiplies every duration
  KernelShape shape;      ///< what a profile does not say
  bool normalise = true;  ///< "reef": the kernels take the model's latency together
  std::string schedule_file;
  std::string schedule;  ///< "reef": the model's list of launches; empty without one
};
enum class ServiceDistribution { kConstant, kExponential, kUniform };
/// One kernel that fills the GPU, for comparison with queueing formulas.
struct ServiceWork {
  ServiceDistribution distribution = ServiceDistribution::kExponential;
  Duration mean{};
  std::optional<KernelShape> shape;  ///< nullopt: `HardwareFacts::whole_gpu`
};
/// Requests to an LLM engine with continuous batching.
struct LlmWork {
  Serving engine;
  TokenSpec context_tokens;
  TokenSpec output_tokens;
};
using WorkSpec = std::variant<TransformerWork, KernelsWork, ProfileWork, ServiceWork, LlmWork>;

// ---- tenants -----------------------------------------------------------------------------------

/// How the ranks of a tenant wait for each other.
struct GangCollective {
  Collective collective;
  Duration timeout{};  ///< see `GangPlace`
};
/// A tenant on several GPUs: the same work on each.
struct GangScenario {
  std::vector<std::uint32_t> gpus;        ///< of its ranks, in their order
  bool one_process = false;               ///< otherwise one for each GPU
  std::optional<GangCollective> meeting;  ///< nullopt: its ranks never wait for each other
};

struct TenantScenario {
  std::string name;
  bool offline = false;
  std::uint32_t priority = 0;  ///< logical, 0..15
  std::uint32_t weight = 1;    ///< share beside other tenants, for policies that share
  /// Latency that its requests are promised. Online: the first limit of [slo] online_latency unless
  /// given; nullopt if there is none.
  std::optional<Duration> deadline;
  std::uint32_t hardware_priority = kNormalPriority;
  std::uint32_t queues = 1;
  std::uint32_t gpu = 0;             ///< of a gang: its first rank's
  std::optional<GangScenario> gang;  ///< set by `gpus`
  Runtime runtime = Runtime::kBare;
  std::uint32_t run_ahead = 0;  ///< see `Program`
  bool cooperative = false;
  Duration preparation{};  ///< host work between a request's arrival and its launch
  /// Online: always set. Offline: nullopt runs steps for ever, set runs one step per arrival.
  std::optional<ArrivalSpec> arrivals;
  WorkSpec work;  ///< `request` of an Online tenant, `step` of an Offline one
};

// ---- the rest ----------------------------------------------------------------------------------

struct RunScenario {
  /// nullopt = "trace": until the last arrival. "workload" is resolved by the loader.
  std::optional<Duration> duration;
  Duration drain = std::chrono::seconds(10);
  Duration warmup{};
  std::uint64_t seed = 1;
};
struct HardwareScenario {
  std::string model = "mi308x";
  std::uint32_t gpus = 1;
  std::string personality = "dkms-6.12.12";
  std::uint32_t num_kcq = 8;
};
/// What of a request the limits judge. The last two exist for serving tenants only.
enum class SloMetric {
  kLatency,
  kTtft,  ///< arrival to the first token
  kTpot,  ///< mean time of a token after the first
};
[[nodiscard]] std::string_view to_string(SloMetric metric);
struct SloScenario {
  double quantile = 0.99;
  SloMetric metric = SloMetric::kLatency;
  std::vector<Duration> online_latency;  ///< of the metric: limit, goal; may be empty
  std::vector<double> offline_loss;      ///< fractions: limit, goals; may be empty
};
enum class DetectionKind { kHint, kPoll, kOracle };
/// How the scheduler learns that an Online tenant has work.
struct Detection {
  DetectionKind kind = DetectionKind::kPoll;
  Duration value{};  ///< kHint: delay of the hint; kPoll: period; kOracle: 0
  bool operator==(const Detection&) const = default;
};
[[nodiscard]] std::string to_string(const Detection& detection);
/// What to know of it before its numbers are compared: "ideal: no delay" for a hint that takes no
/// time, otherwise empty.
[[nodiscard]] std::string_view detection_note(const Detection& detection);

using OptionTable = std::map<std::string, std::string>;
struct SchedulerScenario {
  std::string policy = "suspend";            ///< "name" or "name:key=value,..."
  std::string mechanism = "suspend-queues";  ///< the same
  std::optional<Duration> grace;             ///< nullopt = "default"
  Duration lease = std::chrono::seconds(2);
  Detection detection{.kind = DetectionKind::kPoll, .value = std::chrono::milliseconds(1)};
  Duration rescan_period = std::chrono::milliseconds(100);
  GangOptions gang;
  /// Per policy name; used when that policy is chosen without options of its own.
  std::map<std::string, OptionTable> options;
};

struct Scenario {
  std::string name;
  std::string description;
  RunScenario run;
  HardwareScenario hardware;
  SloScenario slo;
  SchedulerScenario scheduler;
  std::vector<TenantScenario> tenants;  ///< Online first, then Offline, each in file order
};

/// `policy` with the scenario's options for it ("slice" -> "slice:gap=5ms,slice=20ms"); unchanged
/// if it has options of its own or the scenario has none.
[[nodiscard]] std::string policy_with_options(const SchedulerScenario& scheduler,
                                              const std::string& policy);

}  // namespace gpreempt
