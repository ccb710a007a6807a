#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {

/// What an iteration of `time` runs: it takes exactly that, and its collectives' time besides,
/// where each kernel's workgroups fit the GPU together.
[[nodiscard]] KernelTrain train_of_iteration(const Serving& serving, Duration time);

/// The iterations of an LLM engine with continuous batching, as `Serving` describes them. Knows no
/// GPU and no clock: its owner runs an iteration and says when it is over.
class ServingEngine {
 public:
  /// What came out of an iteration: indices of requests, in the order in which they were admitted.
  struct Outcome {
    std::vector<std::size_t> first_token;  ///< their prefill is done
    std::vector<std::size_t> token;        ///< one more token of each; the first one is not here
    std::vector<std::size_t> finished;     ///< that was their last token
  };

  explicit ServingEngine(const Serving& serving) : serving_(serving) {}

  /// A request waits from now on. `output_tokens` >= 1.
  void add(std::size_t request, std::uint32_t prompt_tokens, std::uint32_t output_tokens);
  /// Whether there is anything to do.
  [[nodiscard]] bool has_work() const { return !waiting_.empty() || !batch_.empty(); }
  [[nodiscard]] bool running() const { return running_; }
  /// Requests that the iteration under way prefills; none when it decodes.
  [[nodiscard]] std::vector<std::size_t> prefilling() const;

  /// Begins the next iteration; there must be work and none under way. Returns its time by the
  /// tables, of which `train_of_iteration` makes what it runs.
  [[nodiscard]] Duration begin();
  /// The iteration under way is over.
  [[nodiscard]] Outcome end();

 private:
  struct Request {
    std::size_t index = 0;
    std::uint32_t prompt_tokens = 0;
    std::uint32_t tokens_left = 0;
  };

  Serving serving_;
  std::deque<Request> waiting_;
  std::vector<Request> prefill_;  ///< of the iteration under way
  std::vector<Request> batch_;    ///< those that have their first token
  std::uint32_t steps_left_ = 0;  ///< decoding iterations before the next admission
  bool running_ = false;
};

}  // namespace gpreempt::sim
