#include "study/sqlite_file.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "study/outputs.h"
#include "study/plan.h"
#include "study/schedule.h"
#include "study/study_file.h"
#include "study/table.h"

namespace gpreempt::study {
namespace {

/// A name inside a statement.
std::string identifier(const std::string& name) {
  std::string text(1, '"');
  for (const char c : name) {
    text.append(c == '"' ? 2 : 1, c);
  }
  text += '"';
  return text;
}

/// The first error stays: what follows it does nothing.
class Database {
 public:
  explicit Database(const std::filesystem::path& file) {
    check(sqlite3_open(file.c_str(), &handle_));
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close(handle_); }

  void run(const std::string& sql) {
    if (error_.empty()) {
      check(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr));
    }
  }
  void check(int code) {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW && error_.empty()) {
      error_ = sqlite3_errmsg(handle_);
    }
  }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
  std::string error_;
};

/// INSERT of whole rows.
class Insert {
 public:
  Insert(Database& database, const std::string& table, std::size_t columns) : database_(database) {
    std::string sql = fmt::format("INSERT INTO {} VALUES (?", table);
    for (std::size_t i = 1; i < columns; ++i) {
      sql += ",?";
    }
    sql += ')';
    if (database_.error().empty()) {
      database_.check(
          sqlite3_prepare_v2(database_.handle(), sql.c_str(), -1, &statement_, nullptr));
    }
  }
  Insert(const Insert&) = delete;
  Insert& operator=(const Insert&) = delete;
  ~Insert() { sqlite3_finalize(statement_); }

  Insert& text(const std::string& value) {
    if (statement_ != nullptr) {
      sqlite3_bind_text(statement_, ++column_, value.data(), static_cast<int>(value.size()),
                        SQLITE_TRANSIENT);
    }
    return *this;
  }
  Insert& whole(std::uint64_t value) {
    if (statement_ != nullptr) {
      sqlite3_bind_int64(statement_, ++column_, static_cast<sqlite3_int64>(value));
    }
    return *this;
  }
  /// SQLite makes a NULL of a NaN.
  Insert& number(double value) {
    if (statement_ != nullptr) {
      sqlite3_bind_double(statement_, ++column_, value);
    }
    return *this;
  }
  void done() {
    if (statement_ != nullptr && database_.error().empty()) {
      database_.check(sqlite3_step(statement_));
      database_.check(sqlite3_reset(statement_));
    }
    column_ = 0;
  }

 private:
  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int column_ = 0;
};

void write_runs(Database& database, const Plan& plan, const std::vector<Row>& rows,
                const Redo& redo) {
  std::string sql = "CREATE TABLE runs (point INTEGER, seed INTEGER";
  for (const Factor& factor : plan.table.factors) {
    sql += fmt::format(", {} TEXT", identifier(factor.name));
  }
  for (const std::string& metric : plan.table.metrics) {
    sql += fmt::format(", {} REAL", identifier(metric));
  }
  database.run(sql + ", error TEXT, command TEXT)");
  Insert insert(database, "runs", 4 + plan.table.factors.size() + plan.table.metrics.size());
  for (const Row& row : rows) {
    insert.whole(row.point).whole(row.seed);
    const std::vector<std::size_t>& levels = plan.table.points.at(row.point).levels;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      insert.text(plan.table.factors[i].levels.at(levels[i]));
    }
    for (std::size_t i = 0; i < plan.table.metrics.size(); ++i) {
      insert.number(i < row.values.size() ? row.values[i] : std::nan(""));
    }
    insert.text(row.error).text(redo_command(redo, plan, row)).done();
  }
}

void write_design(Database& database, const Plan& plan) {
  database.run("CREATE TABLE factors (name TEXT, prior INTEGER, evidence TEXT)");
  database.run("CREATE TABLE levels (factor TEXT, position INTEGER, level TEXT)");
  database.run("CREATE TABLE metrics (name TEXT)");
  database.run("CREATE TABLE study (name TEXT, question TEXT, quick INTEGER, design TEXT)");
  Insert factors(database, "factors", 3);
  Insert levels(database, "levels", 3);
  for (const Factor& factor : plan.table.factors) {
    factors.text(factor.name).whole(factor.prior ? 1 : 0).text(factor.evidence).done();
    for (std::size_t i = 0; i < factor.levels.size(); ++i) {
      levels.text(factor.name).whole(i).text(factor.levels[i]).done();
    }
  }
  Insert metrics(database, "metrics", 1);
  for (const std::string& metric : plan.table.metrics) {
    metrics.text(metric).done();
  }
  Insert(database, "study", 4)
      .text(plan.file.name)
      .text(plan.file.question)
      .whole(plan.file.is_quick ? 1 : 0)
      .text(std::string(to_string(plan.file.kind)))
      .done();
}

}  // namespace

Result<void> write_sqlite(const std::filesystem::path& file, const Plan& plan,
                          const std::vector<Row>& rows, const Redo& redo) {
  const std::filesystem::path fresh =
      file.parent_path() / fmt::format(".{}.new", file.filename().string());
  std::error_code system;
  std::filesystem::remove(fresh, system);
  std::string error;
  {
    Database database(fresh);
    // A file that is not complete is not renamed, so it needs no journal of its own.
    database.run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN");
    write_design(database, plan);
    write_runs(database, plan, rows, redo);
    database.run("COMMIT");
    error = database.error();
  }
  if (error.empty()) {
    std::filesystem::rename(fresh, file, system);
    error = system ? system.message() : "";
  }
  if (!error.empty()) {
    std::filesystem::remove(fresh, system);
    return fail(Errc::kIo, fmt::format("write {}: {}; choose another --out", file.string(), error));
  }
  return {};
}

}  // namespace gpreempt::study
