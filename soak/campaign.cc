#include "soak/campaign.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/sim/world.h"
#include "core/error.h"
#include "core/fault.h"
#include "core/time.h"
#include "soak/plan.h"
#include "soak/run.h"

namespace gpreempt::soak {
namespace {

using nlohmann::json;

constexpr std::uint64_t kChunk = 20;  ///< seeds of one process

/// {"begin":SEED} before a seed, {"seed":SEED,...} after it.
json to_json(std::uint64_t seed, const SoakResult& result) {
  return {{"seed", seed},
          {"suspends", result.suspends},
          {"resumes", result.resumes},
          {"struck", result.struck},
          {"violations", result.violations}};
}

SoakResult from_json(const json& line) {
  return {.suspends = line.at("suspends"),
          .resumes = line.at("resumes"),
          .struck = line.at("struck"),
          .violations = line.at("violations")};
}

void write_line(int fd, const json& line) {
  const std::string text = line.dump() + "\n";
  std::string_view rest(text);
  while (!rest.empty()) {
    const auto put = ::write(fd, rest.data(), rest.size());
    if (put < 0 && errno != EINTR) {
      return;
    }
    rest.remove_prefix(put > 0 ? static_cast<std::size_t>(put) : 0);
  }
}

/// In the child: runs plans one after another. A deadlock of the world ends all of it.
[[noreturn]] void run_all(int fd, const std::vector<SoakPlan>& plans) {
  int code = 0;
  // What is broken on purpose is no news.
  spdlog::set_level(spdlog::level::off);
  try {
    sim::World world;
    std::uint64_t current = 0;
    const auto ran = world.run([&] {
      for (const SoakPlan& plan : plans) {
        current = plan.seed;
        write_line(fd, {{"begin", plan.seed}});
        write_line(fd, to_json(plan.seed, run_plan(plan, world)));
      }
    });
    if (!ran) {
      write_line(fd, to_json(current, {.violations = {ran.error().what}}));
    }
  } catch (const std::exception& error) {
    code = 1;
    fmt::print(stderr, "soak: {}\n", error.what());
  }
  ::_exit(code);
}

/// A process that runs some plans.
class Chunk {
 public:
  Chunk() = default;
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }

  [[nodiscard]] Result<void> start(std::vector<SoakPlan> plans, Duration patience) {
    plans_ = std::move(plans);
    patience_ = patience;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) {
      return fail(Errc::kIo, fmt::format("run a plan apart: {}", std::strerror(errno)), errno);
    }
    (void)std::fflush(nullptr);  // or the child writes it, too
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      run_all(ends[1], plans_);
    }
    ::close(ends[1]);
    if (child < 0) {
      ::close(ends[0]);
      return fail(Errc::kIo, fmt::format("run a plan apart: {}", std::strerror(errno)), errno);
    }
    pid_ = child;
    fd_ = ends[0];
    return {};
  }

  [[nodiscard]] int fd() const { return fd_; }

  /// Takes in what the child wrote, after its descriptor was readable; false: it has ended.
  [[nodiscard]] bool take(std::map<std::uint64_t, SoakResult>& results) {
    std::array<char, 65536> buffer{};
    const auto got = ::read(fd_, buffer.data(), buffer.size());
    if (got < 0) {
      return errno == EINTR;
    }
    text_.append(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
      const json line = json::parse(text_.substr(0, end));
      text_.erase(0, end + 1);
      if (line.contains("begin")) {
        current_ = line["begin"].get<std::uint64_t>();
        has_current_ = true;
      } else {
        results[line.at("seed").get<std::uint64_t>()] = from_json(line);
        has_current_ = false;
        ++finished_;
      }
    }
    return got > 0;
  }

  /// After its end: how the plan went that it was at, and which plans it did not get to.
  [[nodiscard]] std::vector<SoakPlan> reap(std::map<std::uint64_t, SoakResult>& results,
                                           bool is_late) {
    if (is_late) {
      ::kill(pid_, SIGKILL);
    }
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    if (has_current_) {
      results[current_].violations.push_back(
          is_late ? "it does not end"
                  : fmt::format("it died of {}",
                                WIFSIGNALED(status) ? ::strsignal(WTERMSIG(status)) : "an error"));
      ++finished_;
    }
    finished_ = std::min(finished_, plans_.size());
    return {plans_.begin() + static_cast<std::ptrdiff_t>(finished_), plans_.end()};
  }
  [[nodiscard]] Duration patience() const { return patience_; }

 private:
  std::vector<SoakPlan> plans_;
  Duration patience_{};
  pid_t pid_ = -1;
  int fd_ = -1;
  std::string text_;
  std::uint64_t current_ = 0;
  bool has_current_ = false;
  std::size_t finished_ = 0;
};

/// Keeps `jobs` processes busy until no plan is left.
class Crew {
 public:
  Crew(std::vector<SoakPlan> plans, const CampaignOptions& options)
      : waiting_(std::move(plans)), options_(options) {}

  Result<std::map<std::uint64_t, SoakResult>> operator()() {
    while (next_ < waiting_.size() || !running_.empty()) {
      while (running_.size() < options_.jobs && next_ < waiting_.size()) {
        GPREEMPT_TRY(start());
      }
      serve();
    }
    return std::move(results_);
  }

 private:
  Result<void> start() {
    const auto count = std::min<std::size_t>(kChunk, waiting_.size() - next_);
    const auto begin = waiting_.begin() + static_cast<std::ptrdiff_t>(next_);
    auto chunk = std::make_unique<Chunk>();
    GPREEMPT_TRY(
        chunk->start({begin, begin + static_cast<std::ptrdiff_t>(count)}, options_.patience));
    next_ += count;
    running_.push_back(std::move(chunk));
    return {};
  }

  void serve() {
    std::vector<pollfd> fds;
    fds.reserve(running_.size());
    for (const auto& chunk : running_) {
      fds.push_back({.fd = chunk->fd(), .events = POLLIN, .revents = 0});
    }
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(options_.patience);
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(patience.count()));
    if (ready < 0) {
      return;
    }
    for (std::size_t i = fds.size(); i > 0; --i) {
      const bool is_late = ready == 0;
      const bool has_news = fds[i - 1].revents != 0;
      if (is_late || (has_news && !running_[i - 1]->take(results_))) {
        end(i - 1, is_late);
      }
    }
    if (options_.progress) {
      std::uint64_t suspends = 0;
      std::uint64_t failures = 0;
      for (const auto& [seed, result] : results_) {
        suspends += result.suspends;
        failures += result.violations.empty() ? 0U : 1U;
      }
      options_.progress(results_.size(), suspends, failures);
    }
  }

  void end(std::size_t index, bool is_late) {
    auto rest = running_[index]->reap(results_, is_late);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
    waiting_.insert(waiting_.end(), rest.begin(), rest.end());
  }

  std::vector<SoakPlan> waiting_;
  const CampaignOptions& options_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<Chunk>> running_;
  std::map<std::uint64_t, SoakResult> results_;
};

}  // namespace

Result<SoakResult> run_apart(const SoakPlan& plan, Duration patience) {
  const CampaignOptions options{.jobs = 1, .patience = patience, .progress = {}};
  auto results = Crew({plan}, options)();
  GPREEMPT_TRY(results);
  return (*results)[plan.seed];
}

Result<CampaignResult> run_campaign(const CampaignOptions& options) {
  std::vector<SoakPlan> plans;
  plans.reserve(options.seeds);
  for (std::uint64_t i = 0; i < options.seeds; ++i) {
    plans.push_back(draw_plan(options.first_seed + i));
  }
  const auto results = Crew(std::move(plans), options)();
  GPREEMPT_TRY(results);
  CampaignResult campaign;
  for (const auto& [seed, result] : *results) {
    ++campaign.seeds;
    campaign.suspends += result.suspends;
    campaign.resumes += result.resumes;
    for (std::size_t i = 0; i < kFaultKinds; ++i) {
      campaign.struck.at(i) += result.struck.at(i);
    }
    if (!result.violations.empty()) {
      campaign.failures.push_back({.seed = seed, .violations = result.violations});
    }
  }
  return campaign;
}

}  // namespace gpreempt::soak
