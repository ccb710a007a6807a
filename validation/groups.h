#pragma once

#include <filesystem>
#include <vector>

#include "validation/target.h"

/// The groups of targets, each in a file of its own.
namespace gpreempt::validation {

/// Little's law, class by class.
[[nodiscard]] std::vector<Target> little_targets();
/// V1: the CWSR area against a register dump.
[[nodiscard]] std::vector<Target> save_area_targets();
/// V5: launch costs, which are the model's inputs.
[[nodiscard]] std::vector<Target> launch_cost_targets();
/// Queueing theory, on hardware where nothing but kernels costs time.
[[nodiscard]] std::vector<Target> closed_form_targets();
/// Two classes: preemptive resume, non-preemptive priority, Kleinrock's law.
[[nodiscard]] std::vector<Target> priority_queueing_targets();
/// Online over a job that never ends: switching, and waiting for a kernel.
[[nodiscard]] std::vector<Target> switch_cost_targets();
/// Processor sharing and turns of a chained runlist.
[[nodiscard]] std::vector<Target> sharing_targets();
/// Where saving waves pays, and conservation in a run.
[[nodiscard]] std::vector<Target> limit_targets();
/// V2: XSched's three levels on GV100.
[[nodiscard]] std::vector<Target> xsched_targets();
/// V3, V11: GPreempt on MI100.
[[nodiscard]] std::vector<Target> gpreempt_targets(const std::filesystem::path& data);
/// V4: added latency against preparation.
[[nodiscard]] std::vector<Target> preparation_targets();
/// V6: threads of one process on MI308X.
[[nodiscard]] std::vector<Target> matmul_targets();
/// V7, V9, V10, V12, V14: predictions of experiments whose results were not looked at.
[[nodiscard]] std::vector<Target> prediction_targets();
/// V13, V15, V16: Llama2-70B on eight MI300X.
[[nodiscard]] std::vector<Target> mlperf_targets();
/// V17: REEF's reset on MI50.
[[nodiscard]] std::vector<Target> reef_targets(const std::filesystem::path& data);

}  // namespace gpreempt::validation
