#include "crew/linux_crew.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.h"

namespace gpreempt::crew {
namespace {

/// In the child, until its jobs are done.
[[noreturn]] void serve(const Work& work, const std::vector<Job>& jobs, int fd) {
  int code = 0;
  // The parent is asked to stop and then ends its workers; a terminal asks all of them.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  try {
    work(jobs, Teller(fd));
  } catch (const std::exception& error) {
    code = 1;
    fmt::print(stderr, "gpreempt: a worker ended: {}\n", error.what());
  }
  (void)std::fflush(stderr);
  ::_exit(code);
}

Job number_in(std::string_view text) {
  Job job = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), job);
  GPREEMPT_CHECK(error == std::errc{} && end == text.data() + text.size());
  return job;
}

/// A process of ours and what it has told.
class Worker {
 public:
  Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    end();
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }

  Result<void> start(const Work& work, std::vector<Job> jobs) {
    jobs_ = std::move(jobs);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) {
      return no_process();
    }
    (void)std::fflush(nullptr);  // or the child writes it, too
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) {
        ::_exit(1);
      }
      ::close(ends[0]);
      serve(work, jobs_, ends[1]);
    }
    ::close(ends[1]);
    if (child < 0) {
      const int number = errno;
      ::close(ends[0]);
      errno = number;
      return no_process();
    }
    pid_ = child;
    fd_ = ends[0];
    return {};
  }

  [[nodiscard]] int fd() const { return fd_; }

  /// Takes in what it has told; false: it has ended.
  bool take(std::vector<Outcome>& outcomes) {
    constexpr std::size_t kBytes = 16384;
    std::array<char, kBytes> buffer;  // NOLINT(*-member-init): each page written is a page copied
    heard_ = Clock::now();
    cpu_when_heard_ = cpu_time();
    const auto got = ::read(fd_, buffer.data(), buffer.size());
    if (got < 0) {
      return errno == EINTR;
    }
    text_.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end = text_.find('\n'); end != std::string::npos;
         end = text_.find('\n', begin)) {
      read_line(std::string_view(text_).substr(begin, end - begin), outcomes);
      begin = end + 1;
    }
    text_.erase(0, begin);
    return got > 0;
  }

  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    }
  }

  /// Whether it has computed for `patience` since it was heard of. One that the machine has no time
  /// for is waited for; one that computes nothing, ten times as long.
  [[nodiscard]] bool is_late(Duration patience) const {
    constexpr int kIdle = 10;
    const auto silent = Clock::now() - heard_;
    return silent >= patience &&
           (cpu_time() - cpu_when_heard_ >= patience || silent / kIdle >= patience);
  }

  /// After its end, or to end it because it `is_late`: what became of the job that it was at, and
  /// the jobs that it did not get to.
  std::vector<Job> reap(bool is_late, std::vector<Outcome>& outcomes) {
    if (is_late) {
      ::kill(pid_, SIGKILL);
    }
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    // One that ends before its first job would be followed by others that do, for ever.
    const bool is_broken = finished_ == 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    if (is_broken && finished_ < jobs_.size()) {
      const char* const why = WIFSIGNALED(status) ? ::strsignal(WTERMSIG(status)) : "an error";
      outcomes.push_back({.job = jobs_[finished_],
                          .result = {},
                          .died = is_late ? "it does not end" : fmt::format("it died of {}", why)});
      ++finished_;
    }
    return {jobs_.begin() + static_cast<std::ptrdiff_t>(finished_), jobs_.end()};
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// What it has computed; nothing if it is gone.
  [[nodiscard]] Duration cpu_time() const {
    clockid_t clock{};
    timespec used{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &used) < 0) {
      return {};
    }
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
  }

  static tl::unexpected<Error> no_process() {
    const int number = errno;
    return fail(Errc::kIo, fmt::format("make a worker process: {}", std::strerror(number)), number);
  }

  /// "JOB RESULT".
  void read_line(std::string_view line, std::vector<Outcome>& outcomes) {
    const std::size_t space = line.find(' ');
    const Job job = number_in(line.substr(0, space));
    outcomes.push_back({.job = job, .result = std::string(line.substr(space + 1)), .died = {}});
    ++finished_;
  }

  std::vector<Job> jobs_;
  pid_t pid_ = -1;
  int fd_ = -1;
  std::string text_;
  std::size_t finished_ = 0;
  Clock::time_point heard_ = Clock::now();
  Duration cpu_when_heard_{};
};

class Crew {
 public:
  Crew(const CrewOptions& options, const Work& work, const std::function<std::vector<Job>()>& next,
       const std::function<Result<void>(const Outcome&)>& settle)
      : options_(options), work_(work), next_(next), settle_(settle) {}

  Result<void> operator()() {
    while (true) {
      GPREEMPT_TRY(hire());
      if (running_.empty()) {
        return {};
      }
      GPREEMPT_TRY(listen());
    }
  }

 private:
  Result<void> hire() {
    while (running_.size() < options_.workers) {
      std::vector<Job> jobs = again_.empty() ? next_() : std::exchange(again_, {});
      if (jobs.empty()) {
        return {};
      }
      auto worker = std::make_unique<Worker>();
      if (Result<void> started = worker->start(work_, std::move(jobs)); !started) {
        return started;
      }
      running_.push_back(std::move(worker));
    }
    return {};
  }

  Result<void> listen() {
    std::vector<pollfd> fds;
    fds.reserve(running_.size() + 1);
    for (const auto& worker : running_) {
      fds.push_back({.fd = worker->fd(), .events = POLLIN, .revents = 0});
    }
    fds.push_back({.fd = options_.stop_fd, .events = POLLIN, .revents = 0});
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(options_.patience);
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(patience.count()));
    if (ready < 0) {
      return {};
    }
    // News of short jobs is read together: each time that this process wakes it takes a CPU from
    // one that works.
    constexpr int kTogetherMs = 2;
    (void)::poll(&fds.back(), 1, kTogetherMs);
    std::vector<Outcome> outcomes;
    for (std::size_t i = running_.size(); i > 0; --i) {
      const bool has_news = fds[i - 1].revents != 0;
      const bool is_late = !has_news && running_[i - 1]->is_late(options_.patience);
      if (is_late || (has_news && !running_[i - 1]->take(outcomes))) {
        const std::vector<Job> rest = running_[i - 1]->reap(is_late, outcomes);
        again_.insert(again_.end(), rest.begin(), rest.end());
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i - 1));
      }
    }
    for (const Outcome& outcome : outcomes) {
      if (Result<void> settled = settle_(outcome); !settled) {
        return settled;
      }
    }
    if (fds.back().revents != 0) {
      return fail(Errc::kInterrupted, "run jobs apart: asked to stop");
    }
    return {};
  }

  const CrewOptions& options_;
  const Work& work_;
  const std::function<std::vector<Job>()>& next_;
  const std::function<Result<void>(const Outcome&)>& settle_;
  std::vector<std::unique_ptr<Worker>> running_;
  std::vector<Job> again_;  ///< left by workers that ended
};

}  // namespace

StopSignals::StopSignals() {
  sigset_t stops;
  ::sigemptyset(&stops);
  ::sigaddset(&stops, SIGINT);
  ::sigaddset(&stops, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &stops, nullptr);
  fd_ = ::signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
}

StopSignals::~StopSignals() {
  if (fd_ >= 0) {
    signalfd_siginfo taken{};
    while (::read(fd_, &taken, sizeof taken) > 0) {
    }
    ::close(fd_);
  }
  sigset_t stops;
  ::sigemptyset(&stops);
  ::sigaddset(&stops, SIGINT);
  ::sigaddset(&stops, SIGTERM);
  ::sigprocmask(SIG_UNBLOCK, &stops, nullptr);
}

void Teller::done(Job job, std::string_view result) const {
  const std::string line = fmt::format("{} {}\n", job, result);
  std::string_view rest(line);
  while (!rest.empty()) {
    const auto put = ::write(fd_, rest.data(), rest.size());
    if (put < 0 && errno != EINTR) {
      return;
    }
    rest.remove_prefix(put > 0 ? static_cast<std::size_t>(put) : 0);
  }
}

Result<void> run_crew(const CrewOptions& options, const Work& work,
                      const std::function<std::vector<Job>()>& next,
                      const std::function<Result<void>(const Outcome&)>& settle) {
  return Crew(options, work, next, settle)();
}

}  // namespace gpreempt::crew
