#include "text/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "text/dsml.h"
#include "text/encoding_texts.h"
#include "text/encoding_turns.h"

namespace baleen::text {

namespace {

using Kind = Turn::Kind;

// What stands between the start token and the leading system text (spec encoding 4); thinking mode only.
Result<std::string> effort_text(const ChatPrompt& prompt, const EncodingRules& rules) {
    const bool v41 = prompt.version == PromptVersion::v41;
    if (prompt.effort_number && !v41) return invalid_argument("a numeric reasoning effort needs prompt version v4.1");
    if (prompt.effort_number && (*prompt.effort_number < 1 || *prompt.effort_number > 100))
        return invalid_argument("reasoning effort must be in [1, 100]");
    if (prompt.version == PromptVersion::preview && prompt.effort == Effort::low && !rules.preview_knows_low)
        return invalid_argument("prompt version preview knows no reasoning effort 'low'");
    if (prompt.mode == ThinkingMode::chat) return std::string();
    if (v41) {
        const Effort effort = prompt.effort.value_or(Effort::high);
        const int named = effort == Effort::low ? 50 : effort == Effort::high ? 75 : 100;
        return fmt::format(
            "Reasoning Effort: {} (range 1-100, the higher the value, the more thorough the reasoning)\n\n",
            prompt.effort_number.value_or(named));
    }
    const Effort effort = prompt.effort.value_or(Effort::low);
    if (prompt.version == PromptVersion::preview) return std::string(effort == Effort::max ? kEffortH : "");
    return std::string(effort == Effort::low ? "" : effort == Effort::high ? kEffortH : kEffortM);
}

// Writes turns; knows where reasoning is kept.
class Writer {
  public:
    Writer(const ChatPrompt& prompt, const EncodingRules& rules, std::vector<Turn> turns, std::size_t first)
        : prompt_(prompt), rules_(rules), turns_(std::move(turns)), first_(first) {
        thinking_ = prompt.mode == ThinkingMode::thinking;
        keep_all_ = !rules.drop_reasoning || has_tools(prompt);
        last_user_ = find_last_user();
        if (thinking_ && !keep_all_) drop_developers();
    }

    Prompt write(const std::string& effort) {
        if (first_ == 0 && prompt_.context.empty()) {
            if (rules_.add_bos) out_.control(kBos);
            if (!turns_.empty()) write_lead_mark(effort);
        }
        for (std::size_t i = first_; i < turns_.size(); ++i) write_turn(i);
        if (rules_.header_before_assistant && !turns_.empty() && generates()) write_header(turns_.size());
        if (prompt_.tool_forced()) add_forced_start(out_, prompt_.version);
        return std::move(out_);
    }

  private:
    bool v41() const { return prompt_.version == PromptVersion::v41; }

    // Turns that a header follows and the drop rule counts.
    bool user_like(const Turn& turn) const {
        return turn.kind == Kind::user || turn.kind == Kind::developer ||
               (turn.kind == Kind::system && v41() && !turn.leading);
    }
    std::ptrdiff_t find_last_user() const {
        for (std::size_t i = turns_.size(); i-- > 0;)
            if (user_like(turns_[i])) return static_cast<std::ptrdiff_t>(i);
        return -1;
    }
    // A developer turn before the last user turn goes with the reasoning it led to.
    void drop_developers() {
        std::vector<Turn> kept;
        std::size_t kept_first = 0;
        for (std::size_t i = 0; i < turns_.size(); ++i) {
            const bool gone = turns_[i].kind == Kind::developer && static_cast<std::ptrdiff_t>(i) < last_user_;
            if (gone) continue;
            if (i < first_) ++kept_first;
            kept.push_back(std::move(turns_[i]));
        }
        turns_ = std::move(kept);
        first_ = kept_first;
        last_user_ = find_last_user();
    }

    // Whether an assistant turn at place `at` shows its reasoning; one past the last is the answer to come.
    bool keeps(std::size_t at) const {
        if (!thinking_ || keep_all_) return thinking_;
        const bool finished = at < turns_.size() && turns_[at].kind == Kind::assistant && !turns_[at].assistant->prefix;
        if (rules_.drop_finished && finished) return false;
        return static_cast<std::ptrdiff_t>(at) > last_user_;
    }
    Task task_before(std::size_t at) const { return at > 0 ? turns_[at - 1].task : Task::none; }
    // Whether the prompt ends where a new assistant turn begins.
    bool generates() const {
        const Turn& last = turns_.back();
        if (last.task != Task::none) return false;
        return last.kind != Kind::assistant || !last.assistant->prefix;
    }

    void write_lead_mark(const std::string& effort) {
        const Turn& turn = turns_.front();
        const bool text = turn.kind == Kind::system && turn.leading && !turn.parts.front().text.text.empty();
        if (v41() && (text || !effort.empty())) out_.control(kSystemToken);
        out_.add(effort);
    }
    void write_header(std::size_t assistant_at) {
        out_.control(kAssistantToken);
        out_.control(keeps(assistant_at) ? kThinkStart : kThinkEnd);
    }
    void write_parts(const Turn& turn) {
        for (std::size_t i = 0; i < turn.parts.size(); ++i) {
            if (i > 0) out_.add("\n\n");
            out_.add(turn.parts[i].text);
        }
    }

    void write_turn(std::size_t at) {
        const Turn& turn = turns_[at];
        switch (turn.kind) {
            case Kind::system:
                if (v41() && !turn.leading) out_.control(kSystemToken);
                write_parts(turn);
                break;
            case Kind::user:
            case Kind::developer:
                out_.control(kUserToken);
                write_parts(turn);
                break;
            case Kind::reminder:
                out_.control(kReminderToken);
                write_parts(turn);
                break;
            case Kind::assistant:
                write_assistant(at);
                break;
        }
        if (turn.task != Task::none)
            write_task(at);
        else if (!rules_.header_before_assistant && user_like(turn) && answers_next(at))
            write_header(at + 1);
    }
    // The encoder of the weights puts the header after a user turn, if what follows is an answer, a reminder or
    // nothing.
    bool answers_next(std::size_t at) const {
        if (at + 1 == turns_.size()) return true;
        const Kind next = turns_[at + 1].kind;
        return next == Kind::assistant || next == Kind::reminder;
    }
    void write_task(std::size_t at) {
        if (turns_[at].task == Task::action) {
            out_.control(kAssistantToken);
            out_.control(thinking_ ? kThinkStart : kThinkEnd);
        }
        out_.control(task_token(turns_[at].task));
    }

    void write_assistant(std::size_t at) {
        const Message& message = *turns_[at].assistant;
        const bool after_task = task_before(at) != Task::none;
        if (rules_.header_before_assistant && !after_task) write_header(at);
        const Prompt content = content_of(message, prompt_.version);
        if (keeps(at) && !after_task) {
            if (message.reasoning_content) out_.add(*message.reasoning_content);
            const bool open =
                message.prefix && rules_.open_prefix_reasoning && content.text.empty() && message.tool_calls.empty();
            if (!open) out_.control(kThinkEnd);
        }
        out_.add(content);
        if (!message.tool_calls.empty())
            add_tool_calls(out_, message.tool_calls, prompt_.version, v41() || rules_.blank_line_without_parameters);
        if (!message.prefix) out_.control(kEos);
    }

    const ChatPrompt& prompt_;
    const EncodingRules& rules_;
    std::vector<Turn> turns_;
    std::size_t first_;
    std::ptrdiff_t last_user_ = -1;
    bool thinking_ = false;
    bool keep_all_ = false;
    Prompt out_;
};

}  // namespace

EncodingRules EncodingRules::hf() {
    EncodingRules rules;
    rules.preview_knows_low = false;
    return rules;
}

EncodingRules EncodingRules::rec() {
    EncodingRules rules;
    rules.join_leading_systems = true;
    rules.later_system = LaterSystem::user_text;
    rules.three_schema_keys = true;
    rules.header_before_assistant = true;
    rules.developer_is_user = true;
    rules.leave_out_empty = true;
    rules.open_prefix_reasoning = true;
    return rules;
}

EncodingRules EncodingRules::recipe_0_2() {
    EncodingRules rules = rec();
    rules.later_system = LaterSystem::hoisted;
    rules.drop_finished = true;
    rules.json_object = JsonFormat::sentence;
    rules.blank_line_without_parameters = false;
    return rules;
}

Result<Prompt> render(const ChatPrompt& prompt, const EncodingRules& rules) {
    if (prompt.tool_forced() && prompt.mode == ThinkingMode::thinking)
        return invalid_argument("Thinking mode does not support this tool_choice");
    TRY_ASSIGN(const std::string effort, effort_text(prompt, rules));
    std::vector<Message> storage;
    std::size_t first = 0;
    TRY_ASSIGN(std::vector<Turn> turns, make_turns(prompt, rules, storage, first));
    return Writer(prompt, rules, std::move(turns), first).write(effort);
}

OutputStart output_start(const ChatPrompt& prompt, const EncodingRules& rules) {
    if (prompt.tool_forced()) return OutputStart::tool_block;
    if (prompt.mode == ThinkingMode::chat || prompt.messages.empty()) return OutputStart::content;
    const Message& last = prompt.messages.back();
    if (last.task != Task::none) return OutputStart::content;
    if (last.role == Role::assistant && last.prefix) {
        const bool open =
            rules.open_prefix_reasoning && content_of(last, prompt.version).text.empty() && last.tool_calls.empty();
        return open ? OutputStart::reasoning : OutputStart::content;
    }
    return OutputStart::reasoning;
}

Prompt render_answer(const std::string& content, const std::vector<ToolCall>& calls, PromptVersion version) {
    Prompt out;
    out.add(content);
    if (!calls.empty()) add_tool_calls(out, calls, version);
    return out;
}

}  // namespace baleen::text
