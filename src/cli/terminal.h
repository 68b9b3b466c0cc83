// What commands need when people watch: whether a stream is a terminal, ctrl-C as a flag, a progress line, memory in figures.
// Main thread only.
#pragma once

#include <csignal>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace baleen::cli {

bool is_terminal(std::FILE* stream);
// A terminal that takes colours: NO_COLOR unset and TERM not "dumb".
bool takes_style(std::FILE* stream);

constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

// Text of unknown origin as a terminal may show it: control characters other than line feed and tab become U+FFFD, so that no
// answer can move the cursor or change the window's title. Works on pieces of a text as long as they are whole characters.
std::string terminal_safe(std::string_view text);

// While one lives, SIGINT and SIGTERM set a flag instead of ending the program; the fourth in a row ends it after all. Whoever
// waits for something else waits for readable() too: the signal may come just before the wait, or on another thread, and then
// no system call returns EINTR. One at a time.
class Interrupts {
  public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    static bool raised();
    static void reset();
    static int readable();  // a descriptor that can be read from while the flag is set

  private:
    struct sigaction old_interrupt_ {};
    struct sigaction old_terminate_ {};
};

// "reading the prompt: 1,024 of 4,096 tokens, 812 tokens/s" on stderr. On a terminal one line that is written over and removed
// at the end; elsewhere a line after the first second and then every ten.
class PromptProgress {
  public:
    explicit PromptProgress(bool quiet = false) : quiet_(quiet) {}
    ~PromptProgress() { end(); }
    PromptProgress(const PromptProgress&) = delete;
    PromptProgress& operator=(const PromptProgress&) = delete;

    void show(std::int64_t done, std::int64_t total);
    void end();

  private:
    using Clock = std::chrono::steady_clock;
    bool quiet_;
    bool shown_ = false;
    std::int64_t first_done_ = -1;  // tokens that were there when the reading began
    Clock::time_point start_ = Clock::now();
    Clock::time_point last_ = start_;
};

std::string human_bytes(std::int64_t bytes);  // 3.4 MiB
std::string human_count(std::int64_t count);  // 131,072
std::int64_t peak_memory_bytes();             // of this process, mapped weights in use included

}  // namespace baleen::cli
