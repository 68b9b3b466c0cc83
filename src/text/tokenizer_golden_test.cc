// Aim: ids and bytes equal those of the published library and the official goldens, for V4's own tokenizer.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "text/detokenizer.h"
#include "text/tokenizer_test_support.h"

namespace baleen::text {
namespace {

using nlohmann::json;

// The lines of a golden file as JSON.
std::vector<json> lines_of(const char* name) {
    std::vector<json> lines;
    std::ifstream in(std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/tokenizer" / name);
    EXPECT_TRUE(in.good()) << name;
    for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
    return lines;
}

std::string from_hex(const std::string& hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return bytes;
}

TEST(TokenizerGolden, EveryCase) {
    const Tokenizer* tokenizer = v4_tokenizer();
    if (tokenizer == nullptr) GTEST_SKIP() << kNoV4;
    const std::vector<json> cases = lines_of("cases.jsonl");
    ASSERT_EQ(cases.size(), 319u);
    for (const json& line : cases) {
        const auto text = line["text"].get<std::string>();
        std::vector<TokenId> ids;
        tokenizer->encode_with_special(text, ids);
        EXPECT_EQ(plain(ids), line["ids"].get<std::vector<int>>()) << line["group"] << ": " << text;
        EXPECT_EQ(bytes_of(*tokenizer, ids), text) << line["group"];
    }
}

TEST(TokenizerGolden, EveryDecoding) {
    const Tokenizer* tokenizer = v4_tokenizer();
    if (tokenizer == nullptr) GTEST_SKIP() << kNoV4;
    const std::vector<json> lists = lines_of("decode.jsonl");
    ASSERT_EQ(lists.size(), 366u);
    for (const json& line : lists) {
        std::string bytes, text;
        Detokenizer stream(*tokenizer);
        for (const int id : line["ids"]) {
            bytes += tokenizer->bytes(TokenId{id});
            stream.push(TokenId{id}, text);
        }
        stream.flush(text);
        EXPECT_EQ(bytes, from_hex(line["bytes"])) << line["ids"];
        EXPECT_EQ(text, line["text"].get<std::string>()) << line["ids"];
    }
}

TEST(TokenizerGolden, NamedTokensAndSize) {
    const Tokenizer* tokenizer = v4_tokenizer();
    if (tokenizer == nullptr) GTEST_SKIP() << kNoV4;
    EXPECT_EQ(tokenizer->vocab_size(), 129280);
    std::ifstream in(std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/tokenizer/added_tokens.json");
    const json named = json::parse(in);
    ASSERT_GT(named.size(), 800u);
    for (const auto& [id, spelling] : named.items()) {
        const auto found = tokenizer->find(spelling.get<std::string>());
        ASSERT_TRUE(found) << spelling;
        EXPECT_EQ(index(*found), std::stoi(id)) << spelling;
        EXPECT_TRUE(tokenizer->is_special(*found));
        EXPECT_EQ(tokenizer->bytes(*found), spelling.get<std::string>());
    }
    EXPECT_FALSE(tokenizer->is_special(TokenId{19923}));
}

struct IdCase {
    const char* text;
    std::vector<int> ids;
};

// Spec encoding 1.5. The published rows name control tokens by letters; here they are spelled, V4.1's <｜System｜> by the name its id
// has in V4.
TEST(TokenizerGolden, PublishedIds) {
    const Tokenizer* tokenizer = v4_tokenizer();
    if (tokenizer == nullptr) GTEST_SKIP() << kNoV4;
    const std::vector<IdCase> cases = {
        {"Hello", {19923}},
        {"Hello, world!", {19923, 14, 2058, 3}},
        {"1234567890", {6895, 18009, 25744, 18}},
        {"中文测试", {21134, 10251}},
        {"The capital of France is", {671, 6102, 294, 8760, 344}},
        {" ", {223}},
        {"  ", {262}},
        {"   ", {361}},
        {"\n", {201}},
        {"\n\n", {271}},
        {"\r\n", {204, 201}},
        {"\t", {200}},
        {"中文123英文", {21134, 6895, 21207}},
        {"🙂", {80300, 227}},
        {R"({"k": [1,2,3], "b": true})", {24313, 77, 3362, 764, 19, 14, 20, 14, 21, 3031, 582, 68, 3362, 3292, 95}},
        {"<｜User｜>你好<｜Assistant｜><think>推理</think>答案<｜end▁of▁sentence｜>", {128803, 30594, 128804, 128821, 36101, 128822, 7624, 1}},
        {"<｜DSML｜invoke name=\"f\">", {30, 128825, 40148, 5406, 2329, 1281, 72, 3320}},
        {".\n\n<｜DSML｜", {339, 30, 128825}},
        {"<｜begin▁of▁sentence｜><｜User｜>Hello<｜Assistant｜></think>", {0, 128803, 19923, 128804, 128822}},
        {"<｜begin▁of▁sentence｜>You are a helpful assistant.", {0, 3476, 477, 260, 11502, 22896, 16}},
        {"<｜begin▁of▁sentence｜><｜User｜>best hot springs<｜query｜>", {0, 128803, 21910, 6025, 48985, 128830}},
        {"<｜begin▁of▁sentence｜><｜place▁holder▁no▁799｜>Reasoning Effort: 75 (range 1-100, the higher the value, the more thorough the reasoning)\n\n"
         "<｜User｜>Hello<｜Assistant｜><think>",
         {0,     128799, 77666, 288, 9504, 482, 28,  223, 2402,  343, 16801, 223, 19,     15,    1457,   14,
          270,   4077,   270,   1990, 14,  270, 850, 15146, 270, 22805, 868, 128803, 19923, 128804, 128821}},
        {"\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" string=\"true\">Paris</｜DSML｜parameter>\n"
         "</｜DSML｜invoke>\n</｜DSML｜tool_calls><｜end▁of▁sentence｜>",
         {271, 30, 128825, 72461, 4941, 12548, 1018, 30, 128825, 40148, 5406, 2329, 1281, 1133, 65, 50219, 3816, 30, 128825, 41523, 2329, 1281, 37399, 4, 3418,
          1281, 11476, 3320, 51119, 1718, 128825, 41523, 1018, 1718, 128825, 40148, 5406, 1018, 1718, 128825, 72461, 4941, 12548, 32, 1}},
        {"\n\n<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"get_weather\">\n<｜DSML｜ parameter name=\"city\" string=\"true\">Paris</｜DSML｜ parameter>\n"
         "</｜DSML｜ invoke>\n</｜DSML｜ calls><｜end▁of▁sentence｜>",
         {271, 30, 128825, 10699, 1018, 30, 128825, 34756, 2329, 1281, 1133, 65, 50219, 3816, 30, 128825, 10767, 2329, 1281, 37399, 4, 3418, 1281, 11476, 3320,
          51119, 1718, 128825, 10767, 1018, 1718, 128825, 34756, 1018, 1718, 128825, 10699, 32, 1}},
        {"<｜User｜><tool_result>{\"temp\": 20}</tool_result><｜Assistant｜></think>",
         {128803, 30, 72461, 46148, 32, 24313, 26343, 3362, 223, 397, 24568, 72461, 46148, 32, 128804, 128822}},
    };
    for (const IdCase& one : cases) {
        std::vector<TokenId> ids;
        tokenizer->encode_with_special(one.text, ids);
        EXPECT_EQ(plain(ids), one.ids) << one.text;
    }
}

}  // namespace
}  // namespace baleen::text
