#include "cli/serve.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/serve_lanes.h"
#include "cli/terminal.h"
#include "serve/api/json_object.h"
#include "serve/server.h"
#include "serve/store/config_load.h"
#include "serve/store/ledger.h"
#include "serve/store/settings.h"

namespace baleen::cli {

namespace {

struct Options {
    serve::ConfigSources sources;
    std::vector<std::pair<std::string, std::vector<std::string>>> given;  // by setting, in the order of the table
    bool print_config = false;
};

int fail(const Error& error) {
    fmt::print(stderr, "baleen serve: {}\n", error.message);
    return error.code == ErrorCode::invalid_argument ? 2 : 1;
}

std::string url_of(const serve::ServeConfig& config, const std::string& address) {
    return fmt::format("{}://{}", config.tls_certificate.empty() ? "http" : "https", address);
}

std::string json_string(std::string_view text) {
    std::string out;
    text::append_json_string(text, out);
    return out;
}

// One line on standard output: from now on the server answers at these addresses.
void print_ready(const serve::ServeConfig& config, const serve::Lanes& lanes, const std::vector<std::string>& addresses) {
    std::string all, running;
    for (const std::string& address : addresses) all += (all.empty() ? "" : ",") + json_string(address);
    for (const auto& lane : lanes.all())
        running += (running.empty() ? "" : ",") + serve::JsonObject().text("name", lane->name()).text("model", lane->model()).done();
    fmt::print("{}\n", serve::JsonObject()
                           .text("listening", addresses.front())
                           .text("url", url_of(config, addresses.front()))
                           .raw("addresses", "[" + all + "]")
                           .raw("lanes", "[" + running + "]")
                           .raw("keys_required", config.keys_required() ? "true" : "false")
                           .text("data_dir", config.data_dir.string())
                           .number("pid", ::getpid())
                           .done());
    std::fflush(stdout);
}

// Waits until a signal has come, or `descriptor` can be read from. Whether it was the signal.
bool wait_for_signal(int descriptor) {
    for (;;) {
        pollfd entries[] = {{Interrupts::readable(), POLLIN, 0}, {descriptor, POLLIN, 0}};
        if (::poll(entries, descriptor < 0 ? 1 : 2, -1) <= 0) continue;
        return (entries[0].revents & POLLIN) != 0;
    }
}

// Answers under way may end within the grace; a second signal ends the process at once. The journal has every row whose client
// saw the end, so nothing is lost by that.
bool stop(serve::ApiServer& server, const serve::ServeConfig& config, serve::Log& log) {
    log.write(serve::LogLevel::info, "stopping", serve::JsonObject().number("grace_ms", config.shutdown_grace_ms));
    Interrupts::reset();
    const int done = ::eventfd(0, EFD_CLOEXEC);
    bool all = false;
    std::thread stopper([&] {
        all = server.shutdown(std::chrono::milliseconds(config.shutdown_grace_ms));
        const std::uint64_t one = 1;
        if (::write(done, &one, sizeof(one)) < 0) std::abort();
    });
    if (wait_for_signal(done)) std::_Exit(130);
    stopper.join();
    ::close(done);
    return all;
}

Result<void> serve_until_stopped(const serve::ServeConfig& config) {
    std::signal(SIGPIPE, SIG_IGN);  // who reads our output may leave
    TRY_ASSIGN(const std::unique_ptr<serve::KeyStore> keys, serve::KeyStore::open(config.data_dir, serve::Database::Mode::create));
    TRY_ASSIGN(const std::unique_ptr<serve::Ledger> ledger, serve::Ledger::open(config.data_dir));
    ledger->import_every(config.ledger_import_ms);
    serve::Log log(STDERR_FILENO, config.log_level);
    const auto tell = [&](std::string_view what) { log.write(serve::LogLevel::debug, "opening", serve::JsonObject().text("what", what)); };
    TRY_ASSIGN(std::vector<serve::LaneParts> parts, open_lanes(config, tell));
    serve::Lanes lanes(std::move(parts), service_options(config));
    const Interrupts interrupts;
    serve::ApiServer server(config, lanes, *keys, *ledger, log);
    TRY(server.start());
    if (config.keys_required()) {
        TRY_ASSIGN(const std::vector<serve::ApiKey> known, keys->list());
        if (known.empty())
            log.write(serve::LogLevel::warning, "no_keys", serve::JsonObject().text("message", "every request needs a key and there is none; baleen keys add NAME makes one"));
    }
    print_ready(config, lanes, server.addresses());
    log.write(serve::LogLevel::info, "listening", serve::JsonObject().text("address", server.addresses().front()));
    wait_for_signal(-1);
    const bool all = stop(server, config, log);
    log.write(serve::LogLevel::info, "stopped", serve::JsonObject().raw("all_answered", all ? "true" : "false"));
    return Ok();
}

int run(Options& options) {
    for (const auto& [name, values] : options.given)
        for (const std::string& value : values) options.sources.flags.emplace_back(name, value);
    options.sources.environment = serve::process_environment();
    const auto loaded = serve::load_config(options.sources);
    if (!loaded.ok()) return fail(loaded.error());
    if (options.print_config) {
        fmt::print("{}", serve::print_config(*loaded));
        return 0;
    }
    const Result<void> served = serve_until_stopped(loaded->config);
    return served.ok() ? 0 : fail(served.error());
}

void add_settings(CLI::App& app, Options& options) {
    options.given.reserve(serve::settings().size());  // the flags hold references
    for (const serve::Setting& setting : serve::settings()) {
        options.given.emplace_back(setting.name, std::vector<std::string>());
        const std::size_t dot = setting.name.find('.');
        app.add_option(setting.flag(), options.given.back().second, setting.help)
            ->allow_extra_args(false)
            ->type_name("")
            ->group(dot == std::string::npos ? "Options" : setting.name.substr(0, dot))
            ->multi_option_policy(setting.kind == serve::SettingKind::list ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
    }
}

}  // namespace

Command add_serve(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("serve", "Serve the DeepSeek API: chat, Responses, Messages, FIM");
    app->add_option("--config", options->sources.file, "TOML file of settings (default: BALEEN_CONFIG)");
    app->add_flag("--print-config", options->print_config, "print every setting and where it comes from, and end");
    add_settings(*app, *options);
    app->footer("Every setting can stand in the file, as BALEEN_... in the environment, or as a flag; a later one of these wins.\n"
                "When it is ready, one line of JSON on standard output tells the address. The log goes to standard error.\n"
                "  baleen serve\n"
                "  baleen serve --listen 0.0.0.0:8080 --model /models/DeepSeek-V4-Flash\n"
                "  baleen serve --lane flash=/models/flash --lane pro=/models/pro");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
