#pragma once

#include <string>
#include <variant>
#include <vector>

#include "experiments/poc_evidence.h"

/// The deliverables of the proof of concept: test report, performance analysis, recommendation for
/// stage 2. Everything in it comes from the evidence, and says whether that was measured, simulated
/// or assumed; what nobody found out is named as missing. No I/O.
namespace gpreempt::experiments {

struct PocText {
  std::string text;
  std::string label;  ///< "measured", "simulated", "assumed", "missing"; empty: it states nothing
};

struct PocTable {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> rows;  ///< as many cells as titles
};

/// Bars. Of a histogram the bins, of quantiles one bar each.
struct PocBars {
  std::string title;
  std::string label;  ///< as `PocText::label`
  struct Bar {
    std::string name;
    double length = 0;  ///< in the unit of the others
    std::string text;   ///< at its end
  };
  std::vector<Bar> bars;
};

using PocBlock = std::variant<PocText, PocTable, PocBars>;

struct PocSection {
  std::string title;
  std::vector<PocBlock> blocks;
};

struct PocReport {
  std::string title;
  std::vector<PocSection> sections;
};

[[nodiscard]] PocReport poc_report(const PocEvidence& evidence);

/// GitHub's Markdown; bars are text.
[[nodiscard]] std::string poc_markdown(const PocReport& report);

/// One page that holds all it needs; bars are inline SVG. No script.
[[nodiscard]] std::string poc_html(const PocReport& report);

}  // namespace gpreempt::experiments
