#include "study/linux_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "core/error.h"

namespace gpreempt::study {
namespace {

tl::unexpected<Error> refused(std::string_view what, const std::filesystem::path& file) {
  const int number = errno;
  return fail(Errc::kIo, fmt::format("{} {}: {}", what, file.string(), std::strerror(number)),
              number);
}

/// The whole lines of `text`; how many bytes they take.
std::size_t split(std::string_view text, std::vector<std::string>& lines) {
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos;
       end = text.find('\n', begin)) {
    lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return begin;
}

bool read_all(int fd, std::string& text) {
  constexpr std::size_t kBytes = 65536;
  std::array<char, kBytes> buffer{};
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0) {
      return true;
    }
    if (got < 0 && errno != EINTR) {
      return false;
    }
    text.append(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  }
}

}  // namespace

Journal::Journal(Journal&& other) noexcept { *this = std::move(other); }

Journal& Journal::operator=(Journal&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(fd_, other.fd_);
  std::swap(lines_, other.lines_);
  std::swap(torn_, other.torn_);
  return *this;
}

Journal::~Journal() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Result<Journal> Journal::open(const std::filesystem::path& file) {
  Journal journal;
  journal.file_ = file;
  constexpr int kMode = 0644;
  journal.fd_ = ::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, kMode);
  if (journal.fd_ < 0) {
    return refused("open", file);
  }
  // Not flock: that lock would live on in the workers of a killed study. This one ends as soon as
  // this process closes any descriptor of the file, so it is read through this one.
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(journal.fd_, F_SETLK, &lock) < 0) {
    return fail(
        Errc::kBusy,
        fmt::format("open {}: another process is at work on this study; wait for it, or end "
                    "it",
                    file.string()));
  }
  std::string text;
  if (!read_all(journal.fd_, text)) {
    return refused("read", file);
  }
  const std::size_t whole = split(text, journal.lines_);
  journal.torn_ = text.size() - whole;
  if (journal.torn_ > 0 && ::ftruncate(journal.fd_, static_cast<off_t>(whole)) < 0) {
    return refused("cut the half line off", file);
  }
  return journal;
}

Result<std::vector<std::string>> Journal::read(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  std::string text;
  GPREEMPT_TRY(store(text, read_text_file(file)));
  (void)split(text, lines);
  return lines;
}

Result<void> Journal::append(const std::string& line) {
  const std::string text = line + "\n";
  ssize_t put = 0;
  do {
    put = ::write(fd_, text.data(), text.size());
  } while (put < 0 && errno == EINTR);
  if (put == static_cast<ssize_t>(text.size())) {
    return {};
  }
  if (put >= 0) {
    errno = ENOSPC;
  }
  auto failed = refused("write", file_);
  if (put > 0) {
    (void)::ftruncate(fd_, ::lseek(fd_, 0, SEEK_END) - put);
  }
  return failed;
}

Result<void> Journal::clear() {
  lines_.clear();
  torn_ = 0;
  if (::ftruncate(fd_, 0) < 0) {
    return refused("empty", file_);
  }
  return {};
}

}  // namespace gpreempt::study
