#pragma once

#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/time.h"
#include "workloads/scenario.h"
#include "workloads/tenant_reader.h"

/// Private to workloads: workloads in the format of the DISB benchmark, as GPreempt uses it.
namespace gpreempt {

struct DisbWorkload {
  std::vector<TenantScenario> tenants;  ///< in the order of the file
  Duration duration{};                  ///< the file's `time`
};

/// Reads a [workload] table:
///
///     format = "disb", file = "A.json"
///     online_priority = 15, offline_priority = 2           # logical; the defaults
///     coordinate = true                                    # see below
///     models = { vgg = { kind = "profile", ... }, ... }    # what a task's model_name runs
///
/// and the file it names: `{"time": s, "tasks": [{"id", "load": {...}, "client": {...}}]}`. A task
/// is a tenant of that name. `client.priority` 0 makes it Online, any other Offline.
/// `client.preprocess_time` (us) is its preparation: GPreempt announces a request, prepares it for
/// so long while it preempts, and only then launches; latencies here count from the announcement.
/// `load.type`: "periodic" and "poisson" with `frequency` in Hz (0: no request, which is refused),
/// "trace" with instants in ms, "continuous" = a closed loop of one client without think time;
/// "dependent" is refused. `use_cuda_graph`, `batch_size`, `graph_path` and the addresses are
/// accepted and change nothing: a launch is a whole train either way.
///
/// `coordinate` staggers periodic tasks of the same frequency and `load.priority` 0 as DISB does:
/// in the order of their ids, each begins when those before it would be done on an idle GPU. It
/// needs models with a fixed train.
///
/// Unlike DISB, a request whose predecessor is late waits; DISB drops all but the newest.
/// Errors: kParse, kIo.
/// Source: thustorage/GPreempt, third_party/disb/src/load.cpp, src/hip-clients/gpreemptclient.cpp.
[[nodiscard]] Result<DisbWorkload> read_disb_workload(const TomlTable& table,
                                                      const ScenarioFolder& folder);

}  // namespace gpreempt
