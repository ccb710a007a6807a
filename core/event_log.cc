#include "core/event_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/decision.h"
#include "core/error.h"
#include "core/event.h"
#include "core/gang_options.h"
#include "core/ids.h"
#include "core/policy.h"
#include "core/scheduler.h"
#include "core/time.h"

namespace gpreempt {
namespace {

using Line = fmt::memory_buffer;

template <class... Args>
void put(Line& line, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(line), format, std::forward<Args>(args)...);
}

/// Bytes of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none.
/// Source: The Unicode Standard, table 3-7.
// NOLINTNEXTLINE(readability-function-cognitive-complexity): one branch per row of the standard
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (lead < 0x80) {
    return 1;
  }
  if (lead >= 0xc2 && lead <= 0xdf) {
    return continues(1) ? 2 : 0;
  }
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool overlong = lead == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = lead == 0xed && byte(1) > 0x9f;
    return !overlong && !surrogate && continues(1) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool overlong = lead == 0xf0 && byte(1) < 0x90;
    const bool too_large = lead == 0xf4 && byte(1) > 0x8f;
    return !overlong && !too_large && continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

void put_string(Line& line, std::string_view text) {
  line.push_back('"');
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char first = text.front();
    if (length == 0) {
      put(line, "\\ufffd");
    } else if (first == '"' || first == '\\') {
      put(line, "\\{}", first);
    } else if (static_cast<unsigned char>(first) < 0x20) {
      put(line, "\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(first)));
    } else {
      line.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  line.push_back('"');
}

void put_error(Line& line, const std::optional<Error>& error) {
  if (!error) {
    put(line, ",\"error\":null");
    return;
  }
  put(line, ",\"error\":{{\"code\":\"{}\",\"errno\":{},\"what\":", to_string(error->code),
      error->sys_errno);
  put_string(line, error->what);
  line.push_back('}');
}

void put_duration(Line& line, std::string_view key, std::optional<Duration> duration) {
  if (duration) {
    put(line, ",\"{}\":{}", key, to_ns(*duration));
  } else {
    put(line, ",\"{}\":null", key);
  }
}

/// `Duration::max()` stands for "none".
std::optional<Duration> finite(Duration duration) {
  return duration == Duration::max() ? std::nullopt : std::optional(duration);
}

void put_terms(Line& line, const Terms& terms) {
  std::string_view before = ",\"terms\":{";
  for (const Term& term : terms.items()) {
    put(line, "{}\"{}\":{}", before, to_string(term.name), term.value);
    before = ",";
  }
  if (!terms.empty()) {
    line.push_back('}');
  }
}

/// Appends an event's own keys.
struct Body {
  Line& line;

  void operator()(const AttachDone& e) const {
    put(line, ",\"target\":{}", e.target);
    put_error(line, e.error);
  }
  void operator()(const DetachDone& e) const { put(line, ",\"target\":{}", e.target); }
  void operator()(const ControlDone& e) const {
    put(line, ",\"target\":{},\"request\":{},\"control\":\"{}\",\"issued\":{},\"done\":{}",
        e.target, e.request, to_string(e.kind), to_ns(e.issued), to_ns(e.done));
    put(line, ",\"outcomes\":[");
    std::string_view separator;
    for (const QueueOutcome& outcome : e.outcomes) {
      put(line, "{}{{\"queue\":{},\"outcome\":\"{}\"}}", separator, outcome.id,
          to_string(outcome.outcome));
      separator = ",";
    }
    line.push_back(']');
    put_error(line, e.error);
  }
  void operator()(const LeaseExpired& e) const {
    put(line, ",\"target\":{},\"queues\":[", e.target);
    std::string_view separator;
    for (const QueueId queue : e.queues) {
      put(line, "{}{}", separator, queue);
      separator = ",";
    }
    line.push_back(']');
  }
  void operator()(const QueueBorn& e) const {
    const QueueInfo& q = e.queue;
    put(line, ",\"target\":{},\"queue\":{},\"gpu\":{},\"kernel_id\":{}", q.target, q.id, q.gpu,
        q.kernel_id);
    put(line, ",\"type\":\"{}\",\"role\":\"{}\",\"ring_bytes\":{},\"state\":\"{}\"",
        to_string(q.type), to_string(q.role), q.ring_bytes, to_string(q.state));
  }
  void operator()(const QueueGone& e) const {
    put(line, ",\"target\":{},\"queue\":{}", e.target, e.queue);
  }
  void operator()(const ActivityEdge& e) const {
    put(line, ",\"target\":{},\"busy\":{}", e.target, e.busy);
    if (!e.proven) {
      put(line, ",\"proven\":false");
    }
  }
  void operator()(const WorkArrived& e) const {
    put(line, ",\"target\":{},\"request\":{}", e.target, e.request);
  }
  void operator()(const WorkFinished& e) const {
    put(line, ",\"target\":{},\"request\":{}", e.target, e.request);
  }
  void operator()(const ExceptionRaised& e) const {
    put(line, ",\"target\":{},\"mask\":{}", e.target, e.mask);
  }
  void operator()(const TargetExited& e) const { put(line, ",\"target\":{}", e.target); }
  void operator()(const InspectDone& e) const {
    put(line, ",\"request\":{},\"text\":", e.request);
    put_string(line, e.text);
    put_error(line, e.error);
  }
};

}  // namespace

EventLog::EventLog(std::FILE& file, const EventLogHeader& header, EventLogContent content)
    : file_(&file), content_(content) {
  begin(header);
}

EventLog::EventLog(std::string& text, const EventLogHeader& header, EventLogContent content)
    : text_(&text), content_(content) {
  begin(header);
}

void EventLog::begin(const EventLogHeader& header) {
  put(line_, "{{\"schema\":1,\"kind\":\"header\",\"scenario\":");
  put_string(line_, header.scenario);
  put(line_, ",\"policy\":");
  put_string(line_, header.policy);
  put(line_, ",\"seed\":{}}}", header.seed);
  end_line();
}

void EventLog::event(const Event& event) {
  if (content_ == EventLogContent::kDecisions) {
    return;
  }
  put(line_, "{{\"at\":{},\"kind\":\"{}\"", to_ns(event.at), name_of(event));
  std::visit(Body{line_}, event.what);
  line_.push_back('}');
  end_line();
}

void EventLog::decision(const Decision& decision) {
  put(line_,
      "{{\"at\":{},\"kind\":\"decision\",\"sequence\":{},\"tenant\":{},\"target\":{},\"gpu\":{}",
      to_ns(decision.at), decision.sequence, decision.tenant, decision.target, decision.gpu);
  put(line_, ",\"verdict\":\"{}\",\"reason\":\"{}\",\"cause\":{},\"rejected\":\"{}\"",
      to_string(decision.verdict), to_string(decision.reason), decision.cause,
      to_string(decision.rejected));
  if (decision.predicted_cost == kUnknownCost) {
    put(line_, ",\"predicted_cost\":null");
  } else {
    put(line_, ",\"predicted_cost\":{}", to_ns(decision.predicted_cost));
  }
  put_terms(line_, decision.terms);
  line_.push_back('}');
  end_line();
}

void EventLog::realisation(const Realisation& realisation) {
  if (content_ == EventLogContent::kDecisions) {
    return;
  }
  put(line_, "{{\"at\":{},\"kind\":\"realisation\",\"sequence\":{},\"cost\":{}",
      to_ns(realisation.at), realisation.sequence, to_ns(realisation.cost));
  put(line_, ",\"queues_ok\":{},\"queues_failed\":{}}}", realisation.queues_ok,
      realisation.queues_failed);
  end_line();
}

void EventLog::refusal(const Action& action, ControlKind kind, const Error& error, Instant at) {
  if (content_ == EventLogContent::kDecisions) {
    return;
  }
  put(line_, "{{\"at\":{},\"kind\":\"refusal\",\"target\":{},\"control\":\"{}\",\"queues\":{}",
      to_ns(at), action.target, to_string(kind), action.count);
  put_error(line_, error);
  line_.push_back('}');
  end_line();
}

void EventLog::configured(const SchedulerOptions& options) {
  if (content_ == EventLogContent::kDecisions) {
    return;
  }
  put(line_, "{{\"kind\":\"scheduler\",\"mechanism\":");
  put_string(line_, options.mechanism.spec);
  put_duration(line_, "grace", options.grace);
  put(line_, ",\"lease\":{},\"gang\":{{\"order\":\"{}\",\"split\":\"{}\"", to_ns(options.lease),
      to_string(options.gang.order), to_string(options.gang.split));
  put(line_, ",\"gap\":{},\"on_failure\":\"{}\"}}}}", to_ns(options.gang.gap),
      to_string(options.gang.on_failure));
  end_line();
}

void EventLog::tenant(TenantId id, const TenantSpec& spec) {
  if (content_ == EventLogContent::kDecisions) {
    return;
  }
  put(line_, "{{\"kind\":\"tenant\",\"tenant\":{},\"name\":", id);
  put_string(line_, spec.name);
  put(line_, ",\"class\":\"{}\",\"priority\":{},\"weight\":{}", to_string(spec.cls), spec.priority,
      spec.weight);
  put_duration(line_, "promise", finite(spec.promise));
  put_duration(line_, "stall_limit", finite(spec.stall_limit));
  put(line_, ",\"targets\":[");
  std::string_view separator;
  for (const TargetId target : spec.targets) {
    put(line_, "{}{}", separator, target);
    separator = ",";
  }
  put(line_, "]}}");
  end_line();
}

void EventLog::mark(std::string_view kind, Instant at) {
  if (content_ == EventLogContent::kDecisions) {
    return;
  }
  put(line_, "{{\"at\":{},\"kind\":\"{}\"}}", to_ns(at), kind);
  end_line();
}

void EventLog::end_line() {
  line_.push_back('\n');
  if (text_ != nullptr) {
    text_->append(line_.data(), line_.size());
  } else if (!failed_ && std::fwrite(line_.data(), 1, line_.size(), file_) != line_.size()) {
    failed_ = true;
  }
  line_.clear();
}

Result<void> EventLog::finish() {
  if (file_ != nullptr && std::fflush(file_) != 0) {
    failed_ = true;
  }
  if (failed_) {
    return fail(Errc::kIo,
                "writing the event log: the file system refused it; free some space and run again");
  }
  return {};
}

}  // namespace gpreempt
