#include "backends/kfd/debugfs/mqds.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/kfd/debugfs/text_cursor.h"
#include "core/error.h"

namespace gpreempt::kfd::debugfs {
namespace {

constexpr std::string_view kWordIndent = "    ";

/// The line before a queue's words, or instead of them.
struct QueueTitle {
  std::string_view text;
  MqdKind kind;
  bool has_type = false;
};
constexpr auto kQueueTitles = std::to_array<QueueTitle>({
    {.text = "  Compute queue on device ", .kind = MqdKind::kCompute},
    {.text = "  SDMA queue on device ", .kind = MqdKind::kSdma},
    {.text = "  DIQ on device ", .kind = MqdKind::kDebug},
    {.text = "  Bad user queue type ", .kind = MqdKind::kBadUser, .has_type = true},
    {.text = "  Bad kernel queue type ", .kind = MqdKind::kBadKernel, .has_type = true},
});
constexpr std::string_view kNeitherTitle = "  Weird: Queue node with neither kernel nor user queue";

Result<MqdsProcess> read_process(TextCursor& cursor) {
  MqdsProcess process;
  const auto wanted = [&] {
    return tl::unexpected<Error>(
        cursor.expected("\"Process PID PASID N:\", which begins each process of mqds"));
  };
  if (!cursor.take("Process ")) {
    return wanted();
  }
  const auto pid = cursor.take_decimal();
  constexpr std::uint32_t kLargestPid = 0x7fffffff;
  if (!pid || *pid > kLargestPid || !cursor.take(" PASID ")) {
    return wanted();
  }
  process.pid = *pid;
  process.pasid_is_hex = cursor.take("0x");
  const auto pasid = process.pasid_is_hex ? cursor.take_hex() : cursor.take_decimal();
  if (!pasid || !cursor.take(":") || !cursor.take_end_of_line()) {
    return wanted();
  }
  process.pasid = *pasid;
  return process;
}

/// nullopt: the line begins no queue.
Result<std::optional<MqdsQueue>> read_title(TextCursor& cursor) {
  MqdsQueue queue;
  if (cursor.take(kNeitherTitle)) {
    queue.kind = MqdKind::kNeither;
    if (!cursor.take_end_of_line()) {
      return tl::unexpected<Error>(cursor.expected("the end of the line"));
    }
    return queue;
  }
  for (const QueueTitle& title : kQueueTitles) {
    if (!cursor.take(title.text)) {
      continue;
    }
    queue.kind = title.kind;
    if (title.has_type) {
      const auto type = cursor.take_decimal();
      if (!type || !cursor.take(" on device ")) {
        return tl::unexpected<Error>(cursor.expected("the queue's type and \"on device ID\""));
      }
      queue.bad_type = *type;
    }
    const auto gpu_id = cursor.take_hex();
    if (!gpu_id || !cursor.take_end_of_line()) {
      return tl::unexpected<Error>(cursor.expected("a GPU id in hexadecimal and nothing after it"));
    }
    queue.gpu_id = *gpu_id;
    return queue;
  }
  return std::nullopt;
}

/// The MQDs after a title. Their offsets start over with each.
Result<void> read_words(TextCursor& cursor, MqdsQueue& queue) {
  constexpr std::uint32_t kBytes = sizeof(std::uint32_t);
  const std::size_t size = queue.mqd_dwords();
  DumpLine line;
  while (cursor.rest().starts_with(kWordIndent)) {
    if (!cursor.take_dump_line(kWordIndent, line)) {
      return tl::unexpected<Error>(
          cursor.expected("an offset and 8 words of 8 hexadecimal digits each"));
    }
    const std::size_t have = queue.words.size() % size;
    if (line.offset != have * kBytes || line.count != DumpLine::kMaxWords) {
      return tl::unexpected<Error>(cursor.refused_line(
          fmt::format("offset {:08x} with {} words is not the next part of a queue's descriptor, "
                      "which is offset {:08x} with 8",
                      line.offset, line.count, have * kBytes)));
    }
    queue.words.insert(queue.words.end(), line.words.begin(), line.words.end());
  }
  if (queue.words.empty() || queue.words.size() % size != 0) {
    return tl::unexpected<Error>(cursor.refused(
        fmt::format("the dump of a queue ends after {} of {} words, so the file is not whole",
                    queue.words.size() % size, size)));
  }
  return {};
}

bool has_words(MqdKind kind) {
  return kind == MqdKind::kCompute || kind == MqdKind::kSdma || kind == MqdKind::kDebug;
}

/// The next queue of the process; nullopt if something else comes.
Result<std::optional<MqdsQueue>> read_queue(TextCursor& cursor) {
  Result<std::optional<MqdsQueue>> title = read_title(cursor);
  GPREEMPT_TRY(title);
  std::optional<MqdsQueue> queue = *std::move(title);
  if (queue && has_words(queue->kind)) {
    GPREEMPT_TRY(read_words(cursor, *queue));
  }
  return queue;
}

Result<MqdsProcess> read_process_and_queues(TextCursor& cursor) {
  Result<MqdsProcess> process = read_process(cursor);
  GPREEMPT_TRY(process);
  while (true) {
    Result<std::optional<MqdsQueue>> read = read_queue(cursor);
    GPREEMPT_TRY(read);
    std::optional<MqdsQueue> queue = *std::move(read);
    if (!queue) {
      return process;
    }
    process->queues.push_back(*std::move(queue));
  }
}

}  // namespace

Result<MqdsDump> parse_mqds(std::string_view text, std::string_view path) {
  TextCursor cursor(text, path, DumpKind::kMqds);
  MqdsDump dump;
  while (!cursor.at_end()) {
    Result<MqdsProcess> process = read_process_and_queues(cursor);
    if (!process) {
      return tl::unexpected<Error>(std::move(process).error());
    }
    dump.push_back(*std::move(process));
  }
  return dump;
}

}  // namespace gpreempt::kfd::debugfs
