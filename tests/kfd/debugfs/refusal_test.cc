// Goal: a text that is not amdkfd's is refused at its line, with why it cannot be and what to do.
// Method: one text for each way of being wrong, and fragments of what the error must say.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "backends/kfd/debugfs/hqds.h"
#include "backends/kfd/debugfs/mqds.h"
#include "backends/kfd/debugfs/rls.h"
#include "core/error.h"
#include "tests/kfd/debugfs/samples.h"

namespace gpreempt::kfd::debugfs {
namespace {

struct Refusal {
  const char* name;
  std::string_view file;
  std::string text;
  std::vector<std::string_view> says;
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

/// The error of reading the text, or "".
std::string refusal_of(std::string_view file, const std::string& text) {
  const std::string path(file);
  const auto error_of = [](const auto& result) {
    EXPECT_TRUE(result || result.error().code == Errc::kParse);
    return result ? std::string() : result.error().what;
  };
  if (file == "mqds") {
    return error_of(parse_mqds(text, path));
  }
  return file == "hqds" ? error_of(parse_hqds(text, path)) : error_of(parse_rls(text, path));
}

class DumpRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(DumpRefusal, SaysWhereWhyAndWhatToDo) {
  const std::string error = refusal_of(GetParam().file, GetParam().text);
  for (const std::string_view fragment : GetParam().says) {
    EXPECT_NE(error.find(fragment), std::string::npos) << fragment << "\nis not in\n" << error;
  }
}

std::string without_last_line(std::string text) {
  text.pop_back();
  return text.substr(0, text.rfind('\n') + 1);
}

std::vector<Refusal> mqds_refusals() {
  const std::string process = "Process 1 PASID 1:\n";
  return {
      {"QueueIds",
       "mqds",
       "Compute queue on device 0001:01:00.0\n    Queue ID: 1 (0x1)\n",
       {"mqds:1:1: reading mqds:", "no queue ids", "No kernel printed this"}},
      {"QueueIdsInAProcess",
       "mqds",
       process + "  Compute queue on device f7bc\n    Queue ID: 1 (0x1)\n",
       {"mqds:3:5: ", "no queue ids"}},
      {"PciPlace",
       "mqds",
       process + "  Compute queue on device 0000:05:00.0\n",
       {"mqds:2:31: ", "not by its PCI place"}},
      {"LinesLeftOut",
       "mqds",
       process + "  Compute queue on device f7bc\n" + hex_rows(Words(24, 0), "    ") + "    ...\n",
       {"mqds:6:5: ", "lines were left out of this copy"}},
      {"CutOff",
       "mqds",
       process + without_last_line(compute_text({}, 1)),
       {"mqds:66:1: ", "504 of 512 words", "cat /sys/kernel/debug/kfd/"}},
      {"LineMissing",
       "mqds",
       process +
           "  Compute queue on device f7bc\n    00000000: 00000000 00000000 00000000 00000000 "
           "00000000 00000000 00000000 00000000\n    00000040: 00000000 00000000 00000000 "
           "00000000 00000000 00000000 00000000 00000000\n",
       {"mqds:4:1: ", "offset 00000040 with 8 words", "offset 00000020 with 8"}},
      {"Hqds", "mqds", hqds_text(2, "f7bc", 1, 0), {"mqds:1:1: ", "\"Node 2, gpu_id f7bc:\""}},
      {"PidThatNoProcessHas", "mqds", "Process 4294967295 PASID 1:\n", {"mqds:1:"}},
      {"HugePid", "mqds", "Process 99999999999 PASID 1:\n", {"mqds:1:9: "}},
      {"QueueWithoutAProcess", "mqds", compute_text({}, 1), {"mqds:1:1: ", "Process PID PASID"}},
  };
}

std::vector<Refusal> other_refusals() {
  const std::string node = "Node 2, gpu_id f7bc:\n";
  const std::string slot = " Inst 0,  CP Pipe 0, Queue 2\n";
  return {
      {"RegisterNames",
       "hqds",
       "Node 0, GPU 0, Queue 0\n  CP_HQD_VMID = 0x00000001\n",
       {"hqds:1:7: reading hqds:", "never prints a register by name", "No kernel printed this"}},
      {"RegisterNamesInANode",
       "hqds",
       node + "  CP_HQD_VMID = 0x00000001\n",
       {"hqds:2:1: ", "never prints a register by name"}},
      {"Mqds", "hqds", "Process 1 PASID 1:\n", {"hqds:1:1: ", "gpreempt decode mqds"}},
      {"Rls", "hqds", node + "  No active runlist\n", {"hqds:2:1: ", "gpreempt decode rls"}},
      {"TooFewRegisters",
       "hqds",
       node + slot + without_last_line(cp_registers(0, Words(56, 0))),
       {"hqds:8:1: ", "48 registers", "56"}},
      {"TooManyRegisters",
       "hqds",
       node + slot + cp_registers(0, Words(56, 0)) + "    00000000: 00000000\n",
       {"hqds:10:1: ", "57 registers"}},
      {"ShortWord",
       "hqds",
       node + slot + "    0000c914: 0000000 00000000\n",
       {"hqds:3:15: ", "8 hexadecimal digits"}},
      {"NineWords",
       "hqds",
       node + slot +
           "    0000c914: 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
           "00000000 00000000\n",
       {"hqds:3:87: "}},
      {"TrailingBlank", "hqds", node + slot + "    0000c914: 00000000 \n", {"hqds:3:24: "}},
      {"SlotOfAStoppedDevice",
       "hqds",
       node + " Device is stopped\n" + slot,
       {"hqds:3:1: ", "the last one is stopped"}},
      {"UnknownPacket",
       "rls",
       node + hex_rows(Words{0xc004a300, 0x30, 0, 0, 0, 0}, "  "),
       {"rls:2:1: reading rls:", "word 0", "c004a300"}},
      {"HalfAPacket",
       "rls",
       node + hex_rows(Words{0xc005a200, 0x20000010, 8}, "  "),
       {"rls:2:1: ", "begins no whole packet"}},
      {"RowMissing", "rls", node + "  00000020: 00000000\n", {"rls:2:1: ", "does not follow 0"}},
      {"NodeWithoutAnything", "rls", node, {"rls:2:1: ", "No active runlist"}},
      {"HqdsInRls", "rls", hqds_text(2, "f7bc", 1, 0), {"rls:2:", "gpreempt decode hqds"}},
  };
}

std::string name_of(const testing::TestParamInfo<Refusal>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Mqds, DumpRefusal, testing::ValuesIn(mqds_refusals()), name_of);
INSTANTIATE_TEST_SUITE_P(Others, DumpRefusal, testing::ValuesIn(other_refusals()), name_of);

}  // namespace
}  // namespace gpreempt::kfd::debugfs
