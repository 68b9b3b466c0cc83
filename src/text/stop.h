// Stop sequences (spec encoding 7.3): passes answer text on until one of them is complete, and holds back what could
// still become one. Owned by one generation, one thread. Cost: each byte steps one automaton per sequence, amortised
// constant.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace baleen::text {

class StopFilter {
  public:
    explicit StopFilter(std::vector<std::string> sequences = {});  // empty ones are ignored

    // Appends the text that is certain. True once a sequence was complete: the text before it is out, the rest is
    // dropped.
    bool push(std::string_view text, std::string& out);
    // No text follows, or what follows is none: releases what was held back.
    void flush(std::string& out);

    bool stopped() const { return matched_ >= 0; }
    // The sequence that matched; the longest of those that ended at the same byte.
    const std::string& matched() const { return patterns_[static_cast<std::size_t>(matched_)].text; }

  private:
    struct Pattern {
        std::string text;
        std::vector<std::size_t> fallback;  // [size]: longest border of text[0..i]
        std::size_t state = 0;              // bytes matched at the end of the text so far
    };
    std::vector<Pattern> patterns_;
    std::string held_;
    int matched_ = -1;
};

}  // namespace baleen::text
