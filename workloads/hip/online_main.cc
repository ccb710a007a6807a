#include <string>
#include <vector>

#include "workloads/hip/gpu.h"
#include "workloads/hip/options.h"
#include "workloads/hip/session.h"

int main(int argc, char** argv) {
  return gpreempt::hip::workload_main(gpreempt::hip::Role::kOnline,
                                      std::vector<std::string>(argv + 1, argv + argc),
                                      gpreempt::hip::open_gpu);
}
