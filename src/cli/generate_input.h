// What `baleen generate` is to answer: one user message, raw text, token ids, or a chat-completions request body; with what a
// body says about sampling and limits. Main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/generate_model.h"
#include "cli/generate_prompt.h"

namespace baleen::cli {

struct InputOptions {
    std::optional<std::string> prompt, raw, ids, messages;  // exactly one
    std::optional<std::string> thinking, effort;
    std::string prompt_version = "0731";
};
void add_input_options(CLI::App& app, InputOptions& options);
Result<void> check_input(const InputOptions& options);

struct GenerateInput {
    PreparedPrompt prompt;
    // From a request body, whose absent fields have the API's defaults; otherwise empty.
    std::optional<std::int64_t> tokens_max;
    SamplingArguments sampling;
    int top_logprobs = -1;
};
Result<GenerateInput> read_input(const InputOptions& options, const ModelFiles& files);

}  // namespace baleen::cli
