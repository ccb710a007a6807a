#include "tests/launch/stand_ins.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/launch/hint_message.h"
#include "backends/kfd/os.h"
#include "backends/sim/system.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/process_table.h"
#include "backends/vkfd/sim_os.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::vkfd {
namespace {

constexpr std::string_view kVariable = "GPREEMPT_HINTS=";

std::string socket_in(const std::vector<std::string>& env) {
  for (const std::string& entry : env) {
    if (entry.starts_with(kVariable)) {
      return entry.substr(kVariable.size());
    }
  }
  return {};
}

}  // namespace

StandIns::StandIns(Machine& machine) : machine_(machine) {
  machine_.system().observe(this, nullptr);
}

StandIns::~StandIns() {
  machine_.system().observe(nullptr, nullptr);
  for (const auto& [pid, voice] : voices_) {
    voice.os->kill();
  }
}

void StandIns::install(const std::string& name, const Program& program, const Manners& manners) {
  machine_.install(name, [this, name, program, manners](const Machine::Started& how) {
    return launch(name, program, manners, how);
  });
}

kfd::SysResult<Pid> StandIns::launch(const std::string& name, const Program& program,
                                     const Manners& manners, const Machine::Started& how) {
  Program quiet = program;
  quiet.hints = manners.hints;
  std::vector<Pid> made;
  for (std::size_t i = 0; i < manners.processes; ++i) {
    Program each = quiet;
    each.hints = quiet.hints && i == 0;
    each.gpu = static_cast<std::uint32_t>(i);
    const Pid pid = machine_.system().launch(each).value();
    machine_.processes().set_user(pid, manners.user);
    made.push_back(pid);
    pids_[name].push_back(pid);
  }
  Pid root = made.front();
  if (manners.processes > 1) {
    root = machine_.processes().start(
        Pid(1), BuiltIn{.name = "launcher", .runs = Duration::max(), .code = 0}, false);
    for (const Pid pid : made) {
      machine_.processes().adopt(pid, root);
    }
  }
  if (manners.hints) {
    give_voice(made.front(), manners, socket_in(how.env));
  } else {
    machine_.system().start();
  }
  return root;
}

void StandIns::give_voice(Pid pid, const Manners& manners, const std::string& socket) {
  Voice voice{.os = SimOs::open(machine_, manners.user), .hangs_up_at = manners.hangs_up_at};
  voice.connection = voice.os->connect(socket).value();
  voices_[pid] = voice;
  say(pid, kfd::hint_text(kfd::HintHello{.pid = pid}));
  if (manners.says_ready) {
    say(pid, kfd::hint_text(kfd::HintReady{}));
  }
  EXPECT_TRUE(voice.os->spawn("voice", [this, pid, manners] { listen(pid, manners); }));
}

/// Begins when it is told to, and says now and then how far it is.
void StandIns::listen(Pid pid, const Manners& manners) {
  const Voice voice = voices_.at(pid);
  std::array<kfd::WaitFd, 1> fds{{{.fd = voice.connection}}};
  if (!voice.os->wait(fds, kForever)) {
    return;
  }
  std::array<std::byte, kfd::kLongestHint> order{};
  const auto got = voice.os->read(voice.connection, order);
  std::string text;
  for (std::size_t i = 0; i < got.value_or(0); ++i) {
    text += static_cast<char>(order.at(i));
  }
  constexpr std::string_view kOrder = "{\"start_ns\":";
  if (!text.starts_with(kOrder)) {
    return;
  }
  const Instant start(std::chrono::nanoseconds(std::stoll(text.substr(kOrder.size()))));
  if (!voice.os->wait({}, start)) {
    return;
  }
  machine_.system().start();
  while (manners.work_every > Duration{} && !machine_.system().exited(pid)) {
    const ProgramProgress done = machine_.system().progress(pid);
    say(pid, kfd::hint_text(kfd::HintWork{.work = done.work, .kernels = done.kernels}));
    if (manners.tells_bystander) {
      say(pid, kfd::hint_text(kfd::HintBystander{.off = done.bystander}));
    }
    if (!voice.os->wait({}, voice.os->now() + manners.work_every)) {
      return;
    }
  }
}

void StandIns::say(Pid pid, const std::string& text) {
  const auto found = voices_.find(pid);
  if (found != voices_.end()) {
    (void)found->second.os->write(found->second.connection, std::as_bytes(std::span(text)));
  }
}

void StandIns::work_arrived(Pid pid, std::uint64_t request) {
  say(pid, kfd::hint_text(kfd::HintArrived{.request = request, .at = {}}));
  const auto found = voices_.find(pid);
  if (found != voices_.end() && found->second.hangs_up_at == request) {
    found->second.os->close(found->second.connection);
    voices_.erase(found);
  }
}

void StandIns::work_finished(Pid pid, std::uint64_t request) {
  say(pid, kfd::hint_text(kfd::HintFinished{
               .request = request, .at = {}, .first_wave = {}, .first_token = {}, .tokens = 0}));
}

}  // namespace gpreempt::vkfd
