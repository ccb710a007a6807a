#include "backends/kfd/safety/ras_counts.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/topology.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
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

namespace {

using Blocks = std::map<std::string, RasCount>;

Result<Blocks> read_blocks(Os& os, const std::string& folder) {
  Blocks blocks;
  for (const std::string& name : os.list_dir(folder).value_or(std::vector<std::string>())) {
    const std::string path = fmt::format("{}/{}", folder, name);
    const auto text = name.ends_with(kCountSuffix) ? os.read_file(path) : sys_fail(ENOENT);
    if (!text || text->starts_with(kNotNow)) {
      continue;
    }
    const auto count = parse_ras_count(path, *text);
    GPREEMPT_TRY(count);
    blocks[name.substr(0, name.size() - kCountSuffix.size())] = *count;
  }
  return blocks;
}

void add_rise(const std::string& place, const RasCount& before, const RasCount& after,
              std::vector<std::string>& sentences) {
  const auto uncorrectable = rise(before.uncorrectable, after.uncorrectable);
  const auto deferred = rise(before.deferred, after.deferred);
  if (uncorrectable > 0 && !GPREEMPT_MUTANT("ras-rise-overlooked")) {
    sentences.push_back(place + describe_rise(uncorrectable, "uncorrectable"));
  }
  if (deferred > 0) {
    sentences.push_back(place + describe_rise(deferred, "deferred"));
  }
}

}  // namespace

Result<RasCounts> read_ras_counts(Os& os, const std::vector<GpuDevice>& devices) {
  RasCounts counts;
  for (const GpuDevice& device : devices) {
    auto blocks = read_blocks(os, device.folder + "/ras");
    GPREEMPT_TRY(blocks);
    if (!blocks->empty()) {
      counts[device.gpu] = *std::move(blocks);
    }
  }
  return counts;
}

std::string what_rose(const RasCounts& before, const RasCounts& after) {
  std::vector<std::string> sentences;
  for (const auto& [gpu, blocks] : after) {
    const auto known = before.find(gpu);
    const Blocks old = known == before.end() ? Blocks() : known->second;
    for (const auto& [block, count] : blocks) {
      const auto same = old.find(block);
      add_rise(fmt::format("GPU {:x}, {}: ", gpu.value(), block),
               same == old.end() ? RasCount() : same->second, count, sentences);
    }
  }
  return fmt::format("{}", fmt::join(sentences, "; "));
}

}  // namespace gpreempt::kfd
