#include "soak/linux_chunk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/sim/world.h"
#include "core/error.h"
#include "soak/plan.h"
#include "soak/run.h"

namespace gpreempt::soak {
namespace {

using nlohmann::json;

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

}  // namespace

Chunk::~Chunk() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Result<void> Chunk::start(std::vector<SoakPlan> plans) {
  plans_ = std::move(plans);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) {
    return fail(Errc::kIo, fmt::format("run plans apart: {}", std::strerror(errno)), errno);
  }
  (void)std::fflush(nullptr);  // or the child writes it, too
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    run_all(ends[1], plans_);
  }
  ::close(ends[1]);
  if (child < 0) {
    const int number = errno;
    ::close(ends[0]);
    return fail(Errc::kIo, fmt::format("run plans apart: {}", std::strerror(number)), number);
  }
  pid_ = child;
  fd_ = ends[0];
  return {};
}

bool Chunk::take(std::map<std::uint64_t, SoakResult>& results) {
  constexpr std::size_t kBytes = 65536;
  std::array<char, kBytes> buffer{};
  const auto got = ::read(fd_, buffer.data(), buffer.size());
  if (got < 0) {
    return errno == EINTR;
  }
  text_.append(buffer.data(), static_cast<std::size_t>(got));
  for (std::size_t end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
    read_line(text_.substr(0, end), results);
    text_.erase(0, end + 1);
  }
  return got > 0;
}

void Chunk::read_line(const std::string& line, std::map<std::uint64_t, SoakResult>& results) {
  const json told = json::parse(line);
  if (told.contains("begin")) {
    current_ = told["begin"].get<std::uint64_t>();
    has_current_ = true;
    return;
  }
  results[told.at("seed").get<std::uint64_t>()] = from_json(told);
  has_current_ = false;
  ++finished_;
}

std::vector<SoakPlan> Chunk::reap(std::map<std::uint64_t, SoakResult>& results, bool is_late) {
  if (is_late) {
    ::kill(pid_, SIGKILL);
  }
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  if (has_current_) {
    const char* const why = WIFSIGNALED(status) ? ::strsignal(WTERMSIG(status)) : "an error";
    results[current_].violations.push_back(is_late ? "it does not end"
                                                   : fmt::format("it died of {}", why));
    ++finished_;
  }
  finished_ = std::min(finished_, plans_.size());
  return {plans_.begin() + static_cast<std::ptrdiff_t>(finished_), plans_.end()};
}

}  // namespace gpreempt::soak
