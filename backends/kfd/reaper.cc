#include "backends/kfd/reaper.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <utility>
#include <variant>

#include "backends/kfd/mailbox.h"
#include "backends/kfd/messages.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {

class Reaper::Worker {
 public:
  Worker(Os& os, Fd events, std::shared_ptr<Mailbox<Command>> commands)
      : os_(os), events_(events), commands_(std::move(commands)) {}

  void run() {
    while (!stopped_) {
      std::array<WaitFd, 2> fds{WaitFd{.fd = events_}, WaitFd{.fd = commands_->fd()}};
      if (!os_.wait(fds, kForever)) {
        return;
      }
      // Commands first: a session is added before it can have a tracee that changes.
      commands_->drain();
      while (const auto command = commands_->take()) {
        serve(*command);
      }
      if (fds[0].ready) {
        os_.drain(events_);
        for (const auto& [target, mailbox] : sessions_) {
          mailbox->post(ChildChanged{});
        }
      }
    }
  }

 private:
  void serve(const Command& command) {
    if (const auto* add = std::get_if<Add>(&command)) {
      sessions_.insert_or_assign(add->target, add->mailbox);
    } else if (const auto* remove = std::get_if<Remove>(&command)) {
      sessions_.erase(remove->target);
    } else {
      stopped_ = true;
    }
  }

  Os& os_;
  Fd events_;
  std::shared_ptr<Mailbox<Command>> commands_;
  std::map<TargetId, SessionMailbox> sessions_;
  bool stopped_ = false;
};

Result<std::unique_ptr<Reaper>> Reaper::start(Os& os) {
  const auto failed = [](SysError error) {
    return fail(Errc::kIo, fmt::format("start the reaper: {}", std::strerror(error.number)),
                error.number);
  };
  const auto events = os.child_events();
  if (!events) {
    return failed(events.error());
  }
  auto commands = Mailbox<Command>::open(os);
  if (!commands) {
    return failed(commands.error());
  }
  auto body = std::make_shared<Worker>(os, *events, *commands);
  const auto worker = os.spawn("reaper", [body] { body->run(); });
  if (!worker) {
    return failed(worker.error());
  }
  return std::unique_ptr<Reaper>(new Reaper(os, *std::move(commands), *worker));
}

Reaper::Reaper(Os& os, std::shared_ptr<Mailbox<Command>> commands, WorkerId worker)
    : os_(os), commands_(std::move(commands)), worker_(worker) {}

void Reaper::add(TargetId target, SessionMailbox mailbox) {
  commands_->post(Add{.target = target, .mailbox = std::move(mailbox)});
}

void Reaper::remove(TargetId target) { commands_->post(Remove{.target = target}); }

void Reaper::close() {
  commands_->post(Stop{});
  (void)os_.join(worker_);
}

}  // namespace gpreempt::kfd
