// Aim: a flat list of items becomes the conversation it means, calls and outputs paired, and every mistake gets its own
// words.
#include "serve/api/responses_request.h"

#include <gtest/gtest.h>

#include "text/encoding.h"

namespace baleen::serve {
namespace {

using text::Effort;
using text::PromptVersion;
using text::Role;
using text::ToolChoice;

const std::string kOff = R"("reasoning":{"effort":"none"})";
const std::string kTool = R"({"type":"function","name":"f","description":"d","parameters":{"type":"object"}})";
const std::string kTools = "\"tools\":[" + kTool + "]";
const std::string kUser = R"({"role":"user","content":"q"})";
const std::string kDeserialize = "Failed to deserialize the JSON body into the target type: ";

std::string with(const std::string& fields, const std::string& items = kUser) {
    return R"({"model":"m","input":[)" + items + "]" + (fields.empty() ? "" : "," + fields) + "}";
}
std::string call(const std::string& id, const std::string& more = "") {
    return R"(,{"type":"function_call","call_id":")" + id + R"(","name":"f","arguments":"{\"x\": 1}")" + more + "}";
}
std::string output(const std::string& id, const std::string& value = R"("r")") {
    return R"(,{"type":"function_call_output","call_id":")" + id + R"(","output":)" + value + "}";
}
std::string assistant(const std::string& text) {
    return R"(,{"type":"message","role":"assistant","content":[{"type":"output_text","text":")" + text +
           R"(","annotations":[]}]})";
}
std::string thought(const std::string& text) {
    return R"(,{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":null,"content":[{"type":"reasoning_text","text":")" +
           text + R"("}]})";
}
std::string error_of(const std::string& body, const RequestOptions& options = {}) {
    const Result<ResponsesRequest> request = parse_responses_request(body, options);
    return request.ok() ? "accepted" : request.error().message;
}
ResponsesRequest good(const std::string& body, const RequestOptions& options = {}) {
    Result<ResponsesRequest> request = parse_responses_request(body, options);
    EXPECT_TRUE(request.ok()) << body << "\n" << (request.ok() ? "" : request.error().message);
    return request.ok() ? std::move(request).value() : ResponsesRequest();
}
std::string prompt_of(const std::string& body, PromptVersion version = PromptVersion::v4_0731) {
    RequestOptions options;
    options.version = version;
    options.images = version == PromptVersion::v41;
    const Result<text::Prompt> prompt = text::render(good(body, options).prompt, text::EncodingRules::rec());
    return prompt.ok() ? prompt->text : "error: " + prompt.error().message;
}
// Without start token and tools block; marks of turns as letters, blocks of calls by the names called.
std::string turns_of(const std::string& body, PromptVersion version = PromptVersion::v4_0731) {
    std::string text = prompt_of(body, version);
    const std::string_view ends = "to invoke tool calls.\n";
    if (const std::size_t at = text.find(ends); at != std::string::npos) text = text.substr(at + ends.size());
    const std::pair<std::string_view, std::string_view> marks[] = {
        {"<｜begin▁of▁sentence｜>", ""},
        {"<｜end▁of▁sentence｜>", "E"},
        {"<｜User｜>", "U:"},
        {"<｜Assistant｜>", "A:"},
        {"<｜System｜>", "S:"},
        {"\n<｜DSML｜parameter name=\"x\" string=\"false\">1</｜DSML｜parameter>\n</｜DSML｜invoke>", ""},
        {"<｜DSML｜", "<D"},
        {"</｜DSML｜", "</D"}};
    for (const auto& [mark, letter] : marks)
        for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;)
            text.replace(at, mark.size(), letter);
    return text;
}
std::string block(const std::string& calls) {
    return "\n\n<Dtool_calls>\n" + calls + "\n</Dtool_calls>E";
}
const std::string kOne = "<Dinvoke name=\"f\">";

TEST(ResponsesRequest, Defaults) {
    const ResponsesRequest request = good(R"({"model":"m","input":"hi"})");
    EXPECT_EQ(request.model, "m");
    EXPECT_TRUE(request.thinking());
    EXPECT_EQ(request.prompt.effort, Effort::high);
    EXPECT_FALSE(request.stream || request.logprobs || request.json_mode || request.max_tokens);
    EXPECT_EQ(request.echo.reasoning, R"({"effort":null,"summary":null})");
    EXPECT_EQ(request.echo.text, R"({"format":{"type":"text"},"verbosity":null})");
    EXPECT_EQ(request.echo.tools, "[]");
    EXPECT_EQ(request.echo.tool_choice, "\"auto\"");
    EXPECT_EQ(turns_of(R"({"model":"m","input":"hi","reasoning":{"effort":"low"}})"), "U:hiA:<think>");
}

// Nothing is stored, so what refers to stored things has no effect, whatever it holds; the rest may be null.
TEST(ResponsesRequest, NullsAndIgnoredFields) {
    good(with(
        R"("instructions":null,"stream":null,"temperature":null,"top_p":null,"max_output_tokens":null,"top_logprobs":null,
        "tools":null,"tool_choice":null,"reasoning":null,"text":null,"user":null)"));
    good(with(R"("reasoning":{"effort":null,"summary":null},"text":{"format":null,"verbosity":null})"));
    for (const char* name : {"previous_response_id", "conversation", "store", "background", "metadata", "include",
                             "prompt", "truncation", "service_tier", "prompt_cache_key", "stream_options",
                             "parallel_tool_calls", "max_tool_calls", "client_metadata", "stop", "n", "zzz"})
        for (const char* value : {"5", "\"x\"", "[1]", "{\"a\":1}", "true", "null"})
            EXPECT_EQ(error_of(with(std::string("\"") + name + "\":" + value)), "accepted") << name << " " << value;
}

TEST(ResponsesRequest, InputAndInstructions) {
    EXPECT_EQ(turns_of(R"({"model":"m","instructions":"s",)" + kOff + R"(,"input":"q"})"), "sU:qA:</think>");
    EXPECT_EQ(turns_of(R"({"model":"m","instructions":"s",)" + kOff + "}"), "sA:</think>");
    EXPECT_EQ(error_of(R"({"model":"m"})"), "Either input or instructions must be provided");
    EXPECT_EQ(error_of(R"({"model":"m","instructions":"","input":null})"),
              "Either input or instructions must be provided");
    EXPECT_EQ(error_of(R"({"model":"m","input":[],"instructions":"s"})"), "Input items array must not be empty");
    EXPECT_EQ(error_of(R"({"model":"m","input":[{"type":"item_reference","id":"x"}]})"),
              "Either input or instructions must be provided");
    const std::string parts =
        R"({"type":"message","role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]})";
    EXPECT_EQ(turns_of(with(kOff, parts)), "U:a\n\nbA:</think>");
    EXPECT_EQ(turns_of(with(kOff, R"({"role":"user","content":[{"type":"input_file","file_id":"x"}]})")),
              "U:[Unsupported Document]A:</think>");
}

TEST(ResponsesRequest, Roles) {
    const std::string items = R"({"role":"system","content":"s"},{"role":"developer","content":"d"},)" + kUser;
    EXPECT_EQ(turns_of(with(kOff + R"(,"instructions":"i")", items)), "i\n\nsU:d\n\nqA:</think>");
    EXPECT_EQ(turns_of(with(kOff + R"(,"instructions":"i")", items), PromptVersion::v41), "S:iS:sS:dU:qA:</think>");
    EXPECT_EQ(error_of(with("", R"({"role":"tool","content":"x"})")),
              kDeserialize +
                  "input[0]: unknown variant `tool`, expected one of `user`, `assistant`, `system`, `developer` at "
                  "line 1 column 36");
}

// Reasoning, text and calls that follow each other are one turn.
TEST(ResponsesRequest, ItemsOfOneAnswer) {
    EXPECT_EQ(turns_of(with(kTools, kUser + thought("r") + assistant("a") + call("c") + output("c") + "," + kUser)),
              "U:qA:<think>r</think>a" + block(kOne) + "U:<tool_result>r</tool_result>\n\nqA:<think>");
    EXPECT_EQ(
        turns_of(with(kTools, kUser + thought("r1") + thought("r2") + assistant("a") + assistant("b") + "," + kUser)),
        "U:qA:<think>r1\nr2</think>a\n\nbEU:qA:<think>");
    EXPECT_EQ(
        turns_of(with(kTools, kUser + thought("r1") + assistant("a") + thought("r2") + assistant("b") + "," + kUser)),
        "U:qA:<think>r1</think>aEA:<think>r2</think>bEU:qA:<think>");
    EXPECT_EQ(turns_of(with(kTools,
                            kUser + thought("r1") + call("c") + output("c") + thought("r2") + call("d") + output("d"))),
              "U:qA:<think>r1</think>" + block(kOne) + "U:<tool_result>r</tool_result>A:<think>r2</think>" +
                  block(kOne) + "U:<tool_result>r</tool_result>A:<think>");
    // Reasoning without text is no turn by itself.
    EXPECT_EQ(turns_of(with(kTools, kUser + thought("") + "," + kUser)), "U:q\n\nqA:<think>");
    EXPECT_EQ(turns_of(with(kTools, kUser + assistant("a") + thought("") + assistant("b") + "," + kUser)),
              "U:qA:<think></think>a\n\nbEU:qA:<think>");
    // Without content there is nothing to think again; what encrypted_content holds is not read.
    EXPECT_EQ(turns_of(with(kTools, kUser + R"(,{"type":"reasoning","summary":[],"encrypted_content":"abc"})" +
                                        assistant("a") + "," + kUser)),
              "U:qA:<think></think>aEU:qA:<think>");
}

TEST(ResponsesRequest, CallsAndOutputs) {
    const std::string two = kOne + "\n" + kOne;
    EXPECT_EQ(turns_of(with(kTools, kUser + call("b") + call("a") + output("a", R"("ra")") + output("b", R"("rb")"))),
              "U:qA:<think></think>" + block(two) +
                  "U:<tool_result>rb</tool_result>\n\n<tool_result>ra</tool_result>A:<think>");
    EXPECT_EQ(turns_of(with(
                  kTools, kUser + call("a") + call("b") + output("b", R"("rb")") + call("c") + output("a", R"("ra")") +
                              output("c", R"([{"type":"input_text","text":"1"},{"type":"input_text","text":"2"}])"))),
              "U:qA:<think></think>" + block(two + "\n" + kOne) +
                  "U:<tool_result>ra</tool_result>\n\n<tool_result>rb</tool_result>\n\n<tool_result>1\n\n2</"
                  "tool_result>A:<think>");
    EXPECT_EQ(turns_of(with(kTools, kUser + call("a") + R"(,{"type":"compaction","x":1})" + output("a", "[]"))),
              "U:qA:<think></think>" + block(kOne) + "U:<tool_result></tool_result>A:<think>");
    EXPECT_EQ(
        turns_of(
            with(kTools, kUser + R"(,{"type":"custom_tool_call","call_id":"k","name":"apply_patch","input":"a\n\"b\""})"
                                 R"(,{"type":"custom_tool_call_output","call_id":"k","output":"ok"})")),
        "U:qA:<think></think>" +
            block("<Dinvoke name=\"apply_patch\">\n<Dparameter name=\"input\" "
                  "string=\"true\">a\n\"b\"</Dparameter>\n</Dinvoke>") +
            "U:<tool_result>ok</tool_result>A:<think>");
}

TEST(ResponsesRequest, Pairing) {
    const auto after = [](const std::string& items) { return error_of(with(kTools, kUser + items)); };
    EXPECT_EQ(after(call("a")), "No tool output found for tool call a.");
    EXPECT_EQ(after(call("a") + call("b") + output("b") + "," + kUser), "No tool output found for tool call a.");
    EXPECT_EQ(after(call("a") + thought("r") + output("a")), "No tool output found for tool call a.");
    EXPECT_EQ(after(call("a") + R"(,{"type":"web_search_call","id":"w"})" + output("a")),
              "No tool output found for tool call a.");
    EXPECT_EQ(after(output("a")), "No tool call found for tool output with call_id a.");
    EXPECT_EQ(after(call("a") + call("a")), "Duplicate 'call_id': a.");
    EXPECT_EQ(after(call("a") + output("a") + call("a")), "Duplicate 'call_id': a.");
    EXPECT_EQ(after(call("a") + output("a") + output("a")), "Duplicate tool output for call_id: a.");
    EXPECT_EQ(after(call("a") + call("b") + output("a") + output("a")), "Duplicate tool output for call_id: a.");
    EXPECT_EQ(after(call("")),
              "Invalid 'input[1].call_id': empty string. Expected a string with minimum length 1, but got an empty "
              "string instead.");

    RequestOptions lenient;
    lenient.fill_missing_results = true;
    for (const std::string& items :
         {call("a"), call("a") + call("b") + output("b") + "," + kUser, call("a") + thought("r")}) {
        const ResponsesRequest request = good(with(kTools, kUser + items), lenient);
        std::size_t calls = 0, results = 0;
        for (const text::Message& message : request.prompt.messages) {
            calls += message.tool_calls.size();
            results += message.role == Role::tool ? 1 : 0;
        }
        EXPECT_EQ(calls, results) << items;
    }
}

TEST(ResponsesRequest, Tools) {
    const std::string prompt = prompt_of(with(
        kOff +
        R"(,"tools":[{"type":"web_search"},{"type":"function","name":"f","strict":false},{"type":"local_shell"},)"
        R"({"type":"namespace","name":"mcp__x__","description":"D","tools":[{"type":"function","name":"y","description":"Y","parameters":{"type":"object"}}]}])"));
    EXPECT_NE(prompt.find("\n{\"name\": \"f\", \"description\": \"\", \"parameters\": {}}\n{\"name\": \"mcp__x__y\", "
                          "\"description\": "
                          "\"Y\", \"parameters\": {\"type\": \"object\"}}\n\nYou"),
              std::string::npos)
        << prompt;
    const std::pair<std::string, std::string> cases[] = {
        {R"({"type":"function","name":"a b"})",
         "tools[0].name: expected 1-128 ASCII letters, digits, underscores or hyphens"},
        {kTool + "," + kTool, "Tool names must be unique"},
        {R"({"type":"function","name":"f","parameters":{"type":"array"}})",
         "Tool 'f' parameters must be a JSON Schema of type object"},
        {R"({"type":"custom","name":"zz"})", "Unsupported custom tool: 'zz'. Only 'apply_patch' is supported."},
        {R"({"type":"namespace","name":"n","tools":[{"type":"custom","name":"x"}]})",
         "tools[0].tools[0]: custom tools are not supported inside a namespace"},
        {"{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[" + kTool + "," + kTool + "]}",
         "tools[0].tools[1]: tool names within a namespace must be unique"}};
    for (const auto& [tools, error] : cases) EXPECT_EQ(error_of(with("\"tools\":[" + tools + "]")), error);
    EXPECT_FALSE(
        good(with(R"("tools":[{"type":"web_search_2025_08_26"},{"type":"image_generation"}])")).prompt.tools_visible());
}

TEST(ResponsesRequest, Namespaces) {
    const auto space = [](const std::string& name, const std::string& member) {
        return R"({"type":"namespace","name":")" + name + R"(","tools":[{"type":"function","name":")" + member +
               R"("}]})";
    };
    const std::string tools =
        "\"tools\":[" + space("n", "f") + "," + space("n", "f") + R"(,{"type":"function","name":"n__f"}])";
    const ResponsesRequest request = good(with(tools));
    const std::map<std::string, ResponsesTools::Member> expected = {{"n__f_1", {"n", "f"}}, {"n__f_2", {"n", "f"}}};
    EXPECT_EQ(request.tools.members, expected);
    const std::string history =
        kUser + call("a", R"(,"namespace":"n")") + output("a") + call("b", R"(,"namespace":"other")") + output("b");
    RequestOptions v41;
    v41.version = PromptVersion::v41;
    const ResponsesRequest later = good(with("\"tools\":[" + space("n", "f") + "]", history), v41);
    EXPECT_EQ(later.prompt.tools[0].name, "n::f");
    EXPECT_EQ(later.prompt.messages[1].tool_calls[0].name, "n::f");
    EXPECT_EQ(later.prompt.messages[3].tool_calls[0].name, "other::f");
}

TEST(ResponsesRequest, ToolChoice) {
    const auto choice = [](const std::string& value) {
        return with(kTools + "," + kOff + ",\"tool_choice\":" + value);
    };
    EXPECT_EQ(good(choice("\"none\"")).prompt.tool_choice, ToolChoice::none);
    EXPECT_EQ(good(choice("\"required\"")).prompt.tool_choice, ToolChoice::required);
    EXPECT_EQ(good(choice(R"({"type":"function","name":"f","x":1})")).prompt.tool_choice, ToolChoice::named);
    EXPECT_EQ(good(choice(R"({"type":"function","name":"f","x":1})")).echo.tool_choice,
              R"({"type":"function","name":"f"})");
    EXPECT_EQ(good(choice(R"({"type":"web_search"})")).prompt.tool_choice, ToolChoice::automatic);
    EXPECT_EQ(error_of(choice(R"({"type":"function","name":"g"})")), "tool_choice: no tool named 'g' was specified");
    EXPECT_EQ(error_of(with(kTools + R"(,"tool_choice":"required")")),
              "Thinking mode does not support this tool_choice");
    EXPECT_EQ(error_of(with(R"("tool_choice":"required")")), "accepted");
    EXPECT_NE(error_of(choice("\"x\"")).find("expected one of `none`, `auto`, `required` or a tool choice object"),
              std::string::npos);
}

TEST(ResponsesRequest, TextFormat) {
    const ResponsesRequest plain =
        good(with(R"("text":{"format":{"type":"json_object"},"verbosity":"low"},"instructions":"Json.")"));
    EXPECT_TRUE(plain.json_mode);
    EXPECT_EQ(plain.echo.text, R"({"format":{"type":"json_object"},"verbosity":"low"})");
    EXPECT_EQ(error_of(with(R"("text":{"format":{"type":"json_object"}})")),
              "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
              "'json_object'.");
    const ResponsesRequest schema = good(with(
        R"("text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{}},"strict":true}})"));
    ASSERT_TRUE(schema.json_schema.has_value());
    EXPECT_EQ(
        schema.echo.text,
        R"({"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{}},"description":null,"strict":true},"verbosity":null})");
    EXPECT_NE(prompt_of(with(R"("text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}}})"))
                  .find("reply:\n{\"type\": \"object\"}<｜User｜>"),
              std::string::npos);
    EXPECT_NE(error_of(with(R"("text":{"format":{"type":"grammar"}})"))
                  .find("expected one of `text`, `json_schema`, `json_object`"),
              std::string::npos);
    EXPECT_NE(error_of(with(R"("text":{"verbosity":"x"})"))
                  .find("text.verbosity: unknown variant `x`, expected one of `low`, `medium`, `high`"),
              std::string::npos);
}

TEST(ResponsesRequest, LimitsAndSampling) {
    const ResponsesRequest request =
        good(with(R"("temperature":0.5,"top_p":0.7,"max_output_tokens":77,"top_logprobs":2,"user":"u","stream":true)"));
    EXPECT_EQ(request.sampling.temperature, 1);
    EXPECT_EQ(request.sampling.top_p, 0.95);
    EXPECT_EQ(request.max_tokens, 77);
    EXPECT_EQ(request.top_logprobs, 2);
    EXPECT_EQ(request.user_id, "u");
    EXPECT_TRUE(request.stream && request.logprobs);
    EXPECT_EQ(request.echo.temperature, 0.5);
    EXPECT_EQ(request.echo.top_p, 0.7);
    EXPECT_EQ(request.echo.user, "u");
    EXPECT_EQ(error_of(with(R"("max_output_tokens":0)")),
              "Invalid max_output_tokens value, the valid range of max_output_tokens is [1, 393216]");
    EXPECT_EQ(error_of(with(R"("max_output_tokens":393217)")),
              "Invalid max_output_tokens value, the valid range of max_output_tokens is [1, 393216]");
    EXPECT_EQ(error_of(with(R"("top_logprobs":21)")),
              "Invalid top_logprobs value, the valid range of top_logprobs is [0, 20].");
    EXPECT_EQ(error_of(with(R"("user":")" + std::string(513, 'u') + "\"")), "user must be at most 512 bytes");
    for (const char* effort : {"none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"})
        EXPECT_EQ(
            good(with(std::string(R"("reasoning":{"effort":")") + effort + R"(","summary":"auto"})")).echo.reasoning,
            std::string(R"({"effort":")") + effort + R"(","summary":"auto"})");
}

TEST(ResponsesRequest, Images) {
    const std::string image =
        R"({"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,aaaa","detail":"low"},{"type":"input_text","text":"x"}]})";
    EXPECT_EQ(error_of(with("", image)), "Model do not support image input");
    EXPECT_EQ(turns_of(with(kOff, image), PromptVersion::v41), "U:<｜image｜>\n\nxA:</think>");
}

TEST(ResponsesRequest, StrictReasoning) {
    RequestOptions strict;
    strict.strict_reasoning = true;
    const std::string history = kUser + call("a") + output("a");
    EXPECT_EQ(error_of(with(kTools, history), strict),
              "The `reasoning_content` in the thinking mode must be passed back to the API.");
    EXPECT_EQ(error_of(with(kTools, kUser + thought("r") + call("a") + output("a")), strict), "accepted");
    EXPECT_EQ(error_of(with(kTools, kUser + thought("") + call("a") + output("a")), strict), "accepted");
    EXPECT_EQ(error_of(with("", history), strict), "accepted");
}

TEST(ResponsesRequest, WrongShapes) {
    const std::pair<std::string, std::string> cases[] = {
        {"[]", "invalid type: sequence, expected a map at line 1 column 0"},
        {R"({"input":"x"})", "missing field `model` at line 1 column 13"},
        {R"({"model":"m","input":5})",
         "input: invalid type: integer `5`, expected a string or a list of input items at line 1 column 22"},
        {R"({"model":"m","input":[5]})",
         "input[0]: invalid type: integer `5`, expected an input item at line 1 column 23"},
        {R"({"model":"m","input":[{}]})", "input[0]: missing field `type` at line 1 column 24"},
        {R"({"model":"m","input":[{"role":"user"}]})", "input[0]: missing field `content` at line 1 column 37"},
        {R"({"model":"m","input":[{"role":"user","content":[{"type":"text","text":"x"}]}]})",
         "input[0].content[0]: unknown variant `text`, expected one of `input_text`, `output_text`, `input_image`, "
         "`input_file` at line 1 column 62"},
        {R"({"model":"m","input":"x","instructions":5})",
         "instructions: invalid type: integer `5`, expected a string at line 1 column 41"},
        {R"({"model":"m","input":"x","tools":[{"name":"f"}]})", "tools[0]: missing field `type` at line 1 column 46"}};
    for (const auto& [body, error] : cases) EXPECT_EQ(error_of(body), kDeserialize + error) << body;
}

}  // namespace
}  // namespace baleen::serve
