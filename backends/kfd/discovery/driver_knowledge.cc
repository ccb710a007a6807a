#include "backends/kfd/discovery/driver_knowledge.h"

#include "backends/kfd/doctor/box.h"
#include "backends/kfd/doctor/checks.h"
#include "backends/kfd/doctor/doctor.h"
#include "backends/kfd/os.h"

namespace gpreempt::kfd {

DriverKnowledge know_driver(Os& os) {
  // These two look at files alone; a device is not asked for.
  doctor::Box box(os, {.device = {}, .pid = {}, .saved_tree = true});
  for (const doctor::Check& check : doctor::driver_checks()) {
    if (check.id != "personality" && check.id != "driver-patches") {
      continue;
    }
    for (const doctor::Finding& finding : check.run(box)) {
      if (finding.verdict != doctor::Verdict::kOk && finding.verdict != doctor::Verdict::kNote) {
        return {.is_stock = false, .reason = finding.reason};
      }
    }
  }
  return {.is_stock = true, .reason = {}};
}

}  // namespace gpreempt::kfd
