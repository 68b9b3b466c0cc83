// From a conversation to the exact prompt of DeepSeek V4 and V4.1 (spec encoding 2 to 6, 9, 10). Two official encoders
// exist and differ in small ways, so the ways are rules and the two are presets: hf(), the encoder that ships with the
// weights, and rec(), the service's, which is what the API uses. Pure functions; any thread; linear in the text.
#pragma once

#include "base/result.h"
#include "text/chat.h"
#include "text/prompt.h"

namespace baleen::text {

struct EncodingRules {
    enum class LaterSystem {
        bare,       // its text, no token
        user_text,  // part of the running user turn
        hoisted,    // joined with the leading system text
    };
    enum class JsonFormat { schema, sentence };

    bool add_bos = true;
    bool join_leading_systems = false;  // V4: with an empty line between, empty ones left out; else concatenated
    LaterSystem later_system = LaterSystem::bare;  // V4; V4.1 gives every later one its own token
    bool drop_reasoning = true;                    // without tools, of the turns before the last user turn
    bool three_schema_keys = false;                // name, description, parameters; else the function as given
    bool header_before_assistant = false;          // before each assistant turn and at the end; else after user turns
    bool developer_is_user = false;
    bool leave_out_empty = false;               // V4: empty texts beside others of a user turn; and empty later systems
    bool drop_finished = false;                 // without tools also the reasoning of answers after the last user turn
    bool open_prefix_reasoning = false;         // a prefix with reasoning only stays in the reasoning
    bool blank_line_without_parameters = true;  // V4; V4.1 has it always
    bool preview_knows_low = true;              // the April encoder refuses effort low
    JsonFormat json_object = JsonFormat::schema;  // V4

    static EncodingRules hf();
    static EncodingRules rec();
    static EncodingRules recipe_0_2();  // deepseek-recipe 0.2.0 where it departs from rec(); for comparisons
};

Result<Prompt> render(const ChatPrompt& prompt, const EncodingRules& rules);

// Where the answer to the rendered prompt starts: inside the reasoning, in the text, or inside a tool block.
enum class OutputStart { reasoning, content, tool_block };
OutputStart output_start(const ChatPrompt& prompt, const EncodingRules& rules);

// The reply's text and tool calls as an assistant turn would hold them in a later prompt: content + block, without end
// token.
Prompt render_answer(const std::string& content, const std::vector<ToolCall>& calls, PromptVersion version);

}  // namespace baleen::text
