#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "calibration/sample.h"
#include "core/error.h"
#include "core/testbed.h"
#include "experiments/verdict.h"

/// Questions to a driver and a GPU, each answered through a testbed: the same code on a model and
/// on hardware.
namespace gpreempt::experiments {

/// What an experiment asks of a world.
struct WorldRequest {
  std::uint32_t gpus = 1;  ///< at least so many
  /// Firmware whose ring read index passes a packet when its kernel begins (true) or ends; nullopt:
  /// as it is.
  std::optional<bool> read_index_early{};
  /// A build of the driver whose ids begin at (pid % 256) * 4 in each process; false: as it is.
  bool ids_from_pid = false;
  std::uint64_t seed = 1;
};

/// Opens a fresh testbed, one at a time: the one before must be closed and gone. Errors:
/// kUnsupported (hardware is as it is, too), kNoSuchDevice, kNotPermitted (this world cannot be had
/// so, and why), and others, which end the experiment.
using OpenWorld = std::function<Result<std::unique_ptr<Testbed>>(const WorldRequest&)>;

/// A file of the driver as an experiment saw it.
struct SavedFile {
  std::string name;  ///< with its folders, laid out as saved_folder.h reads them
  std::string text;
};

/// Where and how an experiment takes place.
struct Setting {
  OpenWorld open;
  bool quick = false;      ///< fewer repetitions and combinations, the same questions
  std::uint64_t seed = 1;  ///< of every random choice of the experiment, and of the world
  std::string backend;     ///< "sim", "vkfd", "kfd"
  Basis basis = Basis::kSimulated;
  std::function<void(double)> progress{};  ///< told the share that is done; may be empty
  /// Told of each suspend that `suspend-costs` makes, in their order; may be empty.
  std::function<void(const calibration::CallSample&)> record{};
  /// Told of the dumps that can be judged again by `Experiment::judge_saved`; may be empty.
  std::function<void(SavedFile)> keep{};
};

struct Experiment {
  std::string_view name;      ///< on the command line
  std::string_view question;  ///< one sentence
  std::string_view needs;     ///< of a backend, besides control of one process
  /// The answers. Errors: what keeps a world from being had or used.
  Result<std::vector<Verdict>> (*run)(const Setting& setting);
  /// It takes all that a GPU can do: on hardware only where nobody else uses its hive.
  bool needs_hive = false;
  /// The answers of dumps that were saved in a folder laid out as saved_folder.h says; null: they
  /// cannot tell. Errors: kInvalidArgument, kParse, kIo.
  Result<std::vector<Verdict>> (*judge_saved)(const std::filesystem::path& folder) = nullptr;
};

/// All of them, in the order of the help and of docs/experiments.md.
[[nodiscard]] std::span<const Experiment> experiments();

/// Errors: kInvalidArgument (none of that name; names the nearest).
[[nodiscard]] Result<const Experiment*> find_experiment(std::string_view name);

/// What an error amounts to as a result of that name. A world that cannot be had (kUnsupported,
/// kNoSuchDevice, kNotPermitted): `unavailable` with the reason. What went wrong on the way
/// (kNoSuchQueue, kBusy, kTimedOut, kHardwareFailure, kProcessExited, kIo): `missed`, "broken off".
/// Anything else is no finding: nullopt.
[[nodiscard]] std::optional<Verdict> finding_of(std::string name, const Error& error);
/// Whether one of them was broken off because the GPU or its firmware failed: nothing more should
/// be asked of it then.
[[nodiscard]] bool failed_in_hardware(const std::vector<Verdict>& verdicts);
/// In place of what is left out after such a failure.
[[nodiscard]] Verdict not_run(std::string name);

/// Runs one. Each verdict is given the setting's backend and, unless it rests on an assumption, its
/// basis. Errors are verdicts where they are findings (`finding_of`). Errors: all others.
[[nodiscard]] Result<std::vector<Verdict>> run_experiment(const Experiment& experiment,
                                                          const Setting& setting);

/// Judges saved dumps instead. The verdicts have the backend "files" and are assumed: a dump does
/// not say where it is from, and ids are inferred. Errors: kInvalidArgument (an experiment that
/// dumps do not answer, too), kParse, kIo.
[[nodiscard]] Result<std::vector<Verdict>> judge_saved(const Experiment& experiment,
                                                       const std::filesystem::path& folder);

/// Runs them one after another, each `announce`d; after a failure of the hardware the rest is left
/// out. Errors: those of `run_experiment`.
[[nodiscard]] Result<std::vector<Verdict>> run_experiments(
    std::span<const Experiment* const> chosen, const Setting& setting,
    const std::function<void(std::string_view)>& announce);

}  // namespace gpreempt::experiments
