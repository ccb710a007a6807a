#include <string>
#include <vector>

#include "backends/sim/gpu/parameters.h"
#include "config/document.h"
#include "core/error.h"
#include "validation/groups.h"
#include "validation/hardware.h"
#include "validation/target.h"

namespace gpreempt::validation {
std::vector<Target> save_area_targets() {
  const std::string source = "MQD of a compute queue on MI308X, ctx_save_size and cntl_stack_size";
  const Target area{.group = "V1",
                    .name = "v1-mi308x-area",
                    .unit = "B per XCC",
                    .expected = 0xBA6000,
                    .tolerance = exactly(),
                    .label = Label::kPredicted,
                    .source = source,
                    .run = [](Hardware& hardware) -> Result<double> {
                      sim::GpuParameters gpu;
                      GPREEMPT_TRY(store(gpu, hardware.gpu("mi308x")));
                      return static_cast<double>(gpu.cwsr_area_bytes);
                    }};
  const Target stack{.group = "V1",
                     .name = "v1-mi308x-control-stack",
                     .unit = "B per XCC",
                     .expected = 0x2000,
                     .tolerance = exactly(),
                     .label = Label::kPredicted,
                     .source = source,
                     .run = [](Hardware& hardware) -> Result<double> {
                       sim::GpuParameters gpu;
                       GPREEMPT_TRY(store(gpu, hardware.gpu("mi308x")));
                       return static_cast<double>(sim::cwsr_area(gpu).control_stack_bytes);
                     }};
  return {area, stack};
}

}  // namespace gpreempt::validation
