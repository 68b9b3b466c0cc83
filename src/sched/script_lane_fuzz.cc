// Any bytes as a script for krill's tokenizer: it is refused with a line number, or every answer in it plays to its end through
// drawing and parsing, and its tokens spell what they came from.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "sched/generation.h"
#include "sched/script_lane.h"

namespace {

using namespace baleen;

const text::Tokenizer& krill() {
    static const text::Tokenizer tokenizer = [] {
        auto loaded = text::Tokenizer::load("models/krill");  // the fuzzers run in the project's root
        if (!loaded.ok()) {
            std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
            std::abort();
        }
        return std::move(*loaded);
    }();
    return tokenizer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto script = sched::Script::parse({reinterpret_cast<const char*>(data), size}, "script", krill());
    if (!script.ok()) {
        if (!script.error().message.starts_with("script")) std::abort();
        return 0;
    }
    if (script->lines().empty()) std::abort();
    sched::ScriptLane lane(std::move(*script), krill(), {});
    for (const char* prompt : {"<｜User｜>weather?<｜Assistant｜><think>", "<｜Assistant｜></think>"}) {
        sched::StreamRequest request;
        krill().encode_with_special(prompt, request.tokens);
        const sched::StreamId id{1};
        if (!lane.open(id, request, 0).ok()) continue;
        sched::EventSink nobody;
        sched::GenerationRequest wanted;
        wanted.prompt_tokens = static_cast<std::int64_t>(request.tokens.size());
        wanted.tokens_max = 1 << 20;
        wanted.answer.emplace().parser.parse_tools = true;
        sched::Generation generation(wanted, &krill(), nobody);
        for (double time = 0; !generation.ended();) {
            const sched::LaneStep& step = lane.step(time);
            for (const auto& row : step.rows) generation.next_token(row.token);
            if (step.due) {
                if (*step.due <= time) std::abort();
                time = *step.due;
            }
        }
        lane.close(id);
    }
    return 0;
}
