// Any bytes as model output, with any options: no crash, and the same events whole and in pieces. The first bytes
// choose the options and the cuts.
#include <cstdint>
#include <cstdlib>

#include "text/output_filter.h"

namespace {

using namespace baleen::text;

OutputEvents run(std::string_view text, const AnswerOptions& options, std::size_t step, bool cut) {
    Answer answer(options);
    OutputEvents out;
    for (std::size_t at = 0; at < text.size(); at += step)
        if (answer.push(text.substr(at, step), out)) break;
    answer.finish(out, cut);
    return merged(out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    AnswerOptions options;
    const unsigned choice = data[0];
    options.parser.start = static_cast<OutputStart>(choice % 3);
    options.parser.continues = choice & 4;
    options.parser.parse_tools = !(choice & 8);
    options.parser.tolerant = !(choice & 16);
    options.json = (choice & 96) == 96;
    if (choice & 128) options.stop = {"ab", "\n\n", "b<"};
    if (choice & 32) options.parser.tool_parameters["f"] = {"x"};
    const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
    const bool cut = data[1] & 1;
    const OutputEvents whole = run(text, options, text.size() + 1, cut);
    for (const std::size_t step : {std::size_t{1}, std::size_t{2} + data[1] % 17})
        if (run(text, options, step, cut) != whole) std::abort();
    const CollectedOutput all = collect(whole);
    if (all.content.size() + all.reasoning.size() > 2 * text.size() + 2) std::abort();
    return 0;
}
