// baleen verify as a user meets it: exit codes, text and JSON for agreement, divergence, damage and wrong usage.
#include "cli/verify.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace baleen::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const fs::path kTiny = fs::path(BALEEN_SOURCE_DIR) / "tests/golden/tiny";

struct Outcome {
    int code = -1;
    std::string out, err;
};

Outcome run(std::vector<std::string> arguments) {
    CLI::App app("baleen");
    const Command command = add_verify(app);
    arguments.insert(arguments.begin(), {"verify", "--threads", "1"});
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them last first
    Outcome outcome;
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
        app.parse(arguments);
        outcome.code = command.run();
    } catch (const CLI::ParseError& error) {
        outcome.code = 2;
        outcome.err = error.what();
    }
    std::fflush(stdout);
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err += testing::internal::GetCapturedStderr();
    return outcome;
}

// A golden folder with one case, whose bytes may be changed; removed at the end.
class OneCase : public testing::Test {
  protected:
    OneCase() {
        std::string name = (fs::temp_directory_path() / "baleen-cli-XXXXXX").string();
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
        fs::create_directory(folder_ / "cases");
        fs::create_symlink(kTiny / "index.json", folder_ / "index.json");
        fs::create_symlink(kTiny / "checkpoint", folder_ / "checkpoint");
        std::ifstream in(kTiny / kFile, std::ios::binary);
        bytes_ = {std::istreambuf_iterator<char>(in), {}};
        write();
    }
    ~OneCase() override {
        std::error_code error;
        fs::remove_all(folder_, error);
    }
    void write() { std::ofstream(file(), std::ios::binary) << bytes_; }
    std::string file() const { return (folder_ / kFile).string(); }

    static constexpr const char* kFile = "cases/p02-8.C.safetensors";
    fs::path folder_;
    std::string bytes_;
};

TEST_F(OneCase, AgreementIsZero) {
    const Outcome text = run({"--golden", file()});
    EXPECT_EQ(text.code, 0) << text.out << text.err;
    EXPECT_NE(text.out.find("ok"), std::string::npos);
    EXPECT_NE(text.out.find("1 of 1 golden files agree"), std::string::npos) << text.out;
    const Outcome json = run({"--golden", file(), "--json", "--model", (kTiny / "checkpoint").string()});
    EXPECT_EQ(json.code, 0);
    const Json report = Json::parse(json.out, nullptr, false);
    ASSERT_TRUE(report.is_object()) << json.out;
    EXPECT_EQ(report["ok"], true);
    const Json& one = report["sets"][0]["files"][0];
    EXPECT_EQ(one["file"], kFile);
    EXPECT_EQ(one["tier"], "C");
    EXPECT_EQ(one["checks"][0]["tensor"], "logits");
    EXPECT_LT(one["checks"][0]["share_of_tolerance"], 1);
    EXPECT_TRUE(report["sets"][0]["first_divergence"].is_null());
}

TEST_F(OneCase, DivergenceIsOneAndNamesThePlace) {
    bytes_[bytes_.size() - 3001] ^= 0x40;  // the exponent of a number of logits.steps
    write();
    const Outcome text = run({"--golden", file()});
    EXPECT_EQ(text.code, 1) << text.out;
    EXPECT_NE(text.out.find("DIFFERS"), std::string::npos) << text.out;
    EXPECT_NE(text.out.find("0 of 1 golden files agree"), std::string::npos) << text.out;
    const Outcome json = run({"--golden", file(), "--json"});
    EXPECT_EQ(json.code, 1);
    const Json report = Json::parse(json.out, nullptr, false);
    ASSERT_TRUE(report.is_object()) << json.out;
    EXPECT_EQ(report["ok"], false);
    const Json& first = report["sets"][0]["first_divergence"];
    ASSERT_TRUE(first.is_object()) << json.out;
    EXPECT_EQ(first["file"], kFile);
    EXPECT_EQ(first["step"], "4.6: output head");
}

TEST_F(OneCase, DamageIsOne) {
    bytes_.resize(bytes_.size() / 2);
    write();
    const Outcome text = run({"--golden", file()});
    EXPECT_EQ(text.code, 1) << text.out;
    EXPECT_NE(text.out.find(kFile), std::string::npos) << text.out;
    const Outcome json = run({"--golden", file(), "--json"});
    EXPECT_EQ(json.code, 1);
    EXPECT_TRUE(Json::parse(json.out, nullptr, false)["sets"][0]["files"][0].contains("error")) << json.out;
}

TEST_F(OneCase, WrongUsageIsTwo) {
    EXPECT_EQ(run({}).code, 2) << "--golden is required";
    EXPECT_EQ(run({"--golden", "/nowhere"}).code, 2);
    EXPECT_EQ(run({"--golden", file(), "--model", "/nowhere"}).code, 2);
    EXPECT_EQ(run({"--golden", file(), "--numerics", "fast"}).code, 2);
    EXPECT_EQ(run({"--golden", (kTiny / "checkpoint").string()}).code, 2) << "no golden files there";
    EXPECT_EQ(run({"--golden", file(), "--numerics", "official"}).code, 2) << "a file of tier C";
}

}  // namespace
}  // namespace baleen::cli
