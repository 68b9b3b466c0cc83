// How a command joins the program: add_<name>(root) registers its options on a CLI11 subcommand and returns what runs when
// the user picks it. Errors go to stderr as one line, results to stdout; the exit code is 0 only on success, 2 for wrong
// usage, 1 for everything else. main.cc lists the commands.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace baleen::cli {

struct Command {
    CLI::App* app = nullptr;
    std::function<int()> run;  // exit code
};

}  // namespace baleen::cli
