// Regular expressions of JSON Schemas: ECMAScript's syntax as far as PCRE2 has it (\uHHHH, [^], \d and \w of ASCII
// only), found anywhere in the text, over whole characters. Bounded: a pattern that backtracks for ever is an error,
// not a hang. Any thread.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"

namespace baleen::serve {

class SchemaPattern {
  public:
    static Result<SchemaPattern> compile(std::string_view pattern);

    SchemaPattern(SchemaPattern&&) noexcept;
    SchemaPattern& operator=(SchemaPattern&&) noexcept;
    ~SchemaPattern();

    // Whether the pattern matches somewhere in `text`, which is UTF-8. resource_exhausted if that takes too long.
    Result<bool> found_in(std::string_view text) const;

  private:
    struct State;
    explicit SchemaPattern(std::unique_ptr<const State> state);
    std::unique_ptr<const State> state_;
};

}  // namespace baleen::serve
