#include "serve/api/schema_pattern.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/json.h"

namespace baleen::serve {

namespace {

constexpr std::size_t kPatternBytesMax = 4096;
constexpr std::uint32_t kMatchStepsMax = 200'000;  // about 2 ms
constexpr std::uint32_t kDepthMax = 20'000;
constexpr std::uint32_t kHeapKibMax = 4096;

struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct SchemaPattern::State {
    std::unique_ptr<pcre2_code, Free> code;
    std::unique_ptr<pcre2_match_context, Free> limits;
};

SchemaPattern::SchemaPattern(std::unique_ptr<const State> state) : state_(std::move(state)) {}
SchemaPattern::SchemaPattern(SchemaPattern&&) noexcept = default;
SchemaPattern& SchemaPattern::operator=(SchemaPattern&&) noexcept = default;
SchemaPattern::~SchemaPattern() = default;

Result<SchemaPattern> SchemaPattern::compile(std::string_view pattern) {
    if (pattern.size() > kPatternBytesMax)
        return invalid_argument(fmt::format("a pattern of more than {} bytes", kPatternBytesMax));
    const std::unique_ptr<pcre2_compile_context, Free> context(pcre2_compile_context_create(nullptr));
    pcre2_set_compile_extra_options(context.get(), PCRE2_EXTRA_ALT_BSUX);  // \uHHHH and \u{H..}
    constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_DOLLAR_ENDONLY |
                                       PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    int code = 0;
    PCRE2_SIZE offset = 0;
    auto state = std::make_unique<State>();
    state->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), kOptions, &code,
                                    &offset, context.get()));
    if (state->code == nullptr) {
        PCRE2_UCHAR text[160] = {};
        pcre2_get_error_message(code, text, sizeof text);
        return invalid_argument(fmt::format("the pattern \"{}\" cannot be read at byte {}: {}", printable(pattern, 60),
                                            offset, reinterpret_cast<const char*>(text)));
    }
    state->limits.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(state->limits.get(), kMatchStepsMax);
    pcre2_set_depth_limit(state->limits.get(), kDepthMax);
    pcre2_set_heap_limit(state->limits.get(), kHeapKibMax);
    return SchemaPattern(std::move(state));
}

Result<bool> SchemaPattern::found_in(std::string_view text) const {
    const std::unique_ptr<pcre2_match_data, Free> data(pcre2_match_data_create(1, nullptr));
    const int found = pcre2_match(state_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0,
                                  data.get(), state_->limits.get());
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found >= 0) return true;
    return resource_exhausted(fmt::format("the pattern takes too long to match (PCRE2 {})", found));
}

}  // namespace baleen::serve
