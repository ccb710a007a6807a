#include "backends/kfd/launch/hint_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "backends/kfd/launch/hint_message.h"
#include "backends/kfd/mailbox.h"
#include "backends/kfd/os.h"
#include "core/error.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/testbed.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

/// A time that a process names is one that has been.
Instant past(std::optional<Instant> named, Instant now) {
  return named && *named <= now ? *named : now;
}

/// Whether it is there.
bool send_text(Os& os, Fd connection, std::string_view text) {
  return os.write(connection, std::as_bytes(std::span(text))).has_value();
}

}  // namespace

Result<std::unique_ptr<HintServer>> HintServer::start(Os& os, std::string path,
                                                      std::uint32_t user) {
  const auto failed = [&](SysError error) {
    return fail(Errc::kIo,
                fmt::format("make the socket for hints {}: {}; remove it if no other gpreempt "
                            "uses it",
                            path, std::strerror(error.number)),
                error.number);
  };
  auto listener = os.listen_to_all(path);
  if (!listener && listener.error().number == EADDRINUSE && os.remove_file(path)) {
    listener = os.listen_to_all(path);  // of one that had this pid before and was killed
  }
  if (!listener) {
    return failed(listener.error());
  }
  auto commands = Mailbox<Command>::open(os);
  if (!commands) {
    os.close(*listener);
    (void)os.remove_file(path);
    return failed(commands.error());
  }
  std::unique_ptr<HintServer> server(
      new HintServer(os, std::move(path), *listener, user, *std::move(commands)));
  const auto worker = os.spawn("hints", [raw = server.get()] { raw->run(); });
  if (!worker) {
    os.close(server->listener_);
    (void)os.remove_file(server->path_);
    return fail(
        Errc::kIo,
        fmt::format("serve hints on {}: {}", server->path_, std::strerror(worker.error().number)),
        worker.error().number);
  }
  server->worker_ = *worker;
  return server;
}

// ---- the owner's side

std::size_t HintServer::Book::rank_of(Pid speaker) const {
  const auto found = std::find(pids.begin(), pids.end(), speaker);
  return found == pids.end() ? 0 : static_cast<std::size_t>(found - pids.begin());
}

Pid HintServer::Book::pid_of(std::size_t rank) const {
  return rank < pids.size() ? pids[rank] : Pid();
}

void HintServer::set_processes(std::vector<Pid> pids) {
  book_.with([&](Book& book) { book.pids = std::move(pids); });
}

void HintServer::pass_to(HintSink* sink) {
  book_.with([&](Book& book) { book.sink = sink; });
}

void HintServer::begin(Instant start) {
  book_.with([&](Book& book) { book.start = start; });
  commands_->post(Command::kBegin);
}

bool HintServer::is_ready() {
  return book_.with([](const Book& book) {
    return std::any_of(book.by_rank.begin(), book.by_rank.end(),
                       [](const auto& entry) { return entry.second.told.ready; });
  });
}

void HintServer::update(std::size_t rank, Told& known) {
  book_.with([&](Book& book) {
    Record& record = book.by_rank[rank];
    const auto first =
        static_cast<std::ptrdiff_t>(std::min(record.first_changed, known.requests.size()));
    known.requests.erase(known.requests.begin() + first, known.requests.end());
    known.requests.insert(known.requests.end(), record.told.requests.begin() + first,
                          record.told.requests.end());
    record.first_changed = record.told.requests.size();
    known.ready = record.told.ready;
    known.works = record.told.works;
    known.progress = record.told.progress;
  });
}

void HintServer::close() {
  if (std::exchange(closed_, true)) {
    return;
  }
  commands_->post(Command::kStop);
  (void)os_.join(worker_);
  os_.close(listener_);
  (void)os_.remove_file(path_);
}

// ---- the worker's side

void HintServer::run() {
  std::vector<WaitFd> fds;
  for (;;) {
    fds.assign({WaitFd{.fd = commands_->fd()}, WaitFd{.fd = listener_}});
    std::transform(clients_.begin(), clients_.end(), std::back_inserter(fds),
                   [](const Client& client) { return WaitFd{.fd = client.connection}; });
    if (!os_.wait(fds, kForever)) {
      return;  // the world has ended
    }
    if (!obey()) {
      return;
    }
    std::vector<Client> staying;
    std::vector<Client> gone;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      const bool stays = !fds[i + 2].ready || serve(clients_[i]);
      (stays ? staying : gone).push_back(clients_[i]);
    }
    clients_ = std::move(staying);
    std::ranges::for_each(gone, [this](const Client& each) { forget_requests_of(each); });
    accept_all();
  }
}

bool HintServer::obey() {
  commands_->drain();
  while (const auto command = commands_->take()) {
    if (*command == Command::kStop) {
      std::for_each(clients_.begin(), clients_.end(),
                    [this](const Client& client) { os_.close(client.connection); });
      return false;
    }
    std::for_each(clients_.begin(), clients_.end(), [this](Client& client) { tell_start(client); });
  }
  return true;
}

void HintServer::accept_all() {
  while (const auto connection = os_.accept(listener_)) {
    const auto peer = os_.peer_of(*connection);
    if (!peer) {
      os_.close(*connection);
    } else if (peer->user != 0 && peer->user != user_) {
      refuse(*connection, fmt::format("give hints as user {}: these processes are user {}'s, who "
                                      "alone may, and root",
                                      peer->user, user_));
    } else if (clients_.size() == kMostClients) {
      refuse(*connection, "give hints: too many connections; give them through one that is open");
    } else {
      clients_.push_back({.connection = *connection, .speaks_for = peer->pid});
      tell_start(clients_.back());
    }
  }
}

bool HintServer::serve(Client& client) {
  std::array<std::byte, kLongestHint> buffer{};
  for (;;) {
    const auto got = os_.read(client.connection, buffer);
    if (!got && got.error().number == EAGAIN) {
      return true;
    }
    if (!got || *got == 0) {
      os_.close(client.connection);
      return false;
    }
    std::string text(*got, '\0');
    std::memcpy(text.data(), buffer.data(), *got);
    const auto message = read_hint(text);
    const std::string wrong = message ? take(client, *message) : message.error().what;
    if (!wrong.empty()) {
      refuse(client.connection, wrong);
      return false;
    }
  }
}

std::string HintServer::take(Client& client, const HintMessage& message) {
  const Instant now = os_.now();
  if (const auto* hello = std::get_if<HintHello>(&message)) {
    client.speaks_for = hello->pid.value_or(client.speaks_for);
    return {};
  }
  const Pid speaker = client.speaks_for;
  if (const auto* arrived = std::get_if<HintArrived>(&message)) {
    const Delivery news =
        book_.with([&](Book& book) { return arrive(book, speaker, *arrived, now); });
    if (news.sink != nullptr) {
      news.sink->work_arrived(news.pid, news.request);
    }
    return news.wrong;
  }
  if (const auto* finished = std::get_if<HintFinished>(&message)) {
    const Delivery news =
        book_.with([&](Book& book) { return finish(book, speaker, *finished, now); });
    if (news.sink != nullptr) {
      news.sink->work_finished(news.pid, news.request);
    }
    return news.wrong;
  }
  book_.with([&](Book& book) {
    Told& told = book.by_rank[book.rank_of(speaker)].told;
    if (const auto* work = std::get_if<HintWork>(&message)) {
      told.works = true;
      told.progress.work = work->work;
      told.progress.kernels = work->kernels;
    } else if (const auto* bystander = std::get_if<HintBystander>(&message)) {
      told.progress.bystander = bystander->off;
      told.progress.tells_bystander = true;
    } else {
      told.ready = true;
    }
  });
  return {};
}

HintServer::Delivery HintServer::arrive(Book& book, Pid speaker, const HintArrived& arrived,
                                        Instant now) {
  const std::size_t rank = book.rank_of(speaker);
  Record& record = book.by_rank[rank];
  std::vector<RequestRecord>& requests = record.told.requests;
  if (book.requests == kMostRequests) {
    return {.pid = {},
            .wrong = fmt::format("take a hint: {} requests are as many as are kept; end the run",
                                 kMostRequests)};
  }
  if (!record.open.emplace(arrived.request, requests.size()).second) {
    return {.pid = {},
            .wrong = fmt::format("take a hint: request {} has arrived before and has not "
                                 "finished; number each request anew",
                                 arrived.request)};
  }
  ++book.requests;
  const Instant at = past(arrived.at, now);
  requests.push_back({.request = requests.size(),
                      .arrival = requests.empty() ? at : std::max(at, requests.back().arrival),
                      .first_wave = kForever,
                      .end = kForever});
  return {.sink = book.sink, .pid = book.pid_of(rank), .request = requests.size() - 1, .wrong = {}};
}

HintServer::Delivery HintServer::finish(Book& book, Pid speaker, const HintFinished& finished,
                                        Instant now) {
  const std::size_t rank = book.rank_of(speaker);
  Record& record = book.by_rank[rank];
  const auto found = record.open.find(finished.request);
  if (found == record.open.end()) {
    return {.pid = {},
            .wrong = fmt::format("take a hint: request {} has finished and is none that has "
                                 "arrived; tell of its arrival first",
                                 finished.request)};
  }
  const std::size_t index = found->second;
  record.open.erase(found);
  record.first_changed = std::min(record.first_changed, index);
  RequestRecord& request = record.told.requests[index];
  request.end = std::max(request.arrival, past(finished.at, now));
  const auto within = [&](std::optional<Instant> at) {
    return at ? std::clamp(*at, request.arrival, request.end) : kForever;
  };
  request.first_wave = within(finished.first_wave);
  request.first_token = within(finished.first_token);
  request.tokens = finished.tokens;
  request.phases.at(static_cast<std::size_t>(DriverPhase::kNone)) = request.end - request.arrival;
  ++record.told.progress.requests_completed;
  return {.sink = book.sink, .pid = book.pid_of(rank), .request = index, .wrong = {}};
}

/// Nobody is left who would say that what its process has begun is done: it is work no more, or
/// others would be off for it for ever. The records keep it without an end.
void HintServer::forget_requests_of(const Client& gone) {
  const auto forgotten = book_.with([&](Book& book) {
    std::vector<Delivery> all;
    const std::size_t rank = book.rank_of(gone.speaks_for);
    const bool has_others = std::ranges::any_of(
        clients_, [&](const Client& client) { return book.rank_of(client.speaks_for) == rank; });
    const auto found = book.by_rank.find(rank);
    if (!has_others && found != book.by_rank.end()) {
      for (const auto& [number, index] : std::exchange(found->second.open, {})) {
        all.push_back({.sink = book.sink, .pid = book.pid_of(rank), .request = index, .wrong = {}});
      }
    }
    return all;
  });
  for (const Delivery& each : forgotten) {
    if (each.sink != nullptr) {
      each.sink->work_finished(each.pid, each.request);
    }
  }
}

void HintServer::refuse(Fd connection, const std::string& reason) {
  (void)send_text(os_, connection, refusal_text(reason));  // who has gone does not want to know
  os_.close(connection);
}

void HintServer::tell_start(Client& client) {
  const auto start = book_.with([](const Book& book) { return book.start; });
  if (start && !client.knows_start) {
    client.knows_start = send_text(os_, client.connection, start_text(*start));
  }
}

}  // namespace gpreempt::kfd
