// The demo runs to its end and counts the marks it gave; its document is the same everywhere and holds what is asked.
#include <gtest/gtest.h>

#include "cli/cli_test_support.h"
#include "cli/demo_document.h"

namespace baleen::cli {
namespace {

TEST(Demo, RunsAndCountsWhatIsRight) {
    const Ran ran = run({"demo", "--sentences", "240"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    int right = 0, asked = 0;
    const std::size_t score = ran.out.find(" of 12 right");
    ASSERT_NE(score, std::string::npos) << ran.out;
    std::sscanf(ran.out.c_str() + ran.out.rfind('\n', score) + 1, "%d of %d right", &right, &asked);
    std::size_t marks = 0;
    for (std::size_t i = ran.out.find("\n  right\n"); i != std::string::npos; i = ran.out.find("\n  right\n", i + 1)) ++marks;
    EXPECT_EQ(marks, static_cast<std::size_t>(right));
    EXPECT_GE(right, 9) << "krill was trained for this\n" << ran.out;
    for (const char* words : {"[tool call] get_weather", "tokens/s", "memory ", "wrote "}) EXPECT_NE(ran.out.find(words), std::string::npos) << words;
    EXPECT_NE(ran.err.find("thinking: "), std::string::npos);
}

TEST(Demo, DocumentsAreRepeatableAndHoldTheFacts) {
    for (const std::uint64_t seed : {1, 2, 99}) {
        const DemoDocument document = make_demo_document(seed, 100, 7, 12);
        EXPECT_EQ(document.text, make_demo_document(seed, 100, 7, 12).text);
        EXPECT_NE(document.text, make_demo_document(seed + 1, 100, 7, 12).text);
        ASSERT_EQ(document.asked.size(), 7u);
        ASSERT_EQ(document.others.size(), 12u);
        std::size_t before = 0;
        for (const DemoFact& fact : document.asked) {
            const std::size_t at = document.text.find(fact.line + "\n");
            ASSERT_NE(at, std::string::npos) << fact.line;
            EXPECT_GE(at, before) << "not in order of depth";
            EXPECT_NEAR(static_cast<double>(at) / static_cast<double>(document.text.size()), fact.depth, 0.1);
            EXPECT_NE(fact.line.find(fact.value), std::string::npos);
            before = at;
        }
        for (const DemoFact& a : document.asked)  // one answer to each question
            for (const DemoFact& b : document.others) EXPECT_NE(a.name, b.name);
        EXPECT_EQ(std::count(document.text.begin(), document.text.end(), '\n'), 119);
    }
    // The very first sentence, so that another machine or compiler shows the same document.
    EXPECT_EQ(make_demo_document(1, 100, 7, 12).text.substr(0, 24), "At 08:01 the market move");
}

TEST(Demo, StopsOnError) { expect_error(run({"demo", "--model", kTiny, "--quiet"}), 1, "no tokenizer.json", "ids only"); }

}  // namespace
}  // namespace baleen::cli
