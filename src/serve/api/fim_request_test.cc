// Aim: the body of a text completion becomes the request it means (spec api 8.4), its prompt the template of the
// middle, and every mistake gets a 400 that names the field.
#include "serve/api/fim_request.h"

#include <gtest/gtest.h>

namespace baleen::serve {
namespace {

std::string with(const std::string& fields) {
    return R"({"model":"m","prompt":"def f(")" + (fields.empty() ? "" : "," + fields) + "}";
}
std::string error_of(const std::string& body, const RequestOptions& options = {}) {
    const Result<FimRequest> request = parse_fim_request(body, options);
    return request.ok() ? "accepted" : request.error().message;
}
FimRequest good(const std::string& body) {
    Result<FimRequest> request = parse_fim_request(body);
    EXPECT_TRUE(request.ok()) << body << "\n" << (request.ok() ? "" : request.error().message);
    return request.ok() ? std::move(request).value() : FimRequest();
}
const std::string kDeserialize = "Failed to deserialize the JSON body into the target type: ";

TEST(FimRequest, Defaults) {
    const FimRequest request = good(with(""));
    EXPECT_EQ(request.model, "m");
    EXPECT_EQ(request.prompt, "def f(");
    EXPECT_EQ(request.suffix, "");
    EXPECT_FALSE(request.max_tokens.has_value());
    EXPECT_FALSE(request.echo || request.stream || request.include_usage || request.logprobs.has_value());
    EXPECT_TRUE(request.stop.empty());
    EXPECT_EQ(request.sampling.temperature, 1);
    EXPECT_EQ(request.sampling.top_p, 1);
}

TEST(FimRequest, Fields) {
    const FimRequest request = good(with(
        R"("suffix":"):\n","max_tokens":4096,"echo":true,"logprobs":20,"stop":["a","b"],"stream":true,
           "stream_options":{"include_usage":true},"temperature":0.2,"top_p":0.5,"frequency_penalty":2,"presence_penalty":-2,
           "seed":7,"top_k":5,"min_p":0.1,"user_id":"u","n":1,"best_of":1)"));
    EXPECT_EQ(request.suffix, "):\n");
    EXPECT_EQ(request.max_tokens, 4096);
    EXPECT_TRUE(request.echo && request.stream && request.include_usage);
    EXPECT_EQ(request.logprobs, 20);
    EXPECT_EQ(request.stop, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(request.sampling.temperature, 0.2);  // no thinking here, so values are used as asked
    EXPECT_EQ(request.sampling.top_p, 0.5);
    EXPECT_EQ(request.sampling.seed, 7u);
    EXPECT_EQ(request.sampling.top_k, 5);
    EXPECT_EQ(request.user_id, "u");
    EXPECT_EQ(good(with(R"("stop":"a")")).stop, std::vector<std::string>{"a"});
    EXPECT_EQ(good(with(R"("logprobs":0)")).logprobs, 0);
}

TEST(FimRequest, NullsAndUnknownFields) {
    good(with(
        R"("suffix":null,"max_tokens":null,"echo":null,"logprobs":null,"stop":null,"stream":null,"stream_options":null,
           "temperature":null,"top_p":null,"frequency_penalty":null,"presence_penalty":null,"n":null,"seed":null,
           "logit_bias":{"1":5},"user":"x","thinking":{"type":"enabled"},"whatever":[1])"));
}

TEST(FimRequest, Ranges) {
    for (const char* bad : {"0", "4097"})
        EXPECT_EQ(error_of(with(std::string("\"max_tokens\":") + bad)),
                  "Invalid max_tokens value, the valid range of max_tokens is [1, 4096]");
    EXPECT_EQ(error_of(with(R"("logprobs":21)")), "Invalid logprobs value, the valid range of logprobs is [0, 20].");
    EXPECT_EQ(error_of(with(R"("temperature":2.1)")), "temperature must be in [0, 2]");
    EXPECT_EQ(error_of(with(R"("top_p":0)")), "top_p must be in (0, 1]");
    EXPECT_EQ(error_of(with(R"("frequency_penalty":3)")), "frequency_penalty must be in [-2, 2]");
    EXPECT_EQ(error_of(with(R"("presence_penalty":-3)")), "presence_penalty must be in [-2, 2]");
    EXPECT_EQ(error_of(with(R"("n":2)")), "Invalid n value (currently only n = 1 is supported)");
    EXPECT_EQ(error_of(with(R"("best_of":2)")), "Invalid best_of value (currently only best_of = 1 is supported)");
    EXPECT_EQ(error_of(with(R"("stream_options":{"include_usage":true})")),
              "stream_options should be set along with stream = true");
    std::string many = "\"a\"";
    for (int i = 0; i < 16; ++i) many += ",\"a\"";
    EXPECT_EQ(error_of(with("\"stop\":[" + many + "]")), "ChatCompletionStopSequences string array too long: 17");
    EXPECT_NE(error_of(with(R"("seed":9223372036854775808)")).find("[0, 2^63)"), std::string::npos);
    EXPECT_EQ(error_of(with("\"user_id\":\"" + std::string(513, 'u') + "\"")), "user_id must be at most 512 bytes");
}

TEST(FimRequest, TypesAndMissingFields) {
    EXPECT_EQ(error_of(R"({"prompt":"x"})"), kDeserialize + "missing field `model` at line 1 column 14");
    EXPECT_EQ(error_of(R"({"model":"m"})"), kDeserialize + "missing field `prompt` at line 1 column 13");
    EXPECT_EQ(error_of(R"({"model":"m","prompt":["x"]})"),
              kDeserialize + "prompt: invalid type: sequence, expected a string at line 1 column 22");
    EXPECT_EQ(error_of(R"({"model":"m","prompt":null})"),
              kDeserialize + "prompt: invalid type: null, expected a string at line 1 column 26");
    EXPECT_NE(error_of(with(R"("suffix":5)")).find("suffix: invalid type: integer `5`, expected a string"),
              std::string::npos);
    EXPECT_NE(error_of(with(R"("echo":"yes")")).find("echo: invalid type: string \"yes\", expected a boolean"),
              std::string::npos);
    EXPECT_NE(error_of(with(R"("logprobs":true)")).find("logprobs: invalid type: boolean `true`, expected u8"),
              std::string::npos);
    EXPECT_NE(error_of(with(R"("max_tokens":-1)")).find("invalid value: integer `-1`, expected u32"),
              std::string::npos);
    EXPECT_EQ(error_of("{").substr(0, 43), "Failed to parse the request body as JSON: E");
    EXPECT_NE(error_of("[]"), "accepted");
    RequestOptions small;
    small.body_bytes_max = 10;
    EXPECT_NE(error_of(with(""), small), "accepted");
    RequestOptions free;
    free.model_required = false;
    EXPECT_EQ(error_of(R"({"prompt":"x"})", free), "accepted");
}

TEST(FimRequest, Prompt) {
    FimRequest request;
    request.prompt = "def f(";
    EXPECT_EQ(request.rendered().text, "<｜begin▁of▁sentence｜>def f(");
    EXPECT_EQ(request.rendered().controls.size(), 1u);
    request.suffix = "):";
    EXPECT_EQ(request.rendered().text, "<｜begin▁of▁sentence｜><｜fim▁begin｜>def f(<｜fim▁hole｜>):<｜fim▁end｜>");
    EXPECT_EQ(request.rendered().controls.size(), 4u);
    // What the user spells stays text.
    request.prompt = "<｜fim▁hole｜>";
    EXPECT_EQ(request.rendered().controls.size(), 4u);
}

}  // namespace
}  // namespace baleen::serve
