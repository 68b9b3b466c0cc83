// Aim: chat completions are the bytes of the spec's transcripts, and for whole outputs cut into tokens anywhere those
// of the service's own library (tests/golden/answers). Ends, errors and broken promises reach the client as documented,
// and the ledger hears of them before the last byte.
#include "serve/api/chat_answer.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "serve/api/answer_test_support.h"
#include "serve/api/chat_request.h"
#include "serve/net/sse.h"

namespace baleen::serve {
namespace {

using sched::FinishReason;
using text::PythonJson;

const AnswerHead kHead = {"ID", 1761000000, "deepseek-flash", "fp_1"};
const std::string kChunk =
    R"(data: {"id":"ID","object":"chat.completion.chunk","created":1761000000,"model":"deepseek-flash","system_fingerprint":"fp_1",)";

// The generation of transcript A1 of the spec.
void tell_a1(sched::EventSink& sink) {
    sink.started(300, 256);
    for (int i = 0; i < 4; ++i) sink.token(TokenId{7});
    sink.reasoning("Need the tool.");
    sink.tool_begin(0, "call_00_AbC", "get_weather");
    sink.tool_arguments(0, "{\"city\": \"");
    sink.tool_arguments(0, "Paris\"}");
    sink.tool_end(0, true);
    sink.finished(outcome_of(FinishReason::tool_calls, {300, 256, 40, 4}));
}

TEST(ChatStream, TranscriptA1) {
    Heard heard;
    ChatStream stream(kHead, {.thinking = true}, heard.outlet());
    tell_a1(stream);
    EXPECT_EQ(
        std::string(net::sse::kKeepAlive) + heard.bytes,
        ": keep-alive\n\n" + kChunk +
            R"("choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":""},"logprobs":null,"finish_reason":null}]})"
            "\n\n" +
            kChunk +
            R"("choices":[{"index":0,"delta":{"content":null,"reasoning_content":"Need the tool."},"logprobs":null,"finish_reason":null}]})"
            "\n\n" +
            kChunk +
            R"("choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_00_AbC","type":"function","function":{"name":"get_weather","arguments":""}}]},"logprobs":null,"finish_reason":null}]})"
            "\n\n" +
            kChunk +
            R"("choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\": \""}}]},"logprobs":null,"finish_reason":null}]})"
            "\n\n" +
            kChunk +
            R"("choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"Paris\"}"}}]},"logprobs":null,"finish_reason":null}]})"
            "\n\n" +
            kChunk +
            R"("choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":300,"completion_tokens":40,"total_tokens":340,"prompt_tokens_details":{"cached_tokens":256},"completion_tokens_details":{"reasoning_tokens":4},"prompt_cache_hit_tokens":256,"prompt_cache_miss_tokens":44}})"
            "\n\ndata: [DONE]\n\n");
    ASSERT_EQ(heard.ends.size(), 1u);
    EXPECT_EQ(heard.ends[0].status, 200);
    EXPECT_EQ(heard.ends[0].finish, "tool_calls");
    EXPECT_EQ(heard.ends[0].usage.completion_tokens, 40);
    EXPECT_FALSE(heard.end_came_late);
}

// Section 4.3.
TEST(ChatBody, ResponseOfTheSpec) {
    Heard heard;
    ChatBody body(kHead, {.thinking = true}, heard.outlet());
    body.started(18, 0);
    body.token(TokenId{7});
    body.reasoning("…");
    body.content("…");
    body.tool_begin(0, "call_00_x", "f");
    body.tool_arguments(0, "{\"a\": ");
    body.tool_arguments(0, "1}");
    body.finished(outcome_of(FinishReason::tool_calls, {18, 0, 1, 0}));
    EXPECT_EQ(
        heard.bytes,
        R"({"id":"ID","object":"chat.completion","created":1761000000,"model":"deepseek-flash","choices":[{"index":0,)"
        R"("message":{"role":"assistant","content":"…","reasoning_content":"…","tool_calls":[{"index":0,"id":"call_00_x",)"
        R"("type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],)"
        R"("usage":{"prompt_tokens":18,"completion_tokens":1,"total_tokens":19,"prompt_tokens_details":{"cached_tokens":0},)"
        R"("completion_tokens_details":{"reasoning_tokens":0},"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":18},)"
        R"("system_fingerprint":"fp_1"})");
    EXPECT_EQ(heard.writes.size(), 1u);
    EXPECT_EQ(heard.ends.size(), 1u);
}

TEST(ChatBody, WithoutThinking) {
    Heard heard;
    ChatBody body({"ID", 5, "m", ""}, {.thinking = false}, heard.outlet());
    body.started(3, 0);
    body.content("16");
    body.finished(outcome_of(FinishReason::stop, {3, 0, 1, 0}));
    EXPECT_EQ(
        heard.bytes,
        R"({"id":"ID","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,)"
        R"("message":{"role":"assistant","content":"16"},"logprobs":null,"finish_reason":"stop"}],)"
        R"("usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4,"prompt_tokens_details":{"cached_tokens":0},)"
        R"("prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":3},"system_fingerprint":null})");
}

// Section 5: reasoning cut by max_tokens leaves the content empty, not absent.
TEST(ChatBody, CutInsideReasoning) {
    Heard heard;
    ChatBody body(kHead, {.thinking = true}, heard.outlet());
    body.reasoning("Need");
    body.finished(outcome_of(FinishReason::length, {3, 0, 1, 1}));
    EXPECT_NE(heard.bytes.find(R"("content":"","reasoning_content":"Need"},"logprobs":null,"finish_reason":"length")"),
              std::string::npos);
}

TEST(ChatStream, UsageOptions) {
    const auto run = [](ChatAnswerOptions options) {
        Heard heard;
        ChatStream stream(kHead, std::move(options), heard.outlet());
        stream.started(1, 0);
        stream.content("a");
        stream.finished(outcome_of(FinishReason::stop, {1, 0, 1, 0}));
        return events_of(heard.bytes);
    };
    const std::string usage =
        R"("usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"prompt_tokens_details":{"cached_tokens":0},"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":1}})";
    const std::vector<std::string> plain = run({.thinking = false});
    ASSERT_EQ(plain.size(), 4u);
    EXPECT_EQ(plain[0].find("usage"), std::string::npos);
    EXPECT_TRUE(plain[2].ends_with("}]," + usage));
    EXPECT_EQ(plain[3], "[DONE]");
    const std::vector<std::string> asked = run({.thinking = false, .include_usage = true});
    ASSERT_EQ(asked.size(), 4u);
    EXPECT_TRUE(asked[0].ends_with(R"(}],"usage":null})"));
    EXPECT_TRUE(asked[1].ends_with(R"(}],"usage":null})"));
    EXPECT_EQ(asked[2], plain[2]);
    const std::vector<std::string> twice = run({.thinking = false, .include_usage = true, .usage_chunk = true});
    ASSERT_EQ(twice.size(), 5u);
    EXPECT_EQ("data: " + twice[3], kChunk + R"("choices":[],)" + usage);
    EXPECT_EQ(run({.thinking = false, .usage_chunk = true}), plain);
}

TEST(ChatAnswer, NamesAreEscaped) {
    Heard heard;
    ChatStream stream({"I\"D", 1, "m\n", "f\\"}, {.thinking = false}, heard.outlet());
    stream.tool_begin(0, "c\"", "n\"");
    stream.finished(outcome_of(FinishReason::stop));
    for (const std::string& event : events_of(heard.bytes))
        EXPECT_TRUE(event == "[DONE]" || text::is_json(event)) << event;
}

// ---- ends that are errors

TEST(ChatStream, RefusedBeforeTheFirstByte) {
    Heard heard;
    ChatStream stream(kHead, {}, heard.outlet());
    stream.finished(invalid_argument("Empty input messages"));
    ASSERT_TRUE(heard.refused.has_value());
    EXPECT_EQ(*heard.refused, bad_request("Empty input messages"));
    EXPECT_EQ(heard.ends[0].status, 400);
    EXPECT_EQ(heard.ends[0].finish, "error");
}

TEST(ChatStream, NoRoomToGoOn) {
    Heard heard;
    ChatStream stream(kHead, {.thinking = true}, heard.outlet());
    stream.started(10, 4);
    stream.token(TokenId{7});
    stream.token(TokenId{7});
    stream.reasoning("ab");
    stream.token(TokenId{7});
    stream.content("c");
    stream.finished(resource_exhausted("no KV blocks are left"));
    const std::vector<std::string> events = events_of(heard.bytes);
    ASSERT_EQ(events.size(), 5u);
    EXPECT_NE(
        events[3].find(
            R"("finish_reason":"insufficient_system_resource"}],"usage":{"prompt_tokens":10,"completion_tokens":3,)"),
        std::string::npos);
    EXPECT_NE(events[3].find(R"("reasoning_tokens":2)"), std::string::npos);
    EXPECT_EQ(events[4], "[DONE]");
    EXPECT_EQ(heard.ends[0].finish, "insufficient_system_resource");
    EXPECT_EQ(heard.ends[0].usage.cached_tokens, 4);
}

TEST(ChatStream, OtherErrorsAreAnEventAndNoDone) {
    Heard heard;
    ChatStream stream(kHead, {}, heard.outlet());
    stream.started(10, 0);
    stream.finished(corrupt("/a/file: damaged"));
    const std::vector<std::string> events = events_of(heard.bytes);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[1], error_body(internal_error()));
    EXPECT_EQ(heard.ends[0].status, 500);
}

TEST(ChatStream, CutOffByTheServer) {
    Heard heard;
    ChatStream stream(kHead, {}, heard.outlet());
    stream.started(10, 0);
    stream.finished(outcome_of(FinishReason::cancelled, {10, 0, 5, 0}));
    const std::vector<std::string> events = events_of(heard.bytes);
    ASSERT_EQ(events.size(), 3u);
    EXPECT_NE(events[1].find(R"("finish_reason":"aborted")"), std::string::npos);
    EXPECT_EQ(events[2], "[DONE]");
}

TEST(ChatBody, Errors) {
    Heard nothing;
    ChatBody first(kHead, {}, nothing.outlet());
    first.started(10, 0);
    first.finished(resource_exhausted("no KV blocks are left"));
    ASSERT_TRUE(nothing.refused.has_value());
    EXPECT_EQ(nothing.refused->status, 503);
    Heard something;
    ChatBody second(kHead, {.thinking = false}, something.outlet());
    second.started(10, 0);
    second.token(TokenId{7});
    second.content("c");
    second.finished(resource_exhausted("no KV blocks are left"));
    EXPECT_FALSE(something.refused.has_value());
    EXPECT_NE(something.bytes.find(R"("content":"c"},"logprobs":null,"finish_reason":"insufficient_system_resource")"),
              std::string::npos);
    Heard damaged;
    ChatBody third(kHead, {}, damaged.outlet());
    third.token(TokenId{7});
    third.finished(io_error("/a/file"));
    EXPECT_EQ(*damaged.refused, internal_error());
}

// ---- promises

ChatAnswerOptions promising(const std::string& fields) {
    const Result<ChatRequest> request = parse_chat_request(
        R"({"model":"m","messages":[{"role":"user","content":"json"}],"thinking":{"type":"disabled"},)" + fields + "}");
    EXPECT_TRUE(request.ok());
    Result<OutputCheck> check = OutputCheck::of(*request);
    EXPECT_TRUE(check.ok());
    return {.thinking = false, .check = std::move(check).value()};
}
const std::string kObject = R"("response_format":{"type":"json_object"})";

TEST(ChatAnswer, BrokenJsonIsAnError) {
    const auto run = [](const std::string& content, const Result<sched::Outcome>& end, bool stream) {
        Heard heard;
        const auto tell = [&](sched::EventSink& sink) {
            sink.started(1, 0);
            if (!content.empty()) sink.content(content);
            sink.finished(end);
        };
        ChatStream streamed(kHead, promising(kObject), heard.outlet());
        ChatBody whole(kHead, promising(kObject), heard.outlet());
        if (stream)
            tell(streamed);
        else
            tell(whole);
        return heard;
    };
    for (const bool stream : {false, true}) {
        EXPECT_EQ(run("{\"a\": 1}", outcome_of(FinishReason::stop), stream).ends[0].status, 200);
        EXPECT_EQ(run("{\"a\": ", outcome_of(FinishReason::length), stream).ends[0].status,
                  200);  // finish_reason says it
        sched::Outcome stopped;
        stopped.stop = "}";
        EXPECT_EQ(run("{\"a\": ", stopped, stream).ends[0].status, 200);  // the client's own stop sequence
        for (const std::string bad : {"{\"a\": ", "", "[]", "hello"}) {
            const Heard heard = run(bad, outcome_of(FinishReason::stop, {1, 0, 2, 0}), stream);
            EXPECT_EQ(heard.ends[0].status, 500) << bad;
            EXPECT_EQ(heard.ends[0].usage.completion_tokens, 2);
            if (!stream) {
                ASSERT_TRUE(heard.refused.has_value());
                EXPECT_EQ(heard.refused->code, "invalid_model_output");
            } else {
                EXPECT_NE(events_of(heard.bytes).back().find("invalid_model_output"), std::string::npos);
                EXPECT_EQ(heard.bytes.find("[DONE]"), std::string::npos);
            }
        }
    }
}

TEST(ChatAnswer, StrictArgumentsThatDoNotFitAreAnError) {
    const std::string tools =
        R"("tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}])";
    const auto status = [&](const std::string& arguments, bool stream) {
        Heard heard;
        const auto tell = [&](sched::EventSink& sink) {
            sink.tool_begin(0, "c", "f");
            sink.tool_arguments(0, arguments.substr(0, 3));
            sink.tool_arguments(0, arguments.substr(3));
            sink.tool_end(0, true);
            sink.finished(outcome_of(FinishReason::tool_calls));
        };
        ChatStream streamed(kHead, promising(tools), heard.outlet());
        ChatBody whole(kHead, promising(tools), heard.outlet());
        if (stream)
            tell(streamed);
        else
            tell(whole);
        return heard.ends.at(0).status;
    };
    for (const bool stream : {false, true}) {
        EXPECT_EQ(status("{\"a\": 1}", stream), 200);
        EXPECT_EQ(status("{\"a\": \"1\"}", stream), 500);
        EXPECT_EQ(status("{\"b\": 1}", stream), 500);
    }
}

// ---- the service's own library

struct GoldenCase {
    std::string name;
    bool thinking = true;
    text::AnswerOptions answer;
    std::vector<TokenId> ids;
    bool with_logprobs = false;
    std::vector<sched::TokenLogprobs> logprobs;
    bool cut = false;
    sched::Usage usage;
    std::vector<std::string> choices;
    std::string body;
};

float number(const PythonJson& value) {
    return std::strtof(value.text.c_str(), nullptr);
}
TokenId id(const PythonJson& value) {
    return TokenId{std::atoi(value.text.c_str())};
}

std::vector<GoldenCase> golden_cases() {
    std::ifstream file(std::string(BALEEN_SOURCE_DIR) + "/tests/golden/answers/answers.jsonl", std::ios::binary);
    EXPECT_TRUE(file.good());
    std::vector<GoldenCase> cases;
    for (std::string line; std::getline(file, line);) {
        const Result<PythonJson> row = text::parse_python_json(line);
        EXPECT_TRUE(row.ok());
        if (!row.ok()) break;
        GoldenCase& each = cases.emplace_back();
        each.name = row->find("name")->text;
        std::string fields = text::dump_python_json(*row->find("fields"));
        fields.erase(0, 1);
        const Result<ChatRequest> request =
            parse_chat_request(R"({"model":"m","messages":[{"role":"user","content":"json"}])" +
                               std::string(fields == "}" ? "" : ",") + fields);
        EXPECT_TRUE(request.ok()) << each.name;
        if (!request.ok()) break;
        each.thinking = request->thinking();
        each.answer = request->answer_options();
        for (const PythonJson& item : row->find("ids")->items) each.ids.push_back(id(item));
        each.with_logprobs = row->find("logprobs")->is_array();
        for (const PythonJson& item : row->find("logprobs")->items) {
            sched::TokenLogprobs& entry = each.logprobs.emplace_back();
            entry.token = each.ids[each.logprobs.size() - 1];
            entry.logprob = number(item.items[0]);
            for (const PythonJson& top : item.items[1].items)
                entry.top.push_back({id(top.items[0]), number(top.items[1])});
        }
        each.cut = row->find("finish")->text == "length";
        each.usage.prompt_tokens = std::atoi(row->find("prompt_tokens")->text.c_str());
        each.usage.cached_tokens = std::atoi(row->find("cached_tokens")->text.c_str());
        for (const PythonJson& choice : row->find("choices")->items) each.choices.push_back(choice.text);
        each.body = row->find("body")->text;
    }
    return cases;
}

void play(const GoldenCase& each, sched::EventSink& sink) {
    serve::play(each.ids, each.logprobs, each.answer, each.cut, each.usage, answers_tokenizer(), sink);
}

// The library leaves tokens whose line feeds are dropped out of reasoning_tokens; the count is the generation's, not
// the answer's.
std::string without_reasoning_count(std::string text) {
    const std::string name = "\"reasoning_tokens\":";
    const std::size_t at = text.find(name);
    if (at != std::string::npos) text.erase(at + name.size(), text.find('}', at) - at - name.size());
    return text;
}

// What differs, with a little before it: whole bodies are too long to read.
std::string first_difference(const std::string& got, const std::string& wanted) {
    if (got == wanted) return "";
    const auto [here, there] = std::mismatch(got.begin(), got.end(), wanted.begin(), wanted.end());
    const std::size_t at = static_cast<std::size_t>(here - got.begin());
    const std::size_t from = at < 60 ? 0 : at - 60;
    return "got " + got.substr(from, 160) + "\nwanted " + wanted.substr(from, 160);
}

TEST(ChatGolden, BodiesByteForByte) {
    const std::vector<GoldenCase> cases = golden_cases();
    ASSERT_GT(cases.size(), 50u);
    for (const GoldenCase& each : cases) {
        Heard heard;
        ChatBody body(kHead,
                      {.thinking = each.thinking, .logprobs = each.with_logprobs ? &answers_tokenizer() : nullptr},
                      heard.outlet());
        play(each, body);
        EXPECT_EQ(first_difference(without_reasoning_count(heard.bytes), without_reasoning_count(each.body)), "")
            << each.name;
    }
}

// The choices of a stream as lines. Where a stream is cut into pieces is free: pieces of one kind that follow each
// other are joined, and so are their log-probabilities. All else stays as it is.
std::vector<std::string> joined(const std::vector<std::string>& choices) {
    struct Line {
        std::string kind, text, logprobs;
    };
    std::vector<Line> lines;
    for (const std::string& choice : choices) {
        const Result<PythonJson> tree = text::parse_python_json(choice);
        EXPECT_TRUE(tree.ok()) << choice;
        const PythonJson& delta = *tree->find("delta");
        Line line{choice, "", ""};  // a kind of its own, unless it is a piece
        const PythonJson& logprobs = *tree->find("logprobs");
        const auto piece = [&](const PythonJson& text, const std::string& name) {
            const std::string quoted = json_string(text.text);
            const std::size_t at = choice.find(quoted);
            const std::size_t end = choice.find(",\"logprobs\":");
            line = {choice.substr(0, at) + "TEXT" + choice.substr(at + quoted.size(), end - at - quoted.size()),
                    text.text, ""};
            if (logprobs.is_object()) {
                EXPECT_EQ(logprobs.members.size(), 1u) << choice;
                const std::string list = text::dump_python_json(*logprobs.find(name));
                line.logprobs = list.substr(1, list.size() - 2) + ", ";
            }
        };
        const PythonJson* content = delta.find("content");
        const PythonJson* reasoning = delta.find("reasoning_content");
        const PythonJson* calls = delta.find("tool_calls");
        if (delta.find("role") != nullptr || !tree->find("finish_reason")->is_null()) {
        } else if (reasoning != nullptr && reasoning->is_string()) {
            piece(*reasoning, "reasoning_content");
        } else if (content != nullptr && content->is_string()) {
            piece(*content, "content");
        } else if (calls != nullptr && calls->items[0].find("id") == nullptr) {
            piece(*calls->items[0].find("function")->find("arguments"), "");
        }
        if (!lines.empty() && line.kind != choice && lines.back().kind == line.kind) {
            lines.back().text += line.text;
            lines.back().logprobs += line.logprobs;
        } else {
            lines.push_back(std::move(line));
        }
    }
    std::vector<std::string> out;
    for (const Line& line : lines) out.push_back(line.kind + " " + line.text + " " + line.logprobs);
    return out;
}

TEST(ChatGolden, Streams) {
    for (const GoldenCase& each : golden_cases()) {
        Heard heard;
        ChatStream stream(kHead,
                          {.thinking = each.thinking,
                           .include_usage = true,
                           .logprobs = each.with_logprobs ? &answers_tokenizer() : nullptr},
                          heard.outlet());
        play(each, stream);
        std::vector<std::string> choices;
        for (const std::string& event : events_of(heard.bytes)) {
            if (event == "[DONE]") continue;
            const std::size_t begin = event.find("\"choices\":[") + 11;
            choices.push_back(event.substr(begin, event.rfind("],\"usage\":") - begin));
        }
        const std::vector<std::string> got = joined(choices), wanted = joined(each.choices);
        ASSERT_EQ(got.size(), wanted.size()) << each.name;
        for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(first_difference(got[i], wanted[i]), "") << each.name;
    }
}

// However the same output is cut into tokens, the pieces say the same, and each is whole UTF-8.
TEST(ChatStream, CharactersCutAnywhere) {
    const std::string content = "é 😀 你好 <｜ a";
    std::vector<TokenId> ids;
    for (const char byte : content)
        ids.push_back(TokenId{static_cast<unsigned char>(byte)});  // the first 256 ids are the bytes
    Heard heard;
    ChatStream stream(kHead, {.thinking = false}, heard.outlet());
    text::AnswerOptions options;
    serve::play(ids, {}, options, false, {}, answers_tokenizer(), stream);
    std::string joined;
    for (const std::string& event : events_of(heard.bytes)) {
        if (event == "[DONE]") continue;
        const Result<PythonJson> chunk = text::parse_python_json(event);
        ASSERT_TRUE(chunk.ok()) << event;
        joined += chunk->find("choices")->items[0].find("delta")->find("content")->text;
    }
    EXPECT_EQ(joined, content);
    EXPECT_GE(heard.writes.size(), 10u);  // as they come, not at the end
}

}  // namespace
}  // namespace baleen::serve
