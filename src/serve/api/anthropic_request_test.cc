// Aim: a Messages body becomes the prompt it means, whatever shape its blocks have, and every mistake gets its own
// words.
#include "serve/api/anthropic_request.h"

#include <gtest/gtest.h>

#include "text/encoding.h"

namespace baleen::serve {
namespace {

using text::Effort;
using text::PromptVersion;
using text::Role;

const std::string kOff = R"("thinking":{"type":"disabled"})";
const std::string kTool = R"({"name":"f","description":"d","input_schema":{"type":"object"}})";
const std::string kTools = "\"tools\":[" + kTool + "]";
const std::string kQuestion = R"({"role":"user","content":"q"})";
const std::string kCall = R"({"type":"tool_use","id":"t1","name":"f","input":{"x":1}})";
const std::string kDeserialize = "Failed to deserialize the JSON body into the target type: ";
constexpr const char* kPair =
    " Each `tool_use` block must have a corresponding `tool_result` block in the next message.";

std::string with(const std::string& fields, const std::string& messages = kQuestion) {
    return R"({"model":"m","max_tokens":9,"messages":[)" + messages + "]" + (fields.empty() ? "" : "," + fields) + "}";
}
std::string user(const std::string& blocks) {
    return R"({"role":"user","content":[)" + blocks + "]}";
}
std::string assistant(const std::string& blocks) {
    return R"({"role":"assistant","content":[)" + blocks + "]}";
}
std::string result(const std::string& id, const std::string& content = R"("r")") {
    return R"({"type":"tool_result","tool_use_id":")" + id + R"(","content":)" + content + "}";
}
std::string error_of(const std::string& body, const RequestOptions& options = {}) {
    const Result<Request> request = parse_anthropic_request(body, options);
    return request.ok() ? "accepted" : request.error().message;
}
Request good(const std::string& body, const RequestOptions& options = {}) {
    Result<Request> request = parse_anthropic_request(body, options);
    EXPECT_TRUE(request.ok()) << body << "\n" << (request.ok() ? "" : request.error().message);
    return request.ok() ? std::move(request).value() : Request();
}
std::string prompt_of(const std::string& body, PromptVersion version = PromptVersion::v4_0731) {
    RequestOptions options;
    options.version = version;
    options.images = version == PromptVersion::v41;
    const Result<text::Prompt> prompt = text::render(good(body, options).prompt, text::EncodingRules::rec());
    return prompt.ok() ? prompt->text : "error: " + prompt.error().message;
}
// Without start token and tools block; marks of turns as letters.
std::string turns_of(const std::string& body, PromptVersion version = PromptVersion::v4_0731) {
    std::string text = prompt_of(body, version);
    const std::string_view ends = "to invoke tool calls.\n";
    if (const std::size_t at = text.find(ends); at != std::string::npos) text = text.substr(at + ends.size());
    const std::pair<std::string_view, std::string_view> marks[] = {
        {"<｜begin▁of▁sentence｜>", ""}, {"<｜end▁of▁sentence｜>", "E"}, {"<｜User｜>", "U:"},
        {"<｜Assistant｜>", "A:"},       {"<｜System｜>", "S:"},         {"｜DSML｜", "D"}};
    for (const auto& [mark, letter] : marks)
        for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;)
            text.replace(at, mark.size(), letter);
    return text;
}

TEST(AnthropicRequest, Defaults) {
    const Request request = good(with(""));
    EXPECT_EQ(request.model, "m");
    EXPECT_TRUE(request.thinking());
    EXPECT_EQ(request.prompt.effort, Effort::high);
    EXPECT_EQ(request.max_tokens, 9);
    EXPECT_EQ(request.sampling.temperature, 1);
    EXPECT_EQ(request.sampling.top_p, 1);
    EXPECT_FALSE(request.stream || request.logprobs || request.json_mode);
    EXPECT_EQ(request.user_id, "");
    EXPECT_EQ(good(R"({"model":"m","messages":[)" + kQuestion + "]}").max_tokens, std::nullopt);
}

// Every field may be null, unknown ones may be anything.
TEST(AnthropicRequest, NullsAndIgnoredFields) {
    good(with(R"("system":null,"stop_sequences":null,"stream":null,"temperature":null,"top_p":null,"top_k":null,
        "metadata":null,"thinking":null,"output_config":null,"tools":null,"tool_choice":null)"));
    good(with(R"("top_k":"x","container":"c","mcp_servers":[1],"service_tier":5,"inference_geo":[],"betas":{},
        "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"zzz":1)"));
    good(with(R"("tools":[],"tool_choice":{"type":"auto"})"));
}

TEST(AnthropicRequest, Thinking) {
    const std::tuple<const char*, bool, Effort> cases[] = {
        {R"("thinking":{"type":"enabled","budget_tokens":1024})", true, Effort::high},
        {R"("thinking":{"type":"adaptive","display":"omitted"})", true, Effort::high},
        {R"("thinking":{"type":"disabled"},"output_config":{"effort":"max"})", false, Effort::high},
        {R"("thinking":{"type":"enabled"},"output_config":{"effort":"none"})", true, Effort::high},
        {R"("output_config":{"effort":"none"})", false, Effort::high},
        {R"("output_config":{"effort":"minimal"})", true, Effort::low},
        {R"("output_config":{"effort":"low"})", true, Effort::low},
        {R"("output_config":{"effort":"medium"})", true, Effort::high},
        {R"("output_config":{"effort":"xhigh"})", true, Effort::high},
        {R"("output_config":{"effort":"max","format":{"type":"json_schema"}})", true, Effort::max},
        {R"("output_config":{"effort":"ultra"})", true, Effort::max},
        {R"("output_config":{"effort":null})", true, Effort::high}};
    for (const auto& [fields, thinking, effort] : cases) {
        const Request request = good(with(fields));
        EXPECT_EQ(request.thinking(), thinking) << fields;
        if (thinking) {
            EXPECT_EQ(request.prompt.effort, effort) << fields;
        }
    }
}

TEST(AnthropicRequest, SamplingAndLimits) {
    EXPECT_EQ(good(with(kOff + R"(,"temperature":0.5,"top_p":0.5)")).sampling.temperature, 0.5);
    EXPECT_EQ(good(with(kOff + R"(,"temperature":0.5,"top_p":0.5)")).sampling.top_p, 1);
    EXPECT_EQ(good(with(R"("temperature":0.5,"top_p":0.5)")).sampling.temperature, 1);
    EXPECT_EQ(good(with(R"("temperature":0.5,"top_p":0.5)")).sampling.top_p, 0.95);
    EXPECT_EQ(good(with(R"("top_k":5)")).sampling.top_k, 0);
    RequestOptions honest;
    honest.honour_sampling = true;
    EXPECT_EQ(good(with(R"("temperature":0.5,"top_p":0.5,"top_k":5)"), honest).sampling.top_k, 5);
    EXPECT_EQ(good(with(R"("temperature":0.5,"top_p":0.5,"top_k":5)"), honest).sampling.top_p, 0.5);
    EXPECT_EQ(error_of(with(R"("temperature":2.1)")), "temperature must be in [0, 2]");
    EXPECT_EQ(error_of(with(R"("top_p":0)")), "top_p must be in (0, 1]");
    const std::string rest = R"(,"messages":[)" + kQuestion + "]}";
    EXPECT_EQ(good(R"({"model":"m","max_tokens":1000000)" + rest).max_tokens, 393216);
    EXPECT_EQ(error_of(R"({"model":"m","max_tokens":0)" + rest),
              "Invalid max_tokens value, the valid range of max_tokens is [1, 393216]");
    EXPECT_EQ(good(with(R"("stop_sequences":["a","b"],"stream":true,"metadata":{"user_id":"{\"a\":1}"})")).stop,
              (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(good(with(R"("metadata":{"user_id":"{\"a\":1}","x":2})")).user_id, R"({"a":1})");
    EXPECT_EQ(error_of(with(R"("metadata":{"user_id":")" + std::string(513, 'u') + "\"}")),
              "metadata.user_id must be at most 512 bytes");
    const std::string sixteen = R"("a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a")";
    good(with("\"stop_sequences\":[" + sixteen + "]"));
    for (const std::string& bad : {sixteen + ",\"a\"", std::string("\"\"")})
        EXPECT_EQ(error_of(with("\"stop_sequences\":[" + bad + "]")),
                  "stop_sequences must contain at most 16 non-empty strings");
}

TEST(AnthropicRequest, System) {
    EXPECT_EQ(turns_of(with(kOff + R"(,"system":"s")")), "sU:qA:</think>");
    EXPECT_EQ(turns_of(with(kOff + R"(,"system":"")")), "U:qA:</think>");
    const std::string blocks =
        R"("system":[{"type":"text","text":"x-anthropic-billing-header: a","cache_control":{"type":"ephemeral"}},{"type":"text","text":"b"}])";
    EXPECT_EQ(turns_of(with(kOff + "," + blocks)), "x-anthropic-billing-header: a\n\nbU:qA:</think>");
    EXPECT_EQ(turns_of(with(kOff + "," + blocks), PromptVersion::v41),
              "S:x-anthropic-billing-header: a\n\nbU:qA:</think>");
    EXPECT_NE(
        error_of(with(R"("system":[{"type":"image"}])")).find("system[0]: unknown variant `image`, expected `text`"),
        std::string::npos);
}

// Claude Code puts them between turns.
TEST(AnthropicRequest, SystemMessages) {
    const std::string messages =
        kQuestion + R"(,{"role":"system","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},)" +
        assistant(R"({"type":"text","text":"x"})") + "," + kQuestion;
    EXPECT_EQ(turns_of(with(kOff, messages)),
              "U:q\n\n<system-reminder>\na\n\nb\n</system-reminder>A:</think>xEU:qA:</think>");
    EXPECT_EQ(turns_of(with(kOff, messages), PromptVersion::v41), "U:qS:a\n\nbA:</think>xEU:qA:</think>");
    EXPECT_EQ(turns_of(with(kOff, R"({"role":"system","content":"a"},)" + kQuestion)),
              "U:<system-reminder>\na\n</system-reminder>\n\nqA:</think>");
    EXPECT_EQ(turns_of(with(kOff, kQuestion + R"(,{"role":"system","content":""})")), "U:qA:</think>");
}

TEST(AnthropicRequest, CallsAndResults) {
    const std::string calls =
        R"({"type":"thinking","thinking":"r","signature":"s"},{"type":"text","text":"b"},{"type":"tool_use","id":"a","name":"f","input":{"z":1,"y":"t","x":1.50}},{"type":"tool_use","id":"b","name":"g","input":{}})";
    const std::string answers =
        result("b", R"([{"type":"text","text":"1"},{"type":"text","text":"2"}])") + "," +
        R"({"type":"tool_result","tool_use_id":"a","is_error":true},{"type":"text","text":"and"})";
    EXPECT_EQ(turns_of(with(kTools, kQuestion + "," + assistant(calls) + "," + user(answers))),
              "U:qA:<think>r</think>b\n\n<Dtool_calls>\n<Dinvoke name=\"f\">\n<Dparameter name=\"z\" "
              "string=\"false\">1</Dparameter>\n<Dparameter name=\"y\" string=\"true\">t</Dparameter>\n<Dparameter "
              "name=\"x\" string=\"false\">1.5</Dparameter>\n</Dinvoke>\n<Dinvoke "
              "name=\"g\">\n\n</Dinvoke>\n</Dtool_calls>EU:<tool_result></tool_result>\n\n<tool_result>1\n\n2</"
              "tool_result>\n\nandA:<think>");
}

// cache_control, citations, signatures and is_error move about or vanish between requests: the prompt may not notice.
TEST(AnthropicRequest, MarksDoNotShow) {
    const std::string plain = kQuestion + "," + assistant(R"({"type":"thinking","thinking":"r"},)" + kCall) + "," +
                              user(result("t1") + R"(,{"type":"text","text":"x"})");
    const std::string marked =
        user(R"({"type":"text","text":"q","cache_control":{"type":"ephemeral","ttl":"1h"},"citations":[]})") + "," +
        assistant(
            R"({"type":"thinking","thinking":"r","signature":"abc"},)"
            R"({"type":"tool_use","id":"t1","name":"f","input":{"x":1},"cache_control":{"type":"ephemeral"},"caller":{"type":"direct"}})") +
        "," +
        user(
            R"({"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"r","cache_control":null}],"is_error":false})"
            R"(,{"type":"text","text":"x"})");
    EXPECT_EQ(prompt_of(with(kTools, plain)), prompt_of(with(kTools, marked)));
}

TEST(AnthropicRequest, ThinkingInHistory) {
    const std::string two = R"({"type":"thinking","thinking":"1"},{"type":"text","text":"a"},)"
                            R"({"type":"thinking","thinking":"2"},{"type":"text","text":"b"})";
    EXPECT_EQ(turns_of(with(kTools, kQuestion + "," + assistant(two) + "," + kQuestion)),
              "U:qA:<think>1\n\n2</think>a\n\nbEU:qA:<think>");
    const std::string none = kQuestion + R"(,{"role":"assistant","content":"a"},)" + kQuestion;
    EXPECT_EQ(turns_of(with(kTools, none)), "U:qA:<think></think>aEU:qA:<think>");
    RequestOptions strict;
    strict.strict_reasoning = true;
    EXPECT_EQ(error_of(with(kTools, none), strict),
              "The `content[].thinking` in the thinking mode must be passed back to the API.");
    EXPECT_EQ(error_of(with("", none), strict), "accepted");
    EXPECT_EQ(error_of(with(kTools + "," + kOff, none), strict), "accepted");
    EXPECT_EQ(error_of(with(kTools + R"(,"tool_choice":{"type":"none"})", none), strict), "accepted");
}

// Blocks the service makes for its own search are left out; documents become a note.
TEST(AnthropicRequest, OtherBlocks) {
    const std::string search =
        R"({"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}},)"
        R"({"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result"}]},{"type":"text","text":"a"})";
    EXPECT_EQ(turns_of(with(kOff, kQuestion + "," + assistant(search) + "," + kQuestion)),
              "U:qA:</think>aEU:qA:</think>");
    const std::string document =
        R"({"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"x"}})";
    EXPECT_EQ(turns_of(with(kOff, user(document))), "U:[Unsupported document type: application/pdf]A:</think>");
    EXPECT_EQ(
        turns_of(with(kTools + "," + kOff, kQuestion + "," + assistant(kCall) + "," +
                                               user(result("t1", R"([{"type":"tool_reference","tool_name":"n"}])"))))
            .substr(0, 5),
        "U:qA:");
    const std::string image = R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"aaaa"}})";
    EXPECT_EQ(turns_of(with(kOff, user(image + R"(,{"type":"text","text":"x"})")), PromptVersion::v41),
              "U:<｜image｜>\n\nxA:</think>");
    EXPECT_EQ(error_of(with("", user(image))), "Model do not support image input");
    for (const char* type : {"redacted_thinking", "search_result", "mcp_tool_use", "container_upload"})
        EXPECT_NE(error_of(with("", user(std::string(R"({"type":")") + type + "\"}")))
                      .find("unknown variant `" + std::string(type)),
                  std::string::npos);
}

TEST(AnthropicRequest, Tools) {
    const std::string prompt = prompt_of(with(
        kOff +
        R"(,"tools":[{"name":"f","input_schema":{"type":"object","properties":{}},"strict":true,"cache_control":{}},)"
        R"({"type":"web_search_20250305","name":"web_search","max_uses":3},{"type":"custom","name":"g","description":null,"input_schema":{"type":"object"}}])"));
    EXPECT_NE(prompt.find("\n{\"name\": \"f\", \"description\": \"\", \"parameters\": {\"type\": \"object\", "
                          "\"properties\": {}}}\n{\"name\": \"g\", \"description\": \"\", \"parameters\": {\"type\": "
                          "\"object\"}}\n\nYou"),
              std::string::npos)
        << prompt;
    EXPECT_FALSE(good(with(R"("tools":[{"type":"web_search_20250305","name":"web_search"}])")).prompt.tools_visible());
    const std::pair<std::string, std::string> cases[] = {
        {R"([{"name":"a b","input_schema":{}}])",
         "tools.0.name: expected 1-128 ASCII letters, digits, underscores or hyphens"},
        {"[" + kTool + "," + kTool + "]", "Tool names must be unique"},
        {R"([{"name":"f"}])", "tools.0.input_schema must be a JSON Schema of type object"},
        {R"([{"name":"f","input_schema":{"type":"string"}}])",
         "tools.0.input_schema must be a JSON Schema of type object"},
        {R"([{"type":"bash_20250124","name":"bash"}])", "tools[0]: server tools are not supported"}};
    for (const auto& [tools, error] : cases) EXPECT_EQ(error_of(with("\"tools\":" + tools)), error);
}

TEST(AnthropicRequest, ToolChoice) {
    using text::ToolChoice;
    const auto choice = [](const std::string& value) {
        return with(kTools + "," + kOff + ",\"tool_choice\":" + value);
    };
    EXPECT_EQ(good(choice(R"({"type":"auto","disable_parallel_tool_use":true})")).prompt.tool_choice,
              ToolChoice::automatic);
    EXPECT_EQ(good(choice(R"({"type":"any"})")).prompt.tool_choice, ToolChoice::automatic);
    EXPECT_EQ(good(choice(R"({"type":"none"})")).prompt.tool_choice, ToolChoice::none);
    EXPECT_EQ(good(choice(R"({"type":"tool","name":"f"})")).prompt.tool_choice, ToolChoice::named);
    EXPECT_EQ(turns_of(choice(R"({"type":"tool","name":"f"})")), "U:qA:</think>\n\n<Dtool_calls>\n");
    EXPECT_EQ(error_of(choice(R"({"type":"tool","name":"g"})")), "tool_choice: no tool named 'g' was specified");
    EXPECT_EQ(error_of(with(kTools + R"(,"tool_choice":{"type":"tool","name":"f"})")),
              "Thinking mode does not support this tool_choice");
    EXPECT_EQ(error_of(with(kTools + R"(,"tool_choice":{"type":"any"})")), "accepted");
    const std::string search = R"("tools":[{"type":"web_search_20250305","name":"ws"},)" + kTool + "]";
    EXPECT_EQ(good(with(search + R"(,"tool_choice":{"type":"tool","name":"ws"})")).prompt.tool_choice,
              ToolChoice::automatic);
}

TEST(AnthropicRequest, Pairing) {
    const std::string a = assistant(R"({"type":"tool_use","id":"t2","name":"f","input":{}},)" + kCall);
    const auto after = [&](const std::string& rest) { return error_of(with(kTools, kQuestion + "," + a + rest)); };
    const std::string missing = "`tool_use` ids were found without `tool_result` blocks immediately after: ";
    EXPECT_EQ(after(""), "messages.1:" + missing + "t1, t2." + kPair);
    EXPECT_EQ(after("," + kQuestion), "messages.2: " + missing + "t1, t2." + kPair);
    EXPECT_EQ(after("," + user(result("t1"))), "messages.1:" + missing + "t2." + kPair);
    EXPECT_EQ(after("," + user(R"({"type":"text","text":"x"},)" + result("t1") + "," + result("t2"))),
              "messages.2: " + missing + "t1, t2." + kPair);
    EXPECT_EQ(after(R"(,{"role":"system","content":"x"},)" + user(result("t1"))),
              "messages.2: " + missing + "t1, t2." + kPair);
    EXPECT_EQ(after("," + user(result("t1") + "," + result("t1"))),
              "messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks with "
              "id: t1");
    EXPECT_EQ(
        after("," + user(result("t3"))),
        "unexpected `messages.2.content.0: tool_use_id` found in `tool_result` blocks: t3. Each `tool_result` block "
        "must have a corresponding `tool_use` block in the previous message.");
    EXPECT_EQ(after("," + user(result("t1") + "," + result("t2"))), "accepted");
    EXPECT_EQ(error_of(with(kTools, kQuestion + "," + assistant(kCall + "," + kCall))),
              "messages.1.content.1: `tool_use` ids must be unique");
    EXPECT_EQ(error_of(with(kTools, kQuestion + "," + assistant(kCall + R"(,{"type":"text","text":"x"})"))),
              "messages.1.1: " + missing + "t1." + kPair);
    EXPECT_EQ(error_of(with("", user(kCall))), "messages.0: `tool_use` blocks can only be in `assistant` messages");
    EXPECT_EQ(error_of(with("", assistant(result("t1")))),
              "messages.0: `tool_result` blocks can only be in `user` messages");
    EXPECT_EQ(error_of(with("", user(R"({"type":"thinking","thinking":"x"})"))),
              "messages.0.content: thinking blocks may only be in `assistant` messages");
}

// A client whose user broke off a call asks on with a history that lacks the result.
TEST(AnthropicRequest, MissingResultsFilledIn) {
    RequestOptions lenient;
    lenient.fill_missing_results = true;
    const std::string a = assistant(R"({"type":"tool_use","id":"t2","name":"f","input":{}},)" + kCall);
    for (const std::string& rest :
         {std::string(), "," + kQuestion, "," + user(result("t1")), std::string(R"(,{"role":"system","content":"x"})"),
          "," + user(R"({"type":"text","text":"x"},)" + result("t1") + "," + result("t2")), "," + a}) {
        const Request request = good(with(kTools, kQuestion + "," + a + rest), lenient);
        std::size_t calls = 0, results = 0;
        for (const text::Message& message : request.prompt.messages) {
            calls += message.tool_calls.size();
            results += message.role == Role::tool ? 1 : 0;
        }
        EXPECT_EQ(calls, results) << rest;
        EXPECT_TRUE(text::render(request.prompt, text::EncodingRules::rec()).ok());
    }
}

TEST(AnthropicRequest, WrongShapes) {
    const std::pair<std::string, std::string> cases[] = {
        {"[]", "invalid type: sequence, expected a map at line 1 column 0"},
        {R"({"messages":[]})", "missing field `model` at line 1 column 15"},
        {R"({"model":"m"})", "missing field `messages` at line 1 column 13"},
        {R"({"model":"m","messages":{}})", "messages: invalid type: map, expected a sequence at line 1 column 24"},
        {R"({"model":"m","messages":[1]})",
         "messages[0]: invalid type: integer `1`, expected a map with the field `role` at line 1 column 26"},
        {R"({"model":"m","messages":[{"role":"developer","content":"x"}]})",
         "messages[0]: unknown variant `developer`, expected one of `user`, `assistant`, `system` at line 1 column 44"},
        {R"({"model":"m","messages":[{"role":"user"}]})", "messages[0]: missing field `content` at line 1 column 40"},
        {R"({"model":"m","messages":[{"role":"user","content":null}]})",
         "messages[0].content: invalid type: null, expected a string or a list at line 1 column 54"},
        {R"({"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]})",
         "messages[0].content[0]: missing field `text` at line 1 column 66"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":1.5})",
         "max_tokens: invalid type: floating point `1.5`, expected u32 at line 1 column 72"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}],"thinking":{"type":"on"}})",
         "thinking.type: unknown variant `on`, expected one of `adaptive`, `enabled`, `disabled` at line 1 column 79"}};
    for (const auto& [body, error] : cases) EXPECT_EQ(error_of(body), kDeserialize + error) << body;
    EXPECT_EQ(error_of(R"({"model":"m","messages":[]})"), "messages: at least one message is required");
    for (const char* role : {"user", "assistant"})
        EXPECT_EQ(error_of(with("", kQuestion + R"(,{"role":")" + role + R"(","content":[]})")),
                  "messages.1: all messages must have non-empty content");
    EXPECT_EQ(error_of("{").substr(0, 40), "Failed to parse the request body as JSON");
    RequestOptions small;
    small.body_bytes_max = 20;
    EXPECT_NE(error_of(with(""), small), "accepted");
}

}  // namespace
}  // namespace baleen::serve
