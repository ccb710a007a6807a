// Goal: docs/requirements.md misses no id of the catalogue, and each command, test and file that it
// names exists. Method: the file's own text against the command line's parser and the tree.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/command_line.h"
#include "cli/experiment_options.h"
#include "cli/hardware_check.h"
#include "cli/hardware_options.h"
#include "cli/run_options.h"
#include "cli/study_options.h"
#include "experiments/experiment.h"
#include "study/shipped.h"
#include "tests/cli/executable.h"
#include "workloads/loader.h"

namespace gpreempt::cli {
namespace {

namespace fs = std::filesystem;

const fs::path& tree() {
  static const fs::path root = GPREEMPT_SOURCE_DIR;
  return root;
}

/// Rows by their first cell; every cell of a table of the page.
std::map<std::string, std::string> rows() {
  std::map<std::string, std::string> found;
  std::istringstream lines(testing::read_file(tree() / "docs" / "requirements.md"));
  const std::regex row(R"(^\| ([A-Z]+-[0-9]+) \|(.*)$)");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, row)) {
      EXPECT_TRUE(found.emplace(match[1], match[2]).second) << match[1] << " is there twice";
    }
  }
  return found;
}

std::vector<std::string> quoted_in(const std::string& row) {
  std::vector<std::string> words;
  const std::regex pattern("`([^`]+)`");
  for (std::sregex_iterator at(row.begin(), row.end(), pattern), end; at != end; ++at) {
    words.push_back((*at)[1]);
  }
  return words;
}

/// "Suite" and "Suite.Test" of every test in the tree.
const std::set<std::string>& tests() {
  static const std::set<std::string> names = [] {
    std::set<std::string> found;
    const std::regex pattern(R"(TEST(?:_F|_P)?\((\w+),\s*(\w+)\))");
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(tree() / "tests")) {
      if (entry.path().extension() != ".cc") {
        continue;
      }
      const std::string text = testing::read_file(entry.path());
      for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) {
        found.insert((*at)[1]);
        found.insert((*at)[1].str() + "." + (*at)[2].str());
      }
    }
    return found;
  }();
  return names;
}

/// Why what a command asks for is not there; empty if it is.
struct Objection {
  std::string operator()(const RunOptions& options) const {
    const auto scenario = find_scenario(options.scenario);
    return scenario ? "" : scenario.error().what;
  }
  std::string operator()(const ExperimentOptions& options) const {
    for (const std::string& name : options.names) {
      if (const auto one = experiments::find_experiment(name); !one) {
        return one.error().what;
      }
    }
    return "";
  }
  std::string operator()(const StudyOptions& options) const {
    const auto one = study::find_study(options.study);
    return one ? "" : one.error().what;
  }
  std::string operator()(const HardwareOptions& options) const {
    const auto checks = choose_checks(options.only);
    return checks ? "" : checks.error().what;
  }
  template <class Other>
  std::string operator()(const Other& /*options*/) const {
    return "";
  }
};

std::string objection_to_command(const std::string& words) {
  std::istringstream stream(words);
  std::vector<std::string> arguments;
  for (std::string word; stream >> word;) {
    arguments.push_back(word);
  }
  arguments.erase(arguments.begin());
  const auto command = parse_command_line(arguments);
  return command ? std::visit(Objection(), *command) : command.error().what;
}

std::string objection_to(const std::string& word) {
  if (word.starts_with("gpreempt ")) {
    return objection_to_command(word);
  }
  if (word.find('/') != std::string::npos || word.ends_with(".md")) {
    return fs::exists(tree() / word) ? "" : "no such file";
  }
  return tests().contains(word) ? "" : "no such test";
}

TEST(Requirements, EveryIdOfTheCatalogueHasARow) {
  struct Group {
    std::string_view name;
    int first;
    int last;
  };
  // Sections 1.1 to 1.10 of the catalogue.
  constexpr auto kGroups = std::to_array<Group>({{"SCN", 1, 9},
                                                 {"EXP", 0, 18},
                                                 {"API", 1, 12},
                                                 {"QID", 1, 11},
                                                 {"HQD", 1, 10},
                                                 {"SCH", 1, 10},
                                                 {"MU", 1, 7},
                                                 {"T", 1, 18},
                                                 {"TL", 1, 12},
                                                 {"ENV", 1, 3},
                                                 {"DEL", 1, 5}});
  std::set<std::string> wanted;
  for (const Group& group : kGroups) {
    for (int number = group.first; number <= group.last; ++number) {
      wanted.insert(std::string(group.name) + "-" + std::to_string(number));
    }
  }
  std::set<std::string> there;
  for (const auto& [id, row] : rows()) {
    there.insert(id);
  }
  EXPECT_EQ(there, wanted);
}

TEST(Requirements, EachRowNamesWhatCoversItAndThatExists) {
  for (const auto& [id, row] : rows()) {
    const std::vector<std::string> words = quoted_in(row);
    EXPECT_FALSE(words.empty()) << id << " names nothing";
    for (const std::string& word : words) {
      EXPECT_EQ(objection_to(word), "") << id << ": `" << word << "`";
    }
  }
}

TEST(Requirements, WordThatNamesNothingIsNoticed) {
  for (const char* word : {"gpreempt fly", "gpreempt run no-such-scenario",
                           "gpreempt experiment no-such", "gpreempt study no-such",
                           "gpreempt decode no-such FILE", "gpreempt validate-hardware --only T-99",
                           "docs/no-such.md", "NoSuchTest", "SuspendTest.NoSuchSentence"}) {
    EXPECT_NE(objection_to(word), "") << word;
  }
}

}  // namespace
}  // namespace gpreempt::cli
