#include "workloads/disb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/nearest.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/json_object.h"
#include "workloads/scenario.h"
#include "workloads/tenant_reader.h"
#include "workloads/work.h"
#include "workloads/work_reader.h"

namespace gpreempt {
namespace {

constexpr double kNsPerMs = 1e6;
constexpr Bounds kPriority{.min = 0, .max = 1e6};

Duration nanoseconds(double value) { return Duration(std::llround(value)); }

/// What of a task is no part of its tenant.
struct Task {
  TenantScenario tenant;
  bool coordinated = false;  ///< periodic with `load.priority` 0
};

struct Settings {
  std::map<std::string, WorkSpec> models;
  std::uint32_t online_priority = 15;
  std::uint32_t offline_priority = 2;
  bool coordinate = true;
};

Result<Settings> read_settings(const TomlTable& table, const ScenarioFolder& folder) {
  constexpr std::uint32_t kMaxPriority = 15;
  Settings settings;
  GPREEMPT_TRY(store(settings.online_priority,
                     table.uint32("online_priority", 0, kMaxPriority, settings.online_priority)));
  GPREEMPT_TRY(store(settings.offline_priority,
                     table.uint32("offline_priority", 0, kMaxPriority, settings.offline_priority)));
  GPREEMPT_TRY(store(settings.coordinate, table.boolean("coordinate", settings.coordinate)));
  TomlTable models = table;
  GPREEMPT_TRY(store(models, table.table("models")));
  for (const std::string& name : models.keys()) {
    GPREEMPT_TRY(
        store(settings.models[name], models.table(name).and_then([&](const TomlTable& model) {
          return read_work(model, folder);
        })));
    if (needs_trace(settings.models[name])) {
      return tl::unexpected<Error>(
          models.error(name, "tokens \"from-trace\" do not exist in a workload of this format"));
    }
  }
  return settings;
}

Result<ArrivalSpec> read_load(const JsonObject& load, Task& task) {
  std::string type;
  double priority = 0;
  GPREEMPT_TRY(store(type, load.string("type")));
  GPREEMPT_TRY(store(priority, load.number("priority", kPriority, 0)));
  if (type == "continuous") {
    return ClosedLoopArrivals{.clients = 1, .think = {}};
  }
  if (type == "trace") {
    std::vector<double> milliseconds;
    GPREEMPT_TRY(store(milliseconds, load.numbers("trace", {.min = 0, .max = 1e12})));
    std::ranges::sort(milliseconds);
    ListedArrivals arrivals;
    for (const double at : milliseconds) {
      arrivals.times.push_back(nanoseconds(at * kNsPerMs));
    }
    return arrivals;
  }
  if (type == "periodic" || type == "poisson") {
    double frequency = 0;
    GPREEMPT_TRY(store(frequency, load.number("frequency", {.min = 1e-6, .max = 1e9})));
    if (type == "poisson") {
      return RandomArrivals{.rate = frequency, .cv2 = 1};
    }
    task.coordinated = priority == 0;
    return PeriodicArrivals{.rate = frequency, .phase = {}};
  }
  if (type == "dependent") {
    return tl::unexpected<Error>(load.error(
        "type", "\"dependent\" loads, which wait for other tasks' results, are not modelled"));
  }
  const std::vector<std::string_view> valid = {"periodic", "poisson", "trace", "continuous"};
  return tl::unexpected<Error>(
      load.error("type", fmt::format("unknown value '{}'{}", type, suggestion(type, valid))));
}

Result<void> read_client(const JsonObject& client, const Settings& settings,
                         TenantScenario& tenant) {
  double priority = 0;
  double preparation = 0;
  std::string model;
  GPREEMPT_TRY(store(priority, client.number("priority", kPriority)));
  GPREEMPT_TRY(store(preparation, client.number("preprocess_time", {.min = 0, .max = 1e9}, 0)));
  GPREEMPT_TRY(store(model, client.string("model_name")));
  GPREEMPT_TRY(client.boolean("use_cuda_graph", false));
  for (const std::string_view ignored :
       {"name", "batch_size", "tfs_grpc_addr", "triton_grpc_addr", "graph_path"}) {
    (void)client.has(ignored);
  }
  GPREEMPT_TRY(client.finish());
  tenant.offline = priority > 0;
  tenant.priority = tenant.offline ? settings.offline_priority : settings.online_priority;
  tenant.preparation = nanoseconds(preparation * kNsPerUs);
  const auto work = settings.models.find(model);
  if (work == settings.models.end()) {
    return tl::unexpected<Error>(client.error(
        "model_name", fmt::format("'{}' is not among the `models` of the scenario's [workload]; "
                                  "say there what it runs",
                                  model)));
  }
  tenant.work = work->second;
  return {};
}

Result<Task> read_task(const JsonObject& json, const Settings& settings) {
  Task task;
  TenantScenario& tenant = task.tenant;
  JsonObject load;
  JsonObject client;
  GPREEMPT_TRY(store(tenant.name, json.string("id")));
  if (!is_tenant_name(tenant.name)) {
    return tl::unexpected<Error>(json.error(
        "id",
        fmt::format("'{}' is no tenant name; use letters, digits, '-' and '_'", tenant.name)));
  }
  GPREEMPT_TRY(store(load, json.object("load")));
  GPREEMPT_TRY(store(client, json.object("client")));
  GPREEMPT_TRY(json.finish());
  GPREEMPT_TRY(store(tenant.arrivals, read_load(load, task)));
  GPREEMPT_TRY(load.finish());
  GPREEMPT_TRY(read_client(client, settings, tenant));
  return task;
}

/// What a request of the task takes alone, preparation included.
Result<Duration> standalone(const TenantScenario& tenant) {
  std::optional<KernelTrain> train;
  GPREEMPT_TRY(store(train, fixed_train(tenant.work)));
  if (!train) {
    return fail(Errc::kParse,
                fmt::format("coordinate task '{}': its requests differ in length; use a model of "
                            "kind \"profile\" or \"kernels\", or write coordinate = false",
                            tenant.name));
  }
  return alone_time(*train) + tenant.preparation;
}

/// Sets the phases of periodic tasks as DISB's coordinator does.
Result<void> coordinate(std::vector<Task>& tasks) {
  std::map<std::string, Task*> by_id;
  for (Task& task : tasks) {
    by_id.emplace(task.tenant.name, &task);
  }
  std::map<int, Duration> delays;  // by whole Hz, as DISB has it
  for (const auto& [id, task] : by_id) {
    if (!task->coordinated) {
      continue;
    }
    GPREEMPT_CHECK(task->tenant.arrivals.has_value());
    auto& periodic = std::get<PeriodicArrivals>(*task->tenant.arrivals);
    Duration& delay = delays[static_cast<int>(periodic.rate)];
    Duration alone{};
    GPREEMPT_TRY(store(alone, standalone(task->tenant)));
    periodic.phase = delay;
    delay += alone;
  }
  return {};
}

}  // namespace

Result<DisbWorkload> read_disb_workload(const TomlTable& table, const ScenarioFolder& folder) {
  std::string format;
  std::string file;
  std::string text;
  Settings settings;
  GPREEMPT_TRY(store(format, table.choice("format", {"disb"})));
  GPREEMPT_TRY(store(file, table.string("file")));
  GPREEMPT_TRY(store(text, find_text(table, "file", file, folder)));
  GPREEMPT_TRY(store(settings, read_settings(table, folder)));
  JsonObject root;
  double seconds = 0;
  std::vector<JsonObject> objects;
  GPREEMPT_TRY(store(root, JsonObject::parse(text, file)));
  GPREEMPT_TRY(store(seconds, root.number("time", {.min = 1e-3, .max = 1e6})));
  GPREEMPT_TRY(store(objects, root.objects("tasks")));
  GPREEMPT_TRY(root.finish());
  std::vector<Task> tasks;
  for (const JsonObject& object : objects) {
    Result<Task> task = read_task(object, settings);
    if (!task) {
      return tl::unexpected<Error>(std::move(task).error());
    }
    tasks.push_back(*std::move(task));
  }
  if (settings.coordinate) {
    GPREEMPT_TRY(coordinate(tasks));
  }
  DisbWorkload workload{.tenants = {}, .duration = nanoseconds(seconds * kNsPerSecond)};
  for (Task& task : tasks) {
    workload.tenants.push_back(std::move(task.tenant));
  }
  return workload;
}

}  // namespace gpreempt
