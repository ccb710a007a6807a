#include "backends/kfd/doctor/box.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "backends/kfd/driver.h"
#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/topology.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd::doctor {
namespace {

constexpr std::string_view kNodes = "/sys/class/kfd/kfd/topology/nodes";

/// nullopt: a processor, or a GPU that this process's device cgroup denies.
Result<std::optional<Box::Gpu>> read_gpu(Box& box, const std::string& folder) {
  const auto denied = [](SysError error) {
    return error.number == EPERM || error.number == EACCES;
  };
  const auto id_text = box.text(folder + "/gpu_id");
  if (!id_text && denied(id_text.error())) {
    return std::nullopt;
  }
  const auto id = id_text ? whole_number<std::int64_t>(*id_text) : std::nullopt;
  if (!id) {
    return fail(Errc::kParse, fmt::format("{}/gpu_id has no number", folder));
  }
  if (*id == 0) {
    return std::nullopt;
  }
  const std::string path = folder + "/properties";
  const auto text = box.os().read_file(path);
  if (!text) {
    if (denied(text.error())) {
      return std::nullopt;
    }
    return fail(Errc::kIo, fmt::format("{}: {}", path, sentence_of(text.error())));
  }
  auto properties = parse_properties(path, *text);
  GPREEMPT_TRY(properties);
  return Box::Gpu{.id = GpuId(static_cast<std::uint32_t>(*id)),
                  .subject = fmt::format("GPU {:x}", *id),
                  .folder = folder,
                  .properties = *properties,
                  .device = "/sys/bus/pci/devices/" + pci_address_of(*properties)};
}

Result<std::vector<Box::Gpu>> read_gpus(Box& box) {
  const auto names = box.os().list_dir(std::string(kNodes));
  if (!names) {
    return fail(Errc::kNoSuchDevice, fmt::format("{}: {}", kNodes, sentence_of(names.error())),
                names.error().number);
  }
  std::vector<std::int64_t> numbers;
  for (const std::string& name : *names) {
    numbers.push_back(whole_number<std::int64_t>(name).value_or(-1));
  }
  std::sort(numbers.begin(), numbers.end());
  std::vector<Box::Gpu> gpus;
  for (const std::int64_t number : numbers) {
    auto gpu = read_gpu(box, fmt::format("{}/{}", kNodes, number));
    GPREEMPT_TRY(gpu);
    if (std::optional<Box::Gpu>& found = *gpu; found.has_value()) {
      gpus.push_back(*std::move(found));
    }
  }
  if (gpus.empty()) {
    return fail(Errc::kNoSuchDevice, fmt::format("{} lists {} nodes, and none is a GPU that this "
                                                 "process may use",
                                                 kNodes, numbers.size()));
  }
  return gpus;
}

/// The first three numbers of "6.12.95-1-amd64".
void split_version(Box::Driver& driver) {
  const std::string& text = driver.version;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (int* const part : {&driver.major, &driver.minor, &driver.patch}) {
    const auto [stop, error] = std::from_chars(at, end, *part);
    // The last number may end the text, or have a '-' behind it.
    if (error != std::errc() || stop == end || *stop != '.') {
      return;
    }
    at = stop + 1;
  }
}

}  // namespace

std::string sentence_of(SysError error) {
  return error.number == ENOENT ? std::string("there is no such file")
                                : std::string(std::strerror(error.number));
}

SysResult<std::string> Box::text(const std::string& path) {
  auto text = os_.read_file(path);
  while (text && text->ends_with('\n')) {
    text->pop_back();
  }
  return text;
}

Box::Reading Box::number(const std::string& path) {
  Reading reading{.path = path, .value = std::nullopt, .problem = {}};
  const auto read = text(path);
  if (!read) {
    reading.problem = fmt::format("{}: {}", path, sentence_of(read.error()));
    return reading;
  }
  reading.value = whole_number<std::int64_t>(*read);
  if (!reading.value) {
    reading.problem = fmt::format("{} has \"{}\", which is no number", path, *read);
  }
  return reading;
}

Box::Reading Box::parameter(std::string_view name) {
  const std::string path = fmt::format("/sys/module/amdgpu/parameters/{}", name);
  const auto read = text(path);
  if (read && (*read == "Y" || *read == "N")) {
    return {.path = path, .value = *read == "Y" ? 1 : 0, .problem = {}};
  }
  return number(path);
}

const Box::Device& Box::device() {
  if (!device_) {
    const auto opened = open_driver(os_, options_.device);
    if (!opened) {
      device_ = Device{.opened = tl::unexpected<Error>(opened.error()),
                       .version = tl::unexpected<Error>(opened.error())};
    } else {
      device_ = Device{.opened = {}, .version = check_version(os_, *opened, options_.device)};
      os_.close(*opened);
    }
  }
  return *device_;
}

std::optional<std::uint64_t> Box::Gpu::property(std::string_view key) const {
  const auto found = properties.find(key);
  return found == properties.end() ? std::nullopt : std::optional(found->second);
}

const Result<std::vector<Box::Gpu>>& Box::gpus() {
  if (!gpus_) {
    gpus_ = read_gpus(*this);
  }
  return *gpus_;
}

std::optional<Box::Driver> Box::driver() {
  const std::string package = "/sys/module/amdgpu/version";
  const std::string release = "/proc/sys/kernel/osrelease";
  Driver driver;
  if (const auto version = text(package)) {
    driver = {.is_package = true, .version = *version, .path = package};
  } else if (const auto running = text(release)) {
    driver = {.version = *running, .path = release};
  } else if (const auto banner = text("/proc/version")) {
    // "Linux version 6.12.95 (...) ..."
    constexpr std::string_view kBefore = "Linux version ";
    if (!banner->starts_with(kBefore)) {
      return std::nullopt;
    }
    const std::size_t end = std::min(banner->find(' ', kBefore.size()), banner->size());
    driver = {.version = banner->substr(kBefore.size(), end - kBefore.size()),
              .path = "/proc/version"};
  } else {
    return std::nullopt;
  }
  split_version(driver);
  return driver;
}

std::optional<bool> Box::may_trace_all() {
  constexpr unsigned kSysPtrace = 19;  // CAP_SYS_PTRACE
  return has_capability(kSysPtrace);
}

std::optional<bool> Box::may_read_kernel_log() {
  constexpr unsigned kSyslog = 34;  // CAP_SYSLOG
  return has_capability(kSyslog);
}

std::optional<bool> Box::has_capability(unsigned number) {
  constexpr int kHex = 16;
  const auto own = status("self");
  const auto found = own ? own->find("CapEff") : ProcessStatus::const_iterator{};
  if (!own || found == own->end()) {
    return std::nullopt;
  }
  const auto set = whole_number<std::int64_t>(found->second, kHex);
  if (!set) {
    return std::nullopt;
  }
  return ((static_cast<std::uint64_t>(*set) >> number) & 1U) != 0;
}

std::optional<bool> Box::in_first_pid_namespace() {
  // PROC_PID_INIT_INO of include/linux/proc_ns.h, the same on every machine.
  const auto link = os_.read_link("/proc/self/ns/pid");
  return link ? std::optional(*link == "pid:[4026531836]") : std::nullopt;
}

}  // namespace gpreempt::kfd::doctor
