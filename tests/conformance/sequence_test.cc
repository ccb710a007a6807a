// Goal: sequences that nobody thought of end, and end the same way every time; rules that hold in
// all of them. Method: generated sequences on the model.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/record.h"
#include "conformance/sequences.h"
#include "conformance/stage.h"
#include "tests/conformance/rig.h"

namespace gpreempt::conformance {
namespace {

Record run(std::string_view personality, const std::vector<Sequence>& sequences) {
  Record record;
  const Result<void> ran = with_actors(personality, [&](Actors& actors) {
    Stage stage(actors);
    for (const Sequence& sequence : sequences) {
      const Result<std::string> result = run_sequence(stage, sequence);
      ASSERT_TRUE(result) << name_of(sequence) << ": " << result.error().what;
      record[name_of(sequence)] = *result;
    }
  });
  EXPECT_TRUE(ran) << ran.error().what;
  return record;
}

std::size_t some() { return std::getenv("GPREEMPT_SHORT") != nullptr ? 40 : 400; }

TEST(Sequences, PairsAreAllDifferent) {
  std::set<std::string> names;
  for (const Sequence& sequence : all_pairs()) {
    names.insert(name_of(sequence));
  }
  EXPECT_EQ(names.size(), 12U * 21 * 21);
}

TEST(Sequences, DrawnOnesDependOnTheSeedAndContainThePairsFirst) {
  const std::vector<Sequence> first = some_sequences(6000, 1);
  EXPECT_EQ(first.size(), 6000U);
  EXPECT_EQ(first[5291].operations.size(), 2U);
  EXPECT_EQ(first[5292].operations.size(), 3U);
  EXPECT_EQ(name_of(first[5999]), name_of(some_sequences(6000, 1)[5999]));
  EXPECT_NE(name_of(first[5999]), name_of(some_sequences(6000, 2)[5999]));
}

TEST(Sequences, AreTheSameEveryTime) {
  const std::vector<Sequence> drawn = some_triples(some(), 1);
  EXPECT_EQ(run("upstream-6.12.107", drawn), run("upstream-6.12.107", drawn));
}

TEST(Sequences, OfEveryDriverEnd) {
  for (const std::string_view personality : {"dkms-6.12.12", "upstream-6.12.95", "upstream-7.3"}) {
    EXPECT_EQ(run(personality, some_triples(some(), 3)).size(), some());
  }
}

TEST(Sequences, OldDriversLetStrangersEndASession) {
  const auto strangers = [](std::string_view personality) {
    std::size_t count = 0;
    for (const auto& [name, result] : run(personality, all_pairs())) {
      count += name.starts_with("runtime enabled: b DISABLE;") && result.starts_with("0") ? 1U : 0U;
    }
    return count;
  };
  EXPECT_EQ(strangers("upstream-6.12.95"), 21U);
  EXPECT_EQ(strangers("upstream-6.12.107"), 0U);
}

}  // namespace
}  // namespace gpreempt::conformance
