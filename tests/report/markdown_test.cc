// Goal: Markdown lines up, puts the answer first, and no text in it becomes markup.
#include <gtest/gtest.h>

#include <string>

#include "cli/report/document.h"

namespace gpreempt::report {
namespace {

TEST(Markdown, TablesLineUp) {
  const Document document{
      .title = "T",
      .lead = {"Answer."},
      .sections = {
          {.title = "S",
           .evidence = "simulated",
           .tables = {{.columns = {{.title = "policy"}, {.title = "p99", .is_number = true}},
                       .rows = {{{.text = "a|b"}, {.text = "9 ms"}},
                                {{.text = "µ"}, {.text = "10.5 ms", .tone = Tone::kBad}}}}}}}};
  EXPECT_EQ(to_markdown(document),
            "# T\n"
            "\n"
            "Answer.\n"
            "\n"
            "## S\n"
            "\n"
            "Evidence: simulated.\n"
            "\n"
            "| policy |         p99 |\n"
            "| ------ | ----------: |\n"
            "| a\\|b   |        9 ms |\n"
            "| µ      | **10.5 ms** |\n");
}

TEST(Markdown, TextIsNoMarkup) {
  const Document document{.title = "<b>*x*</b>",
                          .lead = {"a\n# b"},
                          .sections = {{.title = "S", .notes = {"[l](u) `c`"}}}};
  EXPECT_EQ(to_markdown(document),
            "# \\<b\\>\\*x\\*\\</b\\>\n\na \\# b\n\n## S\n\n\\[l\\](u) \\`c\\`\n");
}

TEST(Markdown, ASectionOfPicturesOnlyIsLeftOut) {
  const Document document{
      .title = "T",
      .lead = {},
      .sections = {
          {.title = "S", .charts = {{.id = "c", .kind = "lines", .about = "x", .data = "{}"}}}}};
  EXPECT_EQ(to_markdown(document), "# T\n");
}

TEST(Markdown, ACommandCannotEndItsBlock) {
  const Document document{
      .title = "T", .lead = {}, .sections = {{.title = "S", .commands = {"echo '```'"}}}};
  EXPECT_EQ(to_markdown(document), "# T\n\n## S\n\n````sh\necho '```'\n````\n");
}

}  // namespace
}  // namespace gpreempt::report
