// The text of a custom tool out of the JSON arguments {"input": TEXT} that the model writes for its stand-in, while
// they arrive. Arguments of another shape come out as they are. One owner, one thread; holds at most the opening.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace baleen::serve {

class CustomToolInput {
  public:
    // Appends the text that is certain. Pieces may end anywhere.
    void push(std::string_view arguments, std::string& out);
    // The arguments have ended; releases what was held back. The object may be used for the next call then.
    void finish(std::string& out);

  private:
    enum class State { opening, text, escape, hex, done, other };
    void put(char c, std::string& out);
    void put_code(std::string& out);

    State state_ = State::opening;
    std::string held_;         // of the opening
    std::uint32_t code_ = 0;   // of a \u escape
    int digits_ = 0;           // of it
    std::uint32_t first_ = 0;  // half of a surrogate pair
};

}  // namespace baleen::serve
