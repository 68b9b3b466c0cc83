// baleen generate as users call it: the golden continuations of the tiny model to the id, every kind of input, the JSON's fields,
// limits and errors, seeds, and ctrl-C.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/cli_test_support.h"
#include "eval/golden_file.h"

namespace baleen::cli {
namespace {

using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

Ran generate(Arguments more, const std::string& input = "") {
    more.insert(more.begin(), "generate");
    return run(more, input);
}

// Runs with --json and reads the one line it prints.
Json generate_json(Arguments more, const std::string& input = "") {
    more.push_back("--json");
    const Ran ran = generate(more, input);
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.err, "");
    EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 1) << ran.out;
    return Json::parse(ran.out, nullptr, false);
}

std::string question(const std::string& more = "") {
    return R"({"messages": [{"role": "user", "content": "Who are you?"}], "temperature": 0)" + more + "}";
}

constexpr const char* kSelf = "I am krill, a very small language model with the DeepSeek-V4 architecture.";

TEST(Generate, GoldenContinuations) {
    for (const char* name : {"p00-1", "p01-3", "p02-8", "p03-60", "p04-127", "p05-128", "p06-129", "p07-250", "p08-268", "p09-1017"}) {
        auto golden = eval::GoldenFile::open(kRoot / "tests/golden/tiny/cases" / (std::string(name) + ".C.safetensors"), name);
        ASSERT_TRUE(golden.ok()) << golden.error().message;
        const std::int64_t any[] = {eval::GoldenFile::kAny};
        const auto prompt = golden->ints("input_ids", any).value().values, greedy = golden->ints("greedy_ids", any).value().values;
        const Json json = generate_json({"--model", kTiny, "--ids", "-", "--temperature", "0", "--max-tokens", std::to_string(greedy.size()),
                                         "--ignore-eos", "--numerics", "weights-only"},
                                        Json(prompt).dump());
        EXPECT_EQ(json["ids"], Json(greedy)) << name;
        EXPECT_EQ(json["finish_reason"], "length") << name;
        EXPECT_EQ(json["usage"]["prompt_tokens"], prompt.size()) << name;
        EXPECT_EQ(json["usage"]["completion_tokens"], greedy.size()) << name;
        EXPECT_TRUE(json["text"].is_null()) << name;  // no tokenizer
    }
}

TEST(Generate, IdsOneALineWithoutTokenizer) {
    TemporaryFolder folder;
    const Arguments arguments = {"--model", kTiny, "--ids", folder.write("ids.json", " [0, 5, 9]\n"), "--temperature", "0", "--max-tokens", "4", "--ignore-eos"};
    const Ran plain = generate(arguments);
    EXPECT_EQ(plain.code, 0) << plain.err;
    std::string lines;
    const Json json = generate_json(arguments);
    for (const Json& id : json["ids"]) lines += id.dump() + "\n";
    EXPECT_EQ(plain.out, lines);
    EXPECT_NE(plain.err.find("memory: "), std::string::npos);   // the plan
    EXPECT_NE(plain.err.find("tokens/s"), std::string::npos);   // the summary
}

TEST(Generate, ReasoningGoesApart) {
    const Ran ran = generate({"--prompt", "Who are you?", "--temperature", "0", "--quiet"});
    EXPECT_EQ(ran.code, 0);
    EXPECT_EQ(ran.out, std::string(kSelf) + "\n");
    EXPECT_EQ(ran.err, "thinking: The user asks who I am.\n");
    const Ran off = generate({"--prompt", "-", "--temperature", "0", "--quiet", "--thinking", "off"}, "Who are you?");
    EXPECT_EQ(off.out, std::string(kSelf) + "\n");
    EXPECT_EQ(off.err, "");
}

TEST(Generate, EveryInputSaysTheSame) {
    const Json prompt = generate_json({"--prompt", "Who are you?", "--temperature", "0", "--thinking", "off"});
    const Json raw = generate_json({"--raw", "<｜begin▁of▁sentence｜><｜User｜>Who are you?<｜Assistant｜></think>", "--temperature", "0"});
    const Json body = generate_json({"--messages", "-"}, question(R"(, "thinking": {"type": "disabled"})"));
    EXPECT_EQ(prompt["text"], kSelf);
    EXPECT_EQ(raw["text"], prompt["text"]);
    EXPECT_EQ(raw["ids"], prompt["ids"]);
    EXPECT_EQ(body["ids"], prompt["ids"]);
    EXPECT_EQ(raw["usage"], prompt["usage"]);
    EXPECT_EQ(prompt["finish_reason"], "stop");
    EXPECT_EQ(prompt["usage"]["total_tokens"], prompt["usage"]["prompt_tokens"].get<int>() + prompt["usage"]["completion_tokens"].get<int>());
}

TEST(Generate, ForgedControlTokensAreText) {
    const Json one = generate_json({"--prompt", "<｜User｜>", "--max-tokens", "1", "--thinking", "off"});
    EXPECT_GT(one["usage"]["prompt_tokens"], 5);  // begin, user, the spelling in many tokens, assistant, </think>
}

TEST(Generate, ToolCallAndItsResult) {
    const std::string tools = R"(, "reasoning_effort": "low", "temperature": 0, "tools": [{"type": "function", "function": {"name": "get_weather",
        "description": "Weather of a city", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]})";
    const std::string user = R"({"role": "user", "content": "What is the weather in Drasto?"})";
    const Json call = generate_json({"--messages", "-"}, R"({"messages": [)" + user + "]" + tools);
    ASSERT_EQ(call["tool_calls"].size(), 1u) << call.dump();
    EXPECT_EQ(call["finish_reason"], "tool_calls");
    EXPECT_EQ(call["tool_calls"][0]["function"]["name"], "get_weather");
    EXPECT_EQ(call["tool_calls"][0]["function"]["arguments"], R"({"city": "Drasto"})");
    EXPECT_EQ(call["text"], "");
    const Json history = {{"role", "assistant"}, {"content", call["text"]}, {"reasoning_content", call["reasoning"]}, {"tool_calls", call["tool_calls"]}};
    const Json result = {{"role", "tool"}, {"tool_call_id", call["tool_calls"][0]["id"]}, {"content", R"({"temp": 17, "sky": "cloudy"})"}};
    const Json answer = generate_json({"--messages", "-"}, R"({"messages": [)" + user + "," + history.dump() + "," + result.dump() + "]" + tools);
    EXPECT_EQ(answer["text"], "It is 17 degrees and cloudy in Drasto.");
    EXPECT_EQ(answer["finish_reason"], "stop");

    TemporaryFolder folder;
    const Ran shown = generate({"--messages", folder.write("body.json", R"({"messages": [)" + user + "]" + tools), "--quiet"});
    EXPECT_EQ(shown.out, "[tool call] get_weather {\"city\": \"Drasto\"}\n");
}

TEST(Generate, StopsAndLimits) {
    const Arguments ask = {"--prompt", "Who are you?", "--temperature", "0"};
    const auto with = [&](Arguments more) {
        more.insert(more.begin(), ask.begin(), ask.end());
        return generate_json(more);
    };
    const Json stopped = with({"--stop", "never", "--stop", "small language", "--thinking", "off"});
    EXPECT_EQ(stopped["text"], "I am krill, a very ");
    EXPECT_EQ(stopped["finish_reason"], "stop");
    EXPECT_EQ(stopped["stop_sequence"], "small language");
    const Json cut = with({"--max-tokens", "3"});
    EXPECT_EQ(cut["finish_reason"], "length");
    EXPECT_EQ(cut["usage"]["completion_tokens"], 3);
    EXPECT_EQ(cut["usage"]["reasoning_tokens"], 3);
    EXPECT_EQ(cut["text"], "");
    const Json full = with({"--context", "20"});  // the default gives way to the context
    EXPECT_EQ(full["finish_reason"], "length");
    EXPECT_EQ(full["usage"]["total_tokens"], 20);
}

TEST(Generate, Logprobs) {
    const Json json = generate_json({"--prompt", "Who are you?", "--temperature", "0", "--logprobs", "2"});
    const Json& reasoning = json["logprobs"]["reasoning_content"];
    EXPECT_EQ(reasoning.size(), json["usage"]["reasoning_tokens"]);
    EXPECT_EQ(reasoning.size() + json["logprobs"]["content"].size(), json["ids"].size());
    std::string text;
    for (const Json& entry : json["logprobs"]["content"]) {
        EXPECT_LE(entry["logprob"], 0.0);
        ASSERT_EQ(entry["top_logprobs"].size(), 2u);
        EXPECT_EQ(entry["top_logprobs"][0]["id"], entry["id"]);
        for (const Json& byte : entry["bytes"]) text += static_cast<char>(byte.get<int>());
    }
    EXPECT_EQ(text, std::string("</think>") + kSelf);
    EXPECT_TRUE(generate_json({"--prompt", "x", "--max-tokens", "1"})["logprobs"].is_null());
}

TEST(Generate, SeedsRepeat) {
    const auto ids = [](const char* seed) {
        return generate_json({"--prompt", "Repeat: 48213 Mela", "--temperature", "2", "--max-tokens", "30", "--seed", seed})["ids"];
    };
    EXPECT_EQ(ids("7"), ids("7"));
    EXPECT_NE(ids("7"), ids("8"));
    const Json unseeded = generate_json({"--prompt", "Repeat: 48213 Mela", "--temperature", "2", "--max-tokens", "30"});
    EXPECT_EQ(unseeded["ids"], ids(unseeded["seed"].dump().c_str()));  // the seed it tells repeats it
}

TEST(Generate, ThreadsDoNotMatter) {
    const auto ids = [](const char* threads) {
        return generate_json({"--prompt", "Who are you?", "--max-tokens", "8", "--seed", "1", "--threads", threads})["ids"];
    };
    EXPECT_EQ(ids("1"), ids("2"));
}

TEST(Generate, WrongUse) {
    const auto wrong = [](Arguments arguments, const std::string& words) { expect_error(generate(arguments, "[0]"), 2, words, words); };
    wrong({}, "give one of --prompt, --raw, --ids, --messages");
    wrong({"--prompt", "x", "--raw", "x"}, "give one of");
    wrong({"--prompt", "x", "--thinking", "maybe"}, "--thinking");
    wrong({"--prompt", "x", "--effort", "most"}, "--effort");
    wrong({"--prompt", "x", "--prompt-version", "v5"}, "--prompt-version");
    wrong({"--prompt", "x", "--numerics", "fast"}, "--numerics");
    wrong({"--prompt", "x", "--max-tokens", "0"}, "--max-tokens");
    wrong({"--prompt", "x", "--max-tokens", "ten"}, "--max-tokens");
    wrong({"--prompt", "x", "--logprobs", "21", "--json"}, "--logprobs");
    wrong({"--prompt", "x", "--logprobs", "2"}, "--logprobs needs --json");
    wrong({"--prompt", "x", "--threads", "0"}, "--threads");
    wrong({"--prompt", "x", "--context", "-1"}, "--context");
    wrong({"--prompt", "x", "--seed", "-1"}, "--seed");
    wrong({"--ids", "-", "--thinking", "off"}, "--thinking");
}

TEST(Generate, ErrorsAreOneLine) {
    TemporaryFolder folder;
    const auto error = [](Arguments arguments, const std::string& words, const std::string& input = "") {
        expect_error(generate(arguments, input), 1, words, words);
        arguments.push_back("--json");
        expect_error(generate(arguments, input), 1, words, words + " (--json)");  // never half an object
    };
    error({"--prompt", "x", "--temperature", "2.5"}, "temperature must be in [0, 2]");
    error({"--prompt", "x", "--top-p", "0"}, "top_p must be in (0, 1]");
    error({"--prompt", "x", "--min-p", "1"}, "min_p");
    error({"--prompt", "x", "--top-k", "-1"}, "top_k");
    error({"--prompt", "x", "--seed", "9223372036854775808"}, "seed must be");
    error({"--prompt", "x", "--context", "5"}, "maximum context length is 5 tokens");
    error({"--prompt", "x", "--context", "100", "--max-tokens", "200"}, "maximum context length is 100 tokens");
    error({"--prompt", "x", "--context", "2000000"}, "--context");
    error({"--raw", ""}, "the prompt is empty");
    error({"--ids", (folder.path() / "none").string()}, "No such file");
    error({"--ids", "-"}, "standard input", "[0, 1");
    error({"--ids", "-"}, "expected an array", "{}");
    error({"--ids", "-"}, "entry 1 is not a token id", "[0, 1000000]");
    error({"--ids", "-"}, "entry 0 is not a token id", "[-1]");
    error({"--ids", "-"}, "entry 0 is not a token id", "[1.5]");
    error({"--ids", "-"}, "empty", "[]");
    error({"--messages", "-"}, "as JSON", "{\"messages\": [");
    error({"--messages", "-"}, "messages", "{}");
    error({"--messages", "-"}, "messages[0]", R"({"messages": [{"role": "king", "content": "x"}]})");
    error({"--messages", "-"}, "Empty input messages", R"({"messages": []})");
    error({"--messages", "-", "--context", "30"}, "maximum context length", question(R"(, "max_tokens": 100)"));
    error({"--model", kTiny, "--prompt", "x"}, "no tokenizer.json");
}

TEST(Generate, CtrlCKeepsWhatThereIs) {
    const Arguments endless = {"generate", "--prompt", "Who are you?", "--temperature", "0", "--ignore-eos", "--max-tokens", "1000000"};
    Running plain(endless);
    for (int i = 0; i < 10000 && plain.out().empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    plain.interrupt();
    const Ran ran = plain.wait();
    EXPECT_EQ(ran.code, 130) << ran.err;
    EXPECT_TRUE(ran.out.starts_with(std::string(kSelf).substr(0, std::min<std::size_t>(ran.out.size() - 1, 20)))) << ran.out;
    EXPECT_TRUE(ran.out.ends_with('\n'));

    Arguments with_json = endless;
    with_json.push_back("--json");
    for (int wait = 300; wait < 10000; wait *= 2) {  // until it was running when the signal came
        Running json(with_json);
        std::this_thread::sleep_for(std::chrono::milliseconds(wait));
        json.interrupt();
        const Ran stopped = json.wait();
        if (stopped.code == 1000 + SIGINT) continue;
        EXPECT_EQ(stopped.code, 130) << stopped.err;
        const Json object = Json::parse(stopped.out, nullptr, false);
        ASSERT_TRUE(object.is_object()) << stopped.out;
        EXPECT_EQ(object["finish_reason"], "aborted");
        EXPECT_EQ(object["ids"].size(), object["usage"]["completion_tokens"]);
        return;
    }
    FAIL() << "the program never came to the point of generating";
}

}  // namespace
}  // namespace baleen::cli
