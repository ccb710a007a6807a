#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/option_values.h"

namespace gpreempt::cli {

/// Part `index` of `count`, from 1.
struct ShardOption {
  std::uint32_t index = 1;
  std::uint32_t count = 1;
};

/// `gpreempt study` as written.
struct StudyOptions {
  std::string study;          ///< a TOML file, or a built-in study; empty with `merge`
  std::uint32_t jobs = 0;     ///< workers at a time; 0: one a processor
  std::filesystem::path out;  ///< empty: nothing is kept
  bool list = false;          ///< only what built-in studies there are
  bool fresh = false;         ///< forget the runs in `out`
  bool quick = false;
  ShardOption shard;
  std::vector<std::filesystem::path> merge;             ///< folders of all shards
  std::map<std::string, std::filesystem::path> traces;  ///< as of `run`
  std::vector<std::string> trace_arguments;             ///< the same as written
  OutputFormat format = OutputFormat::kText;
  bool quiet = false;
};

}  // namespace gpreempt::cli
