#include "tests/layering/source_text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <ios>
#include <iterator>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gpreempt::tidy {
namespace {

/// Blanks what is not code, one lexical element at a time.
class Stripper {
 public:
  Stripper(std::string_view text, bool keep_literals) : text_(text), keep_literals_(keep_literals) {
    out_.reserve(text.size());
  }

  std::string strip() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (starts("//")) {
        element(end_of_line(), false);
      } else if (starts("/*")) {
        element(after("*/", at_ + 2), false);
      } else if (starts("R\"") && !in_word()) {
        element(end_of_raw_string(), keep_literals_);
      } else if (c == '"' || (c == '\'' && !in_word())) {
        element(end_of_quoted(c), keep_literals_);
      } else {
        out_ += c;
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool starts(std::string_view prefix) const {
    return text_.substr(at_).starts_with(prefix);
  }
  /// The previous character belongs to a word: 1'000 is a number and LR"x" is not R"x".
  [[nodiscard]] bool in_word() const {
    if (at_ == 0) {
      return false;
    }
    const char c = text_[at_ - 1];
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }
  [[nodiscard]] std::size_t after(std::string_view end, std::size_t from) const {
    const std::size_t found = text_.find(end, from);
    return found == std::string_view::npos ? text_.size() : found + end.size();
  }
  [[nodiscard]] std::size_t end_of_line() const {
    return std::min(text_.find('\n', at_), text_.size());
  }
  [[nodiscard]] std::size_t end_of_raw_string() const {
    const std::size_t open = std::min(text_.find('(', at_), text_.size());
    const std::string delimiter(text_.substr(at_ + 2, open - at_ - 2));
    return after(")" + delimiter + "\"", open);
  }
  [[nodiscard]] std::size_t end_of_quoted(char quote) const {
    std::size_t i = at_ + 1;
    while (i < text_.size() && text_[i] != quote && text_[i] != '\n') {
      i += text_[i] == '\\' ? 2U : 1U;
    }
    return std::min(i + 1, text_.size());
  }
  void element(std::size_t end, bool keep) {
    for (; at_ < end; ++at_) {
      out_ += keep || text_[at_] == '\n' ? text_[at_] : ' ';
    }
  }

  std::string_view text_;
  bool keep_literals_;
  std::size_t at_ = 0;
  std::string out_;
};

constexpr std::array<std::string_view, 11> kTextEndings = {
    ".h", ".cc", ".def", ".md", ".toml", ".txt", ".cmake", ".json", ".yml", ".py", ".sh"};

bool is_text(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  return path.starts_with("ci/") || path.starts_with(".ci/") || name.starts_with(".clang-") ||
         std::ranges::any_of(kTextEndings,
                             [&](std::string_view ending) { return path.ends_with(ending); });
}

bool is_foreign(const std::filesystem::path& folder) {
  const std::string name = folder.filename().string();
  return name == ".git" || name == "build" || name == ".cache";
}

}  // namespace

bool SourceFile::is_under(std::string_view folder) const {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string without_comments(std::string_view text, bool keep_literals) {
  return Stripper(text, keep_literals).strip();
}

std::vector<Include> includes_of(std::string_view text) {
  static const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  const std::string code = without_comments(text, true);
  std::vector<Include> includes;
  std::size_t number = 0;
  for (const std::string_view line : lines_of(code)) {
    ++number;
    std::match_results<std::string_view::const_iterator> match;
    if (std::regex_search(line.begin(), line.end(), match, pattern)) {
      includes.push_back(
          {.line = number, .target = match[2].str(), .angled = match[1].str() == "<"});
    }
  }
  return includes;
}

std::vector<SourceFile> read_tree(const std::filesystem::path& top) {
  std::vector<SourceFile> files;
  for (auto it = std::filesystem::recursive_directory_iterator(top);
       it != std::filesystem::recursive_directory_iterator(); ++it) {
    if (it->is_directory() && is_foreign(it->path())) {
      it.disable_recursion_pending();
      continue;
    }
    std::string path = it->path().lexically_relative(top).generic_string();
    if (!it->is_regular_file() || !is_text(path)) {
      continue;
    }
    std::ifstream in(it->path(), std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(in), {});
    files.push_back({.path = std::move(path), .text = std::move(text)});
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

}  // namespace gpreempt::tidy
