#include "cli/generate_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <random>
#include <system_error>

#include "base/json.h"
#include "cli/model_path.h"
#include "cli/terminal.h"
#include "io/mapped_file.h"
#include "io/read_file.h"

namespace baleen::cli {

namespace {

constexpr std::size_t kSmallFileBytes = std::size_t{1} << 20;

bool is_there(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
}

Error bad_field(const char* field, const char* wanted) {
    return corrupt(fmt::format("generation_config.json: {}: expected {}", field, wanted));
}

Result<void> read_number(const nlohmann::json& json, const char* field, float low, float high, float& out) {
    const auto found = json.find(field);
    if (found == json.end() || found->is_null()) return {};
    if (!found->is_number()) return bad_field(field, "a number");
    const auto value = found->get<float>();
    if (!(value >= low && value <= high)) return bad_field(field, fmt::format("a number from {} to {}", low, high).c_str());
    out = value;
    return {};
}

Result<void> read_end_tokens(const nlohmann::json& json, std::int64_t vocab, std::vector<TokenId>& out) {
    const auto found = json.find("eos_token_id");
    if (found == json.end() || found->is_null()) return {};
    const auto add = [&](const nlohmann::json& id) -> Result<void> {
        if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() >= vocab)
            return bad_field("eos_token_id", "token ids of the vocabulary");
        const auto token = static_cast<TokenId>(id.get<std::int64_t>());
        if (std::find(out.begin(), out.end(), token) == out.end()) out.push_back(token);
        return {};
    };
    if (!found->is_array()) return add(*found);
    for (const nlohmann::json& id : *found) TRY(add(id));
    return {};
}

Result<void> read_generation_config(ModelFiles& files) {
    const std::filesystem::path path = files.directory / "generation_config.json";
    if (!is_there(path)) return {};
    TRY_ASSIGN(const std::string text, io::read_file(path, kSmallFileBytes));
    auto json = parse_json(text);
    if (!json.ok()) return with_context(path.string(), std::move(json).error());
    if (!json->is_object()) return corrupt(path.string() + ": expected an object");
    TRY(read_number(*json, "temperature", 0, 2, files.temperature));
    TRY(read_number(*json, "top_p", 0, 1, files.top_p));
    if (files.top_p == 0) return bad_field("top_p", "a number above 0");
    return read_end_tokens(*json, files.config.vocab_size, files.end_tokens);
}

// A line for the plan of a small model, the table of the engine for those who want it whole.
void print_plan(const engine::Plan& plan, const ModelOptions& options) {
    if (options.quiet) return;
    if (options.verbose) {
        fmt::print(stderr, "{}", engine::print(plan));
        return;
    }
    fmt::print(stderr, "memory: {} = weights {} + KV {} for {} tokens + state {} + buffers {}\n", human_bytes(plan.total()),
               human_bytes(plan.weights_bytes), human_bytes(plan.pool_bytes), human_count(plan.context), human_bytes(plan.state_bytes),
               human_bytes(plan.workspace_bytes));
}

std::uint64_t random_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 32 | device()) >> 1;  // 0 to 2^63 - 1, the range of the API's field
}

}  // namespace

void add_model_options(CLI::App& app, ModelOptions& options) {
    app.add_option("--model", options.model, "model directory, or krill")->capture_default_str();
    app.add_option("--context", options.context, "tokens of prompt and answer together at most (default: what the model can)")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30));
    app.add_option("--threads", options.threads, "threads (default: one a core this process may use; 1 for models below 32 MiB)")->check(CLI::Range(1, 1024));
    app.add_option("--numerics", options.numerics, "official: roundings as in the published reference; weights-only: none of activations")
        ->capture_default_str()
        ->check(CLI::IsMember({"official", "weights-only"}));
    app.add_flag("--mmap", options.mapped, "leave the weights in the page cache instead of reading them into memory of their own");
    app.add_flag("--verbose", options.verbose, "tell the whole memory plan and the stages of loading");
    app.add_flag("--quiet", options.quiet, "nothing on stderr but errors and reasoning");
}

std::int64_t ModelFiles::context_max(const ModelOptions& options) const {
    return options.context > 0 ? options.context : config.max_position_embeddings;
}

Result<ModelFiles> open_model_files(const ModelOptions& options) {
    ModelFiles files;
    TRY_ASSIGN(files.directory, resolve_model(options.model));
    const std::filesystem::path config = files.directory / "config.json";
    if (!is_there(config)) return not_found(fmt::format("{}: no config.json in it", files.directory.string()));
    TRY_ASSIGN(const std::string text, io::read_file(config, kSmallFileBytes));
    TRY_ASSIGN(files.config, model::parse_config(text, config.string()));
    if (options.context > files.config.max_position_embeddings) {
        return invalid_argument(fmt::format("--context: the model knows {} positions (max_position_embeddings), not {}",
                                            files.config.max_position_embeddings, options.context));
    }
    files.end_tokens.push_back(TokenId{files.config.eos_token_id});
    TRY(read_generation_config(files));
    if (!is_there(files.directory / "tokenizer.json")) return files;
    TRY_ASSIGN(text::Tokenizer tokenizer, text::Tokenizer::load(files.directory));
    if (tokenizer.vocab_size() > files.config.vocab_size) {
        return corrupt(fmt::format("{}: tokenizer.json has ids up to {}, the model's vocabulary is {}", files.directory.string(),
                                   tokenizer.vocab_size() - 1, files.config.vocab_size));
    }
    files.tokenizer = std::move(tokenizer);
    return files;
}

Result<std::unique_ptr<engine::Engine>> open_engine(const ModelFiles& files, const ModelOptions& options, std::int64_t context) {
    engine::EngineOptions engine;
    engine.numerics = options.numerics == "official" ? engine::Numerics::official : engine::Numerics::weights_only;
    engine.threads = options.threads;
    engine.mapped = options.mapped;
    engine.mtp = options.mtp;
    engine.context = std::min(context, files.config.max_position_embeddings);
    {
        TRY_ASSIGN(const std::unique_ptr<model::Checkpoint> checkpoint, model::Checkpoint::open(files.directory));
        if (engine.threads == 0 && checkpoint->total_bytes() < kOneThreadBytes) engine.threads = 1;
        const engine::Plan plan = engine::make_plan(files.config, {.context = engine.context,
                                                                   .rows_per_step = engine.rows_per_step,
                                                                   .packed = engine.numerics == engine::Numerics::official,
                                                                   .weights_bytes = static_cast<std::int64_t>(checkpoint->total_bytes())});
        print_plan(plan, options);
    }
    if (!options.quiet && (options.verbose || is_terminal(stderr))) {
        engine.progress = [verbose = options.verbose](std::string_view what) {
            if (what.starts_with("memory plan")) return;  // told already
            if (verbose) fmt::print(stderr, "{}\n", what);
            else fmt::print(stderr, "\r\x1b[K{}", what);
            std::fflush(stderr);
        };
    }
    auto opened = engine::Engine::open(files.directory, engine);
    if (engine.progress && !options.verbose) fmt::print(stderr, "\r\x1b[K");
    return opened;
}

void add_sampling_options(CLI::App& app, SamplingArguments& sampling) {
    app.add_option("--temperature", sampling.temperature, "0 to 2; 0 takes the likeliest token (default: the model's, else 1)");
    app.add_option("--top-p", sampling.top_p, "smallest set of likeliest tokens that reaches this probability (default: the model's, else 1)");
    app.add_option("--top-k", sampling.top_k, "this many likeliest tokens; 0: all");
    app.add_option("--min-p", sampling.min_p, "tokens at least this likely beside the likeliest one");
    app.add_option("--seed", sampling.seed, "same seed, same answer (default: random, told at the end)")
        ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
}

SamplingArguments SamplingArguments::over(const SamplingArguments& other) const {
    SamplingArguments both = *this;
    if (!both.temperature) both.temperature = other.temperature;
    if (!both.top_p) both.top_p = other.top_p;
    if (!both.top_k) both.top_k = other.top_k;
    if (!both.min_p) both.min_p = other.min_p;
    if (!both.seed) both.seed = other.seed;
    return both;
}

Result<engine::SamplingOptions> resolve_sampling(const SamplingArguments& arguments, const ModelFiles& files) {
    engine::SamplingOptions options;
    options.temperature = arguments.temperature.value_or(files.temperature);
    options.top_p = arguments.top_p.value_or(files.top_p);
    options.top_k = arguments.top_k.value_or(0);
    options.min_p = arguments.min_p.value_or(0.0f);
    options.seed = arguments.seed ? *arguments.seed : random_seed();
    TRY(engine::check_sampling(options));
    if (options.seed >> 63 != 0) return invalid_argument("seed must be between 0 and 2^63 - 1");
    return options;
}

}  // namespace baleen::cli
