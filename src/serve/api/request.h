// What every API family's request comes down to: a conversation, how to draw, how much, and how the answer is read. The
// readers of the families (chat_request, anthropic_request, responses_request) fill it in from hostile bytes. Plain
// values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "serve/api/chat_request_reader.h"
#include "text/chat.h"
#include "text/output_filter.h"

namespace baleen::serve {

struct RequestOptions {
    text::PromptVersion version = text::PromptVersion::v4_0731;
    bool model_required = true;
    bool default_thinking = true;
    bool strict_reasoning =
        false;  // refuse history without the reasoning of earlier turns (7.4); else missing is empty
    bool fill_missing_results = false;  // a call without result gets an empty one; else refused
    bool honour_sampling = false;       // use temperature and top_p as asked; else the service's rules (7.3)
    bool images = false;                // image parts where the family allows them, V4.1 only
    std::size_t body_bytes_max = std::size_t{48} << 20;
};

struct Sampling {
    double temperature = 1;
    double top_p = 1;
    int top_k = 0;     // extension; 0 is off
    double min_p = 0;  // extension
    std::optional<std::uint64_t> seed;
    bool ignore_eos = false;  // extension, as load tools send it: the end token is not drawn, the answer goes on to max_tokens
};

struct Request {
    std::string model;  // as asked; whether it is served is the router's matter
    text::ChatPrompt prompt;
    Sampling sampling;
    std::optional<int> max_tokens;  // absent: default_max_tokens()
    std::vector<std::string> stop;
    bool logprobs = false;
    int top_logprobs = 0;
    bool stream = false;
    std::string user_id;
    bool json_mode = false;                       // json_object or json_schema
    std::optional<text::PythonJson> json_schema;  // the schema of json_schema, if one was given
    bool strict_tools = false;                    // every tool asks for it

    bool thinking() const { return prompt.mode == text::ThinkingMode::thinking; }
    int default_max_tokens() const;  // 8192, thinking 65536, effort max 131072 (4.4); clamp to what the context leaves
    text::AnswerOptions answer_options() const;  // how to take the output apart
};

inline constexpr int kMaxTokensMax = 393216;

// What the readers share.

// The body as one object, or the error that says what it is instead.
Result<text::PythonJson> read_body(const BodyReader& reader, std::string_view body, const RequestOptions& options);
Result<void> read_model(const BodyReader& reader, const text::PythonJson& body, const RequestOptions& options,
                        Request& request);
// At most 512 bytes (4); any characters.
Result<void> read_user(const BodyReader& reader, const text::PythonJson& object, const char* name,
                       std::string_view path, Request& request);

// A name of reasoning_effort by the current column of 7.2. nullopt is no such name.
struct NamedEffort {
    bool thinking = true;  // "none" turns it off
    text::Effort effort = text::Effort::high;
};
std::optional<NamedEffort> named_effort(std::string_view name);
// The effort of one string field, if it is there; an unknown name is an error that lists them.
Result<std::optional<NamedEffort>> read_effort(const BodyReader& reader, const text::PythonJson& object,
                                               const char* name, std::string_view path);
// The type of a `thinking` object, true unless it is "disabled"; nullopt if there is none.
Result<std::optional<bool>> read_thinking_type(const BodyReader& reader, const text::PythonJson& body);
void set_thinking(bool thinking, text::Effort effort, text::ChatPrompt& prompt);

// temperature and top_p within their ranges, then the service's rules (7.3) unless the options say otherwise.
Result<void> read_temperature_and_top_p(const BodyReader& reader, const text::PythonJson& body, Request& request);
void apply_sampling_rules(const RequestOptions& options, Request& request);
// A number within [least, most], or (least, most] if open; `absent` if it is not there.
Result<double> read_in_range(const BodyReader& reader, const text::PythonJson& body, const char* name, double least,
                             double most, bool open, double absent);

// 1 to 128 ASCII letters, digits, underscores, hyphens.
bool is_tool_name(std::string_view name);
Error bad_tool_name(std::string_view path);
// Absent, null, empty, or a schema that says it is an object's.
bool is_object_schema(const text::PythonJson* parameters);
// Turns a choice that names or requires tools into what the prompt can do, or says why not (8).
Result<void> settle_tool_choice(text::ChatPrompt& prompt);

// The word "json" in some form, in any text of the conversation (8.2).
bool says_json(const std::vector<text::Message>& messages);

}  // namespace baleen::serve
