// Aim: a body becomes the request it means with the service's defaults, and every mistake gets the service's own words.
#include "serve/api/chat_request.h"

#include <gtest/gtest.h>

#include "text/encoding.h"

namespace baleen::serve {
namespace {

using text::Effort;
using text::ThinkingMode;

// A body with one user message and further fields.
std::string with(const std::string& fields, const std::string& messages = R"([{"role":"user","content":"q json"}])") {
    return R"({"model":"m","messages":)" + messages + (fields.empty() ? "" : "," + fields) + "}";
}
std::string error_of(const std::string& body, const ChatRequestOptions& options = {}) {
    const Result<ChatRequest> request = parse_chat_request(body, options);
    return request.ok() ? "accepted" : request.error().message;
}
ChatRequest good(const std::string& body, const ChatRequestOptions& options = {}) {
    Result<ChatRequest> request = parse_chat_request(body, options);
    EXPECT_TRUE(request.ok()) << body << "\n" << (request.ok() ? "" : request.error().message);
    return request.ok() ? std::move(request).value() : ChatRequest();
}
std::string prompt_of(const std::string& body, const ChatRequestOptions& options = {}) {
    const Result<text::Prompt> prompt = text::render(good(body, options).prompt, text::EncodingRules::rec());
    return prompt.ok() ? prompt->text : "error: " + prompt.error().message;
}
std::string tool(const std::string& fields = R"("name":"f")") {
    return R"({"type":"function","function":{)" + fields + "}}";
}
const std::string kOff = R"("thinking":{"type":"disabled"})";
const std::string kDeserialize = "Failed to deserialize the JSON body into the target type: ";

TEST(ChatRequest, Defaults) {
    const ChatRequest request = good(with(""));
    EXPECT_EQ(request.model, "m");
    EXPECT_TRUE(request.thinking());
    EXPECT_EQ(request.prompt.effort, Effort::high);
    EXPECT_EQ(request.sampling.temperature, 1);
    EXPECT_EQ(request.sampling.top_p, 1);
    EXPECT_FALSE(request.sampling.seed.has_value());
    EXPECT_FALSE(request.max_tokens.has_value());
    EXPECT_EQ(request.default_max_tokens(), 65536);
    EXPECT_FALSE(request.stream || request.logprobs || request.json_mode || request.include_usage);
    EXPECT_EQ(request.answer_options().parser.start, text::OutputStart::reasoning);
    EXPECT_FALSE(request.answer_options().parser.parse_tools);
}

TEST(ChatRequest, NullsAndUnknownFields) {
    good(with(
        R"("thinking":null,"reasoning_effort":null,"max_tokens":null,"response_format":null,"stop":null,"stream":null,
        "stream_options":null,"temperature":null,"top_p":null,"tools":null,"tool_choice":null,"logprobs":null,"top_logprobs":null,
        "user_id":null,"n":null,"seed":null,"frequency_penalty":null,"presence_penalty":null,"store":true,"metadata":{"a":[1]})",
        R"([{"role":"system","content":null},{"role":"user","content":null,"name":"bob","x":1},
                 {"role":"assistant","content":"","tool_calls":null,"reasoning_content":null,"prefix":null},{"role":"user","content":"x"}])"));
    good(with(R"("tools":[],"tool_choice":"auto")"));
    good(with(R"("tools":[],"tool_choice":"required")"));
}

TEST(ChatRequest, Thinking) {
    const std::tuple<const char*, bool, Effort> cases[] = {
        {R"("reasoning_effort":"minimal")", true, Effort::low},
        {R"("reasoning_effort":"low")", true, Effort::low},
        {R"("reasoning_effort":"medium")", true, Effort::high},
        {R"("reasoning_effort":"high")", true, Effort::high},
        {R"("reasoning_effort":"xhigh")", true, Effort::high},
        {R"("reasoning_effort":"max")", true, Effort::max},
        {R"("reasoning_effort":"ultra")", true, Effort::max},
        {R"("reasoning_effort":"none")", false, Effort::high},
        {R"("thinking":{"type":"disabled"},"reasoning_effort":"max")", false, Effort::max},
        {R"("thinking":{"type":"enabled"},"reasoning_effort":"none")", true, Effort::high},
        {R"("thinking":{"type":"adaptive","budget_tokens":5})", true, Effort::high}};
    for (const auto& [fields, thinking, effort] : cases) {
        const ChatRequest request = good(with(fields));
        EXPECT_EQ(request.thinking(), thinking) << fields;
        if (thinking) {
            EXPECT_EQ(request.prompt.effort, effort) << fields;
        }
    }
    EXPECT_EQ(good(with(kOff)).default_max_tokens(), 8192);
    EXPECT_EQ(good(with(R"("reasoning_effort":"max")")).default_max_tokens(), 131072);
    EXPECT_EQ(error_of(with(R"("reasoning_effort":"foo")")),
              kDeserialize +
                  "reasoning_effort: unknown variant `foo`, expected one of `none`, `minimal`, `low`, `medium`, "
                  "`high`, `xhigh`, "
                  "`ultra`, `max` at line 1 column 85");
    EXPECT_NE(error_of(with(R"("thinking":{"type":"x"})")).find("unknown variant `x`"), std::string::npos);
    EXPECT_NE(error_of(with(R"("thinking":{})")).find("thinking: missing field `type`"), std::string::npos);
}

TEST(ChatRequest, Sampling) {
    ChatRequestOptions honour;
    honour.honour_sampling = true;
    const std::string fields = R"("temperature":0.5,"top_p":0.5,"seed":9223372036854775807,"top_k":40,"min_p":0.1,"ignore_eos":true)";
    EXPECT_EQ(good(with(fields)).sampling.temperature, 1);
    EXPECT_EQ(good(with(fields)).sampling.top_p, 0.95);
    EXPECT_EQ(good(with(kOff + "," + fields)).sampling.temperature, 0.5);
    EXPECT_EQ(good(with(kOff + "," + fields)).sampling.top_p, 1);
    const ChatRequest own = good(with(fields), honour);
    EXPECT_EQ(own.sampling.temperature, 0.5);
    EXPECT_EQ(own.sampling.top_p, 0.5);
    EXPECT_EQ(own.sampling.seed, 9223372036854775807u);
    EXPECT_EQ(own.sampling.top_k, 40);
    EXPECT_EQ(own.sampling.min_p, 0.1);
    EXPECT_TRUE(own.sampling.ignore_eos);
    EXPECT_EQ(error_of(with(R"("temperature":2.1)")), "temperature must be in [0, 2]");
    EXPECT_EQ(error_of(with(R"("temperature":1e999)")), "temperature must be in [0, 2]");
    EXPECT_EQ(error_of(with(R"("top_p":0)")), "top_p must be in (0, 1]");
    EXPECT_EQ(error_of(with(R"("frequency_penalty":-3)")), "frequency_penalty must be in [-2, 2]");
    EXPECT_EQ(error_of(with(R"("presence_penalty":3)")), "presence_penalty must be in [-2, 2]");
    EXPECT_EQ(error_of(with(R"("n":2)")), "Invalid n value (currently only n = 1 is supported)");
    EXPECT_NE(error_of(with(R"("seed":9223372036854775808)")).find("[0, 2^63)"), std::string::npos);
    EXPECT_NE(error_of(with(R"("seed":-1)")).find("invalid value: integer `-1`, expected u64"), std::string::npos);
    EXPECT_NE(error_of(with(R"("temperature":"x")")).find("invalid type: string \"x\", expected f32"),
              std::string::npos);
}

TEST(ChatRequest, LengthsStopsStream) {
    EXPECT_EQ(good(with(R"("max_tokens":7)")).max_tokens, 7);
    EXPECT_EQ(good(with(R"("max_completion_tokens":8)")).max_tokens, 8);
    EXPECT_EQ(good(with(R"("max_completion_tokens":8,"max_tokens":9)")).max_tokens, 9);
    for (const char* bad : {"0", "393217", "-1", "1.5", "\"x\"", "99999999999999999999"})
        EXPECT_NE(error_of(with(std::string("\"max_tokens\":") + bad)), "accepted") << bad;
    EXPECT_EQ(good(with(R"("stop":"a")")).stop, std::vector<std::string>{"a"});
    EXPECT_EQ(good(with(R"("stop":["a","b"])")).stop.size(), 2u);
    std::string many = "\"a\"";
    for (int i = 0; i < 16; ++i) many += ",\"a\"";
    EXPECT_EQ(error_of(with("\"stop\":[" + many + "]")), "ChatCompletionStopSequences string array too long: 17");
    EXPECT_NE(error_of(with(R"("stop":[1])")).find("stop[0]: invalid type: integer `1`, expected a string"),
              std::string::npos);
    EXPECT_NE(error_of(with(R"("stop":"")")), "accepted");
    EXPECT_EQ(error_of(with(R"("stream_options":{"include_usage":true})")),
              "stream_options should be set along with stream = true");
    EXPECT_TRUE(good(with(R"("stream":true,"stream_options":{"include_usage":true})")).include_usage);
    EXPECT_EQ(good(with(R"("logprobs":true,"top_logprobs":20)")).top_logprobs, 20);
    EXPECT_NE(error_of(with(R"("logprobs":true,"top_logprobs":21)")), "accepted");
    EXPECT_NE(error_of(with(R"("top_logprobs":1)")), "accepted");
    EXPECT_NE(error_of(with("\"user_id\":\"" + std::string(513, 'u') + "\"")), "accepted");
    EXPECT_EQ(good(with(R"("user_id":"{\"a\": 1}")")).user_id, "{\"a\": 1}");
}

TEST(ChatRequest, Json) {
    EXPECT_EQ(
        error_of(
            R"({"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_object"}})"),
        "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.");
    EXPECT_TRUE(
        good(with(R"("response_format":{"type":"json_object"})", R"([{"role":"user","content":"a JSON"}])")).json_mode);
    EXPECT_FALSE(good(with(R"("response_format":{"type":"text"})")).json_mode);
    EXPECT_TRUE(
        good(with(R"("response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}})"))
            .json_schema);
    EXPECT_EQ(error_of(with(R"("response_format":{"type":"xml"})")),
              "response_format: only text and json_object are supported");
    EXPECT_NE(prompt_of(with(kOff + R"(,"response_format":{"type":"json_object"})"))
                  .find("reply:\n{\"type\": \"json_object\"}<｜User｜>q json"),
              std::string::npos);
}

TEST(ChatRequest, Tools) {
    const auto tools = [](const std::string& list, const std::string& more = "") {
        return with("\"tools\":[" + list + "]" + more);
    };
    const ChatRequest request = good(
        tools(tool(R"("name":"f","strict":true,"parameters":{"type":"object","properties":{"x":{"type":"string"}}})")));
    EXPECT_TRUE(request.strict_tools);
    EXPECT_EQ(request.answer_options().parser.tool_parameters.at("f"), std::set<std::string>{"x"});
    EXPECT_TRUE(request.answer_options().parser.parse_tools);
    EXPECT_FALSE(good(tools(tool(), R"(,"tool_choice":"none")")).answer_options().parser.parse_tools);
    good(tools(tool(R"("name":"f","parameters":null)")));
    good(tools(tool(R"("name":"f","parameters":{})")));
    for (const char* name : {"", "a b", "é"})
        EXPECT_EQ(error_of(tools(tool() + "," + tool("\"name\":\"" + std::string(name) + "\""))),
                  "tools.1.function.name: expected 1-128 ASCII letters, digits, underscores or hyphens");
    EXPECT_EQ(error_of(tools(tool("\"name\":\"" + std::string(129, 'f') + "\""))).substr(0, 21),
              "tools.0.function.name");
    EXPECT_EQ(error_of(tools(tool() + "," + tool())), "Tool names must be unique");
    for (const char* schema : {"\"x\"", "[]", R"({"type":"string"})", R"({"properties":{}})"})
        EXPECT_EQ(error_of(tools(tool(R"("name":"f","parameters":)" + std::string(schema)))),
                  "tools.0.function.parameters must be a JSON Schema of type object");
    EXPECT_NE(
        error_of(tools(R"({"type":"web","function":{"name":"f"}})")).find("unknown variant `web`, expected `function`"),
        std::string::npos);
    EXPECT_NE(error_of(tools(R"({"type":"function"})")).find("tools[0]: missing field `function`"), std::string::npos);
    std::string many;
    for (int i = 0; i < 129; ++i) many += (i > 0 ? "," : "") + tool("\"name\":\"f" + std::to_string(i) + "\"");
    EXPECT_NE(error_of(tools(many)), "accepted");
}

TEST(ChatRequest, ToolChoice) {
    const auto choose = [](const std::string& choice, bool thinking) {
        return with("\"tools\":[" + tool() + "],\"tool_choice\":" + choice + (thinking ? "" : "," + kOff));
    };
    const std::string named = R"({"type":"function","function":{"name":"f"}})";
    EXPECT_EQ(error_of(choose("\"required\"", true)), "Thinking mode does not support this tool_choice");
    EXPECT_EQ(error_of(choose(named, true)), "Thinking mode does not support this tool_choice");
    EXPECT_EQ(error_of(choose(R"({"type":"function","function":{"name":"x"}})", false)),
              "tool_choice: no tool named 'x' was specified");
    EXPECT_NE(error_of(choose("\"foo\"", false)), "accepted");
    EXPECT_NE(error_of(choose("5", false)), "accepted");
    for (const std::string& choice : {std::string("\"required\""), named}) {
        const ChatRequest request = good(choose(choice, false));
        EXPECT_EQ(request.answer_options().parser.start, text::OutputStart::tool_block);
        const std::string prompt = prompt_of(choose(choice, false));
        const std::string tail = "</think>\n\n<｜DSML｜tool_calls>\n";
        EXPECT_EQ(prompt.substr(prompt.size() - tail.size()), tail);
    }
}

const std::string kUser = R"({"role":"user","content":"q"})";
std::string call(const std::string& ids) {
    std::string list;
    for (const char id : ids)
        list += (list.empty() ? "" : ",") + std::string(R"({"id":")") + id +
                R"(","type":"function","function":{"name":"f","arguments":"{}"}})";
    return R"({"role":"assistant","content":null,"tool_calls":[)" + list + "]}";
}
std::string result(const std::string& id) {
    return R"({"role":"tool","tool_call_id":")" + id + R"(","content":"r"})";
}
std::string history(const std::vector<std::string>& messages, const ChatRequestOptions& options = {}) {
    std::string list;
    for (const std::string& message : messages) list += (list.empty() ? "" : ",") + message;
    return error_of(with("", "[" + list + "]"), options);
}

TEST(ChatRequest, History) {
    const std::string each =
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.";
    const std::string few = each + " (insufficient tool messages following tool_calls message)";
    const std::string orphan = "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'";
    EXPECT_EQ(history({kUser, call("ab"), result("b"), result("a"), kUser}), "accepted");
    EXPECT_EQ(history({kUser, result("a")}), orphan);
    EXPECT_EQ(history({kUser, call("a"), result("a"), result("b")}), orphan);
    EXPECT_EQ(history({kUser, call("ab"), result("a"), kUser}), few);
    EXPECT_EQ(history({kUser, call("a")}), few);
    EXPECT_EQ(history({kUser, call("ab"), result("b"), kUser, result("a")}), few);
    EXPECT_EQ(history({kUser, call("a"), result("b")}), each + " Unexpected tool_call_id: b");
    EXPECT_EQ(history({kUser, call("ab"), result("a"), result("a")}),
              "Duplicate value for 'tool_call_id' of a in message[3]");
    EXPECT_EQ(history({kUser, call("aa"), result("a"), result("a")}),
              "Duplicate value for 'tool_call_id' of a in message[1]");
    EXPECT_EQ(history({kUser, R"({"role":"assistant"})"}),
              "Invalid assistant message: content or tool_calls must be set");
    EXPECT_EQ(history({kUser, R"({"role":"assistant","content":"x","tool_calls":[]})"}),
              "Invalid 'messages[1].tool_calls': empty array. Expected an array with minimum length 1, but got an "
              "empty array instead.");
    EXPECT_EQ(history({R"({"role":"assistant","content":"x","prefix":true})", kUser}),
              "Invalid completion message: prefix set true with message which is not final message or message role is "
              "not assistant");
    ChatRequestOptions fill;
    fill.fill_missing_results = true;
    EXPECT_EQ(history({kUser, call("ab"), kUser}, fill), "accepted");
    EXPECT_EQ(history({kUser, call("ab"), result("b"), kUser}, fill), "accepted");
    const ChatRequest filled =
        good(with("", "[" + kUser + "," + call("ab") + "," + result("b") + "," + kUser + "]"), fill);
    ASSERT_EQ(filled.prompt.messages.size(), 5u);
    EXPECT_EQ(filled.prompt.messages[3].tool_call_id, "a");
}

TEST(ChatRequest, Reasoning) {
    ChatRequestOptions strict;
    strict.strict_reasoning = true;
    const auto body = [](const std::string& assistant, const std::string& more) {
        return with("\"tools\":[" + tool() + "]" + more, "[" + kUser + "," + assistant + "," + kUser + "]");
    };
    const std::string without = R"({"role":"assistant","content":"x"})";
    const std::string empty = R"({"role":"assistant","content":"x","reasoning_content":""})";
    EXPECT_EQ(error_of(body(without, "")), "accepted");
    EXPECT_EQ(error_of(body(without, ""), strict),
              "The `reasoning_content` in the thinking mode must be passed back to the API.");
    EXPECT_EQ(error_of(body(empty, ""), strict), "accepted");
    EXPECT_EQ(error_of(body(without, "," + kOff), strict), "accepted");
    EXPECT_EQ(error_of(with("", "[" + kUser + "," + without + "," + kUser + "]"), strict), "accepted");
}

TEST(ChatRequest, Messages) {
    EXPECT_EQ(error_of(with("", "[]")), "Empty input messages");
    EXPECT_EQ(error_of(with("", R"([{"role":"developer","content":"x"}])")),
              kDeserialize +
                  "messages[0]: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool`, "
                  "`latest_reminder` "
                  "at line 1 column 44");
    ChatRequestOptions developer;
    developer.developer_as_system = true;
    EXPECT_EQ(good(with("", R"([{"role":"developer","content":"x"}])"), developer).prompt.messages[0].role,
              text::Role::system);
    EXPECT_NE(error_of(with("", R"([{"content":"x"}])")).find("messages[0]: missing field `role`"), std::string::npos);
    EXPECT_NE(error_of(with("", "[" + kUser + R"(,{"role":"user","content":5}])"))
                  .find("messages[1]: invalid type: integer `5`, expected "),
              std::string::npos);
    EXPECT_NE(error_of(with("", R"([{"role":"user"}])")).find("missing field `content`"), std::string::npos);
    EXPECT_NE(error_of(with("", R"([{"role":"tool","content":"x"}])")).find("missing field `tool_call_id`"),
              std::string::npos);
    EXPECT_NE(error_of(with("", R"([{"role":"user","content":[{"type":"x"}]}])")).find("unknown variant `x`"),
              std::string::npos);
    EXPECT_EQ(error_of(with("", R"([{"role":"user","content":"<｜image｜>"}])")).substr(0, 33),
              "The sub-string \"<｜image｜>\" in");
    EXPECT_EQ(
        error_of(with(
            "",
            R"([{"role":"user","content":"x"},{"role":"assistant","content":"<｜image｜>"},{"role":"user","content":"x"}])")),
        "accepted");
    EXPECT_EQ(
        prompt_of(with(kOff, R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])")),
        "<｜begin▁of▁sentence｜><｜User｜>a\n\nb<｜Assistant｜></think>");
}

TEST(ChatRequest, Images) {
    const std::string image = R"({"type":"image_url","image_url":{"url":"http://x/y.png","detail":"low"}})";
    const auto body = [&](const std::string& role) {
        return with(kOff, R"([{"role":")" + role + R"(","content":[{"type":"text","text":"a"},)" + image + "]}]");
    };
    EXPECT_EQ(error_of(body("user")), "Model do not support image input");
    ChatRequestOptions seeing;
    seeing.images = true;
    seeing.version = text::PromptVersion::v41;
    EXPECT_EQ(prompt_of(body("user"), seeing),
              "<｜begin▁of▁sentence｜><｜User｜>a\n\n<｜image｜><｜Assistant｜></think>");
    EXPECT_EQ(error_of(body("system"), seeing), "Image in system message is unsupported");
}

TEST(ChatRequest, BodiesThatAreNone) {
    EXPECT_EQ(error_of("{"),
              "Failed to parse the request body as JSON: EOF while parsing an object at line 1 column 1");
    EXPECT_EQ(error_of("[1]"), kDeserialize + "invalid type: sequence, expected a map at line 1 column 0");
    EXPECT_EQ(error_of("{\"messages\":[]}"), kDeserialize + "missing field `model` at line 1 column 15");
    EXPECT_EQ(error_of("{\"model\":\"m\"}"), kDeserialize + "missing field `messages` at line 1 column 13");
    EXPECT_EQ(error_of("{\n\"model\":\"m\",\n \"messages\": \"x\"}"),
              kDeserialize + "messages: invalid type: string \"x\", expected a sequence at line 3 column 16");
    ChatRequestOptions small;
    small.body_bytes_max = 10;
    EXPECT_NE(error_of(with(""), small), "accepted");
    ChatRequestOptions free;
    free.model_required = false;
    EXPECT_EQ(error_of(R"({"messages":[{"role":"user","content":"x"}]})", free), "accepted");
    EXPECT_NE(error_of(std::string(100000, '[')), "accepted");
}

TEST(ChatRequest, Prefix) {
    const std::string open =
        "[" + kUser + R"(,{"role":"assistant","content":"","reasoning_content":"hm","prefix":true}])";
    EXPECT_EQ(prompt_of(with(R"("reasoning_effort":"low")", open)),
              "<｜begin▁of▁sentence｜><｜User｜>q<｜Assistant｜><think>hm");
    EXPECT_TRUE(good(with("", open)).answer_options().parser.continues);
    EXPECT_EQ(good(with("", open)).answer_options().parser.start, text::OutputStart::reasoning);
    EXPECT_EQ(error_of(with("\"tools\":[" + tool() + "]", open)), "Function call should not be used with prefix");
}

}  // namespace
}  // namespace baleen::serve
