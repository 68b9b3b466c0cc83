// Opening a model for commands that talk to it: first its small files (config, tokenizer, generation defaults), from which the
// prompt and so the context can be known, then the engine with exactly that context. Errors are for the user. Main thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "engine/engine.h"
#include "engine/sampler.h"
#include "text/tokenizer.h"

namespace baleen::cli {

struct ModelOptions {
    std::string model = "krill";
    std::int64_t context = 0;  // 0: what the command needs
    int threads = 0;
    std::string numerics = "official";
    bool verbose = false;
    bool quiet = false;
    bool mapped = false;
    bool mtp = false;  // run the MTP block beside the backbone; no flag of its own here
};
void add_model_options(CLI::App& app, ModelOptions& options);

// A step of a model this small takes less time than a sleeping thread needs to wake: on a busy machine a second thread
// made krill a hundred times slower, on a quiet one hardly faster. So one thread, unless the user says otherwise.
inline constexpr std::uint64_t kOneThreadBytes = std::uint64_t{32} << 20;

struct ModelFiles {
    std::filesystem::path directory;
    model::Config config;
    std::optional<text::Tokenizer> tokenizer;  // none if the checkpoint has no tokenizer.json
    std::vector<TokenId> end_tokens;
    float temperature = 1;  // generation_config.json, or 1
    float top_p = 1;

    // Tokens of a sequence at most: what the user said, else what the model can.
    std::int64_t context_max(const ModelOptions& options) const;
};
Result<ModelFiles> open_model_files(const ModelOptions& options);

// Prints the memory plan on stderr before anything is read, in one line, or whole if verbose, and nothing if quiet.
Result<std::unique_ptr<engine::Engine>> open_engine(const ModelFiles& files, const ModelOptions& options, std::int64_t context);

// Sampling as the user asked for it; what is absent comes from the model's files, the seed from the system.
struct SamplingArguments {
    std::optional<float> temperature, top_p;
    std::optional<int> top_k;
    std::optional<float> min_p;
    std::optional<std::uint64_t> seed;

    // These, and those of `other` where these say nothing.
    SamplingArguments over(const SamplingArguments& other) const;
};
void add_sampling_options(CLI::App& app, SamplingArguments& sampling);
Result<engine::SamplingOptions> resolve_sampling(const SamplingArguments& arguments, const ModelFiles& files);

}  // namespace baleen::cli
