// Lines from the user. On a terminal with editing and a history that is kept between sessions (libedit); elsewhere as they come
// from standard input. Ctrl-C arrives as `interrupted`, by way of the Interrupts of terminal.h. Main thread; one at a time.
#pragma once

#include <memory>
#include <string>

namespace baleen::cli {

struct InputLine {
    enum class Kind { text, interrupted, end };
    Kind kind = Kind::end;
    std::string text;  // without the line feed
};

class LineReader {
  public:
    static constexpr std::size_t kLineBytesMax = std::size_t{8} << 20;

    LineReader();
    ~LineReader();
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    bool interactive() const;
    // A line that ends in a backslash goes on in the next one.
    InputLine read(const std::string& prompt);

  private:
    struct Editor;
    InputLine read_one(const std::string& prompt);
    InputLine read_plain();
    std::unique_ptr<Editor> editor_;  // on a terminal
};

}  // namespace baleen::cli
