// The program: registers every command and runs the one the user picked.
#include <fmt/format.h>

#include <cstdio>
#include <system_error>
#include <vector>

#include "cli/batch.h"
#include "cli/bench.h"
#include "cli/chat.h"
#include "cli/command.h"
#include "cli/encode.h"
#include "cli/demo.h"
#include "cli/generate.h"
#include "cli/inspect.h"
#include "cli/keys.h"
#include "cli/serve.h"
#include "cli/synth.h"
#include "cli/tokenize.h"
#include "cli/usage.h"
#include "cli/verify.h"

namespace {

constexpr const char* kVersion = "0.1.0";

// What was wrong with the command line, on one line, and where to read more.
int usage_error(const CLI::App& root, const CLI::ParseError& error) {
    std::string where = "baleen";
    for (const CLI::App* app : root.get_subcommands()) where += " " + app->get_name();
    std::string what = error.what();
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {  // CLI11 lists all of them, last first
        const std::vector<std::string> extras = root.remaining(true);
        if (!extras.empty()) what = (root.get_subcommands().empty() ? "there is no command " : "unexpected argument ") + extras.front();
    }
    for (char& c : what)
        if (c == '\n') c = ' ';
    fmt::print(stderr, "{}: {} (see {} --help)\n", where, what, where);
    return 2;
}

// What is still in stdout's buffer counts as well: a full disk is found out here at the latest.
int flushed(int exit_code) {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
    std::fprintf(stderr, "baleen: cannot write to standard output\n");
    return exit_code == 0 ? 1 : exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("baleen runs DeepSeek V4 models on CPUs.", "baleen");
    app.set_version_flag("--version", std::string("baleen ") + kVersion);
    app.require_subcommand(0, 1);
    app.footer("baleen COMMAND --help tells more, with examples.");

    using namespace baleen::cli;
    const std::vector<Command> commands = {
        add_demo(app),
        add_chat(app),
        add_generate(app),
        add_batch(app),
        add_serve(app),
        add_inspect(app),
        add_synth(app),
        add_tokenize(app),
        add_encode(app),
        add_bench(app),
        add_verify(app),
        add_keys(app),
        add_usage(app),
    };

    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return app.exit(success);  // --help, --version
    } catch (const CLI::ParseError& error) {
        return usage_error(app, error);
    }
    try {
        for (const Command& command : commands)
            if (command.app->parsed()) return flushed(command.run());
    } catch (const std::system_error& error) {  // fmt::print, when stdout cannot be written
        std::fprintf(stderr, "baleen: %s\n", error.what());
        return 1;
    }
    fmt::print(stderr, "{}", app.help());
    return 2;
}
