#include <string_view>

#include "cli/run_help.h"

/// A file of its own: it is compiled anew after each commit.
namespace gpreempt::cli {

const std::string_view kBuiltFrom = "gpreempt " GPREEMPT_VERSION ", " GPREEMPT_COMMIT;

}  // namespace gpreempt::cli
