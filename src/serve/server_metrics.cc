#include "serve/server_metrics.h"

#include <fmt/format.h>

#include <functional>
#include <iterator>

#include "base/process.h"
#include "serve/store/calendar.h"

namespace baleen::serve {

namespace {

// Families whose members are lanes, written as they stand. Names of lanes are of a-z, 0-9, - and _.
class LaneText {
  public:
    LaneText(std::string& out, const Lanes& lanes) : out_(out) {
        for (const auto& lane : lanes.all()) stats_.emplace_back(lane->name(), lane->service().stats());
    }
    using Value = std::function<double(const sched::ServiceStats&)>;
    void one(std::string_view name, std::string_view type, std::string_view help, const Value& value) { several(name, type, help, "", {{"", value}}); }
    // One line for each value of `label`.
    void several(std::string_view name, std::string_view type, std::string_view help, std::string_view label,
                 const std::vector<std::pair<std::string_view, Value>>& values) {
        head(name, type, help);
        for (const auto& [lane, stats] : stats_)
            for (const auto& [what, value] : values)
                print("{}{{lane=\"{}\"{}}} {}\n", name, lane, label.empty() ? "" : fmt::format(",{}=\"{}\"", label, what), value(stats));
    }
    void histogram(std::string_view name, std::string_view help, const sched::Histogram sched::ServiceStats::*member) {
        head(name, "histogram", help);
        for (const auto& [lane, stats] : stats_) {
            const sched::Histogram& histogram = stats.*member;
            std::uint64_t count = 0;
            for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
                count += histogram.counts[i];
                const std::string bound = i < sched::Histogram::kBounds.size() ? fmt::format("{}", sched::Histogram::kBounds[i]) : "+Inf";
                print("{}_bucket{{lane=\"{}\",le=\"{}\"}} {}\n", name, lane, bound, count);
            }
            print("{}_sum{{lane=\"{}\"}} {}\n{}_count{{lane=\"{}\"}} {}\n", name, lane, histogram.sum, name, lane, histogram.total);
        }
    }

  private:
    void head(std::string_view name, std::string_view type, std::string_view help) { print("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type); }
    template <class... Args>
    void print(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    }
    std::string& out_;
    std::vector<std::pair<std::string, sched::ServiceStats>> stats_;
};

void lanes_text(std::string& out, const Lanes& lanes) {
    using Stats = const sched::ServiceStats&;
    LaneText text(out, lanes);
    text.several("baleen_scheduler_requests", "gauge", "Requests the scheduler has, by what they do.", "state",
                 {{"queued", [](Stats s) { return double(s.queued); }},
                  {"running", [](Stats s) { return double(s.running); }},
                  {"parked", [](Stats s) { return double(s.parked); }}});
    text.one("baleen_scheduler_submitted_total", "counter", "Requests asked for.", [](Stats s) { return double(s.submitted); });
    text.several("baleen_scheduler_ended_total", "counter", "Requests that ended, by how.", "how",
                 {{"finished", [](Stats s) { return double(s.finished); }},
                  {"cancelled", [](Stats s) { return double(s.cancelled); }},
                  {"failed", [](Stats s) { return double(s.failed); }},
                  {"refused", [](Stats s) { return double(s.refused); }}});
    text.one("baleen_scheduler_parks_total", "counter", "Streams put aside for want of KV blocks.", [](Stats s) { return double(s.parks); });
    text.one("baleen_engine_steps_total", "counter", "Steps computed.", [](Stats s) { return double(s.steps); });
    text.several("baleen_engine_rows_total", "counter", "Tokens computed, by what for.", "kind",
                 {{"prompt", [](Stats s) { return double(s.prompt_rows); }}, {"answer", [](Stats s) { return double(s.stream_rows); }}});
    text.several("baleen_kv_blocks", "gauge", "KV blocks of 128 tokens; warm ones are held only for later prompts.", "state",
                 {{"free", [](Stats s) { return double(s.lane.blocks_free); }},
                  {"warm", [](Stats s) { return double(s.lane.blocks_warm); }},
                  {"used", [](Stats s) { return double(s.lane.blocks_total - s.lane.blocks_free - s.lane.blocks_warm); }}});
    text.one("baleen_warm_points", "gauge", "States kept of conversations that may go on.", [](Stats s) { return double(s.lane.warm_points); });
    text.one("baleen_warm_bytes", "gauge", "What they hold beside the KV blocks.", [](Stats s) { return double(s.lane.warm_bytes); });
    text.several("baleen_warm_lookups_total", "counter", "Prompts that looked for a state to go on from.", "result",
                 {{"hit", [](Stats s) { return double(s.lane.warm_hits); }}, {"miss", [](Stats s) { return double(s.lane.warm_misses); }}});
    text.one("baleen_warm_evicted_total", "counter", "States that had to leave.", [](Stats s) { return double(s.lane.warm_evicted); });
    text.one("baleen_prompt_tokens_reused_total", "counter", "Prompt tokens that needed no computing.", [](Stats s) { return double(s.cached_tokens); });
    text.histogram("baleen_queue_seconds", "From asking to the start.", &sched::ServiceStats::queue_seconds);
    text.histogram("baleen_time_to_first_token_seconds", "From asking to the first token.", &sched::ServiceStats::first_token_seconds);
    text.histogram("baleen_inter_token_seconds", "Between two tokens of one answer.", &sched::ServiceStats::token_seconds);
    text.histogram("baleen_engine_step_seconds", "Of one step.", &sched::ServiceStats::step_seconds);
}

}  // namespace

ServerMetrics::ServerMetrics()
    : requests_(metrics_.counters("baleen_http_requests_total", "Answers given, by endpoint and status.", {"endpoint", "status"})),
      seconds_(metrics_.histograms("baleen_http_request_seconds", "From a request's first byte to the last of its answer.", {"endpoint"},
                                   latency_bounds())),
      answers_(metrics_.counters("baleen_answers_total", "Answers of models, by how they ended.", {"model", "finish"})),
      prompt_tokens_(metrics_.counters("baleen_prompt_tokens_total", "Tokens of prompts.", {"model"})),
      hit_tokens_(metrics_.counters("baleen_prompt_cache_hit_tokens_total", "Those reported as cache hits.", {"model"})),
      completion_tokens_(metrics_.counters("baleen_completion_tokens_total", "Tokens of answers.", {"model"})),
      reasoning_tokens_(metrics_.counters("baleen_reasoning_tokens_total", "Those that are reasoning.", {"model"})),
      in_progress_(metrics_.gauge("baleen_answers_in_progress", "Requests to models that are not answered to the end.")),
      started_ms_(now_ms()) {}

void ServerMetrics::answered(std::string_view endpoint, int status, double seconds) {
    requests_.with({endpoint, fmt::format("{}", status)}).add();
    seconds_.with({endpoint}).observe(seconds);
}

void ServerMetrics::generated(std::string_view model, const AnswerRecord& record) {
    const auto count = [](std::int64_t value) { return static_cast<std::uint64_t>(value < 0 ? 0 : value); };
    answers_.with({model, record.finish}).add();
    prompt_tokens_.with({model}).add(count(record.usage.prompt_tokens));
    hit_tokens_.with({model}).add(count(record.usage.cached_tokens));
    completion_tokens_.with({model}).add(count(record.usage.completion_tokens));
    reasoning_tokens_.with({model}).add(count(record.usage.reasoning_tokens));
}

std::string ServerMetrics::text(const Lanes& lanes, const net::ServerStats& network, std::size_t workers_waiting) const {
    std::string out = metrics_.text();
    lanes_text(out, lanes);
    const auto number = [&](std::string_view name, std::string_view type, std::string_view help, double value) {
        fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n{} {}\n", name, help, name, type, name, value);
    };
    number("baleen_requests_being_read", "gauge", "Requests whose prompt waits for a thread that reads it.", double(workers_waiting));
    number("baleen_connections", "gauge", "Open connections.", double(network.open_connections));
    number("baleen_connections_accepted_total", "counter", "Connections taken.", double(network.accepted));
    number("baleen_connections_refused_total", "counter", "Connections beyond the limit.", double(network.refused));
    number("baleen_answers_aborted_total", "counter", "Answers the client did not get whole.", double(network.aborted));
    number("baleen_received_bytes_total", "counter", "Bytes from clients.", double(network.received_bytes));
    number("baleen_sent_bytes_total", "counter", "Bytes to clients.", double(network.sent_bytes));
    number("process_resident_memory_bytes", "gauge", "Memory in use, mapped weights included.", double(process_resident_bytes()));
    number("process_start_time_seconds", "gauge", "Start of the process, since 1970.", double(started_ms_) / 1000);
    return out;
}

}  // namespace baleen::serve
