#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/debugfs/mqds.h"
#include "core/error.h"
#include "core/ids.h"
#include "experiments/hardware_view.h"

/// Dumps of mqds and hqds that were saved while models ran, a folder for each run:
///   model_NAME_run_N/   mqd_before_*, mqd_during_*, mqd_after_*, and hqd_... beside each
///   concurrent_run_N/   mqd_model_a_only_*, mqd_both_*
/// Only the words in a file's name count ("mqd" or "hqd", and the stage), and the order of the
/// names. Numbers that no dump has stand in files of their own: model_NAME_pid.txt and
/// model_NAME_priority.txt.
namespace gpreempt::experiments {

/// One start of a model by itself.
struct SavedRun {
  std::filesystem::path folder;
  std::string model;
};

/// Where one look is kept: "queue-ids/model_a_run_1/", then "mqd_during_02_T+5s.txt".
[[nodiscard]] std::string run_folder_name(std::string_view model, std::size_t number);
[[nodiscard]] std::string concurrent_folder_name(std::size_t number);
[[nodiscard]] std::string number_file_name(std::string_view model, std::string_view what);

/// The runs in a folder, by name; there may be none of a kind. Errors: kInvalidArgument (no such
/// folder).
[[nodiscard]] Result<std::vector<SavedRun>> runs_alone(const std::filesystem::path& folder);
[[nodiscard]] Result<std::vector<std::filesystem::path>> concurrent_runs(
    const std::filesystem::path& folder);

/// A run's files of a kind ("mqd", "hqd") and stage, by name. Errors: kInvalidArgument.
[[nodiscard]] Result<std::vector<std::filesystem::path>> dumps_of(const std::filesystem::path& run,
                                                                  std::string_view kind,
                                                                  std::string_view stage);
/// That a run has none of mqds: kInvalidArgument.
[[nodiscard]] Error no_mqds(const std::filesystem::path& run, std::string_view stage);
/// The last dump of mqds of that stage. Errors: kInvalidArgument (there is none), kParse
/// (FILE:LINE:COLUMN), kIo.
[[nodiscard]] Result<kfd::debugfs::MqdsDump> last_mqds(const std::filesystem::path& run,
                                                       std::string_view stage);

/// What two dumps of one look show; empty `hqds`: there is none. Ids are inferred. Errors: kParse,
/// kIo.
[[nodiscard]] Result<HardwareView> read_view(const std::filesystem::path& mqds,
                                             const std::filesystem::path& hqds);

/// What model_NAME_WHAT.txt says; nullopt: there is none. Errors: kParse, kIo.
[[nodiscard]] Result<std::optional<std::int32_t>> number_beside(const std::filesystem::path& run,
                                                                std::string_view model,
                                                                std::string_view what);

/// Processes with queues. Whoever opened the driver is listed, tools too; a model has queues.
[[nodiscard]] std::set<Pid> processes_of(const kfd::debugfs::MqdsDump& dump);
/// Those in the dump "before", who are not the model; there may be no such dump.
[[nodiscard]] std::set<Pid> processes_before(const std::filesystem::path& run);
/// The process of `run.model` among those `there`: the named one, or the only one that is not in
/// `others`.
/// Errors: kInvalidArgument (it is not there; more than one could be it), kParse, kIo.
[[nodiscard]] Result<Pid> process_of(const SavedRun& run, const std::set<Pid>& there,
                                     const std::set<Pid>& others);

}  // namespace gpreempt::experiments
