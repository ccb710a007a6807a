#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/kfd/os.h"
#include "backends/vkfd/machine.h"
#include "backends/vkfd/sim_os.h"
#include "core/hints.h"
#include "core/ids.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::vkfd {

/// Programs of the modelled machine that stand in for a server and a training job. What they do on
/// the GPU is the model's; what they say of it goes over the socket, as a real one's does.
class StandIns final : private HintSink {
 public:
  /// `machine` must outlive it.
  explicit StandIns(Machine& machine);
  StandIns(const StandIns&) = delete;
  StandIns& operator=(const StandIns&) = delete;
  ~StandIns() override;

  struct Manners {
    bool hints = true;  ///< else it knows nothing of hints, and begins at once
    bool says_ready = true;
    Duration work_every{};         ///< how often it says how much it has done; 0: never
    bool tells_bystander = false;  ///< and then, too, how long it was off for others
    std::size_t processes = 1;     ///< more: workers below a launcher that uses no GPU
    std::uint32_t user = 0;
    /// The request after whose arrival it closes its connection.
    std::uint64_t hangs_up_at = UINT64_MAX;
  };
  /// `argv[0]` runs `program` from now on, in each process.
  void install(const std::string& name, const Program& program, const Manners& manners);

  /// Whom it has launched for that name so far.
  [[nodiscard]] const std::vector<Pid>& pids(const std::string& name) { return pids_[name]; }

 private:
  struct Voice {
    std::shared_ptr<SimOs> os;  ///< the process that speaks
    kfd::Fd connection = kfd::kNoFd;
    std::uint64_t hangs_up_at = UINT64_MAX;
  };
  void work_arrived(Pid pid, std::uint64_t request) override;
  void work_finished(Pid pid, std::uint64_t request) override;
  [[nodiscard]] kfd::SysResult<Pid> launch(const std::string& name, const Program& program,
                                           const Manners& manners, const Machine::Started& how);
  void give_voice(Pid pid, const Manners& manners, const std::string& socket);
  void listen(Pid pid, const Manners& manners);
  void say(Pid pid, const std::string& text);

  Machine& machine_;
  std::map<std::string, std::vector<Pid>> pids_;
  std::map<Pid, Voice> voices_;
};

}  // namespace gpreempt::vkfd
