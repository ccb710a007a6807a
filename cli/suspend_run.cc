#include "cli/suspend_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/discovery/kfd_process.h"
#include "backends/kfd/discovery/stable_process.h"
#include "backends/kfd/flight_recorder.h"
#include "backends/kfd/hold/hold.h"
#include "backends/kfd/hold/resume_socket.h"
#include "backends/kfd/os.h"
#include "backends/kfd/safety/supervised.h"
#include "backends/kfd/target_selector.h"
#include "cli/exit_code.h"
#include "cli/supervision.h"
#include "cli/suspend_options.h"
#include "cli/suspend_plan.h"
#include "core/error.h"
#include "core/ids.h"

namespace gpreempt::cli {
namespace {

/// The driver's calls, if that was asked for or something went wrong.
void write_record(const kfd::FlightRecorder& recorder, const SuspendCommandOptions& options,
                  Pid target, bool is_wanted) {
  const std::string path = options.flight_record.empty()
                               ? fmt::format("gpreempt-suspend-{}.flight.jsonl", target)
                               : options.flight_record;
  if (!is_wanted && options.flight_record.empty()) {
    return;
  }
  // Of its own making the file is new: nobody else's link is followed.
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(path.c_str(), options.flight_record.empty() ? "wx" : "w"), &std::fclose);
  const std::string text = recorder.dump();
  const bool is_written =
      file != nullptr && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
  say(is_written ? fmt::format("the driver's calls are in {}", path)
                 : fmt::format("write {}: it cannot be written, or is there already; name another "
                               "--flight-record",
                               path));
}

kfd::HoldOptions hold_options(const SuspendPlan& plan, const SuspendCommandOptions& options,
                              std::span<const kfd::StableProcess> held) {
  kfd::HoldOptions hold{.targets = {},
                        .pidfds = {},
                        .queues = options.queues,
                        .limit = options.limit,
                        .grace = options.grace,
                        .slow = options.slow};
  for (const kfd::KfdProcess& target : plan.targets) {
    const auto process = std::ranges::find(held, target.pid, &kfd::StableProcess::pid);
    if (process != held.end()) {
      hold.pidfds.push_back(process->pidfd());
    }
    if (process != held.end() || held.empty()) {
      hold.targets.push_back(target.pid);
    }
  }
  return hold;
}

}  // namespace

void say(std::string_view text) {
  fmt::print(stderr, "{}{}", text, text.ends_with('\n') ? "" : "\n");
  (void)std::fflush(stderr);
}

Result<kfd::HoldReport> run_suspend(kfd::Os& os, const SuspendPlan& plan,
                                    const SuspendCommandOptions& options,
                                    std::span<const kfd::StableProcess> held) {
  kfd::FlightRecorder recorder(os, {});
  const kfd::HoldOptions hold = hold_options(plan, options, held);
  kfd::SupervisionOptions supervision = supervision_of(recorder, options.safety, options.device);
  supervision.guard.may_control = {hold.targets.begin(), hold.targets.end()};
  supervision.guard.slow = options.slow;
  const auto supervised = kfd::open_supervised(recorder, std::move(supervision));
  if (!supervised) {
    return tl::unexpected<Error>(supervised.error());
  }
  for (const std::string& warning : supervised->warnings) {
    say("warning: " + warning);
  }
  auto requests = kfd::ResumeSocket::open(recorder);
  if (!requests) {
    say(requests.error().what + "; `gpreempt resume` cannot reach this one, Ctrl-C does");
  }
  auto report =
      kfd::hold(recorder, *supervised->backend, hold, requests ? requests->get() : nullptr, say);
  if (requests) {
    (*requests)->close();
  }
  write_record(recorder, options, plan.targets.front().pid,
               !report || report->end == kfd::HoldReport::End::kAnomaly);
  return report;
}

Result<std::vector<kfd::StableProcess>> hold_all(kfd::Os& os,
                                                 std::span<const std::string> selectors) {
  std::vector<kfd::StableProcess> all;
  for (const std::string& text : selectors) {
    const auto selector = kfd::parse_target(text);
    GPREEMPT_TRY(selector);
    auto found = kfd::hold_targets(os, *selector);
    if (!found) {
      return tl::unexpected<Error>(std::move(found).error());
    }
    std::ranges::move(*found, std::back_inserter(all));
  }
  return all;
}

std::vector<ResumeResult> run_resume(kfd::Os& os, const std::vector<Pid>& pids,
                                     const ResumeCommandOptions& options, ExitCode& code) {
  std::vector<ResumeResult> results;
  for (const Pid pid : pids) {
    ResumeResult result{.pid = pid, .holder = Pid(0), .was_asked = false, .answer = {}};
    const auto fails = [&](const Error& error) {
      result.answer.error = error.what;
      // A holder that does not answer is stopped: no defect of this one.
      code = std::max(
          code, error.code == Errc::kTimedOut ? ExitCode::kEnvironment : exit_code_for(error.code));
    };
    if (const auto holder = kfd::tracer_of(os, pid); !holder) {
      fails(holder.error());
    } else if (result.holder = *holder;
               *holder != Pid(0) && !options.dry_run && options.sysroot.empty()) {
      result.was_asked = true;
      auto answer = kfd::ask_to_resume(os, *holder, pid, options.queues);
      if (answer) {
        result.answer = *std::move(answer);
      } else {
        fails(answer.error());
      }
    }
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace gpreempt::cli
