// Goal: a seeded defect cannot be in the list without its site, nor in the code without its entry.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/mutant.h"
#include "tests/layering/rules.h"
#include "tests/layering/source_text.h"

namespace gpreempt::tidy {
namespace {

#ifndef GPREEMPT_MUTANTS
static_assert(!GPREEMPT_MUTANT("new-gate-gone"), "a product is built without defects");
#endif

Findings check(const std::string& code, const std::string& list) {
  const std::vector<SourceFile> tree = {{.path = "core/a.cc", .text = code},
                                        {.path = "tests/mutants/mutants.def", .text = list}};
  return check_mutants(tree);
}

TEST(MutantRule, TakesASiteThatIsListed) {
  EXPECT_TRUE(
      check("if (a && !GPREEMPT_MUTANT(\"x\")) {}\n", "MUTANT(\"x\", \"core/a.cc\", \"\")\n")
          .empty());
}

TEST(MutantRule, FindsASiteWithoutAnEntry) {
  const Findings findings = check("int a;\nbool b = GPREEMPT_MUTANT(\"x\");\n", "// none\n");
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].path, "core/a.cc");
  EXPECT_EQ(findings[0].line, 2U);
}

TEST(MutantRule, FindsAnEntryWithoutASite) {
  const Findings findings =
      check("// GPREEMPT_MUTANT(\"x\")\n", "\nMUTANT(\"x\",\n       \"core/a.cc\", \"\")\n");
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].path, "tests/mutants/mutants.def");
  EXPECT_EQ(findings[0].line, 2U);
}

TEST(MutantRule, FindsAnEntryThatNamesAnotherFile) {
  EXPECT_EQ(
      check("bool b = GPREEMPT_MUTANT(\"x\");\n", "MUTANT(\"x\", \"core/b.cc\", \"\")\n").size(),
      1U);
}

TEST(MutantRule, FindsANameThatStandsTwice) {
  const std::string site = "bool b = GPREEMPT_MUTANT(\"x\");\n";
  const std::string entry = "MUTANT(\"x\", \"core/a.cc\", \"\")\n";
  EXPECT_EQ(check(site + site, entry).size(), 1U);
  EXPECT_EQ(check(site, entry + entry).size(), 1U);
}

}  // namespace
}  // namespace gpreempt::tidy
