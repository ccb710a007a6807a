#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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

/// What a process has said of itself.
struct Told {
  bool ready = false;
  /// In order of arrival, numbered from 0; a request that was not said to have finished has no end.
  /// The time of each is in the phase `kNone`: a process cannot see the driver's.
  std::vector<RequestRecord> requests;
  bool works = false;        ///< it said how much work it has done: `progress` has it
  ProgramProgress progress;  ///< says itself whether it has bystander time
};

/// The socket on which the processes of one tenant give hints. Anybody may connect; only processes
/// of the tenant's own user, and root's, are listened to. A worker of its own serves it.
class HintServer {
 public:
  /// Requests of a tenant that are kept.
  static constexpr std::size_t kMostRequests = 4'000'000;
  /// Connections at a time.
  static constexpr std::size_t kMostClients = 64;

  /// Makes the socket at `path`; what a killed process of this user has left there is replaced.
  /// `user`: whose processes may speak. Errors: kIo; nothing was started.
  [[nodiscard]] static Result<std::unique_ptr<HintServer>> start(Os& os, std::string path,
                                                                 std::uint32_t user);
  HintServer(const HintServer&) = delete;
  HintServer& operator=(const HintServer&) = delete;
  /// `close` must have been called.
  ~HintServer() = default;

  [[nodiscard]] const std::string& path() const { return path_; }

  // None of these waits. Any worker.

  /// The tenant's processes on the GPU, the first rank first. What others say, such as a front end,
  /// counts as the first one's.
  void set_processes(std::vector<Pid> pids);
  /// Where arrivals and ends are passed on to as they come, as those of requests numbered from 0 in
  /// order of arrival; null: nowhere. Requests that are open when the last connection for their
  /// process closes are passed on as ended then. Until `close` has returned it must stay.
  void pass_to(HintSink* sink);
  /// Tells every client, and those who connect later, when to begin.
  void begin(Instant start);
  /// Whether somebody said that the tenant is ready.
  [[nodiscard]] bool is_ready();
  /// What the process at `rank` has said. `known`: requests that the caller has already, which are
  /// not copied again unless they have changed.
  void update(std::size_t rank, Told& known);

  /// Ends the worker and removes the socket. Blocks: until it has ended. Idempotent.
  void close();

 private:
  struct Record {
    Told told;
    std::map<std::uint64_t, std::size_t> open;  ///< the process's number -> index of its request
    std::size_t first_changed = 0;              ///< since the last `update`
  };
  /// Shared by the worker and the owner.
  struct Book {
    std::vector<Pid> pids;
    std::map<std::size_t, Record> by_rank;
    HintSink* sink = nullptr;
    std::optional<Instant> start;
    std::size_t requests = 0;

    [[nodiscard]] std::size_t rank_of(Pid speaker) const;
    [[nodiscard]] Pid pid_of(std::size_t rank) const;
  };
  /// What `sink` is to be told, once the book is closed.
  struct Delivery {
    HintSink* sink = nullptr;
    Pid pid;
    std::uint64_t request = 0;
    std::string wrong;  ///< with the message; nothing is delivered then
  };
  [[nodiscard]] static Delivery arrive(Book& book, Pid speaker, const HintArrived& arrived,
                                       Instant now);
  [[nodiscard]] static Delivery finish(Book& book, Pid speaker, const HintFinished& finished,
                                       Instant now);
  struct Client {
    Fd connection = kNoFd;
    Pid speaks_for;
    bool knows_start = false;
  };
  enum class Command { kBegin, kStop };

  HintServer(Os& os, std::string path, Fd listener, std::uint32_t user,
             std::shared_ptr<Mailbox<Command>> commands)
      : os_(os),
        path_(std::move(path)),
        listener_(listener),
        user_(user),
        commands_(std::move(commands)),
        book_(Book{}) {}

  void run();
  /// Does what the owner asked for; false: to stop, and nobody is connected any more.
  [[nodiscard]] bool obey();
  void accept_all();
  /// Whether the connection goes on.
  [[nodiscard]] bool serve(Client& client);
  /// What is wrong with it; empty: nothing.
  [[nodiscard]] std::string take(Client& client, const HintMessage& message);
  void refuse(Fd connection, const std::string& reason);
  void forget_requests_of(const Client& gone);
  void tell_start(Client& client);

  Os& os_;
  const std::string path_;
  const Fd listener_;
  const std::uint32_t user_;
  std::shared_ptr<Mailbox<Command>> commands_;
  Guarded<Book> book_;
  std::vector<Client> clients_;  ///< the worker's alone
  WorkerId worker_;
  bool closed_ = false;
};

}  // namespace gpreempt::kfd
