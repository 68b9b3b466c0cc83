// What a request makes the server promise about its answer, and whether the answer keeps it: JSON output (spec
// api 8.2), with a schema if one was given, and the arguments of strict tools (8.1). Fences and text around the JSON
// are stripped as the answer streams (text/output_filter.h); this looks at what is left, once, at the end. Decoding is
// not constrained yet, so a promise can break: the client is then told so, never handed the text as if it were fine. An
// answer cut by max_tokens or by the client's own stop sequence says so itself in finish_reason and is not checked.
//
// Immutable once made; any thread. A check costs about 50 ns a byte, and at most some 0.1 s (json_schema.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/api/errors.h"
#include "serve/api/json_schema.h"
#include "serve/api/request.h"

namespace baleen::serve {

class OutputCheck {
  public:
    OutputCheck() = default;  // promises nothing
    // invalid_argument if a schema is none; readers of requests have refused such a request already.
    static Result<OutputCheck> of(const Request& request);

    // Whether content() looks at its text; otherwise it need not be kept.
    bool wants_content() const { return json_; }
    bool wants_arguments() const { return !tools_.empty(); }

    // All content of a finished answer. Begins with the text of a prefix message, which the answer went on from.
    Result<void> content(std::string_view text) const;
    Result<void> arguments(std::string_view tool, std::string_view text) const;

  private:
    bool json_ = false;
    std::optional<JsonSchema> schema_;
    std::string prefix_;
    std::map<std::string, JsonSchema, std::less<>> tools_;
};

// A broken promise as the client sees it: 500, which official clients ask again for, and a code of its own.
ApiError broken_promise(const Error& error);

// Whether the schema of response_format can be checked; the error names the place in it.
Result<void> check_response_schema(const text::PythonJson& schema);
// Whether tools that ask for `strict` may: all of them or none, and schemas that keep to the list of 8.1.
Result<void> check_strict_tools(const std::vector<text::Tool>& tools);

}  // namespace baleen::serve
