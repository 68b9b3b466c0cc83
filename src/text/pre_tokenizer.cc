#include "text/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include "base/check.h"
#include "base/json.h"
#include "text/pre_tokenizer_regex.h"
#include "text/tokenizer_utf8.h"

namespace baleen::text {

namespace {

// Limits of one match: backtracking steps, and stack of the compiled code. The published patterns never come near them.
constexpr std::uint32_t kMatchLimit = 10'000'000;
constexpr std::size_t kJitStackStart = 32 << 10;
constexpr std::size_t kJitStackMax = 16 << 20;

struct FreeCode {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeData {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeContext {
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeStack {
    void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

}  // namespace

struct PreTokenizer::Step {
    std::unique_ptr<pcre2_code, FreeCode> code;
    bool jit = false;
};

struct PreTokenizer::Scratch::State {
    std::unique_ptr<pcre2_match_data, FreeData> data;
    std::unique_ptr<pcre2_jit_stack, FreeStack> stack;
    std::unique_ptr<pcre2_match_context, FreeContext> context;
};

PreTokenizer::Scratch::Scratch(const PreTokenizer&) : state_(std::make_unique<State>()) {
    state_->data.reset(pcre2_match_data_create(1, nullptr));
    state_->stack.reset(pcre2_jit_stack_create(kJitStackStart, kJitStackMax, nullptr));
    state_->context.reset(pcre2_match_context_create(nullptr));
    CHECK(state_->data && state_->stack && state_->context, "PCRE2 has no memory");
    pcre2_set_match_limit(state_->context.get(), kMatchLimit);
    pcre2_set_heap_limit(state_->context.get(), kJitStackMax >> 10);
    pcre2_jit_stack_assign(state_->context.get(), nullptr, state_->stack.get());
}
PreTokenizer::Scratch::~Scratch() = default;

PreTokenizer::PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

Result<PreTokenizer> PreTokenizer::make(const std::vector<std::string>& patterns) {
    if (patterns.size() > kStepsMax) return resource_exhausted(fmt::format("more than {} splits", kStepsMax));
    PreTokenizer made;
    for (const std::string& pattern : patterns) {
        TRY_ASSIGN(const std::string translated, translate_regex(pattern));
        int error = 0;
        PCRE2_SIZE offset = 0;
        Step step;
        step.code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &error,
                                      &offset, nullptr));
        if (!step.code) {
            PCRE2_UCHAR message[128] = {};
            pcre2_get_error_message(error, message, sizeof message);
            return unsupported(fmt::format("the pattern \"{}\": {}", printable(pattern, 60), reinterpret_cast<const char*>(message)));
        }
        step.jit = pcre2_jit_compile(step.code.get(), PCRE2_JIT_COMPLETE) == 0;  // without it the interpreter does the same, slower
        made.steps_.push_back(std::move(step));
    }
    return made;
}

bool PreTokenizer::split(std::string_view text, Scratch& scratch, const std::function<void(std::string_view)>& piece) const {
    return split_from(0, text, scratch, piece);
}

// Depth first, at most kStepsMax deep, so that no list of pieces is ever held.
bool PreTokenizer::split_from(std::size_t index, std::string_view text, Scratch& scratch, const std::function<void(std::string_view)>& piece) const {
    if (text.empty()) return true;
    if (index == steps_.size()) {
        piece(text);
        return true;
    }
    const Step& step = steps_[index];
    pcre2_match_data* data = scratch.state_->data.get();
    pcre2_match_context* context = scratch.state_->context.get();
    const PCRE2_SIZE* match = pcre2_get_ovector_pointer(data);
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    bool whole = true;
    std::size_t kept = 0;  // start of the gap before the next match
    std::size_t from = 0;
    while (from < text.size()) {
        const int found = step.jit ? pcre2_jit_match(step.code.get(), subject, text.size(), from, 0, data, context)
                                   : pcre2_match(step.code.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK, data, context);
        if (found < 0) {
            if (found != PCRE2_ERROR_NOMATCH) whole = false;
            break;
        }
        const std::size_t begin = match[0], end = match[1];  // copied: deeper steps match with the same data
        whole &= split_from(index + 1, text.substr(kept, begin - kept), scratch, piece);
        whole &= split_from(index + 1, text.substr(begin, end - begin), scratch, piece);
        kept = end;
        // An empty match separates, and the search goes on behind the next character.
        from = end > begin ? end : end < text.size() ? end + utf8_step(text.substr(end)).bytes : end;
    }
    whole &= split_from(index + 1, text.substr(kept), scratch, piece);
    return whole;
}

}  // namespace baleen::text
