#include "workloads/program_file.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt {
namespace {

using ProgramJson = nlohmann::json;

// ---- writing

ProgramJson json_of(const KernelShape& shape) {
  return {{"workgroups", shape.workgroups},
          {"waves", shape.waves},
          {"vgprs", shape.vgprs},
          {"sgprs", shape.sgprs},
          {"lds_bytes", shape.lds_bytes}};
}

ProgramJson json_of(const KernelRun& run) {
  return {{"count", run.count},
          {"duration_ns", to_ns(run.duration)},
          {"shape", json_of(run.shape)},
          {"collective", run.collective}};
}

ProgramJson json_of(const Arrival& arrival) {
  return {{"at_ns", to_ns(arrival.at)},
          {"train", arrival.train},
          {"prompt_tokens", arrival.prompt_tokens},
          {"output_tokens", arrival.output_tokens}};
}

ProgramJson json_of(const SizedTime& table) {
  ProgramJson points = ProgramJson::array();
  for (const SizedTime::Point& point : table.points) {
    points.push_back({{"size", point.size}, {"time_ns", to_ns(point.time)}});
  }
  return points;
}

ProgramJson json_of(const Collective& collective) {
  return {{"every", collective.every},
          {"duration_ns", to_ns(collective.duration)},
          {"shape", json_of(collective.shape)}};
}

ProgramJson json_of(const Serving& serving) {
  return {{"max_batch", serving.max_batch},
          {"max_prefill_tokens", serving.max_prefill_tokens},
          {"decode_steps", serving.decode_steps},
          {"prefill", json_of(serving.prefill)},
          {"decode", json_of(serving.decode)},
          {"kernels", serving.kernels},
          {"shape", json_of(serving.shape)},
          {"collective", serving.collective ? json_of(*serving.collective) : ProgramJson()}};
}

ProgramJson json_of(const GangPlace& place) {
  return {{"gang", place.gang},
          {"rank", place.rank},
          {"ranks", place.ranks},
          {"timeout_ns", to_ns(place.timeout)}};
}

template <class T>
ProgramJson list_of(const std::vector<T>& items) {
  ProgramJson list = ProgramJson::array();
  for (const T& item : items) {
    list.push_back(json_of(item));
  }
  return list;
}

// ---- reading: a wrong key or kind is nlohmann's exception, which ends in `read_program`

template <class Whole>
Whole whole_at(const ProgramJson& object, const char* key) {
  const ProgramJson& value = object.at(key);
  const bool fits =
      value.is_number_unsigned() && value.get<std::uint64_t>() <= std::numeric_limits<Whole>::max();
  if (!fits) {
    throw ProgramJson::type_error::create(
        302, std::string(key) + " must be a whole number in range", &object);
  }
  return value.get<Whole>();
}

Duration nanoseconds_at(const ProgramJson& object, const char* key) {
  const ProgramJson& value = object.at(key);
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() ||
                     value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  if (!fits) {
    throw ProgramJson::type_error::create(302, std::string(key) + " must be whole nanoseconds",
                                          &object);
  }
  return std::chrono::nanoseconds(value.get<std::int64_t>());
}

KernelShape shape_of(const ProgramJson& object) {
  return {.workgroups = whole_at<std::uint32_t>(object, "workgroups"),
          .waves = whole_at<std::uint32_t>(object, "waves"),
          .vgprs = whole_at<std::uint32_t>(object, "vgprs"),
          .sgprs = whole_at<std::uint32_t>(object, "sgprs"),
          .lds_bytes = whole_at<std::uint64_t>(object, "lds_bytes")};
}

SizedTime table_of(const ProgramJson& points) {
  SizedTime table;
  for (const ProgramJson& point : points) {
    table.points.push_back(
        {.size = whole_at<std::uint32_t>(point, "size"), .time = nanoseconds_at(point, "time_ns")});
  }
  return table;
}

Collective collective_of(const ProgramJson& object) {
  return {.every = whole_at<std::uint32_t>(object, "every"),
          .duration = nanoseconds_at(object, "duration_ns"),
          .shape = shape_of(object.at("shape"))};
}

Serving serving_of(const ProgramJson& object) {
  Serving serving{.max_batch = whole_at<std::uint32_t>(object, "max_batch"),
                  .max_prefill_tokens = whole_at<std::uint32_t>(object, "max_prefill_tokens"),
                  .decode_steps = whole_at<std::uint32_t>(object, "decode_steps"),
                  .prefill = table_of(object.at("prefill")),
                  .decode = table_of(object.at("decode")),
                  .kernels = whole_at<std::uint32_t>(object, "kernels"),
                  .shape = shape_of(object.at("shape")),
                  .collective = std::nullopt};
  if (const ProgramJson& collective = object.at("collective"); !collective.is_null()) {
    serving.collective = collective_of(collective);
  }
  return serving;
}

KernelTrain train_of(const ProgramJson& runs) {
  KernelTrain train;
  for (const ProgramJson& run : runs) {
    train.push_back({.count = whole_at<std::uint32_t>(run, "count"),
                     .duration = nanoseconds_at(run, "duration_ns"),
                     .shape = shape_of(run.at("shape")),
                     .collective = run.at("collective").get<bool>()});
  }
  return train;
}

void read_work(const ProgramJson& object, Program& program) {
  for (const ProgramJson& train : object.at("trains")) {
    program.trains.push_back(train_of(train));
  }
  for (const ProgramJson& arrival : object.at("arrivals")) {
    program.arrivals.push_back(
        {.at = nanoseconds_at(arrival, "at_ns"),
         .train = whole_at<std::uint32_t>(arrival, "train"),
         .prompt_tokens = whole_at<std::uint32_t>(arrival, "prompt_tokens"),
         .output_tokens = whole_at<std::uint32_t>(arrival, "output_tokens")});
  }
  program.clients = whole_at<std::uint32_t>(object, "clients");
  program.issue_until = nanoseconds_at(object, "issue_until_ns");
  if (const ProgramJson& serving = object.at("serving"); !serving.is_null()) {
    program.serving = serving_of(serving);
  }
}

Program program_of(const ProgramJson& object) {
  Program program;
  program.name = object.at("name").get<std::string>();
  program.offline = object.at("offline").get<bool>();
  program.gpu = whole_at<std::uint32_t>(object, "gpu");
  for (const ProgramJson& gpu : object.at("more_gpus")) {
    program.more_gpus.push_back(gpu.get<std::uint32_t>());
  }
  for (const ProgramJson& gpu : object.at("idle_gpus")) {
    program.idle_gpus.push_back(gpu.get<std::uint32_t>());
  }
  if (const ProgramJson& gang = object.at("gang"); !gang.is_null()) {
    program.gang = {.gang = whole_at<std::uint32_t>(gang, "gang"),
                    .rank = whole_at<std::uint32_t>(gang, "rank"),
                    .ranks = whole_at<std::uint32_t>(gang, "ranks"),
                    .timeout = nanoseconds_at(gang, "timeout_ns")};
  }
  program.runtime = object.at("hip").get<bool>() ? Runtime::kHip : Runtime::kBare;
  program.queues = whole_at<std::uint32_t>(object, "queues");
  program.hardware_priority = whole_at<std::uint32_t>(object, "hardware_priority");
  program.cooperative = object.at("cooperative").get<bool>();
  program.hints = object.at("hints").get<bool>();
  program.hint_delay = nanoseconds_at(object, "hint_delay_ns");
  program.heartbeat = object.at("heartbeat").get<bool>();
  program.preparation = nanoseconds_at(object, "preparation_ns");
  program.endless = object.at("endless").get<bool>();
  program.run_ahead = whole_at<std::uint32_t>(object, "run_ahead");
  read_work(object, program);
  return program;
}

}  // namespace

std::string program_text(const Program& program) {
  ProgramJson trains = ProgramJson::array();
  for (const KernelTrain& train : program.trains) {
    trains.push_back(list_of(train));
  }
  const ProgramJson object = {
      {"schema", 1},
      {"name", program.name},
      {"offline", program.offline},
      {"gpu", program.gpu},
      {"more_gpus", program.more_gpus},
      {"idle_gpus", program.idle_gpus},
      {"gang", program.gang ? json_of(*program.gang) : ProgramJson()},
      {"hip", program.runtime == Runtime::kHip},
      {"queues", program.queues},
      {"hardware_priority", program.hardware_priority},
      {"cooperative", program.cooperative},
      {"hints", program.hints},
      {"hint_delay_ns", to_ns(program.hint_delay)},
      {"heartbeat", program.heartbeat},
      {"preparation_ns", to_ns(program.preparation)},
      {"endless", program.endless},
      {"run_ahead", program.run_ahead},
      {"trains", trains},
      {"arrivals", list_of(program.arrivals)},
      {"clients", program.clients},
      {"issue_until_ns", to_ns(program.issue_until)},
      {"serving", program.serving ? json_of(*program.serving) : ProgramJson()}};
  return object.dump(-1, ' ', false, ProgramJson::error_handler_t::replace) + "\n";
}

Result<Program> read_program(std::string_view text, std::string_view name) {
  const ProgramJson object = ProgramJson::parse(text, nullptr, false);
  const auto refuse = [&](std::string_view reason) {
    return fail(Errc::kParse, fmt::format("{}: {}; a program is written by gpreempt, see "
                                          "workloads/program_file.h",
                                          name, reason));
  };
  if (!object.is_object() || !object.contains("schema") || object["schema"] != 1) {
    return refuse("it is no JSON object with \"schema\":1");
  }
  try {
    return program_of(object);
  } catch (const ProgramJson::exception& error) {
    return refuse(error.what());
  }
}

}  // namespace gpreempt
