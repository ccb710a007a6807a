// Goal: results say where they are from, and what is not known stays unsaid.
// Method: provenances made by hand; gfx targets as the driver's topology numbers them.
#include "experiments/provenance.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/error.h"
#include "experiments/poc_report.h"
#include "experiments/poc_tests.h"
#include "experiments/verdict.h"

namespace gpreempt::experiments {
namespace {

Provenance measured() {
  return {.backend = "kfd",
          .gpu = "AMD Instinct MI308X",
          .gfx = "gfx942",
          .gpus = 8,
          .driver = "dkms-6.12.12",
          .firmware = {{"mec", "177"}, {"sdma", "22"}},
          .seed = 7,
          .profile = "full",
          .built_from = "gpreempt 0.1.0, abc",
          .gates = {{"online", "50 ms"}}};
}

std::string markdown_of(const std::optional<Provenance>& provenance) {
  PocEvidence evidence;
  evidence.provenance = {{.source = "hw/verdicts.json", .provenance = provenance}};
  PocReport report;
  report.sections = {provenance_section(evidence)};
  return poc_markdown(report);
}

TEST(Provenance, IsReadBackAsItWasWritten) {
  const std::string document = verdicts_document("validate-hardware", measured(), {});
  const auto read = read_provenance(document, "f");
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_TRUE(read->has_value());
  EXPECT_EQ(to_json(**read), to_json(measured()));
  const auto json = nlohmann::json::parse(document);
  EXPECT_EQ(json["backend"], "kfd");
  EXPECT_EQ(json["provenance"]["machine"]["gpu"], "AMD Instinct MI308X");
  EXPECT_EQ(json["provenance"]["machine"]["gfx"], "gfx942");
  EXPECT_EQ(json["provenance"]["machine"]["gpus"], 8);
  EXPECT_EQ(json["provenance"]["driver"], "dkms-6.12.12");
  EXPECT_EQ(json["provenance"]["firmware"]["mec"], "177");
  EXPECT_EQ(json["provenance"]["seed"], 7);
  EXPECT_EQ(json["provenance"]["profile"], "full");
  EXPECT_EQ(json["provenance"]["built_from"], "gpreempt 0.1.0, abc");
  EXPECT_EQ(json["provenance"]["gates"]["online"], "50 ms");
}

TEST(Provenance, WhatIsNotToldIsNull) {
  const auto json = nlohmann::json::parse(to_json(Provenance{.backend = "files"}));
  for (const char* const key : {"driver", "firmware", "seed", "profile", "built_from", "gates"}) {
    EXPECT_TRUE(json.at(key).is_null()) << key;
  }
  for (const char* const key : {"gpu", "gfx", "gpus"}) {
    EXPECT_TRUE(json.at("machine").at(key).is_null()) << key;
  }
}

TEST(Provenance, AFileOfAnEarlierVersionHasNone) {
  const auto read = read_provenance(R"({"schema":1,"results":[]})", "f");
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->has_value());
}

TEST(Provenance, AnotherTypeIsRefusedWithFileAndKey) {
  for (const char* const odd :
       {R"("seed":"1")", R"("seed":-1)", R"("driver":6)", R"("firmware":{"mec":1})",
        R"("machine":{"gpus":"eight"})", R"("machine":[])"}) {
    const auto read =
        read_provenance(std::string(R"({"provenance":{)") + odd + "}}", "dir/verdicts.json");
    ASSERT_FALSE(read) << odd;
    EXPECT_EQ(read.error().code, Errc::kParse);
    EXPECT_NE(read.error().what.find("dir/verdicts.json"), std::string::npos);
  }
  EXPECT_FALSE(read_provenance(R"({"provenance":[]})", "f"));
  EXPECT_FALSE(read_provenance("{", "f"));
}

TEST(Provenance, TargetsAreNamedAsTheCompilerNamesThem) {
  EXPECT_EQ(gfx_of(90402), "gfx942");
  EXPECT_EQ(gfx_of(90010), "gfx90a");
  EXPECT_EQ(gfx_of(90008), "gfx908");
  EXPECT_EQ(gfx_of(110000), "gfx1100");
  EXPECT_EQ(gfx_of(90500), "gfx950");
}

TEST(Provenance, TheReportPrintsAllOfIt) {
  const std::string text = markdown_of(measured());
  EXPECT_NE(text.find("| hw/verdicts.json | kfd | AMD Instinct MI308X | gfx942 | 8 | dkms-6.12.12 "
                      "| mec 177, sdma 22 | 7 | full | gpreempt 0.1.0, abc |"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("Limits in hw/verdicts.json: online 50 ms."), std::string::npos) << text;
}

TEST(Provenance, TheReportCallsWhatAFileDoesNotSayMissing) {
  const std::string none = markdown_of(std::nullopt);
  EXPECT_NE(none.find("| hw/verdicts.json | missing | missing |"), std::string::npos) << none;
  const std::string model = markdown_of(Provenance{.backend = "sim", .gpu = "model mi308x"});
  EXPECT_NE(model.find("| sim | model mi308x | missing | as asked | missing | modelled |"),
            std::string::npos)
      << model;
}

}  // namespace
}  // namespace gpreempt::experiments
