#include "cli/synth.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>

#include "base/threads.h"
#include "io/read_file.h"
#include "model/shape.h"
#include "model/synth.h"

namespace baleen::cli {

namespace {

struct Options {
    std::string preset = "tiny";
    std::string config_file;
    std::string out;
    std::uint64_t seed = 1;
    std::string form = "fp4";
    bool mtp = false;
    bool sparse = false;
    bool force = false;
    int threads = 0;
};

// Set by SIGINT and SIGTERM while writing, so that what was written is removed again.
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

class InterruptGuard {
  public:
    InterruptGuard() {
        struct sigaction action {};
        action.sa_handler = [](int) { interrupted.store(true); };
        ::sigemptyset(&action.sa_mask);
        ::sigaction(SIGINT, &action, &old_int_);
        ::sigaction(SIGTERM, &action, &old_term_);
    }
    ~InterruptGuard() {
        ::sigaction(SIGINT, &old_int_, nullptr);
        ::sigaction(SIGTERM, &old_term_, nullptr);
    }
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

  private:
    struct sigaction old_int_ {};
    struct sigaction old_term_ {};
};

// A line on stderr that is written over, four times a second; only on a terminal.
class Progress {
  public:
    void operator()(std::uint64_t done, std::uint64_t all) {
        const auto now = Clock::now();
        if (!terminal_ || now - shown_ < std::chrono::milliseconds(250)) return;
        shown_ = now;
        used_ = true;
        const double seconds = std::chrono::duration<double>(now - start_).count();
        fmt::print(stderr, "\r{:6.2f} of {:.2f} GB, {:.2f} GB/s ", static_cast<double>(done) / 1e9,
                   static_cast<double>(all) / 1e9, static_cast<double>(done) / 1e9 / seconds);
    }
    void end() const {
        if (used_) fmt::print(stderr, "\r\x1b[K");
    }
    double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  private:
    using Clock = std::chrono::steady_clock;
    const bool terminal_ = ::isatty(STDERR_FILENO) != 0;
    const Clock::time_point start_ = Clock::now();
    Clock::time_point shown_ = start_;
    bool used_ = false;
};

Result<model::Config> chosen_config(const Options& options) {
    if (options.config_file.empty()) {
        for (const model::Preset& preset : model::presets())
            if (preset.name == options.preset) return preset.config;
        return invalid_argument(fmt::format("--preset: there is no \"{}\"", options.preset));
    }
    TRY_ASSIGN(const std::string text, io::read_file(options.config_file, 1 << 20));
    return model::parse_config(text, options.config_file);
}

model::Form chosen_form(const Options& options) {
    model::Form form;
    form.fp8_experts = options.form != "fp4";
    form.f32_scales = options.form == "base";
    if (options.mtp) {
        form.draft = model::Draft::mtp;
        form.draft_blocks = 1;
        form.draft_copies = options.form == "base";  // as Base checkpoints most likely have them (spec 9.1)
    }
    return form;
}

int fail(const Error& error) {
    fmt::print(stderr, "baleen synth: {}\n", error.message);
    return error.code == ErrorCode::invalid_argument ? 2 : error.code == ErrorCode::cancelled ? 130 : 1;
}

int run(const Options& options) {
    const auto config = chosen_config(options);
    if (!config.ok()) return fail(config.error());
    Progress progress;
    model::SynthOptions synth;
    synth.form = chosen_form(options);
    synth.seed = options.seed;
    synth.sparse = options.sparse;
    synth.threads = options.threads > 0 ? options.threads : usable_cpus();
    synth.replace = options.force ? io::Replace::yes : io::Replace::no;
    synth.progress = [&](std::uint64_t done, std::uint64_t all) { progress(done, all); };
    synth.stop = [] { return interrupted.load(std::memory_order_relaxed); };

    const InterruptGuard guard;
    const auto report = model::write_synthetic(*config, options.out, synth);
    progress.end();
    if (!report.ok()) return fail(report.error());
    fmt::print(stderr, "{}: {} tensors, {} bytes, {} shards, {:.1f} s{}\n", options.out, report->tensors, report->bytes,
               report->shards, progress.seconds(), options.sparse ? " (sparse: headers only)" : "");
    return 0;
}

std::string preset_list() {
    std::string out = "Presets:\n";
    for (const model::Preset& preset : model::presets()) {
        const model::Count all = model::make_account(preset.config, {}).total();
        out +=
            fmt::format("  {:<10}{:>9.2f} GB  {}\n", preset.name, static_cast<double>(all.bytes) / 1e9, preset.about);
    }
    return out;
}

}  // namespace

Command add_synth(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app =
        root.add_subcommand("synth", "Write a random checkpoint in the official layout, for speed and numerics");
    std::vector<std::string> names;
    for (const model::Preset& preset : model::presets()) names.emplace_back(preset.name);
    auto* preset = app->add_option("--preset", options->preset, "a shape from the list below")
                       ->capture_default_str()
                       ->check(CLI::IsMember(names));
    app->add_option("--config", options->config_file, "a config.json to take the shape from")->excludes(preset);
    app->add_option("--out", options->out, "directory to create")->required();
    app->add_option("--seed", options->seed, "seed; a tensor depends on it and on its own name")
        ->capture_default_str()
        ->check([](const std::string& text) {  // CLI11 would take "-1" for 2^64 - 1
            const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
            return digits ? std::string() : "must be a whole number from 0 on";
        });
    app->add_option("--form", options->form, "fp4, fp8 (FP8 experts) or base (FP8 experts, F32 scales)")
        ->capture_default_str()
        ->check(CLI::IsMember({"fp4", "fp8", "base"}));
    app->add_flag("--mtp", options->mtp, "with the draft block mtp.0");
    app->add_flag("--sparse", options->sparse, "true headers over holes: any size at once, no numbers");
    app->add_flag("--force", options->force, "replace a checkpoint that is there");
    app->add_option("--threads", options->threads, "threads (default: every CPU this process may use)")
        ->check(CLI::Range(1, 1024));
    app->footer(preset_list() +
                "The directory appears when it is complete.\n"
                "  baleen synth --preset flash-6l --seed 1 --out /tmp/flash-6l\n"
                "  baleen synth --preset pro --mtp --sparse --out /tmp/pro && baleen inspect /tmp/pro");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
