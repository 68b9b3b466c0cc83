// Cuts text into the pieces BPE may not merge across, as a tokenizer.json's pre_tokenizer says: regular expressions in
// order, each applied to every piece of the one before by itself (so that look-around ends at the piece), matches and the
// gaps between them both kept. PCRE2 with its JIT compiler. Immutable after make; split may run in any number of threads,
// each with its own Scratch. Costs about 50 ns a piece and step.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace baleen::text {

class PreTokenizer {
  public:
    static constexpr std::size_t kStepsMax = 16;

    // What one thread needs while it splits; made once and used again.
    class Scratch {
      public:
        explicit Scratch(const PreTokenizer& owner);
        ~Scratch();
        Scratch(const Scratch&) = delete;
        Scratch& operator=(const Scratch&) = delete;

      private:
        friend class PreTokenizer;
        struct State;
        std::unique_ptr<State> state_;
    };

    // `patterns` in the syntax of tokenizer.json (pre_tokenizer_regex.h says what is built).
    static Result<PreTokenizer> make(const std::vector<std::string>& patterns);
    PreTokenizer(PreTokenizer&&) noexcept;
    PreTokenizer& operator=(PreTokenizer&&) noexcept;
    ~PreTokenizer();

    // Calls `piece` for each piece of `text`, which must be UTF-8, from left to right; together they are the text, none is
    // empty. Returns false if a pattern ran into its match limit: the rest of what it was splitting is then left whole.
    // That takes a pattern which backtracks without end, which V4's do not.
    bool split(std::string_view text, Scratch& scratch, const std::function<void(std::string_view)>& piece) const;

  private:
    struct Step;
    PreTokenizer();
    bool split_from(std::size_t step, std::string_view text, Scratch& scratch, const std::function<void(std::string_view)>& piece) const;
    std::vector<Step> steps_;
};

}  // namespace baleen::text
