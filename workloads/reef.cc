#include "workloads/reef.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"
#include "core/program.h"
#include "core/time.h"
#include "workloads/json_object.h"
#include "workloads/profile.h"

namespace gpreempt {
namespace {

constexpr Bounds kMicroseconds{.min = 0.001, .max = 1e12};
constexpr Bounds kDimension{.min = 1, .max = 2147483647};
constexpr std::uint32_t kLanes = 64;  // of a wave

/// A kernel before it is scaled.
struct Launch {
  double us = 0;
  KernelShape shape;
};

struct Profile {
  double model_us = 0;
  std::vector<std::pair<std::string, double>> kernels;  ///< in the order of the file
};

Result<Profile> read_profile(const ReefFiles& files) {
  Profile profile;
  JsonObject root;
  GPREEMPT_TRY(store(root, JsonObject::parse(files.profile, std::string(files.profile_name))));
  GPREEMPT_TRY(store(profile.model_us, root.number("model_latency", kMicroseconds)));
  JsonObject kernels;
  GPREEMPT_TRY(store(kernels, root.object("kernel_latency")));
  GPREEMPT_TRY(root.finish());
  for (const std::string& name : kernels.keys()) {
    JsonObject kernel;
    double us = 0;
    std::vector<double> by_occupancy;
    GPREEMPT_TRY(store(kernel, kernels.object(name)));
    GPREEMPT_TRY(store(us, kernel.number("total_latency", kMicroseconds)));
    GPREEMPT_TRY(store(by_occupancy, kernel.numbers("latency", kMicroseconds)));
    GPREEMPT_TRY(kernel.finish());
    profile.kernels.emplace_back(name, us);
  }
  if (profile.kernels.empty()) {
    return tl::unexpected<Error>(root.error("kernel_latency", "it has no kernels"));
  }
  return profile;
}

/// The grid, waves and LDS of one launch.
Result<KernelShape> read_shape(const JsonObject& launch, KernelShape shape) {
  std::vector<double> dims;
  GPREEMPT_TRY(store(dims, launch.numbers("launch_params", kDimension)));
  constexpr std::size_t kDims = 6;
  constexpr double kMaxThreads = 1024;
  if (dims.size() != kDims) {
    return tl::unexpected<Error>(
        launch.error("launch_params", "6 numbers are needed: grid and block, x, y and z each"));
  }
  const double blocks = dims[0] * dims[1] * dims[2];
  const double threads = dims[3] * dims[4] * dims[5];
  if (blocks > kDimension.max.value_or(0) || threads > kMaxThreads) {
    return tl::unexpected<Error>(
        launch.error("launch_params",
                     fmt::format("{:g} blocks of {:g} threads; a block has at most {:g} threads",
                                 blocks, threads, kMaxThreads)));
  }
  shape.workgroups = static_cast<std::uint32_t>(blocks);
  shape.waves = static_cast<std::uint32_t>(std::ceil(threads / kLanes));
  return shape;
}

/// The launches of the model's schedule, in order.
Result<std::vector<Launch>> scheduled(const ReefFiles& files, const Profile& profile,
                                      const KernelShape& shape) {
  const std::map<std::string, double> times(profile.kernels.begin(), profile.kernels.end());
  JsonObject root;
  GPREEMPT_TRY(store(root, JsonObject::parse(files.schedule, std::string(files.schedule_name))));
  std::vector<JsonObject> kernels;
  JsonObject shared;
  GPREEMPT_TRY(store(kernels, root.objects("kernels")));
  GPREEMPT_TRY(store(shared, root.object("shared_memory")));
  std::vector<Launch> launches;
  for (const JsonObject& kernel : kernels) {
    Launch launch;
    std::string name;
    GPREEMPT_TRY(store(name, kernel.string("name")));
    const auto time = times.find(name);
    if (time == times.end()) {
      return tl::unexpected<Error>(kernel.error(
          "name", fmt::format("'{}' is not in the profile {}", name, files.profile_name)));
    }
    launch.us = time->second;
    GPREEMPT_TRY(store(launch.shape, read_shape(kernel, shape)));
    double lds = 0;
    GPREEMPT_TRY(store(lds, shared.number(name, {.min = 0, .max = 160.0 * 1024}, 0)));
    launch.shape.lds_bytes = static_cast<std::uint64_t>(lds);
    launches.push_back(launch);
  }
  if (launches.empty()) {
    return tl::unexpected<Error>(root.error("kernels", "it has no launches"));
  }
  return launches;
}

double sum_of(const std::vector<Launch>& launches) {
  double sum = 0;
  for (const Launch& launch : launches) {
    sum += launch.us;
  }
  return sum;
}

/// The distinct kernels once, or as often as the model's latency suggests.
std::vector<Launch> repeated(const Profile& profile, KernelShape shape, bool normalise) {
  shape.workgroups = kReefWorkgroups;
  std::vector<Launch> once;
  once.reserve(profile.kernels.size());
  for (const auto& [name, us] : profile.kernels) {
    once.push_back({.us = us, .shape = shape});
  }
  std::vector<Launch> launches = once;
  const std::int64_t times = normalise ? std::llround(profile.model_us / sum_of(once)) : 1;
  for (std::int64_t i = 1; i < times; ++i) {
    launches.insert(launches.end(), once.begin(), once.end());
  }
  return launches;
}

}  // namespace

Result<KernelTrain> parse_reef_profile(const ReefFiles& files, bool normalise, double time_scale,
                                       const KernelShape& shape) {
  GPREEMPT_CHECK(time_scale > 0);
  Profile profile;
  GPREEMPT_TRY(store(profile, read_profile(files)));
  std::vector<Launch> launches;
  if (files.schedule.empty()) {
    launches = repeated(profile, shape, normalise);
  } else {
    GPREEMPT_TRY(store(launches, scheduled(files, profile, shape)));
  }
  const double scale =
      kNsPerUs * time_scale * (normalise ? profile.model_us / sum_of(launches) : 1);
  KernelTrain train;
  for (const Launch& launch : launches) {
    append_kernel(train,
                  {.count = 1,
                   .duration = Duration(std::max<std::int64_t>(1, std::llround(launch.us * scale))),
                   .shape = launch.shape});
  }
  return train;
}

}  // namespace gpreempt
