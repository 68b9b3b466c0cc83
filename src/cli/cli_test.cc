// The program's manners: help and version, one line for every wrong use with exit code 2, and one for everything the world does
// wrong with exit code 1, with nothing half-written beside it.
#include <gtest/gtest.h>

#include "cli/cli_test_support.h"

namespace baleen::cli {
namespace {

const std::vector<std::string> kCommands = {"demo", "chat", "generate", "inspect", "synth", "tokenize", "bench", "verify"};

TEST(Program, IsThere) { ASSERT_TRUE(std::filesystem::exists(program())) << program() << " is not built; these tests run it"; }

TEST(Program, HelpAndVersion) {
    const Ran version = run({"--version"});
    EXPECT_EQ(version.code, 0);
    EXPECT_EQ(version.out, "baleen 0.1.0\n");
    const Ran help = run({"--help"});
    EXPECT_EQ(help.code, 0);
    for (const std::string& command : kCommands) {
        EXPECT_NE(help.out.find("\n  " + command + " "), std::string::npos) << command << " is not listed";
        const Ran own = run({command, "--help"});
        EXPECT_EQ(own.code, 0) << command;
        EXPECT_NE(own.out.find("baleen " + command + " ", own.out.find("Options:")), std::string::npos) << command << " shows no example";
        EXPECT_EQ(own.err, "") << command;
    }
    EXPECT_EQ(run({}).code, 2);
}

TEST(Program, WrongUse) {
    expect_error(run({"frobnicate"}), 2, "there is no command frobnicate", "unknown command");
    expect_error(run({"--frobnicate"}), 2, "--frobnicate", "unknown flag of the program");
    for (const std::string& command : {"demo", "chat", "generate", "bench"})
        expect_error(run({command, "--frobnicate", "3"}), 2, "unexpected argument --frobnicate", command);
}

TEST(Program, MissingModels) {
    TemporaryFolder folder;
    const std::string empty = folder.path().string();
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"demo"}, {"chat"}, {"generate", "--prompt", "x"}, {"generate", "--ids", "-"}}) {
        auto with = [&](const std::string& model) {
            std::vector<std::string> arguments = command;
            arguments.insert(arguments.end(), {"--model", model});
            return run(arguments, "[0]");
        };
        expect_error(with(empty + "/none"), 1, "no such directory", command[0]);
        expect_error(with(empty), 1, "no config.json", command[0]);
        expect_error(with(program().string()), 1, "not a directory", command[0]);
        folder.write("broken/config.json", "{\"architectures\": [");
        expect_error(with(empty + "/broken"), 1, "config.json", command[0]);
    }
}

TEST(Program, TornCheckpoint) {  // a config and a tokenizer, and weights that end too early
    TemporaryFolder folder;
    for (const char* name : {"config.json", "tokenizer.json"}) std::filesystem::copy(kRoot / "models/krill" / name, folder.path() / name);
    std::ifstream file(kRoot / "models/krill/model.safetensors", std::ios::binary);
    const std::string weights{std::istreambuf_iterator<char>(file), {}};
    folder.write("model.safetensors", weights.substr(0, weights.size() / 2));
    expect_error(run({"generate", "--model", folder.path().string(), "--prompt", "x", "--quiet"}), 1, "model.safetensors", "torn weights");
}

TEST(Program, FullDisk) {
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
    const std::string command = "'" + program().string() + "' generate --model '" + kKrill + "' --prompt Hello --thinking off --quiet";
    EXPECT_EQ(std::system((command + " > /dev/null 2>&1").c_str()), 0);
    EXPECT_NE(std::system((command + " > /dev/full 2>&1").c_str()), 0);
}

}  // namespace
}  // namespace baleen::cli
