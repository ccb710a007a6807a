#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "workloads/hip/runner.h"
#include "workloads/hip/witness_math.h"

/// The command lines of gpreempt-hip-online and gpreempt-hip-offline.
namespace gpreempt::hip {

enum class Role { kOnline, kOffline };

struct Options {
  Role role = Role::kOnline;
  std::string scenario;           ///< a file, or the name of an embedded one
  std::string tenant;             ///< empty: the only one of this role
  std::filesystem::path program;  ///< instead of a scenario: one program (workloads/program_file.h)
  std::filesystem::path records;  ///< empty: none are written
  std::filesystem::path report;   ///< JSON; empty: none is written
  std::optional<std::uint32_t> gpu;  ///< the tenant's own unless given
  std::optional<std::uint64_t> seed;
  std::optional<Duration> duration;
  std::string hints;           ///< socket of a scheduler; empty: starts by itself
  std::string label = "none";  ///< the column `policy` of the records
  Duration heartbeat{};        ///< see `RunnerOptions`
  Duration heartbeat_threshold = std::chrono::microseconds(20);
  std::uint64_t traffic = 0;  ///< bytes a kernel
  Endlessly endlessly = Endlessly::kTrains;
  std::uint32_t gemm = 0;  ///< rows; 0: the scenario's kernels
  std::uint32_t audit_every = 16;
  std::optional<WitnessFault> fault;
  /// Peak rate of the GPU, from which a transformer's durations follow. The default is that of
  /// models/mi308x.toml, so that a scenario means the same kernels here and in the simulator.
  double flops = 270e12;
};

/// What was asked for, or a text to print and nothing else.
struct CommandLine {
  Options options;
  std::string printout;  ///< not empty: help
};

/// Reads a command line without the program's name.
/// Errors: kInvalidArgument (names the option, and what is valid).
[[nodiscard]] Result<CommandLine> read_command_line(Role role,
                                                    const std::vector<std::string>& arguments);

/// "vgpr:kernel=3,block=1,thread=70,index=2,flip=128". Errors: kInvalidArgument.
[[nodiscard]] Result<WitnessFault> parse_fault(const std::string& text);

}  // namespace gpreempt::hip
