#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/topology.h"
#include "experts/resident_store.h"
#include "io/mapped_file.h"

namespace baleen::engine {

namespace {

Result<void> check_options(const EngineOptions& options, const model::Config& config) {
    if (options.threads < 0 || options.threads > 1024)
        return invalid_argument(fmt::format("threads: {} is not between 1 and 1024", options.threads));
    if (options.context < 0 || options.context > config.max_position_embeddings) {
        return invalid_argument(fmt::format("context: {} is not between 1 and max_position_embeddings, {}", options.context,
                                            config.max_position_embeddings));
    }
    if (options.rows_per_step < 1 || options.rows_per_step > 65536)
        return invalid_argument(fmt::format("rows_per_step: {} is not between 1 and 65536", options.rows_per_step));
    if (options.kv_budget_bytes < 0) return invalid_argument("kv_budget_bytes: negative");
    return {};
}

double gigabytes(std::uint64_t bytes) { return static_cast<double>(bytes) * 1e-9; }

// Brings the weights to where the machine is fastest with them: own memory if all that is planned fits, else the page cache, else
// they stay on disk.
Result<void> place_weights(model::Checkpoint& checkpoint, bool mapped, std::uint64_t planned_bytes, std::span<const int> nodes,
                           const std::function<void(std::string_view)>& say) {
    const std::uint64_t total = checkpoint.total_bytes(), available = io::available_memory() / 20 * 19;
    std::uint64_t read = 0, told = 0;
    const auto begin = std::chrono::steady_clock::now();
    const auto progress = [&](std::string_view what) {
        return [&, what](std::uint64_t bytes) {
            read += bytes;
            if (read - told < total / 100 && read < total) return;
            told = read;
            const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            say(fmt::format("{} weights: {:.1f} of {:.1f} GB, {:.2f} GB/s", what, gigabytes(read), gigabytes(total), gigabytes(read) / seconds));
        };
    };
    if (!mapped && planned_bytes <= available) {
        TRY(checkpoint.make_resident(progress("reading"), nodes));
        return Ok{};
    }
    if (total > available) {
        say(fmt::format("weights of {:.1f} GB do not fit into {:.1f} GB of memory: pages are read when touched", gigabytes(total),
                        gigabytes(available)));
        return Ok{};
    }
    checkpoint.populate(progress("mapping"));
    return Ok{};
}

// The CPUs of the team's members: none where the kernel had better choose, since there are more members than cores or a quota lets
// others have these CPUs too.
std::vector<Cpu> member_cpus(int threads) {
    if (threads > machine().cores() || has_cpu_quota()) return {};
    return place_members(machine(), threads);
}

std::vector<int> cpu_ids(const std::vector<Cpu>& cpus) {
    std::vector<int> out;
    for (const Cpu& cpu : cpus) out.push_back(cpu.id);
    return out;
}

std::vector<int> node_ids(const std::vector<Cpu>& cpus) {
    std::vector<int> out;
    for (const Cpu& cpu : cpus) out.push_back(cpu.node);
    return out;
}

}  // namespace

Engine::Engine(std::unique_ptr<model::Checkpoint> checkpoint, EngineOptions options, const kernels::Kernels& kernels)
    : options_(std::move(options)), checkpoint_(std::move(checkpoint)), kernels_(&kernels), team_(options_.threads, cpu_ids(member_cpus(options_.threads))) {}

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::open(const std::filesystem::path& directory, EngineOptions options) {
    const auto say = [progress = options.progress](std::string_view what) {
        if (progress) progress(what);
    };
    TRY_ASSIGN(const kernels::Kernels* kernels, kernels::select(options.isa));
    say("reading headers");
    TRY_ASSIGN(std::unique_ptr<model::Checkpoint> checkpoint, model::Checkpoint::open(directory));
    TRY(check_options(options, checkpoint->config()));
    if (options.threads == 0) options.threads = default_threads();
    if (options.context == 0) options.context = checkpoint->config().max_position_embeddings;

    std::unique_ptr<Engine> engine(new Engine(std::move(checkpoint), std::move(options), *kernels));
    const model::Config& config = engine->config();
    const EngineOptions& chosen = engine->options_;
    engine->plan_ = make_plan(config, {.context = chosen.context,
                                       .kv_budget_bytes = chosen.kv_budget_bytes,
                                       .rows_per_step = chosen.rows_per_step,
                                       .packed = chosen.numerics == Numerics::official,
                                       .draft_layers = chosen.mtp ? 1 : 0,
                                       .weights_bytes = static_cast<std::int64_t>(engine->checkpoint_->total_bytes())});
    say(print(engine->plan_));
    TRY(place_weights(*engine->checkpoint_, chosen.mapped, static_cast<std::uint64_t>(engine->plan_.total()), node_ids(member_cpus(chosen.threads)), say));
    say("checking tensors");
    TRY_ASSIGN(engine->weights_, model::bind_weights(*engine->checkpoint_, {.mtp = chosen.mtp, .check_scales = true,
                                                                            .threads = chosen.threads}));
    engine->experts_ = std::make_unique<experts::ResidentStore>(engine->weights_.experts);
    TRY_ASSIGN(engine->pool_, kv::Pool::create(kv::make_shape(config, chosen.numerics == Numerics::official, engine->has_mtp() ? 1 : 0),
                                               engine->plan_.pool_blocks));
    engine->context_ = std::make_unique<v4::Context>(config, engine->weights_, *engine->experts_, *kernels, engine->team_,
                                                     chosen.numerics);
    return engine;
}

Result<std::unique_ptr<Sequence>> Engine::start(SequenceOptions options) {
    if (options.prompt.empty()) return invalid_argument("the prompt is empty");
    for (std::size_t i = 0; i < options.prompt.size(); ++i) {
        const int id = index(options.prompt[i]);
        if (id < 0 || id >= config().vocab_size)
            return invalid_argument(fmt::format("token {} of the prompt: id {} is outside the vocabulary of {}", i, id, config().vocab_size));
    }
    const std::int64_t context = options.context > 0 ? std::min(options.context, options_.context) : options_.context;
    if (static_cast<std::int64_t>(options.prompt.size()) > context) {
        return resource_exhausted(fmt::format("This model's maximum context length is {} tokens. However, the prompt has {} tokens. "
                                              "Please reduce its length.",
                                              context, options.prompt.size()));
    }
    return std::unique_ptr<Sequence>(new Sequence(*this, std::move(options), context));
}

}  // namespace baleen::engine
