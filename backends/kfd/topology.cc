#include "backends/kfd/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::kfd {
namespace {

/// Reads one key; the first error is kept and later keys are skipped.
class PropertyReader {
 public:
  PropertyReader(const std::string& path, const NodeProperties& properties)
      : path_(path), properties_(properties) {}

  /// `fallback`: value on drivers that do not print the key yet.
  std::uint32_t read(std::string_view key, std::optional<std::uint32_t> fallback = std::nullopt) {
    const auto found = properties_.find(key);
    if (found == properties_.end()) {
      if (!fallback) {
        refuse(fmt::format("{}:1:1: there is no \"{}\"", path_, key));
      }
      return fallback.value_or(1);
    }
    if (found->second == 0 || found->second > std::numeric_limits<std::uint32_t>::max()) {
      refuse(fmt::format("{}:1:1: \"{}\" cannot be {}", path_, key, found->second));
      return 1;
    }
    return static_cast<std::uint32_t>(found->second);
  }

  [[nodiscard]] const std::optional<std::string>& error() const { return error_; }

 private:
  void refuse(std::string what) {
    if (!error_) {
      error_ = std::move(what);
    }
  }

  const std::string& path_;
  const NodeProperties& properties_;
  std::optional<std::string> error_;
};

bool is_denied(SysError error) { return error.number == EPERM || error.number == EACCES; }

tl::unexpected<Error> cannot_read(const std::string& path, SysError error) {
  return fail(Errc::kIo, fmt::format("read {}: {}", path, std::strerror(error.number)),
              error.number);
}

/// 0 where the driver does not print it.
std::uint64_t optional_of(const NodeProperties& properties, std::string_view key) {
  const auto found = properties.find(key);
  return found == properties.end() ? 0 : found->second;
}

/// nullopt: not a GPU, or not ours.
Result<std::optional<GpuNode>> read_node(Os& os, const std::string& folder) {
  const std::string id_path = folder + "/gpu_id";
  const auto id_text = os.read_file(id_path);
  if (!id_text) {
    if (is_denied(id_text.error())) {
      return std::nullopt;
    }
    return cannot_read(id_path, id_text.error());
  }
  const auto end = std::min(id_text->find('\n'), id_text->size());
  const auto id = whole_number<std::uint64_t>(std::string_view(*id_text).substr(0, end));
  if (!id || *id > std::numeric_limits<std::uint32_t>::max()) {
    return fail(Errc::kParse, fmt::format("{}:1:1: expected a decimal GPU id, found \"{}\"",
                                          id_path, id_text->substr(0, end)));
  }
  if (*id == 0) {
    return std::nullopt;
  }
  const std::string path = folder + "/properties";
  const auto text = os.read_file(path);
  if (!text) {
    if (is_denied(text.error())) {
      return std::nullopt;
    }
    return cannot_read(path, text.error());
  }
  const auto properties = parse_properties(path, *text);
  if (!properties) {
    return tl::unexpected<Error>(properties.error());
  }
  PropertyReader reader(path, *properties);
  const std::uint32_t simds = reader.read("simd_count");
  const std::uint32_t simds_per_cu = reader.read("simd_per_cu");
  GpuNode node{.info = {.id = GpuId(static_cast<std::uint32_t>(*id)),
                        .xccs = reader.read("num_xcc", 1),
                        .cus = simds / simds_per_cu,
                        .hqd_slots = reader.read("num_cp_queues")},
               .max_clock_mhz = reader.read("max_engine_clk_fcompute"),
               .hive = optional_of(*properties, "hive_id"),
               .unique_id = optional_of(*properties, "unique_id"),
               .pci_address = pci_address_of(*properties)};
  if (const std::optional<std::string>& error = reader.error(); error.has_value()) {
    return fail(Errc::kParse, *error);
  }
  return node;
}

}  // namespace

std::string pci_address_of(const NodeProperties& properties) {
  const auto value = [&](std::string_view key) {
    const auto found = properties.find(key);
    return found == properties.end() ? 0 : found->second;
  };
  const std::uint64_t location = value("location_id");
  return fmt::format("{:04x}:{:02x}:{:02x}.{}", value("domain"), (location >> 8U) & 0xffU,
                     (location >> 3U) & 0x1fU, location & 0x7U);
}

Result<NodeProperties> parse_properties(const std::string& path, std::string_view text) {
  NodeProperties properties;
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto space = line.find(' ');
    if (space == 0 || space == std::string_view::npos) {
      return fail(Errc::kParse, fmt::format("{}:{}:1: expected \"key value\", found \"{}\"", path,
                                            line_number, line));
    }
    const auto value = whole_number<std::uint64_t>(line.substr(space + 1));
    if (!value) {
      return fail(Errc::kParse, fmt::format("{}:{}:{}: expected a decimal number, found \"{}\"",
                                            path, line_number, space + 2, line.substr(space + 1)));
    }
    const std::string key(line.substr(0, space));
    if (!properties.emplace(key, *value).second) {
      return fail(Errc::kParse,
                  fmt::format("{}:{}:1: \"{}\" is there twice", path, line_number, key));
    }
  }
  return properties;
}

Result<std::vector<GpuNode>> read_topology(Os& os, const std::string& sysfs_root) {
  const std::string nodes = sysfs_root + "/class/kfd/kfd/topology/nodes";
  const auto names = os.list_dir(nodes);
  if (!names) {
    if (names.error().number == ENOENT) {
      return fail(Errc::kNoSuchDevice,
                  fmt::format("list {}: there is no KFD topology; load amdgpu", nodes), ENOENT);
    }
    return cannot_read(nodes, names.error());
  }
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *names) {
    const auto number = whole_number<std::uint64_t>(name);
    if (!number) {
      return fail(Errc::kParse, fmt::format("{}/{}:1:1: expected a node number", nodes, name));
    }
    numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  std::vector<GpuNode> gpus;
  for (const std::uint64_t number : numbers) {
    auto node = read_node(os, fmt::format("{}/{}", nodes, number));
    GPREEMPT_TRY(node);
    if (const std::optional<GpuNode>& gpu = *node; gpu.has_value()) {
      gpus.push_back(*gpu);
    }
  }
  if (gpus.empty()) {
    return fail(Errc::kNoSuchDevice,
                fmt::format("list {}: it has no GPU that this process may use; check the device "
                            "cgroup of the container",
                            nodes));
  }
  return gpus;
}

}  // namespace gpreempt::kfd
