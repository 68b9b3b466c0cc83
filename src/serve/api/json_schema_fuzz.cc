// Any JSON as a schema and any JSON as a value, one after the other with a line feed between: compiling and checking
// end, errors have words, and a schema accepts what it lists as the only allowed value.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "serve/api/json_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = text.find('\n');
    if (cut == std::string_view::npos) return 0;
    const auto schema = text::parse_python_json(text.substr(0, cut));
    const auto value = text::parse_python_json(text.substr(cut + 1));
    if (!schema.ok() || !value.ok()) return 0;
    const Result<void> strict = serve::check_strict_parameters(*schema);
    if (!strict.ok() && strict.error().message.empty()) std::abort();
    for (const bool closed : {false, true}) {
        const auto compiled = serve::JsonSchema::compile(*schema, {.closed_objects = closed});
        if (!compiled.ok()) {
            if (compiled.error().message.empty()) std::abort();
            continue;
        }
        const Result<void> result = compiled->check(*value);
        if (!result.ok() && result.error().message.empty()) std::abort();
    }
    text::PythonJson only = text::PythonJson::make_object();
    only.add("const", *value);
    if (!serve::JsonSchema::compile(only)->check(*value).ok()) std::abort();
    return 0;
}
