#include "backends/kfd/launch/process_testbed.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/kfd_backend.h"
#include "backends/kfd/launch/call_recorder.h"
#include "backends/kfd/launch/tenant.h"
#include "backends/kfd/os.h"
#include "backends/kfd/rescue.h"
#include "core/backend.h"
#include "core/checked_backend.h"
#include "core/error.h"
#include "core/event.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/occupancy.h"
#include "core/program.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// From the order to begin until the beginning, so that all processes have been told by then.
constexpr Duration kStartLead = std::chrono::milliseconds(10);

tl::unexpected<Error> only_inside(std::string_view what, Pid pid) {
  return fail(Errc::kUnsupported,
              fmt::format("{} of pid {}: only the process itself can do that, and its program "
                          "takes no such order; use the sim or vkfd world",
                          what, pid));
}

tl::unexpected<Error> only_modelled(std::string_view what) {
  return fail(Errc::kUnsupported,
              fmt::format("{}: this machine's driver does not do that at will; use the sim or "
                          "vkfd world",
                          what));
}

/// The driver's raw calls belong to whoever has the debug session: the backend.
class NoProbe final : public DriverProbe {
 public:
  [[nodiscard]] Result<void> enable(Pid /*target*/) override { return refuse(); }
  [[nodiscard]] Result<std::vector<std::uint32_t>> snapshot(Pid /*target*/,
                                                            bool /*clear_new*/) override {
    return refuse();
  }
  [[nodiscard]] Result<std::vector<Outcome>> suspend(Pid /*target*/,
                                                     std::vector<std::uint32_t> /*ids*/) override {
    return refuse();
  }
  [[nodiscard]] Result<std::vector<Outcome>> resume(Pid /*target*/,
                                                    std::vector<std::uint32_t> /*ids*/) override {
    return refuse();
  }
  [[nodiscard]] Result<void> disable(Pid /*target*/) override { return refuse(); }

 private:
  static tl::unexpected<Error> refuse() {
    return fail(Errc::kUnsupported,
                "probe the driver: raw calls on this machine are made by `gpreempt conformance`");
  }
};

std::vector<GpuId> gpu_ids_of(const BackendInfo& info) {
  std::vector<GpuId> ids;
  std::transform(info.gpus.begin(), info.gpus.end(), std::back_inserter(ids),
                 [](const GpuInfo& gpu) { return gpu.id; });
  return ids;
}

class ProcessTestbed final : public Testbed {
 public:
  ProcessTestbed(Os& os, ProcessTestbedOptions options, OpenedBackend opened)
      : os_(os),
        options_(std::move(options)),
        name_(std::move(opened.name)),
        tenant_options_{.roots = options_.roots,
                        .gpus = gpu_ids_of(opened.backend->info()),
                        .ready_patience = options_.ready_patience,
                        .settle = options_.settle,
                        .hints = opened.hints,
                        .say = options_.say} {
    auto recorder = std::make_unique<CallRecorder>(std::move(opened.backend),
                                                   [this] { return end_processes(); });
    recorder_ = recorder.get();
    backend_ = std::move(recorder);
  }
  ProcessTestbed(const ProcessTestbed&) = delete;
  ProcessTestbed& operator=(const ProcessTestbed&) = delete;
  ~ProcessTestbed() override {
    if (std::uncaught_exceptions() == 0) {
      (void)backend_->close();
    }
  }

  [[nodiscard]] Backend& backend() override { return *backend_; }
  [[nodiscard]] DriverProbe& probe() override { return probe_; }

  [[nodiscard]] Result<Pid> launch(Program program) override {
    for (const auto& tenant : tenants_) {
      if (const auto pid = tenant->name() == program.name ? tenant->hand_out() : std::nullopt) {
        return *pid;
      }
    }
    auto who = options_.command_of(program);
    if (!who) {
      return tl::unexpected<Error>(std::move(who).error());
    }
    Tenant& tenant =
        *tenants_.emplace_back(std::make_unique<Tenant>(os_, program.name, *std::move(who)));
    TenantOptions how = tenant_options_;
    how.hints = program.hints ? how.hints : nullptr;
    GPREEMPT_TRY(
        tenant.bring_up(how, fmt::format("{}-{}.hints", options_.socket_prefix, next_socket_++)));
    if (name_) {
      std::for_each(tenant.pids().begin(), tenant.pids().end(), name_);
    }
    const auto pid = tenant.hand_out();
    GPREEMPT_CHECK(pid.has_value());
    return *pid;
  }

  Instant start() override {
    const Instant start = os_.now() + kStartLead;
    for (const auto& tenant : tenants_) {
      tenant->begin(start);
    }
    return start;
  }

  void exit(Pid pid) override {
    const Tenant* const tenant = tenant_of(pid);
    const auto pidfd = tenant != nullptr && tenant->is_launched() ? os_.open_pidfd(pid)
                                                                  : SysResult<Fd>(sys_fail(ESRCH));
    if (pidfd) {
      (void)os_.signal(*pidfd, SIGTERM);
      os_.close(*pidfd);
    }
  }

  [[nodiscard]] Result<void> create_queue(Pid pid) override {
    return only_inside("create a queue", pid);
  }
  [[nodiscard]] Result<void> create_idle_queue(Pid pid, std::uint32_t /*gpu*/) override {
    return only_inside("create a queue", pid);
  }
  [[nodiscard]] Result<void> destroy_queue(Pid pid) override {
    return only_inside("destroy a queue", pid);
  }
  [[nodiscard]] Result<void> set_runtime(Pid pid, bool /*enabled*/) override {
    return only_inside("start or end the runtime", pid);
  }
  [[nodiscard]] std::uint32_t calls_in_driver(Pid /*pid*/) override { return 0; }
  [[nodiscard]] Result<void> exec(Pid pid) override { return only_inside("exec", pid); }
  [[nodiscard]] Result<void> evict(Pid /*pid*/) override {
    return only_modelled("evict a process");
  }
  [[nodiscard]] Result<void> hang_firmware(GpuId /*gpu*/) override {
    return only_modelled("hang a GPU's firmware");
  }

  [[nodiscard]] Result<void> wait(Duration duration) override {
    if (!os_.wait({}, os_.now() + duration)) {
      return fail(Errc::kInternal, "wait: the world ended");
    }
    return {};
  }
  [[nodiscard]] ProgramProgress progress(Pid pid) override {
    Tenant* const tenant = tenant_of(pid);
    return tenant != nullptr ? tenant->progress(pid) : ProgramProgress{};
  }
  [[nodiscard]] const std::vector<RequestRecord>& requests(Pid pid) override {
    Tenant* const tenant = tenant_of(pid);
    return tenant != nullptr ? tenant->requests(pid) : no_requests_;
  }
  [[nodiscard]] const std::vector<DriverCall>& driver_calls() override {
    return recorder_->calls();
  }
  [[nodiscard]] std::optional<DriverAudit> audit() override { return std::nullopt; }
  [[nodiscard]] Result<void> record_occupancy(std::size_t /*most*/) override {
    return fail(Errc::kUnsupported,
                "record the occupancy of queues: this machine's driver does not tell; what its "
                "calls took is all there is");
  }
  [[nodiscard]] const OccupancyRecord& occupancy() override { return occupancy_; }
  [[nodiscard]] std::uint64_t engine_events() const override { return 0; }

  /// The controller is this process: what can be done without ending the caller is to close it.
  void kill_controller() override { (void)backend_->close(); }
  [[nodiscard]] Result<void> freeze_controller() override {
    return fail(Errc::kUnsupported, "freeze the controller: it is this process");
  }
  [[nodiscard]] Result<void> thaw_controller() override {
    return fail(Errc::kUnsupported, "thaw the controller: it is this process");
  }
  [[nodiscard]] Result<void> rescue(Pid pid) override {
    GPREEMPT_TRY(kfd::rescue(os_, pid, {.device = options_.roots.device}));
    return {};
  }

 private:
  [[nodiscard]] Tenant* tenant_of(Pid pid) {
    const auto found = std::find_if(tenants_.begin(), tenants_.end(), [&](const auto& tenant) {
      const std::vector<Pid>& pids = tenant->pids();
      return std::find(pids.begin(), pids.end(), pid) != pids.end();
    });
    return found == tenants_.end() ? nullptr : found->get();
  }

  /// Once the backend is closed: nothing is traced or suspended any more.
  [[nodiscard]] Result<void> end_processes() {
    Result<void> result;
    for (const auto& tenant : tenants_) {
      Result<void> ended = tenant->end(options_.stop_patience);
      result = result ? std::move(ended) : std::move(result);
    }
    return result;
  }

  Os& os_;
  ProcessTestbedOptions options_;
  std::function<void(Pid)> name_;
  TenantOptions tenant_options_;
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::size_t next_socket_ = 0;
  std::unique_ptr<Backend> backend_;
  CallRecorder* recorder_ = nullptr;
  NoProbe probe_;
  OccupancyRecord occupancy_;
  std::vector<RequestRecord> no_requests_;
};

}  // namespace

Result<OpenedBackend> open_plain(Os& os) {
  auto backend = open_backend(os, {.for_programs = true});
  if (!backend) {
    return tl::unexpected<Error>(std::move(backend).error());
  }
  HintSink* const hints = backend->get();
  return OpenedBackend{
      .backend = make_checked_backend(*std::move(backend)), .hints = hints, .name = {}};
}

Result<std::unique_ptr<Testbed>> open_process_testbed(Os& os, ProcessTestbedOptions options) {
  if (options.socket_prefix.empty()) {
    options.socket_prefix =
        fmt::format("/tmp/gpreempt-{}", os.read_link("/proc/self").value_or("0"));
  }
  auto opened = options.open();
  if (!opened) {
    return tl::unexpected<Error>(std::move(opened).error());
  }
  return std::make_unique<ProcessTestbed>(os, std::move(options), *std::move(opened));
}

}  // namespace gpreempt::kfd
