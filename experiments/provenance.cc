#include "experiments/provenance.h"

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"

namespace gpreempt::experiments {
namespace {

using Json = nlohmann::ordered_json;
using Versions = std::map<std::string, std::string>;

Json words_json(const std::string& words) { return words.empty() ? Json(nullptr) : Json(words); }

Json number_json(const std::optional<std::uint64_t>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json map_json(const Versions& map) {
  Json json = Json::object();
  for (const auto& [name, words] : map) {
    json[name] = words;
  }
  return map.empty() ? Json(nullptr) : json;
}

/// Takes an object apart; the first key of another type than it is to have is kept.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  void read(const char* key, std::string& into) {
    if (const Json* const found = find(key, &Json::is_string)) {
      into = found->get<std::string>();
    }
  }
  void read(const char* key, std::optional<std::uint64_t>& into) {
    if (const Json* const found = find(key, &Json::is_number_unsigned)) {
      into = found->get<std::uint64_t>();
    }
  }
  void read(const char* key, Versions& into) {
    const Json* const found = find(key, &Json::is_object);
    if (found == nullptr) {
      return;
    }
    for (const auto& [name, words] : found->items()) {
      if (words.is_string()) {
        into[name] = words.get<std::string>();
      } else {
        refuse(key);
      }
    }
  }
  /// Empty: none.
  [[nodiscard]] const std::string& refused() const { return refused_; }

 private:
  /// nullptr: it is not there, null, or refused.
  const Json* find(const char* key, bool (Json::*is_right)() const noexcept) {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) {
      return nullptr;
    }
    if (!(*found.*is_right)()) {
      refuse(key);
      return nullptr;
    }
    return &*found;
  }
  void refuse(const char* key) { refused_ = refused_.empty() ? key : refused_; }

  const Json& json_;
  std::string refused_;
};

}  // namespace

tl::unexpected<Error> refused_results(const std::string& source, std::string_view reason) {
  return fail(Errc::kParse, fmt::format("read {}: {}; give a file that this version of gpreempt "
                                        "wrote",
                                        source, reason));
}

std::string to_json(const Provenance& provenance) {
  const Json json = {{"backend", words_json(provenance.backend)},
                     {"machine",
                      {{"gpu", words_json(provenance.gpu)},
                       {"gfx", words_json(provenance.gfx)},
                       {"gpus", number_json(provenance.gpus)}}},
                     {"driver", words_json(provenance.driver)},
                     {"firmware", map_json(provenance.firmware)},
                     {"seed", number_json(provenance.seed)},
                     {"profile", words_json(provenance.profile)},
                     {"built_from", words_json(provenance.built_from)},
                     {"gates", map_json(provenance.gates)}};
  return json.dump();
}

Result<std::optional<Provenance>> read_provenance(std::string_view text,
                                                  const std::string& source) {
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return refused_results(source, "it is not a JSON object");
  }
  const auto found = document.find("provenance");
  if (found == document.end()) {
    return std::nullopt;
  }
  const Json nothing = Json::object();
  const auto machine = found->find("machine");
  if (!found->is_object() || (machine != found->end() && !machine->is_object())) {
    return refused_results(source,
                           "its \"provenance\", or the \"machine\" in it, is not an object");
  }
  Provenance provenance;
  Reader all(*found);
  Reader hardware(machine == found->end() ? nothing : *machine);
  all.read("backend", provenance.backend);
  hardware.read("gpu", provenance.gpu);
  hardware.read("gfx", provenance.gfx);
  hardware.read("gpus", provenance.gpus);
  all.read("driver", provenance.driver);
  all.read("firmware", provenance.firmware);
  all.read("seed", provenance.seed);
  all.read("profile", provenance.profile);
  all.read("built_from", provenance.built_from);
  all.read("gates", provenance.gates);
  const std::string& key = all.refused().empty() ? hardware.refused() : all.refused();
  if (!key.empty()) {
    return refused_results(source, fmt::format("\"{}\" of its provenance is of another type", key));
  }
  return provenance;
}

std::string gfx_of(std::uint64_t target_version) {
  constexpr std::uint64_t kStep = 100;
  return fmt::format("gfx{}{:x}{:x}", target_version / (kStep * kStep),
                     target_version / kStep % kStep, target_version % kStep);
}

}  // namespace gpreempt::experiments
