#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// The text that the rules judge: files of the tree, and views of C++ text.
namespace gpreempt::tidy {

/// A file of the tree.
struct SourceFile {
  std::string path;  ///< from the top of the tree, with '/'
  std::string text;

  [[nodiscard]] bool is_header() const { return path.ends_with(".h"); }
  [[nodiscard]] bool is_cpp() const { return is_header() || path.ends_with(".cc"); }
  /// `folder` without a trailing '/'.
  [[nodiscard]] bool is_under(std::string_view folder) const;
};

/// One #include line.
struct Include {
  std::size_t line = 0;  ///< 1-based
  std::string target;    ///< without its delimiters
  bool angled = false;
};

/// The text cut at its newlines, which are dropped.
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);

/// C++ text in which comments are blanks, and string and character literals are too if
/// `keep_literals` is false. Newlines stay, so lines keep their numbers.
[[nodiscard]] std::string without_comments(std::string_view text, bool keep_literals);

/// The includes of a C++ text; those in comments are not includes.
[[nodiscard]] std::vector<Include> includes_of(std::string_view text);

/// Every text file under `top` that belongs to the project: no build trees, no version control.
[[nodiscard]] std::vector<SourceFile> read_tree(const std::filesystem::path& top);

}  // namespace gpreempt::tidy
