#include "text/encoding_texts.h"

#include "text/dsml.h"

namespace baleen::text {

const std::string_view kEffortH =
    "Reasoning Effort: Absolute maximum with no shortcuts permitted.\n"
    "You MUST be very thorough in your thinking and comprehensively decompose the problem to "
    "resolve the root cause, rigorously stress-testing your logic against all potential paths, edge "
    "cases, and adversarial scenarios.\n"
    "Explicitly write out your entire deliberation process, documenting every intermediate step, "
    "considered alternative, and rejected hypothesis to ensure absolutely no assumption is left "
    "unchecked.\n"
    "\n";

const std::string_view kEffortM =
    "Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.\n"
    "You MUST reason with the utmost depth and rigor, leaving absolutely nothing to chance: "
    "exhaustively decompose the problem into its most fundamental components, trace every causal "
    "chain to its root, and resolve the underlying cause rather than any surface symptom.\n"
    "Do not stop reasoning until you have independently verified the solution from multiple angles "
    "and are certain that no assumption remains unchecked and no error remains undiscovered.\n"
    "\n";

const std::string_view kToolsOutro =
    "\n\nYou MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.\n";

const std::string_view kResponseFormat =
    "## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n";

// @B, @I and @P stand for the names of block, invoke and parameter.
static constexpr std::string_view kToolsIntro =
    "## Tools\n"
    "\n"
    "You have access to a set of tools to help answer the user's question. You can invoke tools by "
    "writing a \"<｜DSML｜@B>\" block like the following:\n"
    "\n"
    "<｜DSML｜@B>\n"
    "<｜DSML｜@I name=\"$TOOL_NAME\">\n"
    "<｜DSML｜@P name=\"$PARAMETER_NAME\" string=\"true|false\">$PARAMETER_VALUE</｜DSML｜@P>\n"
    "...\n"
    "</｜DSML｜@I>\n"
    "<｜DSML｜@I name=\"$TOOL_NAME2\">\n"
    "...\n"
    "</｜DSML｜@I>\n"
    "</｜DSML｜@B>\n"
    "\n"
    "String parameters should be specified as is and set `string=\"true\"`. For all other types "
    "(numbers, booleans, arrays, objects), pass the value in JSON format and set "
    "`string=\"false\"`.\n"
    "\n"
    "If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning "
    "inside <think>...</think> BEFORE any tool calls or final response.\n"
    "\n"
    "Otherwise, output directly after </think> with tool calls or final response.\n"
    "\n"
    "### Available Tool Schemas\n"
    "\n";

std::string tools_intro(PromptVersion version) {
    const DsmlTags tags = dsml_tags(version);
    std::string result;
    for (std::size_t i = 0; i < kToolsIntro.size(); ++i) {
        if (kToolsIntro[i] != '@') {
            result += kToolsIntro[i];
            continue;
        }
        const char which = kToolsIntro[++i];
        result += which == 'B' ? tags.block : which == 'I' ? tags.invoke : tags.parameter;
    }
    return result;
}

std::string_view task_token(Task task) {
    switch (task) {
        case Task::none:
            return "";
        case Task::action:
            return "<｜action｜>";
        case Task::query:
            return "<｜query｜>";
        case Task::authority:
            return "<｜authority｜>";
        case Task::domain:
            return "<｜domain｜>";
        case Task::title:
            return "<｜title｜>";
        case Task::extracted_url:
            return "<｜extracted_url｜>";
        case Task::read_url:
            return "<｜read_url｜>";
    }
    return "";
}

}  // namespace baleen::text
