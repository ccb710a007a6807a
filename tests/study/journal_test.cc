// Goal: a journal holds whole lines, whatever happened to its writer.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "study/linux_journal.h"

namespace gpreempt::study {
namespace {

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(file_); }
  void TearDown() override { std::filesystem::remove(file_); }
  std::filesystem::path file_ = std::filesystem::path(::testing::TempDir()) /
                                (std::string("journal-") + std::to_string(::getpid()) + "-" +
                                 ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

using Lines = std::vector<std::string>;

TEST_F(JournalTest, LinesAreThereWhenItIsOpenedAgain) {
  {
    auto journal = Journal::open(file_);
    ASSERT_TRUE(journal);
    ASSERT_TRUE(journal->append("one"));
    ASSERT_TRUE(journal->append("two"));
  }
  const auto again = Journal::open(file_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->lines(), (Lines{"one", "two"}));
  EXPECT_EQ(again->torn(), 0U);
}

TEST_F(JournalTest, AHalfLineAtItsEndIsCutOffAndSaid) {
  std::ofstream(file_) << "one\n{\"poi";
  {
    auto journal = Journal::open(file_);
    ASSERT_TRUE(journal);
    EXPECT_EQ(journal->lines(), Lines{"one"});
    EXPECT_EQ(journal->torn(), 5U);
    ASSERT_TRUE(journal->append("two"));
  }
  const auto lines = Journal::read(file_);
  ASSERT_TRUE(lines);
  EXPECT_EQ(*lines, (Lines{"one", "two"}));
}

TEST_F(JournalTest, AnotherProcessCannotOpenItMeanwhile) {
  const auto journal = Journal::open(file_);
  ASSERT_TRUE(journal);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto second = Journal::open(file_);
    ::_exit(!second && second.error().code == Errc::kBusy ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace gpreempt::study
