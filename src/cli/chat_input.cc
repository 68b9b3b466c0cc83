#include "cli/chat_input.h"

#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <filesystem>
#include <system_error>

#include "cli/terminal.h"

namespace baleen::cli {

namespace {

constexpr int kHistoryLines = 1000;

// $XDG_STATE_HOME/baleen/chat_history, or under ~/.local/state; empty if there is no home.
std::filesystem::path history_file() {
    std::filesystem::path folder;
    if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') folder = state;
    else if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') folder = std::filesystem::path(home) / ".local" / "state";
    else return {};
    folder /= "baleen";
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return {};
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);  // what one says to a model is private
    return folder / "chat_history";
}

// The editor works on characters, so the locale must know UTF-8; a bare container has none set.
void use_utf8() {
    std::setlocale(LC_CTYPE, "");
    if (std::strcmp(::nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

// Waits until standard input has something to read; false on ctrl-C.
bool wait_for_input() {
    for (;;) {
        struct pollfd ready[] = {{STDIN_FILENO, POLLIN, 0}, {Interrupts::readable(), POLLIN, 0}};
        const int count = ::poll(ready, 2, -1);
        if (Interrupts::raised()) return false;
        if (count > 0 && ready[0].revents != 0) return true;
        if (count < 0 && errno != EINTR) return true;  // read() will tell
    }
}

// One character from the terminal; -1 on ctrl-C, so that the line is given up.
int get_character(EditLine*, wchar_t* out) {
    std::mbstate_t state{};
    for (;;) {
        if (!wait_for_input()) return -1;
        char byte = 0;
        const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
        if (got == 0) return 0;
        if (got < 0) {
            if (errno != EINTR) return -1;
            continue;
        }
        const std::size_t used = std::mbrtowc(out, &byte, 1, &state);
        if (used == static_cast<std::size_t>(-2)) continue;  // inside a character
        if (used == static_cast<std::size_t>(-1)) {          // no character: left out
            state = std::mbstate_t{};
            continue;
        }
        return 1;
    }
}

}  // namespace

struct LineReader::Editor {
    EditLine* line = nullptr;
    History* history = nullptr;
    std::filesystem::path file;
    std::string prompt;

    Editor() {
        use_utf8();
        line = ::el_init("baleen", stdin, stdout, stderr);
        history = ::history_init();
        HistEvent event;
        ::history(history, &event, H_SETSIZE, kHistoryLines);
        ::history(history, &event, H_SETUNIQUE, 1);
        file = history_file();
        if (!file.empty()) ::history(history, &event, H_LOAD, file.c_str());
        ::el_set(line, EL_CLIENTDATA, this);
        ::el_set(line, EL_EDITOR, "emacs");
        ::el_set(line, EL_PROMPT, static_cast<char* (*)(EditLine*)>([](EditLine* el) {
                     void* self = nullptr;
                     ::el_get(el, EL_CLIENTDATA, &self);
                     return static_cast<Editor*>(self)->prompt.data();
                 }));
        ::el_set(line, EL_HIST, ::history, history);
        ::el_set(line, EL_GETCFN, get_character);
        ::el_set(line, EL_BIND, "^R", "em-inc-search-prev", nullptr);
        ::el_source(line, nullptr);  // ~/.editrc
    }
    ~Editor() {
        ::el_end(line);
        ::history_end(history);
    }
    void remember(const std::string& text) {
        HistEvent event;
        ::history(history, &event, H_ENTER, text.c_str());
        if (file.empty()) return;
        ::history(history, &event, H_SAVE, file.c_str());
        std::error_code error;
        std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, error);
    }
};

LineReader::LineReader() {
    if (is_terminal(stdin) && is_terminal(stdout)) editor_ = std::make_unique<Editor>();
}
LineReader::~LineReader() = default;

bool LineReader::interactive() const { return editor_ != nullptr; }

InputLine LineReader::read(const std::string& prompt) {
    InputLine whole = read_one(prompt);
    while (whole.kind == InputLine::Kind::text && whole.text.ends_with('\\') && whole.text.size() < kLineBytesMax) {
        whole.text.back() = '\n';
        InputLine next = read_one("… ");
        if (next.kind == InputLine::Kind::interrupted) return next;
        if (next.kind == InputLine::Kind::end) break;
        whole.text += next.text;
    }
    return whole;
}

InputLine LineReader::read_one(const std::string& prompt) {
    if (!editor_) return read_plain();
    editor_->prompt = prompt;
    int count = 0;
    // el_gets shows the prompt first and takes the terminal over after it: keys in between would be the terminal's.
    ::el_set(editor_->line, EL_PREP_TERM, 1);
    const char* text = ::el_gets(editor_->line, &count);
    if (Interrupts::raised()) {
        Interrupts::reset();
        ::el_reset(editor_->line);
        std::fputs("\n", stdout);
        return {InputLine::Kind::interrupted, {}};
    }
    if (text == nullptr || count <= 0) return {InputLine::Kind::end, {}};
    InputLine line{InputLine::Kind::text, text};
    while (line.text.ends_with('\n') || line.text.ends_with('\r')) line.text.pop_back();
    if (!line.text.empty()) editor_->remember(line.text);
    return line;
}

InputLine LineReader::read_plain() {
    InputLine line{InputLine::Kind::text, {}};
    for (;;) {
        const int c = std::getc(stdin);
        if (c == EOF) {
            if (Interrupts::raised()) return {InputLine::Kind::interrupted, {}};  // EINTR
            if (line.text.empty()) line.kind = InputLine::Kind::end;
            return line;
        }
        if (c == '\n') {
            if (line.text.ends_with('\r')) line.text.pop_back();
            return line;
        }
        line.text += static_cast<char>(c);
        if (line.text.size() >= kLineBytesMax) return line;
    }
}

}  // namespace baleen::cli
