#include "cli/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace baleen::cli {

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) != 0; }

bool takes_style(std::FILE* stream) {
    if (!is_terminal(stream)) return false;
    if (const char* no = std::getenv("NO_COLOR"); no != nullptr && *no != '\0') return false;
    const char* term = std::getenv("TERM");
    return term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

std::string terminal_safe(std::string_view text) {
    constexpr std::string_view kReplacement = "\xef\xbf\xbd";
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool c0 = byte < 0x20 && byte != '\n' && byte != '\t';
        const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;  // U+0080 to U+009F
        if (c0 || byte == 0x7f) {
            out += kReplacement;
        } else if (c1) {
            out += kReplacement;
            ++i;
        } else {
            out += text[i];
        }
    }
    return out;
}

// ---- ctrl-C

namespace {

std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free);
int wake[2] = {-1, -1};  // a pipe: the handler writes, who waits polls
constexpr int kPatience = 3;

void on_signal(int) {
    const int error = errno;
    if (interrupts.fetch_add(1) >= kPatience) ::_exit(130);
    [[maybe_unused]] const ssize_t written = ::write(wake[1], "!", 1);  // a full pipe is readable as well
    errno = error;
}

}  // namespace

Interrupts::Interrupts() {
    CHECK(wake[0] < 0, "two at a time");
    CHECK(::pipe2(wake, O_CLOEXEC | O_NONBLOCK) == 0, "pipe: {}", std::strerror(errno));
    reset();
    struct sigaction action {};
    action.sa_handler = on_signal;  // without SA_RESTART
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, &old_interrupt_);
    ::sigaction(SIGTERM, &action, &old_terminate_);
}

Interrupts::~Interrupts() {
    ::sigaction(SIGINT, &old_interrupt_, nullptr);
    ::sigaction(SIGTERM, &old_terminate_, nullptr);
    for (int& end : wake) ::close(std::exchange(end, -1));
}

bool Interrupts::raised() { return interrupts.load(std::memory_order_relaxed) > 0; }
void Interrupts::reset() {
    char bytes[64];
    while (::read(wake[0], bytes, sizeof bytes) > 0) {
    }
    interrupts.store(0);
}
int Interrupts::readable() { return wake[0]; }

// ---- progress

void PromptProgress::show(std::int64_t done, std::int64_t total) {
    if (quiet_) return;
    const auto now = Clock::now();
    if (first_done_ < 0) first_done_ = done;
    const bool terminal = is_terminal(stderr);
    const double since_start = std::chrono::duration<double>(now - start_).count();
    const double since_last = std::chrono::duration<double>(now - last_).count();
    if (done >= total) return end();
    if (terminal ? since_last < 0.2 : (since_start < 1 || (shown_ && since_last < 10))) return;
    last_ = now;
    shown_ = true;
    const double rate = since_start > 0 ? static_cast<double>(done - first_done_) / since_start : 0;
    std::string text = fmt::format("reading the prompt: {} of {} tokens", human_count(done), human_count(total));
    if (rate > 0) text += fmt::format(", {:.0f} tokens/s", rate);
    if (terminal) fmt::print(stderr, "\r\x1b[K{}", text);
    else fmt::print(stderr, "{}\n", text);
    std::fflush(stderr);
}

void PromptProgress::end() {
    if (shown_ && is_terminal(stderr)) fmt::print(stderr, "\r\x1b[K");
    shown_ = false;
    quiet_ = true;
}

// ---- figures

std::string human_bytes(std::int64_t bytes) {
    const auto value = static_cast<double>(bytes);
    if (bytes >= std::int64_t{1} << 30) return fmt::format("{:.2f} GiB", value / (1 << 30));
    if (bytes >= 1 << 20) return fmt::format("{:.1f} MiB", value / (1 << 20));
    return fmt::format("{:.1f} KiB", value / 1024);
}

std::string human_count(std::int64_t count) {
    std::string digits = fmt::format("{}", count);
    const std::size_t first = digits[0] == '-' ? 1 : 0;
    for (std::size_t i = digits.size(); i > first + 3;) digits.insert(i -= 3, ",");
    return digits;
}

std::int64_t peak_memory_bytes() {
    struct rusage usage {};
    if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
    return std::int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace baleen::cli
