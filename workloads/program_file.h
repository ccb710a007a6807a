#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "core/program.h"

/// A program as a file, for whoever runs it in a process of its own: every random choice is made
/// already. JSON, times in nanoseconds, an object for each struct of core/program.h with its fields
/// by name; what is absent there is null.
namespace gpreempt {

[[nodiscard]] std::string program_text(const Program& program);

/// Reads what `program_text` writes. `name`: of the file, for messages. Errors: kParse ("name:
/// ...": no JSON, a key that is missing, of another kind or out of range).
[[nodiscard]] Result<Program> read_program(std::string_view text, std::string_view name);

}  // namespace gpreempt
