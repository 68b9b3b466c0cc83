// Whole outputs: the events of output_parser.h put together.
#include "text/output_parser.h"

namespace baleen::text {

void CollectedOutput::add(const OutputEvent& event) {
    switch (event.kind) {
        case OutputEvent::Kind::reasoning:
            reasoning += event.text;
            return;
        case OutputEvent::Kind::content:
            content += event.text;
            return;
        case OutputEvent::Kind::tool_begin:
            tool_calls.push_back({"", event.text, ""});
            return;
        case OutputEvent::Kind::tool_arguments:
            if (!tool_calls.empty()) tool_calls.back().arguments += event.text;
            return;
        case OutputEvent::Kind::tool_end: {
            if (!event.repeated_key || tool_calls.empty()) return;
            std::string& arguments =
                tool_calls.back().arguments;  // readers disagree about repeated keys: keep the last
            const Result<PythonJson> tree = parse_python_json(arguments);
            if (tree.ok()) arguments = dump_python_json(*tree);
            return;
        }
    }
}

CollectedOutput collect(const OutputEvents& events) {
    CollectedOutput result;
    for (const OutputEvent& event : events) result.add(event);
    return result;
}

CollectedOutput parse_output(std::string_view text, const OutputParserOptions& options, bool cut) {
    OutputParser parser(options);
    OutputEvents events;
    parser.push(text, events);
    parser.finish(events, cut);
    return collect(events);
}

OutputEvents merged(const OutputEvents& events) {
    OutputEvents result;
    for (const OutputEvent& event : events) {
        const bool joins = event.kind == OutputEvent::Kind::reasoning || event.kind == OutputEvent::Kind::content ||
                           event.kind == OutputEvent::Kind::tool_arguments;
        if (joins && !result.empty() && result.back().kind == event.kind)
            result.back().text += event.text;
        else
            result.push_back(event);
    }
    return result;
}

}  // namespace baleen::text
