// Runs the program as a user would, for tests: its own process, its arguments, standard input from a text, both outputs caught.
// The program lies beside the test program in the build folder.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace baleen::cli {

inline const std::filesystem::path kRoot = BALEEN_SOURCE_DIR;
inline const std::string kTiny = (kRoot / "tests/golden/tiny/checkpoint").string();
inline const std::string kKrill = (kRoot / "models/krill").string();

inline std::filesystem::path program() { return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "baleen"; }

// A folder of its own for a test, removed at the end.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "baleen-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code error;
        std::filesystem::remove_all(path_, error);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }
    std::string write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << text;
        return (path_ / name).string();
    }
    std::string read(const std::string& name) const {
        std::ifstream file(path_ / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

  private:
    std::filesystem::path path_;
};

struct Ran {
    int code = -1;    // exit code; 1000 + signal if one ended it
    std::string out, err;
};

// A program that runs; what it writes goes to files, so that it never waits for a reader.
class Running {
  public:
    explicit Running(const std::vector<std::string>& arguments, const std::string& input = "") {
        folder_.write("in", input);
        folder_.write("out", "");
        folder_.write("err", "");
        process_ = ::fork();
        if (process_ == 0) {
            redirect("in", O_RDONLY, 0);
            redirect("out", O_WRONLY, 1);
            redirect("err", O_WRONLY, 2);
            ::setenv("XDG_STATE_HOME", folder_.path().c_str(), 1);
            std::vector<char*> words = {const_cast<char*>("baleen")};
            for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
            words.push_back(nullptr);
            ::execv(program().c_str(), words.data());
            ::_exit(127);
        }
    }
    ~Running() {
        if (!reaped_) {
            ::kill(process_, SIGKILL);
            ::waitpid(process_, nullptr, 0);
        }
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    void interrupt() const { ::kill(process_, SIGINT); }
    void kill() const { ::kill(process_, SIGKILL); }
    std::string out() const { return folder_.read("out"); }

    Ran wait(int seconds = 120) {
        int status = 0;
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
        while (::waitpid(process_, &status, WNOHANG) == 0) {
            if (std::chrono::steady_clock::now() > end) {
                ADD_FAILURE() << "the program still runs after " << seconds << " s";
                ::kill(process_, SIGKILL);
                ::waitpid(process_, &status, 0);
                break;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        reaped_ = true;
        return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status), folder_.read("out"), folder_.read("err")};
    }

  private:
    void redirect(const char* name, int flags, int to) const {
        const int fd = ::open((folder_.path() / name).c_str(), flags);
        if (fd < 0 || ::dup2(fd, to) < 0) ::_exit(126);
    }
    TemporaryFolder folder_;
    pid_t process_ = -1;
    bool reaped_ = false;
};

inline Ran run(const std::vector<std::string>& arguments, const std::string& input = "") { return Running(arguments, input).wait(); }

// The run failed with `code`, said one line that holds `words`, and wrote nothing else.
inline void expect_error(const Ran& ran, int code, const std::string& words, const std::string& what) {
    EXPECT_EQ(ran.code, code) << what << "\n" << ran.err;
    EXPECT_EQ(ran.out, "") << what;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << what << "\n" << ran.err;
    EXPECT_TRUE(ran.err.starts_with("baleen")) << what << "\n" << ran.err;
    EXPECT_NE(ran.err.find(words), std::string::npos) << what << "\n" << ran.err;
}

}  // namespace baleen::cli
