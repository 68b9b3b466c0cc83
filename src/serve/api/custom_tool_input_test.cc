// Aim: the text of a custom tool is what the JSON arguments hold, however they are cut into pieces.
#include "serve/api/custom_tool_input.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace baleen::serve {
namespace {

std::string decoded(std::string_view arguments, std::size_t cut) {
    CustomToolInput input;
    std::string out;
    input.push(arguments.substr(0, cut), out);
    input.push(arguments.substr(cut), out);
    input.finish(out);
    return out;
}

TEST(CustomToolInput, EveryCut) {
    const std::string texts[] = {"", "x", "*** Begin Patch\n\"é\"\\x\t\x01🙂\x7f", "\\u0041", "ends with \\"};
    for (const std::string& text : texts) {
        const std::string plain = "{\"input\": " + nlohmann::json(text).dump() + "}";
        const std::string ascii =
            "{\"input\": " + nlohmann::json(text).dump(-1, ' ', true) + "}";  // with pairs of surrogates
        for (const std::string& arguments : {plain, ascii})
            for (std::size_t cut = 0; cut <= arguments.size(); ++cut)
                EXPECT_EQ(decoded(arguments, cut), text) << arguments << " cut at " << cut;
    }
}

TEST(CustomToolInput, OtherShapesPass) {
    for (const std::string_view arguments :
         {"{}", "{\"other\": \"a\", \"input\": \"z\"}", "{\"input\": {\"a\": 1}}", "{\"input\": ", "", "{\"inp", "x"})
        for (std::size_t cut = 0; cut <= arguments.size(); ++cut) EXPECT_EQ(decoded(arguments, cut), arguments);
}

TEST(CustomToolInput, FurtherMembersAndHalvesOfPairs) {
    EXPECT_EQ(decoded(R"({"input": "a", "b": "c"})", 3), "a");
    EXPECT_EQ(decoded(R"({"input": "\ud83d\ude42\udc00"})", 3), "🙂\xef\xbf\xbd");
}

// The same object serves call after call.
TEST(CustomToolInput, IsFreshAfterwards) {
    CustomToolInput input;
    std::string out;
    for (int i = 0; i < 2; ++i) {
        input.push(R"({"input": "a)", out);
        input.finish(out);
    }
    EXPECT_EQ(out, "aa");
}

}  // namespace
}  // namespace baleen::serve
