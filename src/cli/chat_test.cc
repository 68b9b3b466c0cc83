// baleen chat: lines in, answers out, commands and files as told, state reused between turns; and at a terminal, which the test
// plays itself: editing, dim thinking, ctrl-C stopping the answer and not the program.
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>

#include "cli/chat_files.h"
#include "cli/cli_test_support.h"

namespace baleen::cli {
namespace {

const std::string kSelf = "I am krill, a very small language model with the DeepSeek-V4 architecture.\n";

Ran chat(const std::string& lines, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"chat", "--temperature", "0"});
    return run(more, lines);
}

// ---- lines

TEST(Chat, AnswersEachLine) {
    const Ran ran = chat("Who are you?\n\n  \nHello\n");
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.out, kSelf + "Hello! How can I help?\n");
    EXPECT_EQ(ran.err, "thinking: The user asks who I am.\nthinking: The user greets me.\n");
}

TEST(Chat, CommandsDoWhatTheySay) {
    const Ran ran = chat("/thinking off\nWho are you?\n/new\n/effort low\n/help\n/quit\nHello\n");
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_TRUE(ran.out.starts_with(kSelf + "/file PATH")) << ran.out;
    EXPECT_EQ(ran.out.find("Hello!"), std::string::npos) << "went on after /quit";
    EXPECT_EQ(ran.err.find("thinking: "), std::string::npos) << ran.err;
}

TEST(Chat, UnknownCommandsAreToldAndFail) {
    const Ran ran = chat("/frobnicate\n/thinking maybe\n/file\nHello\n", {"--thinking", "off"});
    EXPECT_EQ(ran.code, 1);
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 3) << ran.err;
    EXPECT_EQ(ran.out, "Hello! How can I help?\n");
}

TEST(Chat, LinesGoOnAfterABackslash) {
    const Ran ran = chat("The badge of Torin is 48213.\\\n\\\nWhat is the badge of Torin?\n", {"--thinking", "off"});
    EXPECT_EQ(ran.out, "48213\n") << ran.err;
}

// What the numbers of /stats say after the last turn: "prompt N tokens: R reused".
std::pair<int, int> prompt_and_reused(const Ran& ran) {
    const std::size_t at = ran.out.rfind("last turn   prompt ");
    if (at == std::string::npos) return {-1, -1};
    int prompt = -1, reused = -1;
    std::sscanf(ran.out.c_str() + at, "last turn   prompt %d tokens: %d reused", &prompt, &reused);
    return {prompt, reused};
}

TEST(Chat, ReusesTheTurnsBefore) {
    // Without thinking everything said so far is kept but the last drawn token, whose state nobody needed yet.
    const auto [prompt, reused] = prompt_and_reused(chat("Who are you?\nHello\n/stats\n", {"--thinking", "off"}));
    const auto [first, none] = prompt_and_reused(chat("Who are you?\n/stats\n", {"--thinking", "off"}));
    EXPECT_EQ(none, 0);
    EXPECT_GE(reused, first + 10);  // the answer
    EXPECT_LT(reused, prompt);
    // With thinking the earlier reasoning is dropped, so the prompt before <think> is what is kept.
    const auto [thought, kept] = prompt_and_reused(chat("Who are you?\nHello\n/stats\n"));
    const auto [start, nothing] = prompt_and_reused(chat("Who are you?\n/stats\n"));
    EXPECT_EQ(nothing, 0);
    EXPECT_EQ(kept, start - 1);
    EXPECT_LT(kept, thought);
}

// ---- files

TEST(Chat, FilesAreContext) {
    TemporaryFolder folder;
    const std::string file = folder.write("notes.txt", "The badge of Torin is 48213.\nThe river crosses the old bridge.\n");
    EXPECT_EQ(chat("What is the badge of Torin?\n", {"--file", file, "--thinking", "off"}).out, "48213\n");
    const Ran command = chat("/file " + file + "\nWhat is the badge of Torin?\n", {"--thinking", "off", "--verbose"});
    EXPECT_EQ(command.out, "48213\n");
    EXPECT_NE(command.err.find("tokens of the context are in use with it"), std::string::npos) << command.err;
}

TEST(Chat, FilesThatDoNotFitOrAreNotThere) {
    TemporaryFolder folder;
    std::string much;
    for (int i = 0; i < 400; ++i) much += "The river crosses the old bridge.\n";
    const std::string file = folder.write("much.txt", much);
    const Ran too_long = chat("", {"--file", file, "--context", "1000"});
    EXPECT_EQ(too_long.code, 1);
    EXPECT_EQ(too_long.out, "");
    EXPECT_NE(too_long.err.find("baleen chat: " + file + ": "), std::string::npos) << too_long.err;
    EXPECT_NE(too_long.err.find(" tokens do not fit"), std::string::npos) << too_long.err;
    expect_error(chat("", {"--file", (folder.path() / "none").string()}), 1, "no such file", "missing");
    expect_error(chat("", {"--file", folder.write("zero.bin", std::string("a\0b", 3))}), 1, "binary", "binary");
    // Inside the chat the conversation goes on without it.
    const Ran ran = chat("/file " + file + "\nHello\n", {"--context", "1000", "--thinking", "off"});
    EXPECT_EQ(ran.out, "Hello! How can I help?\n");
    EXPECT_NE(ran.err.find("do not fit"), std::string::npos) << ran.err;
    EXPECT_EQ(ran.code, 1);
}

TEST(Chat, FullContextIsAnErrorOfOneTurn) {
    std::string long_line;
    for (int i = 0; i < 60; ++i) long_line += "The river crosses the old bridge. ";
    const Ran ran = chat(long_line + "\nHello\n", {"--context", "300", "--thinking", "off"});
    EXPECT_EQ(ran.out, "Hello! How can I help?\n");
    EXPECT_NE(ran.err.find("maximum context length is 300 tokens"), std::string::npos) << ran.err;
}

TEST(ChatFiles, FoldersAreWalkedInOrderWithinBounds) {
    TemporaryFolder folder;
    folder.write("b.txt", "bee\n");
    folder.write("a/z.txt", "zed\n");
    folder.write("a/y.md", "why\n");
    folder.write(".hidden/x.txt", "x\n");
    folder.write("a/.secret", "s\n");
    folder.write("c.bin", std::string("\0\1", 2));
    folder.write("d.txt", "\xff\xfe");
    folder.write("empty.txt", "");
    std::filesystem::create_directory_symlink(folder.path(), folder.path() / "loop");
    const auto read = read_chat_files(folder.path());
    ASSERT_TRUE(read.ok()) << read.error().message;
    std::vector<std::string> names;
    for (const ChatFile& file : read->files) names.push_back(std::filesystem::relative(file.name, folder.path()).string());
    EXPECT_EQ(names, (std::vector<std::string>{"a/y.md", "a/z.txt", "b.txt"}));
    ASSERT_EQ(read->notes.size(), 3u);
    EXPECT_NE(read->notes[0].find("c.bin: binary"), std::string::npos);
    EXPECT_NE(read->notes[1].find("d.txt: not UTF-8"), std::string::npos);
    EXPECT_NE(read->notes[2].find("empty.txt: empty"), std::string::npos);
    const std::string joined = join_chat_files(read->files);
    EXPECT_NE(joined.find("a/y.md:\n\nwhy\n\nFile "), std::string::npos) << joined;
    EXPECT_EQ(join_chat_files({{"one", "text\n\n"}}), "text");
}

TEST(ChatFiles, EnoughIsEnough) {
    TemporaryFolder folder;
    for (std::size_t i = 0; i <= kChatFilesMax; ++i) folder.write(std::to_string(i) + ".txt", "x");
    const auto read = read_chat_files(folder.path());
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->files.size(), kChatFilesMax);
    EXPECT_EQ(read->notes.size(), 1u);
}

// ---- a terminal

class Terminal {
  public:
    explicit Terminal(std::vector<std::string> arguments) {
        process_ = ::forkpty(&fd_, nullptr, nullptr, nullptr);
        if (process_ == 0) {
            ::setenv("TERM", "xterm", 1);
            ::setenv("XDG_STATE_HOME", state_.path().c_str(), 1);
            ::unsetenv("NO_COLOR");
            for (const char* name : {"LANG", "LC_ALL", "LC_CTYPE"}) ::unsetenv(name);  // as in a bare container
            std::vector<char*> words = {const_cast<char*>("baleen")};
            for (std::string& argument : arguments) words.push_back(argument.data());
            words.push_back(nullptr);
            ::execv(program().c_str(), words.data());
            ::_exit(127);
        }
    }
    ~Terminal() {
        if (process_ > 0) {
            ::kill(process_, SIGKILL);
            ::waitpid(process_, nullptr, 0);
        }
        ::close(fd_);
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    void type(const std::string& keys) const { ASSERT_EQ(::write(fd_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size())); }
    // What appears up to `words`; what comes after them is kept for the next call. Fails after half a minute.
    std::string until(const std::string& words) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        std::size_t at = 0;
        while ((at = unread_.find(words)) == std::string::npos && more()) {
            if (std::chrono::steady_clock::now() < end) continue;
            ADD_FAILURE() << "\"" << words << "\" did not come; there was: " << unread_;
            return {};
        }
        if (at == std::string::npos) {
            ADD_FAILURE() << "it ended before \"" << words << "\"; there was: " << unread_;
            return {};
        }
        std::string seen = unread_.substr(0, at + words.size());
        unread_.erase(0, seen.size());
        return seen;
    }
    // A prompt on a line of its own; while a line is edited it is drawn again without the line feed.
    void prompt() { until("\n> "); }
    int wait() {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        int status = 0;
        while (::waitpid(process_, &status, WNOHANG) == 0) {
            if (std::chrono::steady_clock::now() > end) {
                ADD_FAILURE() << "it did not end; there was: " << unread_;
                return -1;
            }
            more();
        }
        process_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }
    const TemporaryFolder& state() const { return state_; }

  private:
    // Reads what is there, waiting a tenth of a second for it; false once nobody can write any more.
    bool more() {
        struct pollfd ready {fd_, POLLIN, 0};
        if (::poll(&ready, 1, 100) <= 0) return true;
        char buffer[4096];
        const ssize_t got = ::read(fd_, buffer, sizeof buffer);
        if (got > 0) unread_.append(buffer, static_cast<std::size_t>(got));
        return got > 0;
    }
    TemporaryFolder state_;
    std::string unread_;
    int fd_ = -1;
    pid_t process_ = -1;
};

TEST(ChatTerminal, DimThinkingEditingAndHistory) {
    Terminal terminal({"chat", "--temperature", "0"});
    terminal.prompt();
    terminal.type("Who are tou\x7f\x7f\x7fyou?\r");  // corrected with backspace
    const std::string answer = terminal.until("architecture.");
    EXPECT_NE(answer.find("\x1b[2mThe user asks who I am.\x1b[0m"), std::string::npos) << answer;
    terminal.prompt();
    terminal.type("Grün 🙂\r");
    terminal.prompt();
    terminal.type("\x1b[A\x1b[A\r");  // two lines up
    terminal.until("Who are you?");
    terminal.prompt();
    terminal.type("\x04");
    EXPECT_EQ(terminal.wait(), 0);
    const std::string history = terminal.state().read("baleen/chat_history");
    EXPECT_NE(history.find("you?"), std::string::npos) << history;
}

TEST(ChatTerminal, CtrlCStopsTheAnswerThenLeaves) {
    TemporaryFolder folder;
    std::string much;
    for (int i = 0; i < 20000; ++i) much += "The river crosses the old bridge.\n";  // minutes of reading
    Terminal terminal({"chat", "--temperature", "0", "--thinking", "off", "--context", "600000", "--file", folder.write("much.txt", much)});
    terminal.prompt();
    terminal.type("Hello\r");
    terminal.until("reading the prompt: ");
    terminal.type("\x03");
    terminal.until("(stopped)");
    terminal.prompt();
    terminal.type("/new\r");
    terminal.until("new conversation");
    terminal.prompt();
    terminal.type("Hello\r");
    terminal.until("How can I help?");  // it goes on as before
    terminal.prompt();
    terminal.type("\x03");
    terminal.until("ctrl-C again");
    terminal.prompt();
    terminal.type("\x03");
    EXPECT_EQ(terminal.wait(), 0);
}

}  // namespace
}  // namespace baleen::cli
