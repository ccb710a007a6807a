// Goal: what is written on the command line is what is run, and a slip is answered with the word
// that was meant. Expected values are those of the documented grammar.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "cli/command_line.h"
#include "cli/run_options.h"
#include "core/error.h"
#include "core/name_spec.h"
#include "core/policy.h"

namespace gpreempt::cli {
namespace {

using Strings = std::vector<std::string>;

RunOptions options_of(const Strings& arguments) {
  const Result<Command> command = parse_command_line(arguments);
  EXPECT_TRUE(command) << command.error().what;
  if (!command || !std::holds_alternative<RunOptions>(*command)) {
    ADD_FAILURE() << "no run options";
    return {};
  }
  return std::get<RunOptions>(*command);
}

std::string refusal_of(const Strings& arguments) {
  const Result<Command> command = parse_command_line(arguments);
  if (command) {
    ADD_FAILURE() << "accepted";
    return "";
  }
  EXPECT_EQ(command.error().code, Errc::kInvalidArgument);
  return command.error().what;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Arguments, RunAloneMeansTheDefaultScenarioOnSim) {
  const RunOptions options = options_of({"run"});
  EXPECT_EQ(options.scenario, "default");
  EXPECT_EQ(options.backend.kind, BackendKind::kSim);
  EXPECT_TRUE(options.policies.empty());
  EXPECT_FALSE(options.seed);
  EXPECT_FALSE(options.duration);
  EXPECT_EQ(options.format, OutputFormat::kText);
  EXPECT_FALSE(options.gate);
}

TEST(Arguments, EveryOptionIsRead) {
  const RunOptions options = options_of(
      {"run",        "a.toml",      "--backend",   "vkfd:mi308x,personality=upstream-7.3",
       "--policy",   "none",        "--mechanism", "suspend-queues",
       "--trace",    "guard=t.csv", "--seed",      "7",
       "--duration", "5s",          "--format",    "json",
       "--out",      "dir",         "--gate",      "--quiet"});
  EXPECT_EQ(options.scenario, "a.toml");
  EXPECT_EQ(options.backend.kind, BackendKind::kVkfd);
  EXPECT_EQ(options.backend.model, "mi308x");
  EXPECT_EQ(options.backend.personality, "upstream-7.3");
  EXPECT_EQ(options.policies, Strings{"none"});
  EXPECT_EQ(options.mechanism, "suspend-queues");
  EXPECT_EQ(options.traces.at("guard"), "t.csv");
  EXPECT_EQ(options.seed, 7U);
  EXPECT_EQ(options.duration, std::chrono::seconds(5));
  EXPECT_EQ(options.format, OutputFormat::kJson);
  EXPECT_EQ(options.out, "dir");
  EXPECT_TRUE(options.gate);
  EXPECT_TRUE(options.quiet);
}

TEST(Arguments, AScenarioAfterAPolicyIsNotAPolicy) {
  const RunOptions options = options_of({"run", "--policy", "none", "a.toml"});
  EXPECT_EQ(options.policies, Strings{"none"});
  EXPECT_EQ(options.scenario, "a.toml");
}

TEST(Arguments, PoliciesComeFromListsAndRepetitionsOnceEach) {
  EXPECT_EQ(options_of({"run", "--policy", "suspend,none", "--policy", "suspend"}).policies,
            (Strings{"suspend", "none"}));
}

TEST(Arguments, AllMeansEveryPolicyInItsOrder) {
  const RunOptions options = options_of({"run", "--policy", "all"});
  EXPECT_EQ(options.policies, Strings(policy_names().begin(), policy_names().end()));
  EXPECT_TRUE(options.all_policies);
}

TEST(Arguments, ATraceWithoutATenantIsForTheOnlyOne) {
  EXPECT_EQ(options_of({"run", "--trace", "dir/a=b.csv"}).traces.at(""), "dir/a=b.csv");
}

TEST(Arguments, HelpAndVersionAreToBePrinted) {
  for (const Strings& arguments : {Strings{"--help"}, Strings{"run", "--help"},
                                   Strings{"--version"}, Strings{"run", "--version"}}) {
    const Result<Command> command = parse_command_line(arguments);
    ASSERT_TRUE(command);
    ASSERT_TRUE(std::holds_alternative<Printout>(*command));
    EXPECT_TRUE(contains(std::get<Printout>(*command).text, "gpreempt"));
  }
}

TEST(Arguments, HelpNamesExitCodesAndGivesExamples) {
  for (const Strings& arguments : {Strings{"--help"}, Strings{"run", "--help"}}) {
    const Result<Command> command = parse_command_line(arguments);
    ASSERT_TRUE(command);
    const std::string& text = std::get<Printout>(*command).text;
    EXPECT_TRUE(contains(text, "Exit codes:")) << text;
    EXPECT_TRUE(contains(text, "Examples:")) << text;
  }
}

TEST(Arguments, ASlipIsAnsweredWithTheNearestName) {
  EXPECT_TRUE(contains(refusal_of({"runn"}), "'run'"));
  EXPECT_TRUE(contains(refusal_of({"run", "--polcy", "none"}), "--policy"));
  EXPECT_TRUE(contains(refusal_of({"run", "--backend", "vkdf"}), "'vkfd'"));
  EXPECT_TRUE(contains(refusal_of({"run", "--backend", "sim:modl=x"}), "'model'"));
  EXPECT_TRUE(contains(refusal_of({"run", "--format", "jsn"}), "'json'"));
}

TEST(Arguments, BadValuesAreRefused) {
  EXPECT_TRUE(contains(refusal_of({}), "no command"));
  EXPECT_TRUE(contains(refusal_of({"run", "--seed", "-1"}), "seed"));
  EXPECT_TRUE(contains(refusal_of({"run", "--seed", "1x"}), "1x"));
  EXPECT_TRUE(contains(refusal_of({"run", "--seed", "9223372036854775808"}), "seed"));
  EXPECT_TRUE(contains(refusal_of({"run", "--duration", "5"}), "duration"));
  EXPECT_TRUE(contains(refusal_of({"run", "--duration", "0s"}), "longer than 0"));
  EXPECT_TRUE(contains(refusal_of({"run", "--trace", "guard="}), "no file"));
  EXPECT_TRUE(contains(refusal_of({"run", "--trace", "a.csv", "--trace", "b.csv"}), "before"));
  EXPECT_TRUE(contains(refusal_of({"run", "--out", ""}), "--out"));
  EXPECT_TRUE(contains(refusal_of({"run", "a.toml", "b.toml"}), "b.toml"));
  EXPECT_TRUE(contains(refusal_of({"run", "--policy"}), "--policy"));
  EXPECT_TRUE(contains(refusal_of({"run", "--backend", "sim:mi308x,model=x"}), "model"));
}

TEST(NameSpec, HoldsTheNameTheBareWordAndTheOptions) {
  const Result<NameSpec> spec = parse_name_spec("--backend", "vkfd:mi308x,personality=p,x=");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->name, "vkfd");
  EXPECT_EQ(spec->bare, "mi308x");
  EXPECT_EQ(spec->options.at("personality"), "p");
  EXPECT_EQ(spec->options.at("x"), "");
}

TEST(NameSpec, RefusesWhatTheGrammarHasNot) {
  for (const char* text : {"", ":a", "a:", "a:=1", "a:k=1,,k=2", "a:k=1,k=2", "a:one,two"}) {
    EXPECT_FALSE(parse_name_spec("--backend", text)) << text;
  }
}

TEST(NameSpec, CommasInsideOptionsDoNotSplitNames) {
  EXPECT_EQ(split_names("a,b:k=1,l=2,c"), (Strings{"a", "b:k=1,l=2", "c"}));
  EXPECT_EQ(split_names("a,b:k=1,c:l=2"), (Strings{"a", "b:k=1", "c:l=2"}));
}

}  // namespace
}  // namespace gpreempt::cli
