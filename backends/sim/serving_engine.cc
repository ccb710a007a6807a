#include "backends/sim/serving_engine.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/error.h"
#include "core/program.h"
#include "core/time.h"

namespace gpreempt::sim {

void ServingEngine::add(std::size_t request, std::uint32_t prompt_tokens,
                        std::uint32_t output_tokens) {
  GPREEMPT_CHECK(output_tokens > 0);
  waiting_.push_back(
      {.index = request, .prompt_tokens = prompt_tokens, .tokens_left = output_tokens});
}

std::vector<std::size_t> ServingEngine::prefilling() const {
  std::vector<std::size_t> requests;
  requests.reserve(prefill_.size());
  for (const Request& request : prefill_) {
    requests.push_back(request.index);
  }
  return requests;
}

Duration ServingEngine::begin() {
  GPREEMPT_CHECK(!running_ && has_work());
  running_ = true;
  std::uint64_t tokens = 0;
  const bool admits = steps_left_ == 0 || batch_.empty();
  while (admits && !waiting_.empty() && batch_.size() + prefill_.size() < serving_.max_batch) {
    const Request& next = waiting_.front();
    if (!prefill_.empty() && tokens + next.prompt_tokens > serving_.max_prefill_tokens) {
      break;
    }
    tokens += next.prompt_tokens;
    prefill_.push_back(next);
    waiting_.pop_front();
  }
  if (!prefill_.empty()) {
    return time_at(serving_.prefill, tokens);
  }
  steps_left_ = admits ? serving_.decode_steps - 1 : steps_left_ - 1;
  return time_at(serving_.decode, batch_.size());
}

ServingEngine::Outcome ServingEngine::end() {
  GPREEMPT_CHECK(running_);
  running_ = false;
  Outcome outcome;
  const bool prefilled = !prefill_.empty();
  std::vector<Request>& served = prefilled ? prefill_ : batch_;
  for (Request& request : served) {
    (prefilled ? outcome.first_token : outcome.token).push_back(request.index);
    if (--request.tokens_left == 0) {
      outcome.finished.push_back(request.index);
    }
  }
  std::erase_if(served, [](const Request& request) { return request.tokens_left == 0; });
  if (prefilled) {
    batch_.insert(batch_.end(), prefill_.begin(), prefill_.end());
    prefill_.clear();
  }
  return outcome;
}

KernelTrain train_of_iteration(const Serving& serving, Duration time) {
  const std::int64_t kernels = serving.kernels;
  const std::int64_t each = to_ns(time) / kernels;
  const std::int64_t longer = to_ns(time) % kernels;  // kernels of one more nanosecond
  KernelTrain train;
  if (longer > 0) {
    train.push_back({.count = static_cast<std::uint32_t>(longer),
                     .duration = Duration(each + 1),
                     .shape = serving.shape});
  }
  if (each > 0) {
    train.push_back({.count = static_cast<std::uint32_t>(kernels - longer),
                     .duration = Duration(each),
                     .shape = serving.shape});
  }
  return serving.collective ? with_collectives(train, *serving.collective) : train;
}

}  // namespace gpreempt::sim
