#include "backends/kfd/safety/ras_counts.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/topology.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/mutant.h"

namespace gpreempt::kfd {
namespace {

constexpr std::string_view kCountSuffix = "_err_count";
/// What such a file says while its GPU is being reset.
constexpr std::string_view kNotNow = "Query currently inaccessible";

/// What is missing before was zero.
std::uint64_t rise(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
}

std::string describe_rise(std::uint64_t by, std::string_view kind) {
  return fmt::format("{} more {} error{}", by, kind, by == 1 ? "" : "s");
}

}  // namespace

Result<std::vector<GpuDevice>> find_gpu_devices(Os& os, const std::string& sysfs_root) {
  const auto topology = read_topology(os, sysfs_root);
  GPREEMPT_TRY(topology);
  std::vector<GpuDevice> devices;
  for (const GpuNode& gpu : *topology) {
    devices.push_back(
        {.gpu = gpu.info.id, .folder = sysfs_root + "/bus/pci/devices/" + gpu.pci_address});
  }
  return devices;
}

Result<RasCount> parse_ras_count(const std::string& path, std::string_view text) {
  RasCount count;
  bool has_uncorrectable = false;
  std::size_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t colon = line.find(": ");
    const std::string_view key = line.substr(0, colon);
    const auto value = colon == std::string_view::npos
                           ? std::nullopt
                           : whole_number<std::uint64_t>(line.substr(colon + 2));
    if (!value) {
      return fail(Errc::kParse,
                  fmt::format("{}:{}: reading an error count: \"{}\" is not KIND: NUMBER", path,
                              line_number, line));
    }
    if (key == "ue") {
      count.uncorrectable = *value;
      has_uncorrectable = true;
    } else if (key == "de") {
      count.deferred = *value;
    } else if (key == "ce") {
      count.correctable = *value;
    }
  }
  if (!has_uncorrectable) {
    return fail(Errc::kParse,
                fmt::format("{}:{}: reading an error count: there is no \"ue\" in it; this "
                            "version does not know that driver's format",
                            path, line_number));
  }
  return count;
}

Result<RasCounts> read_ras_counts(Os& os, const std::vector<GpuDevice>& devices) {
  RasCounts counts;
  for (const GpuDevice& device : devices) {
    const std::string folder = device.folder + "/ras";
    const auto names = os.list_dir(folder).value_or(std::vector<std::string>());
    for (const std::string& name : names) {
      if (!name.ends_with(kCountSuffix)) {
        continue;
      }
      const std::string path = folder + "/" + name;
      const auto text = os.read_file(path);
      if (!text || text->starts_with(kNotNow)) {
        continue;
      }
      const auto count = parse_ras_count(path, *text);
      GPREEMPT_TRY(count);
      counts[device.gpu][name.substr(0, name.size() - kCountSuffix.size())] = *count;
    }
  }
  return counts;
}

std::string what_rose(const RasCounts& before, const RasCounts& after) {
  std::vector<std::string> sentences;
  for (const auto& [gpu, blocks] : after) {
    for (const auto& [block, count] : blocks) {
      RasCount old;
      if (const auto known = before.find(gpu); known != before.end()) {
        if (const auto same = known->second.find(block); same != known->second.end()) {
          old = same->second;
        }
      }
      const auto uncorrectable = rise(old.uncorrectable, count.uncorrectable);
      const auto deferred = rise(old.deferred, count.deferred);
      const std::string place = fmt::format("GPU {:x}, {}: ", gpu.value(), block);
      if (uncorrectable > 0 && !GPREEMPT_MUTANT("ras-rise-overlooked")) {
        sentences.push_back(place + describe_rise(uncorrectable, "uncorrectable"));
      }
      if (deferred > 0) {
        sentences.push_back(place + describe_rise(deferred, "deferred"));
      }
    }
  }
  return fmt::format("{}", fmt::join(sentences, "; "));
}

}  // namespace gpreempt::kfd
