// Aim: an answer that breaks what the request asked for is found, with the place named; one that keeps it passes,
// whatever stood around it; and a request whose schema cannot be kept is refused before anything is computed.
#include "serve/api/json_output.h"

#include <gtest/gtest.h>

#include "serve/api/chat_request.h"
#include "text/output_filter.h"

namespace baleen::serve {
namespace {

const std::string kOff = R"("thinking":{"type":"disabled"})";

std::string body(const std::string& fields, const std::string& more = "") {
    return R"({"model":"m","messages":[{"role":"user","content":"json"})" + more + "]," + kOff + "," + fields + "}";
}
std::string refusal(const std::string& text) {
    const Result<ChatRequest> request = parse_chat_request(text);
    return request.ok() ? "accepted" : request.error().message;
}
OutputCheck check_of(const std::string& text) {
    const Result<ChatRequest> request = parse_chat_request(text);
    EXPECT_TRUE(request.ok()) << text << "\n" << (request.ok() ? "" : request.error().message);
    if (!request.ok()) return {};
    Result<OutputCheck> check = OutputCheck::of(*request);
    EXPECT_TRUE(check.ok());
    return check.ok() ? std::move(check).value() : OutputCheck();
}
std::string content(const OutputCheck& check, const std::string& text) {
    const Result<void> result = check.content(text);
    return result.ok() ? "" : result.error().message;
}

const std::string kObject = R"("response_format":{"type":"json_object"})";
const std::string kBroken = "The model's answer is not the JSON that response_format asks for: ";

TEST(OutputCheck, JsonObject) {
    const OutputCheck check = check_of(body(kObject));
    EXPECT_TRUE(check.wants_content());
    EXPECT_FALSE(check.wants_arguments());
    EXPECT_EQ(content(check, R"( {"a": [1, "é"]}  )"), "");
    EXPECT_EQ(content(check, ""), kBroken + "it holds no JSON at all");
    EXPECT_EQ(content(check, " \n "), kBroken + "it holds no JSON at all");
    EXPECT_EQ(content(check, "[1]"), kBroken + "it is not an object");
    EXPECT_EQ(content(check, "{\"a\":").substr(0, kBroken.size()), kBroken);
    EXPECT_NE(content(check, "{\"a\":1} x"), "");
    EXPECT_NE(content(check, "{'a':1}"), "");
    EXPECT_NE(content(check, "{\"a\":NaN}"), "");
    EXPECT_EQ(content(check_of(body(R"("response_format":{"type":"text"})")), "not JSON"), "");
    EXPECT_EQ(content(OutputCheck(), "not JSON"), "");
}

TEST(OutputCheck, FencesAndTalkAreStrippedBefore) {
    const OutputCheck check = check_of(body(kObject));
    for (const char* output :
         {"```json\n{\"a\": 1}\n```", "```\n{\"a\": 1}```\nDone.", "Sure! {\"a\": 1}", "{\"a\": 1}"}) {
        text::AnswerOptions options;
        options.json = true;
        text::Answer answer(options);
        text::OutputEvents events;
        answer.push(output, events);
        answer.finish(events);
        EXPECT_EQ(content(check, text::collect(events).content), "") << output;
    }
}

TEST(OutputCheck, JsonSchema) {
    const OutputCheck check = check_of(body(
        R"("response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}})"));
    EXPECT_EQ(content(check, R"({"n": 3, "m": null})"), "");
    EXPECT_EQ(content(check, R"({"n": "3"})"), kBroken + "$.n: a string where an integer belongs");
    EXPECT_EQ(content(check, "{}"), kBroken + "$: the member \"n\" is missing");
    // A schema may ask for something else than an object.
    const OutputCheck list = check_of(
        body(R"("response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"array"}}})"));
    EXPECT_EQ(content(list, "[]"), "");
    // Without a schema it is json_object.
    EXPECT_NE(content(check_of(body(R"("response_format":{"type":"json_schema"})")), "[]"), "");
    EXPECT_EQ(
        refusal(body(
            R"("response_format":{"type":"json_schema","json_schema":{"schema":{"properties":{"a":{"type":"int"}}}}})")),
        "Invalid schema for response_format: properties.a.type: there is no type 'int'");
}

TEST(OutputCheck, Prefix) {
    const std::string prefix = R"(,{"role":"assistant","content":"{\"n\":","prefix":true})";
    EXPECT_EQ(refusal(body(kObject, prefix)), "response_format json_object should not be used with prefix");
    const std::string schema = body(
        R"("response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}})", prefix);
    EXPECT_EQ(content(check_of(schema), " 1}"), "");
    EXPECT_NE(content(check_of(schema), "{\"n\": 1}"), "");
    EXPECT_FALSE(parse_chat_request(schema)->answer_options().json);  // nothing to strip: the value has begun already
}

std::string tools(const std::string& parameters, const std::string& more = "") {
    return body(R"("tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":)" + parameters +
                "}}" + more + "]");
}

TEST(OutputCheck, StrictTools) {
    const OutputCheck check = check_of(tools(R"({"type":"object","properties":{"a":{"type":"string"}}})"));
    EXPECT_TRUE(check.wants_arguments());
    const auto call = [&](const std::string& tool, const std::string& text) {
        const Result<void> result = check.arguments(tool, text);
        return result.ok() ? "" : result.error().message;
    };
    const std::string broken = "The model's call of the strict tool 'f' does not fit: ";
    EXPECT_EQ(call("f", R"({"a": "x"})"), "");
    EXPECT_EQ(call("f", R"({"a": 1})"), broken + "$.a: an integer where a string belongs");
    EXPECT_EQ(call("f", "{}"), broken + "$: the member \"a\" is missing");
    EXPECT_EQ(call("f", R"({"a": "x", "b": 1})"), broken + "$.b: a member that the schema does not know");
    EXPECT_EQ(call("f", R"({"a": "x)").substr(0, broken.size()), broken);
    EXPECT_EQ(call("g", "{}"), "The model's call of the strict tool 'g' does not fit: there is no such tool");
    EXPECT_TRUE(check_of(body(R"("tools":[{"type":"function","function":{"name":"f"}}])")).arguments("g", "x").ok());
}

TEST(OutputCheck, StrictToolsThatAreRefused) {
    EXPECT_EQ(refusal(tools(R"({"type":"object"})", R"(,{"type":"function","function":{"name":"g"}})")),
              "Cannot use strict tool with non-strict tool in the same request");
    EXPECT_EQ(refusal(tools(R"({"type":"object","properties":{"a":{}}})")),
              "Invalid tool parameters schema : one of `type`, `anyOf`, `$ref` field is required");
    EXPECT_EQ(refusal(tools(R"({"type":"object","properties":{"a":{"type":"string","pattern":"("}}})")).substr(0, 61),
              "Invalid tool parameters schema : properties.a.pattern: the pa");
    EXPECT_EQ(refusal(tools(R"({"type":"object","additionalProperties":true})")),
              "additionalProperties should not be true");
    EXPECT_EQ(refusal(tools("null")), "accepted");
}

TEST(OutputCheck, BrokenPromise) {
    const ApiError error = broken_promise(invalid_argument("The model's answer is x"));
    EXPECT_EQ(error_body(error),
              R"({"error":{"message":"The model's answer is x. Please retry.","type":"internal_error","param":null,)"
              R"("code":"invalid_model_output"}})");
    EXPECT_EQ(error.status, 500);
}

}  // namespace
}  // namespace baleen::serve
