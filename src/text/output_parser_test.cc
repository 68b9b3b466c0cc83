// Aim: model output, well formed or not, becomes the message it means, and the same one wherever it is cut into pieces.
#include "text/output_parser.h"

#include <gtest/gtest.h>

#include <random>

#include "text/dsml.h"
#include "text/encoding_test_support.h"
#include "text/encoding_texts.h"

namespace baleen::text {
namespace {

const std::string D = "｜DSML｜";

std::string parameter(const std::string& key, const std::string& value, bool is_string = true) {
    return "<" + D + "parameter name=\"" + key + "\" string=\"" + (is_string ? "true" : "false") + "\">" + value +
           "</" + D + "parameter>\n";
}
std::string invoke(const std::string& name, const std::string& parameters) {
    return "<" + D + "invoke name=\"" + name + "\">\n" + parameters + "</" + D + "invoke>\n";
}
std::string block(const std::string& calls) {
    return "\n\n<" + D + "tool_calls>\n" + calls + "</" + D + "tool_calls>";
}

std::string show(const CollectedOutput& output) {
    std::string text = "[" + output.reasoning + "][" + output.content + "]";
    for (const ToolCall& call : output.tool_calls) text += " " + call.name + call.arguments;
    return text;
}

OutputEvents run(std::string_view text, const OutputParserOptions& options, const std::vector<std::size_t>& cuts,
                 bool cut) {
    OutputParser parser(options);
    OutputEvents events;
    std::size_t at = 0;
    for (const std::size_t end : cuts) {
        OutputEvents piece;
        parser.push(text.substr(at, end - at), piece);
        events.insert(events.end(), piece.begin(), piece.end());
        at = end;
    }
    OutputEvents last;
    parser.push(text.substr(at), last);
    parser.finish(last, cut);
    events.insert(events.end(), last.begin(), last.end());
    return merged(events);
}

// Parses whole, at every split in two, and byte by byte.
std::string parse(std::string_view text, const OutputParserOptions& options, bool cut = false) {
    const OutputEvents whole = run(text, options, {}, cut);
    std::vector<std::size_t> every;
    for (std::size_t i = 1; i < text.size(); ++i) {
        every.push_back(i);
        EXPECT_EQ(run(text, options, {i}, cut), whole) << "split at " << i << " of: " << text;
    }
    EXPECT_EQ(run(text, options, every, cut), whole) << "byte by byte: " << text;
    return show(collect(whole));
}
std::string chat(std::string_view text, bool cut = false) {
    return parse(text, {}, cut);
}
std::string think(std::string_view text) {
    OutputParserOptions options;
    options.start = OutputStart::reasoning;
    return parse(text, options);
}

TEST(OutputParser, Text) {
    EXPECT_EQ(chat("Hello."), "[][Hello.]");
    EXPECT_EQ(chat(""), "[][]");
    EXPECT_EQ(chat("\n\na\n\n</think>\n\nb"), "[][a\n\n\n\nb]");
    EXPECT_EQ(chat("</think>\n\nb"), "[][\n\nb]");
    EXPECT_EQ(chat("a<b></b> < / <｜ <｜D <think>"), "[][a<b></b> < / <｜ <｜D <think>]");
    EXPECT_EQ(chat("a\n\n<｜DS"), "[][a\n\n<｜DS]");
    EXPECT_EQ(think("Simple.</think>2 + 2 = 4."), "[Simple.][2 + 2 = 4.]");
    EXPECT_EQ(think("</think>hi"), "[][hi]");
    EXPECT_EQ(think("\n\nr\n\n</think>\n\nb\n\n"), "[r][b\n\n]");
    EXPECT_EQ(think("a</think></think>b\n"), "[a][b\n]");
    EXPECT_EQ(think("no end\n"), "[no end\n][]");
    EXPECT_EQ(think("x</thin"), "[x</thin][]");
    OutputParserOptions options;
    options.continues = true;
    EXPECT_EQ(parse("\n\nr\n\n</think>\n\nb", options), "[][\n\nr\n\n\n\nb]");
    options.start = OutputStart::reasoning;
    EXPECT_EQ(parse("\n\nr\n\n</think>\n\nb", options), "[\n\nr][b]");
}

TEST(OutputParser, Calls) {
    const std::string city = parameter("city", "Paris");
    EXPECT_EQ(think("Need it.</think>" + block(invoke("get_weather", city + parameter("days", "2", false)))),
              "[Need it.][] get_weather{\"city\": \"Paris\", \"days\": 2}");
    EXPECT_EQ(chat("Sure." + block(invoke("f", parameter("a", "x \"y\"\nz<b>")) +
                                   invoke("g", parameter("o", "{\"k\": [1, null]}", false)))),
              "[][Sure.] f{\"a\": \"x \\\"y\\\"\\nz<b>\"} g{\"o\": {\"k\": [1, null]}}");
    EXPECT_EQ(chat(block(invoke("f", "\n"))), "[][] f{}");
    EXPECT_EQ(chat(block(invoke("f", ""))), "[][] f{}");
    EXPECT_EQ(chat("a" + block(invoke("f", city)) + " bye </think>"), "[][a] f{\"city\": \"Paris\"}");
    EXPECT_EQ(chat("a" + block("")), "[][a]");
    EXPECT_EQ(think("r" + block(invoke("f", city))), "[r][] f{\"city\": \"Paris\"}");
    EXPECT_EQ(chat(block(invoke("f", parameter("", "", true) + parameter("a b", "</" + D + "invoke>")))),
              "[][] f{\"\": \"\", \"a b\": \"</｜DSML｜invoke>\"}");
    OutputParserOptions forced;
    forced.start = OutputStart::tool_block;
    EXPECT_EQ(parse(invoke("f", city) + "</" + D + "tool_calls>", forced), "[][] f{\"city\": \"Paris\"}");
    OutputParserOptions without;
    without.parse_tools = false;
    EXPECT_EQ(parse("a" + block(invoke("f", city)), without), "[][a" + block(invoke("f", city)) + "]");
}

// Nothing swallows them, so nobody waits for what comes next; before the text and with tools they wait.
TEST(OutputParser, LineFeedsGoAtOnceWithoutTools) {
    for (const bool tools : {false, true}) {
        OutputParserOptions options;
        options.parse_tools = tools;
        OutputParser parser(options);
        OutputEvents events;
        parser.push("\n", events);
        EXPECT_TRUE(events.empty());
        parser.push("a\n\n", events);
        ASSERT_EQ(events.size(), 1u);
        EXPECT_EQ(events[0].text, tools ? "a" : "a\n\n");
    }
}

TEST(OutputParser, SpacedTags) {
    EXPECT_EQ(chat("a\n\n<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"f\">\n<｜DSML｜ parameter name=\"x\" "
                   "string=\"true\">1</｜DSML｜ parameter>\n"
                   "</｜DSML｜ invoke>\n</｜DSML｜ calls>z"),
              "[][a] f{\"x\": \"1\"}");
}

TEST(OutputParser, Malformed) {
    const std::string x = parameter("x", "1");
    const std::string open = "\n\n<" + D + "tool_calls>\n";
    EXPECT_EQ(chat("a\n" + invoke("f", x) + invoke("g", x)),
              "[][a] f{\"x\": \"1\"} g{\"x\": \"1\"}");  // no opening line
    EXPECT_EQ(chat("a\n\n<" + D + "toolcalls>\n" + invoke("f", x) + "</" + D + "toolcalls> z"),
              "[][a] f{\"x\": \"1\"}");
    EXPECT_EQ(chat("a\n\n<" + D + "function_calls>\n" + invoke("f", x) + "</" + D + "function_calls> z"),
              "[][a] f{\"x\": \"1\"}");
    EXPECT_EQ(chat(block(invoke("f", parameter("c", "ls 2>&1")))), "[][] f{\"c\": \"ls 2>&1\"}");
    EXPECT_EQ(chat(block(invoke("f", parameter("c", "a < b <</" + D)))), "[][] f{\"c\": \"a < b <</" + D + "\"}");
    EXPECT_EQ(chat(open + invoke("f", x) + "and\n" + invoke("g", x)), "[][] f{\"x\": \"1\"} g{\"x\": \"1\"}");
    EXPECT_EQ(chat(open + "<" + D + "invoke name=\"f\">\n" + x + "<" + D + "invoke name=\"g\">\n" + x),
              "[][] f{\"x\": \"1\"} g{\"x\": \"1\"}");
    EXPECT_EQ(chat(open + "<" + D + "invoke name=\"f\">\n" + x), "[][] f{\"x\": \"1\"}");  // unclosed
    EXPECT_EQ(chat(open + "<" + D + "invoke>\n</" + D + "invoke>"), "[][]");
    EXPECT_EQ(chat(open + "<" + D + "invoke name=\"f"), "[][]");
    EXPECT_EQ(chat(open + "<" + D + "invoke name=\"" + std::string(300, 'n') + invoke("g", x)), "[][] g{\"x\": \"1\"}");
    EXPECT_EQ(chat(open + "<" + D + std::string(200, ' ') + "invoke name=\"f\">" + invoke("g", x)),
              "[][] g{\"x\": \"1\"}");
    EXPECT_EQ(chat(block(invoke("f", "<" + D + "parameter name=\"x\">1</" + D + "parameter>"))), "[][] f{\"x\": 1}");
    EXPECT_EQ(chat(block(invoke("f", "<" + D + "parameter name=\"x\" string=\"maybe\">one</" + D + "parameter>"))),
              "[][] f{\"x\": \"one\"}");
    EXPECT_EQ(chat(block(invoke("f", parameter("x", "{oops", false)))), "[][] f{\"x\": \"{oops\"}");
    EXPECT_EQ(chat(block(invoke("f", parameter("x", "", false)))), "[][] f{\"x\": \"\"}");
    EXPECT_EQ(chat(block(invoke("f", parameter("x", "1") + parameter("y", "3") + parameter("x", "2")))),
              "[][] f{\"x\": \"2\", \"y\": \"3\"}");
}

TEST(OutputParser, CutInsideTheBlock) {
    const std::string open = "a\n\n<" + D + "tool_calls>\n<" + D + "invoke name=\"f\">\n";
    EXPECT_EQ(chat(open + "<" + D + "parameter name=\"x\" string=\"true\">abc", true), "[][a] f{\"x\": \"abc");
    EXPECT_EQ(chat(open + "<" + D + "parameter name=\"x\" string=\"true\">abc</" + D + "par", true),
              "[][a] f{\"x\": \"abc");
    EXPECT_EQ(chat(open + "<" + D + "parameter name=\"x\" string=\"false\">[1, 2</" + D, true), "[][a] f{\"x\": [1, 2");
    EXPECT_EQ(chat(open + parameter("x", "abc"), true), "[][a] f{\"x\": \"abc\"");
    EXPECT_EQ(chat(open, true), "[][a] f");
}

TEST(OutputParser, OtherBars) {
    for (const std::string mark : {"｜｜DSML｜｜", "|DSML|", "||DSML||", "‖DSML‖", "\\DSML\\"}) {
        std::string text = "a" + block(invoke("f", parameter("x", "1")));
        for (std::size_t at = 0; (at = text.find(D, at)) != std::string::npos; at += mark.size())
            text.replace(at, D.size(), mark);
        EXPECT_EQ(chat(text), "[][a] f{\"x\": \"1\"}");
        OutputParserOptions strict;
        strict.tolerant = false;
        EXPECT_EQ(parse(text, strict), "[][" + text + "]");
    }
}

TEST(OutputParser, AllParametersInsideOne) {
    OutputParserOptions options;
    options.tool_parameters["f"] = {"x", "y"};
    options.tool_parameters["g"] = {"arguments"};
    EXPECT_EQ(parse(block(invoke("f", parameter("arguments", "{\"x\":1,\"y\":\"2\"}", false))), options),
              "[][] f{\"x\": 1, \"y\": \"2\"}");
    EXPECT_EQ(parse(block(invoke("f", parameter("arguments", "{\"x\":1}"))), options), "[][] f{\"x\": 1}");
    EXPECT_EQ(parse(block(invoke("f", parameter("arguments", "text"))), options), "[][] f{\"arguments\": \"text\"}");
    EXPECT_EQ(parse(block(invoke("f", parameter("arguments", "{}") + parameter("x", "1"))), options),
              "[][] f{\"arguments\": \"{}\", \"x\": \"1\"}");
    EXPECT_EQ(parse(block(invoke("g", parameter("arguments", "{\"x\":1}", false))), options),
              "[][] g{\"arguments\": {\"x\":1}}");
    EXPECT_EQ(parse(block(invoke("h", parameter("arguments", "{\"x\":1}", false))), options),
              "[][] h{\"arguments\": {\"x\":1}}");
}

// Reasoning and text arrive as soon as they are decided, not at the end.
TEST(OutputParser, StreamsWhatIsDecided) {
    OutputParser parser;
    OutputEvents out;
    parser.push("Hello\n", out);
    EXPECT_EQ(show(collect(out)), "[][Hello]");
    parser.push("x", out);
    EXPECT_EQ(show(collect(out)), "[][Hello\nx]");
    parser.push(
        block("<" + D + "invoke name=\"f\">\n<" + D + "parameter name=\"x\" string=\"true\">abc\n").substr(0, 1000),
        out);
    EXPECT_EQ(parser.calls(), 1);
    const std::string soon = show(collect(out));
    EXPECT_NE(soon.find("f{\"x\": \"abc\\n"), std::string::npos) << soon;
}

TEST(OutputParser, GoldenCompletions) {
    const std::vector<PythonJson> rows = read_golden_lines("completions.jsonl");
    EXPECT_EQ(rows.size(), 28u);
    for (const PythonJson& row : rows) {
        std::string text = field(*row.find("input"), "text");
        const std::size_t eos = text.find(kEos);  // the engine stops there
        if (eos != std::string::npos) text.resize(eos);
        OutputParserOptions options;
        if (field(*row.find("input"), "thinking_mode") == "thinking") options.start = OutputStart::reasoning;
        const std::string got = parse(text, options);
        const PythonJson* parsed = row.find("parsed");
        if (parsed == nullptr || field(row, "case") == "value-not-json") continue;  // refused there, survived here
        CollectedOutput want;
        want.reasoning = field(*parsed, "reasoning_content");
        want.content = field(*parsed, "content");
        for (const PythonJson& call : parsed->find("tool_calls")->items)
            want.tool_calls.push_back(
                {"", field(*call.find("function"), "name"), field(*call.find("function"), "arguments")});
        EXPECT_EQ(got, show(want)) << field(row, "case");
    }
}

// Calls written by the encoder are read back as they were, by either version's tags.
TEST(OutputParser, RoundTrip) {
    std::mt19937_64 random(20260731);
    const std::vector<std::string> pieces = {"a",    "\"",       "\\", "\n", "<", ">",        "/",         "｜",
                                             "DSML", "｜DSML｜", "é",  "😀",  " ", "</think>", "parameter", "\t"};
    const auto text = [&](std::size_t most) {
        std::string result;
        for (std::size_t i = random() % most; i > 0; --i) result += pieces[random() % pieces.size()];
        return result;
    };
    for (int round = 0; round < 300; ++round) {
        std::vector<ToolCall> calls;
        for (std::size_t i = 1 + random() % 3; i > 0; --i) {
            PythonJson object = PythonJson::make_object();
            for (std::size_t k = random() % 4; k > 0; --k) {
                std::string value = text(12);
                while (value.find("</｜DSML｜parameter>") != std::string::npos) value = text(12);
                if (random() % 2 == 0)
                    object.add("k" + std::to_string(k), PythonJson::make_string(value));
                else
                    object.add("key " + std::to_string(k),
                               *parse_python_json("[1, {\"n\": 12345678901234567890}, null, 1.5]"));
            }
            calls.push_back({"", "tool-" + std::to_string(i), dump_python_json(object)});
        }
        const PromptVersion version = random() % 2 == 0 ? PromptVersion::v41 : PromptVersion::v4_0731;
        const CollectedOutput got = parse_output(render_answer("text", calls, version).text, {});
        ASSERT_EQ(got.tool_calls.size(), calls.size()) << round;
        for (std::size_t i = 0; i < calls.size(); ++i)
            EXPECT_EQ(got.tool_calls[i].arguments, calls[i].arguments) << round;
        EXPECT_EQ(got.content, "text");
    }
}

}  // namespace
}  // namespace baleen::text
