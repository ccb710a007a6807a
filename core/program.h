#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/time.h"

/// What a workload process does on a GPU, with every random choice already made. `workloads`
/// compiles a scenario to programs; a testbed runs them (as simulated processes, or as HIP programs
/// on hardware).
namespace gpreempt {

/// What one workgroup of a kernel needs to be resident on a CU.
struct KernelShape {
  std::uint32_t workgroups = 1;
  std::uint32_t waves = 1;      ///< per workgroup
  std::uint32_t vgprs = 32;     ///< per lane, AccVGPRs included
  std::uint32_t sgprs = 104;    ///< per wave
  std::uint64_t lds_bytes = 0;  ///< per workgroup
};

/// `count` equal kernels in a row, each `duration` long when it has the GPU to itself, launch
/// included.
struct KernelRun {
  std::uint32_t count = 1;
  Duration duration{};
  KernelShape shape;
};

/// Kernels that run one after another on one queue: a request's, or a training step's.
using KernelTrain = std::vector<KernelRun>;

/// A train to start at `at` after the testbed's start.
struct Arrival {
  Duration at{};
  std::uint32_t train = 0;  ///< index into `Program::trains`
};

struct Program {
  std::string name;
  bool offline = false;      ///< labelled Offline: may be controlled
  std::uint32_t gpu = 0;     ///< index into `BackendInfo::gpus`
  std::uint32_t queues = 1;  ///< user compute queues; arrivals go to them in turn, FIFO within each
  std::uint32_t hardware_priority = 7;  ///< KFD's 0..15; HIP reaches 0, 7 and 11
  bool hints = false;  ///< tells the backend of each arrival and completion (after `hint_delay`)
  Duration hint_delay{};
  bool endless = false;  ///< runs `trains` in turn on queue 0 for ever, besides its arrivals
  std::vector<KernelTrain> trains;
  std::vector<Arrival> arrivals;  ///< in order of `at`
};

}  // namespace gpreempt
