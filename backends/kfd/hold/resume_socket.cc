#include "backends/kfd/hold/resume_socket.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/kfd/process_status.h"
#include "backends/kfd/whole_number.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/time.h"

namespace gpreempt::kfd {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongestMessage = 16384;  // 1024 ids of 4 digits, and words

std::string path_of(std::string_view pid) { return fmt::format("/tmp/gpreempt-{}.socket", pid); }

/// nullopt: there is none yet. Empty: the other side has ended.
std::optional<std::string> receive(Os& os, Fd connection) {
  std::vector<std::byte> buffer(kLongestMessage);
  const auto got = os.read(connection, buffer);
  if (!got) {
    return got.error().number == EAGAIN ? std::nullopt : std::optional(std::string());
  }
  std::string text(*got, '\0');
  std::memcpy(text.data(), buffer.data(), *got);
  return text;
}

[[nodiscard]] bool send(Os& os, Fd connection, const Json& message) {
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  return os.write(connection, std::as_bytes(std::span(text))).has_value();
}

std::optional<std::vector<std::uint32_t>> read_ids(const Json& object, const char* key) {
  std::vector<std::uint32_t> ids;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) {
    return std::nullopt;
  }
  for (const Json& id : *found) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > UINT32_MAX) {
      return std::nullopt;
    }
    ids.push_back(id.get<std::uint32_t>());
  }
  return ids;
}

/// {"resume":PID,"queues":[ID,...]}
std::optional<ResumeSocket::Request> read_request(const std::string& text) {
  const Json message = Json::parse(text, nullptr, false);
  if (!message.is_object() || !message.contains("resume") ||
      !message["resume"].is_number_unsigned() ||
      message["resume"].get<std::uint64_t>() > INT32_MAX) {
    return std::nullopt;
  }
  auto queues = read_ids(message, "queues");
  if (!queues) {
    return std::nullopt;
  }
  return ResumeSocket::Request{.connection = kNoFd,
                               .target = Pid(message["resume"].get<std::int32_t>()),
                               .queues = *std::move(queues)};
}

/// {"resumed":[ID,...]} or {"error":"..."}
std::optional<ResumeAnswer> read_answer(const std::string& text) {
  const Json message = Json::parse(text, nullptr, false);
  if (!message.is_object()) {
    return std::nullopt;
  }
  if (message.contains("error") && message["error"].is_string()) {
    return ResumeAnswer{.resumed = {}, .error = message["error"].get<std::string>()};
  }
  auto ids = read_ids(message, "resumed");
  return ids ? std::optional(ResumeAnswer{.resumed = *std::move(ids), .error = {}}) : std::nullopt;
}

Error io_error(const std::string& what, SysError error) {
  return {.code = Errc::kIo,
          .sys_errno = error.number,
          .what = fmt::format("{}: {}", what, std::strerror(error.number))};
}

}  // namespace

// ---- the holder's side

Result<std::unique_ptr<ResumeSocket>> ResumeSocket::open(Os& os) {
  const auto self = os.read_link("/proc/self");
  if (!self) {
    return tl::unexpected<Error>(io_error("read /proc/self", self.error()));
  }
  const std::string path = path_of(*self);
  auto listener = os.listen(path);
  if (!listener && listener.error().number == EADDRINUSE && os.remove_file(path)) {
    listener = os.listen(path);  // of one that had this pid before and was killed
  }
  if (!listener) {
    return tl::unexpected<Error>(io_error("make the socket " + path, listener.error()));
  }
  return std::unique_ptr<ResumeSocket>(new ResumeSocket(os, path, *listener));
}

std::vector<ResumeSocket::Request> ResumeSocket::take() {
  while (const auto connection = os_.accept(listener_)) {
    connections_.push_back(*connection);
  }
  std::vector<Request> requests;
  std::vector<Fd> silent;
  for (const Fd connection : std::exchange(connections_, {})) {
    const auto text = receive(os_, connection);
    if (!text) {
      silent.push_back(connection);
    } else if (text->empty()) {
      os_.close(connection);
    } else if (auto request = read_request(*text)) {
      request->connection = connection;
      requests.push_back(*std::move(request));
    } else {
      reply(connection, {.resumed = {},
                         .error = "read a request to resume: it is of another version of gpreempt; "
                                  "use the one that suspends"});
    }
  }
  connections_ = std::move(silent);
  return requests;
}

void ResumeSocket::answer(const Request& request, const ResumeAnswer& answer) {
  reply(request.connection, answer);
}

void ResumeSocket::reply(Fd connection, const ResumeAnswer& answer) {
  Json message;
  if (answer.error.empty()) {
    message["resumed"] = answer.resumed;
  } else {
    message["error"] = answer.error;
  }
  (void)send(os_, connection, message);  // who has gone does not want to know
  os_.close(connection);
}

void ResumeSocket::close() {
  for (const Fd connection : std::exchange(connections_, {})) {
    os_.close(connection);
  }
  os_.close(listener_);
  (void)os_.remove_file(path_);
}

void remove_socket_of(Os& os, Pid holder) {
  (void)os.remove_file(path_of(fmt::format("{}", holder)));
}

// ---- the asking side

Result<Pid> tracer_of(Os& os, Pid target, std::string_view proc_root) {
  const auto status = read_process_status(os, proc_root, fmt::format("{}", target));
  if (!status) {
    const bool is_gone = status.error().number == ENOENT || status.error().number == ESRCH;
    return fail(
        is_gone ? Errc::kProcessExited : Errc::kIo,
        fmt::format("find who holds pid {}: {}", target,
                    is_gone ? "there is no such process" : std::strerror(status.error().number)),
        status.error().number);
  }
  const std::string thread = value_of(*status, "TracerPid");
  if (thread.empty() || thread == "0") {
    return Pid(0);
  }
  // A tracer is a thread; its process has the other threads' names too.
  const auto tracer = read_process_status(os, proc_root, thread);
  const auto pid = whole_number<std::int32_t>(tracer ? std::string_view(value_of(*tracer, "Tgid"))
                                                     : std::string_view(thread));
  return Pid(pid.value_or(0));
}

namespace {

Result<Fd> connect_to(Os& os, Pid holder, Pid target) {
  const std::string path = path_of(fmt::format("{}", holder));
  const auto connection = os.connect(path);
  if (!connection) {
    const int number = connection.error().number;
    if (number == EACCES || number == EPERM) {
      return fail(Errc::kNotPermitted,
                  fmt::format("resume pid {}: pid {}, which holds it, is another user's; run as "
                              "that user or as root",
                              target, holder),
                  number);
    }
    if (number != ENOENT && number != ECONNREFUSED) {
      return tl::unexpected<Error>(io_error("connect to " + path, connection.error()));
    }
  }
  const auto peer = connection ? os.peer_of(*connection) : sys_fail(ENOENT);
  if (!peer || peer->pid != holder) {
    if (connection) {
      os.close(*connection);
    }
    return fail(Errc::kBusy,
                fmt::format("resume pid {}: pid {} traces it and is no `gpreempt suspend`; end "
                            "that program, or `gpreempt rescue {}` once it is gone",
                            target, holder, target));
  }
  return *connection;
}

Result<ResumeAnswer> converse(Os& os, Fd connection, Pid holder, const Json& request,
                              Instant deadline) {
  const auto silence = [&] {
    return fail(Errc::kTimedOut,
                fmt::format("resume: pid {} does not answer; it may be stopped or inside the "
                            "driver: its watchdog ends it when the lease has passed",
                            holder));
  };
  if (!send(os, connection, request)) {
    return silence();
  }
  std::array<WaitFd, 1> answered = {{{.fd = connection, .ready = false}}};
  const auto ready = os.wait(answered, deadline);
  if (!ready || *ready == 0) {
    return silence();
  }
  const auto text = receive(os, connection);
  if (!text || text->empty()) {
    // It has ended, and with it the suspension.
    return ResumeAnswer{};
  }
  auto answer = read_answer(*text);
  if (!answer) {
    return fail(Errc::kBusy, fmt::format("resume: pid {} is of another version of gpreempt; use "
                                         "that one, or end it",
                                         holder));
  }
  if (!answer->error.empty()) {
    return fail(Errc::kInvalidArgument, printable(answer->error));
  }
  return *std::move(answer);
}

}  // namespace

Result<ResumeAnswer> ask_to_resume(Os& os, Pid holder, Pid target,
                                   const std::vector<std::uint32_t>& queues, Duration patience) {
  const Instant deadline = saturating_add(os.now(), patience);
  const auto connection = connect_to(os, holder, target);
  if (!connection) {
    return tl::unexpected<Error>(connection.error());
  }
  Json request;
  request["resume"] = target.value();
  request["queues"] = queues;
  auto answer = converse(os, *connection, holder, request, deadline);
  os.close(*connection);
  return answer;
}

}  // namespace gpreempt::kfd
