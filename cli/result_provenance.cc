#include "cli/result_provenance.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/os.h"
#include "backends/sim/model_file.h"
#include "backends/sim/system.h"
#include "cli/machine_choice.h"
#include "cli/run_help.h"
#include "cli/run_options.h"
#include "config/document.h"
#include "core/error.h"
#include "experiments/provenance.h"

namespace gpreempt::cli {
namespace {

using experiments::Provenance;

/// The GPU's name on the market, as amdgpu has it, or else its PCI id.
std::string product_of(kfd::doctor::Box& box, const kfd::doctor::Box::Gpu& gpu) {
  if (auto name = box.text(gpu.device + "/product_name"); name && !name->empty()) {
    return *std::move(name);
  }
  const auto device = gpu.property("device_id");
  return device ? fmt::format("PCI device {:x}", *device) : std::string();
}

/// What GPUs of one machine may differ in.
struct Seen {
  std::set<std::string> products;
  std::set<std::string> targets;
  std::map<std::string, std::set<std::string>> firmware;
};

void see(Seen& seen, kfd::doctor::Box& box, const kfd::doctor::Box::Gpu& gpu) {
  if (std::string product = product_of(box, gpu); !product.empty()) {
    seen.products.insert(std::move(product));
  }
  if (const auto target = gpu.property("gfx_target_version")) {
    seen.targets.insert(experiments::gfx_of(*target));
  }
  constexpr auto kFirmware = std::to_array<std::pair<const char*, const char*>>(
      {{"fw_version", "mec"}, {"sdma_fw_version", "sdma"}});
  for (const auto& [key, name] : kFirmware) {
    if (const auto version = gpu.property(key)) {
      seen.firmware[name].insert(fmt::format("{}", *version));
    }
  }
}

/// Without a GPU nothing: the driver of results is that of the GPUs.
void look_at(Provenance& provenance, kfd::Os& os) {
  kfd::doctor::Box box(os, {.device = {}, .pid = {}, .saved_tree = true});
  const auto& gpus = box.gpus();
  if (!gpus || gpus->empty()) {
    return;
  }
  provenance.gpus = gpus->size();
  if (const auto driver = box.driver()) {
    provenance.driver =
        fmt::format("{}-{}", driver->is_package ? "dkms" : "upstream", driver->version);
  }
  Seen seen;
  for (const kfd::doctor::Box::Gpu& gpu : *gpus) {
    see(seen, box, gpu);
  }
  provenance.gpu = fmt::format("{}", fmt::join(seen.products, ", "));
  provenance.gfx = fmt::format("{}", fmt::join(seen.targets, ", "));
  for (const auto& [name, versions] : seen.firmware) {
    provenance.firmware[name] = fmt::format("{}", fmt::join(versions, ", "));
  }
}

}  // namespace

Result<Provenance> provenance_of(const BackendChoice& backend, kfd::Os& os) {
  Provenance provenance{.backend = std::string(to_string(backend.kind)),
                        .built_from = std::string(kBuiltFrom)};
  if (backend.kind == BackendKind::kKfd) {
    look_at(provenance, os);
    return provenance;
  }
  sim::Model model;
  GPREEMPT_TRY(store(model, model_of(backend)));
  sim::SystemOptions machine;
  GPREEMPT_TRY(store(machine, machine_of(backend)));
  provenance.gpu = fmt::format("model {} ({})", model.name, model.product);
  provenance.gfx = model.gfx;
  provenance.driver = machine.personality.name;
  return provenance;
}

Provenance provenance_of_files() {
  return {.backend = "files", .built_from = std::string(kBuiltFrom)};
}

}  // namespace gpreempt::cli
