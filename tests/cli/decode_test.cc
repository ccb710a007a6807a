// Goal: `decode` as a user runs it: tables, the documented JSON, and what it refuses. Method: files
// by the driver's formats, given to the command by name and by standard input.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/cli/executable.h"
#include "tests/kfd/debugfs/samples.h"

namespace gpreempt::cli {
namespace {

using nlohmann::json;
using testing::Finished;
using testing::fresh_folder;
using testing::gpreempt;
using testing::write_file;

class Decode : public ::testing::Test {
 protected:
  std::string file(std::string_view name, const std::string& text) {
    return write_file(folder_ / name, text);
  }
  static json json_of(const std::string& arguments) {
    const Finished finished = gpreempt("decode " + arguments + " --format json");
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    return json::parse(finished.out, nullptr, false);
  }
  static std::string runlist() {
    kfd::debugfs::Words words = kfd::debugfs::map_process(0x8003, 2);
    const auto queue = kfd::debugfs::map_queues(0x402, 0x8000600000, 0x7f10a03ff038);
    words.insert(words.end(), queue.begin(), queue.end());
    return "Node 2, gpu_id f7bc:\n" + kfd::debugfs::hex_rows(words, "  ") +
           "Node 3, gpu_id 1a2b:\n  No active runlist\n";
  }

  std::filesystem::path folder_ = fresh_folder();
};

TEST_F(Decode, HqdsIsTheDocumentedJson) {
  const json dump = json_of("hqds " + file("hqds", kfd::debugfs::hqds_text(2, "f7bc", 2, 1)));
  EXPECT_EQ(dump["schema"], 1);
  EXPECT_EQ(dump["kind"], "hqds");
  ASSERT_EQ(dump["records"].size(), 2U * 25 + 8);
  const json& hiq = dump["records"][0];
  EXPECT_EQ(hiq["type"], "hiq");
  const json& slot = dump["records"][1];
  EXPECT_EQ(slot["type"], "cp");
  EXPECT_EQ(slot["gpu"], "f7bc");
  EXPECT_EQ(slot["xcc"], 0);
  EXPECT_EQ(slot["pipe"], 0);
  EXPECT_EQ(slot["queue"], 2);
  EXPECT_EQ(slot["active"], true);
  EXPECT_EQ(slot["fields"].size(), 56U);
  EXPECT_EQ(slot["fields"]["cp_mqd_base_addr_lo"], 0x600000);
  EXPECT_EQ(slot["fields"]["cp_hqd_vmid"], 0x808);
  EXPECT_EQ(dump["records"][2]["active"], false);
  const json& sdma = dump["records"].back();
  EXPECT_EQ(sdma["type"], "sdma");
  EXPECT_EQ(sdma["engine"], 0);
  EXPECT_EQ(sdma["queue"], 7);
  EXPECT_TRUE(sdma["xcc"].is_null());
  EXPECT_EQ(sdma["fields"].size(), 44U);
}

TEST_F(Decode, MqdsIsTheDocumentedJson) {
  const std::string text = "Process 41310 PASID 0x8004:\n" + kfd::debugfs::compute_text({}, 4) +
                           kfd::debugfs::sdma_text({}, 3) + "Process 41400 PASID 0x8005:\n";
  const json dump = json_of("mqds " + file("mqds", text));
  EXPECT_EQ(dump["kind"], "mqds");
  ASSERT_EQ(dump["records"].size(), 2U);
  const json& queue = dump["records"][0];
  EXPECT_EQ(queue["type"], "compute");
  EXPECT_EQ(queue["pid"], 41310);
  EXPECT_EQ(queue["gpu"], "f7bc");
  EXPECT_EQ(queue["ring_bytes"], 1048576);
  EXPECT_EQ(queue["doorbell_slot"], 1);
  ASSERT_EQ(queue["xccs"].size(), 4U);
  EXPECT_EQ(queue["xccs"][3]["compute_current_logic_xcc_id"], 3);
  EXPECT_EQ(queue["xccs"][0]["cp_hqd_queue_priority"], 7);
  const json& sdma = dump["records"][1];
  EXPECT_EQ(sdma["type"], "sdma");
  EXPECT_EQ(sdma["ring_bytes"], 1048576);
  ASSERT_EQ(sdma["xccs"].size(), 1U);
  EXPECT_EQ(sdma["xccs"][0]["sdma_engine_id"], 2);
}

TEST_F(Decode, RlsIsTheDocumentedJson) {
  const json dump = json_of("rls " + file("rls", runlist()));
  EXPECT_EQ(dump["kind"], "rls");
  ASSERT_EQ(dump["records"].size(), 3U);
  EXPECT_EQ(dump["records"][0]["type"], "map_process");
  EXPECT_EQ(dump["records"][0]["fields"]["pasid"], 0x8003);
  EXPECT_EQ(dump["records"][1]["type"], "map_queues");
  EXPECT_EQ(dump["records"][1]["fields"]["doorbell_offset"], 0x402);
  EXPECT_EQ(dump["records"][2]["type"], "no_runlist");
  EXPECT_EQ(dump["records"][2]["gpu"], "1a2b");
}

/// As rocclr prints a dispatch.
std::string dispatch(const std::string& queue) {
  return ":4:rocvirtual.cpp :1025: 99 us: [pid:7 tid:0x7f] " + queue +
         " Dispatch Header = 0xb02 (type=2), completion_signal=0x0, correlation_id=0\n";
}

TEST_F(Decode, RuntimeLogIsTheDocumentedJsonAndItsTable) {
  const std::string log = file("model.log", dispatch("SWq=0x55a0, HWq=0x7f9567e00000, id=1,") +
                                                ":3:hip_memory.cpp: something else\n" +
                                                dispatch("SWq=0x55b0, HWq=0x7f9567f00000, id=4,") +
                                                dispatch("SWq=0x55a0, HWq=0x7f9567e00000, id=1,"));
  const json dump = json_of("runtime-log " + log);
  EXPECT_EQ(dump["kind"], "runtime-log");
  ASSERT_EQ(dump["records"].size(), 2U);
  EXPECT_EQ(dump["records"][0], (json{{"type", "runtime_queue"},
                                      {"runtime_id", 1},
                                      {"dispatches", 2},
                                      {"hardware_queue", 0x7f9567e00000},
                                      {"software_queue", 0x55a0}}));
  const Finished table = gpreempt("decode runtime-log " + log);
  EXPECT_EQ(table.out,
            "2 queues; ids are the runtime's own and not KFD's\n"
            "  runtime id  dispatches  hardware queue  software queue\n"
            "  1                    2  0x7f9567e00000          0x55a0\n"
            "  4                    1  0x7f9567f00000          0x55b0\n");
}

TEST_F(Decode, RuntimeLogOfAnotherFormatIsRefusedWithItsLine) {
  const std::string good = dispatch("SWq=0x55a0, HWq=0x7f9567e00000, id=1,");
  const std::string bad = file("bad.log", good + dispatch("SWq=0x55a0, HWq=0x7f9567e00000, id=x,"));
  const Finished other = gpreempt("decode runtime-log " + bad);
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find(bad + ":2: a dispatch without"), std::string::npos) << other.err;
  const std::string two = file("two.log", good + dispatch("SWq=0x1, HWq=0x7f9567e00000, id=2,"));
  const Finished processes = gpreempt("decode runtime-log - --format json", two);
  EXPECT_EQ(processes.exit_code, 2);
  EXPECT_NE(processes.err.find("standard input:2: HWq=0x7f9567e00000 has id 2, and had 1 before"),
            std::string::npos)
      << processes.err;
  EXPECT_EQ(gpreempt("decode runtime-log " + file("empty.log", "")).out,
            "no dispatch names a queue\n");
  EXPECT_EQ(gpreempt("decode runtime-log no-such-file").exit_code, 3);
}

TEST_F(Decode, ExampleOfTheHelpIsWhatIsPrinted) {
  kfd::debugfs::Words words = kfd::debugfs::map_process(0x8003, 2);
  const auto queue = kfd::debugfs::map_queues(0x402, 0x8000600000, 0x7f10a03ff038);
  words.insert(words.end(), queue.begin(), queue.end());
  const std::string text = "Node 2, gpu_id f7bc:\n" + kfd::debugfs::hex_rows(words, "  ");
  const Finished finished = gpreempt("decode rls " + file("rls", text));
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  const std::string help = gpreempt("decode --help").out;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = finished.out.find('\n', at)) != std::string::npos;
       at = end + 1) {
    const std::string line = finished.out.substr(at, end - at);
    EXPECT_NE(help.find("  " + line + "\n"), std::string::npos) << line;
  }
}

TEST_F(Decode, TablesShowWhatIsInUse) {
  const Finished slots =
      gpreempt("decode hqds " + file("hqds", kfd::debugfs::hqds_text(2, "f7bc", 2, 1)));
  EXPECT_EQ(slots.exit_code, 0) << slots.err;
  EXPECT_NE(slots.out.find("f7bc (node 2): 2 of 48 compute slots active, 0 stale; 0 of 8 SDMA"),
            std::string::npos)
      << slots.out;
  EXPECT_EQ(std::ranges::count(slots.out, '\n'), 4);
  const kfd::debugfs::ComputeSample saved{.control_stack_used = 0x60, .wave_state_used = 0x12000};
  const Finished queues = gpreempt(
      "decode mqds " + file("mqds", "Process 7 PASID 7:\n" + kfd::debugfs::compute_text(saved, 2)));
  EXPECT_EQ(queues.exit_code, 0) << queues.err;
  EXPECT_NE(queues.out.find("process 7: 1 queue\n"), std::string::npos) << queues.out;
  EXPECT_NE(queues.out.find(std::to_string(2 * 0x12060)), std::string::npos) << queues.out;
}

TEST_F(Decode, ReadsStandardInput) {
  const std::string name = file("rls", runlist());
  const Finished piped = gpreempt("decode rls -", name);
  EXPECT_EQ(piped.exit_code, 0) << piped.err;
  EXPECT_EQ(piped.out, gpreempt("decode rls " + name).out);
  const Finished empty = gpreempt("decode mqds -");
  EXPECT_EQ(empty.exit_code, 0) << empty.err;
  EXPECT_EQ(empty.out, "no process uses the driver\n");
}

// The lines are those of amdgpu_device.c and kfd_device_queue_manager.c, and of a page fault.
TEST_F(Decode, OfAKernelsLogOnlyTroubleIsTold) {
  const std::string reset = "[  100.0] amdgpu 0000:01:00.0: amdgpu: GPU reset begin!";
  const std::string name =
      file("dmesg", "[   99.0] amdgpu 0000:01:00.0: amdgpu: [gfxhub0] no-retry page fault\n" +
                        reset + "\n[  101.0] usb 1-1: reset high-speed USB device");
  EXPECT_EQ(gpreempt("decode kernel-log " + name).out, reset + "\n");
  const json told = json_of("kernel-log " + name);
  ASSERT_EQ(told.at("records").size(), 1U);
  EXPECT_EQ(told.at("records").at(0).at("line"), 2);
  EXPECT_EQ(told.at("records").at(0).at("text"), reset);
  EXPECT_EQ(gpreempt("decode kernel-log -").out, "");
}

TEST_F(Decode, RefusesWhatNoKernelPrinted) {
  const std::string invented = "Node 0, GPU 0, Queue 0\n  CP_HQD_VMID = 0x00000001\n";
  const Finished refused = gpreempt("decode hqds " + file("invented", invented));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.out, "");
  EXPECT_NE(refused.err.find("invented:1:7: reading hqds:"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("No kernel printed this"), std::string::npos) << refused.err;
}

TEST_F(Decode, RefusesMisuse) {
  const Finished kind = gpreempt("decode mqd somewhere");
  EXPECT_EQ(kind.exit_code, 2);
  EXPECT_NE(kind.err.find("mqds"), std::string::npos) << kind.err;
  EXPECT_EQ(gpreempt("decode mqds").exit_code, 2);
  EXPECT_EQ(gpreempt("decode mqds a b").exit_code, 2);
  const Finished missing = gpreempt("decode mqds " + (folder_ / "absent").string());
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_NE(missing.err.find("debugfs is root's"), std::string::npos) << missing.err;
  EXPECT_EQ(gpreempt("decode mqds " + folder_.string()).exit_code, 3);
}

}  // namespace
}  // namespace gpreempt::cli
