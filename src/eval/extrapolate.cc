#include "eval/extrapolate.h"

#include <algorithm>
#include <array>

#include "model/inventory.h"

namespace baleen::eval {

namespace {

using v4::Operation;

constexpr std::size_t at(Operation operation) { return static_cast<std::size_t>(operation); }

// The operation that reads a parameter when one token is computed.
Operation reader_of(const model::Parameter& parameter) {
    switch (parameter.kind) {
        case model::Kind::head: return Operation::head;
        case model::Kind::attention:
            if (parameter.name.find("wq_b") != std::string::npos) return Operation::queries;
            return parameter.name.find("wo_") != std::string::npos ? Operation::output_products : Operation::input_products;
        case model::Kind::compressors: return Operation::input_products;
        case model::Kind::indexers: return Operation::selection;
        case model::Kind::hyper_connections: return Operation::hyper_connections;
        case model::Kind::routers: return Operation::gate;
        case model::Kind::shared_experts: return Operation::shared_expert;
        case model::Kind::routed_experts: return Operation::routed_experts;
        case model::Kind::embedding:
        case model::Kind::norms:
        case model::Kind::hash_tables:
        case model::Kind::draft: return Operation::other;
    }
    return Operation::other;
}

struct Work {
    std::array<double, v4::kOperations> bytes{};
    double channels = 0;  // layers x hidden_size
    double scores = 0;    // multiply-adds of the indexer over all keys, of depths that make it choose
    double attention = 0;  // multiply-adds over window and entries
};

Work work_of(const model::Config& config, std::int64_t depth) {
    Work work;
    model::for_each_parameter(config, {}, [&](const model::Parameter& parameter, const std::string& prefix, int, int expert) {
        if (expert >= config.num_experts_per_tok) return;  // as many are read as there are for a token
        for (const model::TensorSpec& tensor : model::tensors_of(parameter, prefix, {}))
            work.bytes[at(reader_of(parameter))] += static_cast<double>(tensor.bytes());
    });
    work.channels = static_cast<double>(config.num_hidden_layers) * static_cast<double>(config.hidden_size);
    for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
        const int ratio = config.compress_ratio(layer);
        auto attended = static_cast<double>(std::min<std::int64_t>(depth + 1, config.sliding_window));
        if (ratio > 0) {
            const std::int64_t entries = depth / ratio;
            const bool chosen = ratio == 4 && entries > config.index_topk;
            attended += static_cast<double>(chosen ? config.index_topk : entries);
            if (chosen) work.scores += static_cast<double>(config.index_n_heads) * config.index_head_dim * static_cast<double>(entries);
        }
        work.attention += 2.0 * config.num_attention_heads * config.head_dim * attended;
    }
    return work;
}

const char* basis_of(Operation operation) {
    switch (operation) {
        case Operation::selection: return "bytes + scores";
        case Operation::attention: return "multiply-adds";
        case Operation::prepare:
        case Operation::norms:
        case Operation::compression:
        case Operation::combine:
        case Operation::other: return "channels";
        default: return "bytes";
    }
}

double over(double part, double whole) { return whole > 0 ? part / whole : 0; }

// A step's operations in milliseconds that add up to its median.
std::array<double, v4::kOperations> times_of(const BenchResult& result) {
    double sum = 0;
    for (const OperationResult& operation : result.operations) sum += operation.ms;
    std::array<double, v4::kOperations> out{};
    for (std::size_t i = 0; i < result.operations.size() && i < out.size(); ++i) out[i] = result.operations[i].ms * over(result.ms, sum);
    return out;
}

}  // namespace

std::vector<Extrapolation> extrapolate(const BenchReport& report, const model::Config& measured, const model::Config& full, std::string_view name) {
    std::vector<Extrapolation> out;
    const BenchResult* shallow = nullptr;
    const auto usable = [](const BenchResult& result) { return result.test.starts_with("decode:") && !result.operations.empty(); };
    for (const BenchResult& result : report.results)
        if (usable(result) && result.depth == 0) shallow = &result;
    for (const BenchResult& result : report.results) {
        if (!usable(result)) continue;
        const Work here = work_of(measured, result.depth), there = work_of(full, result.depth);
        const auto times = times_of(result);
        const double base = shallow != nullptr ? std::min(times_of(*shallow)[at(Operation::selection)], times[at(Operation::selection)]) : here.scores > 0 ? 0 : times[at(Operation::selection)];
        Extrapolation& made = out.emplace_back();
        made.model = name;
        made.depth = result.depth;
        for (int i = 0; i < v4::kOperations; ++i) {
            const auto operation = static_cast<Operation>(i);
            const double ms = times[at(operation)], by_bytes = over(there.bytes[at(operation)], here.bytes[at(operation)]);
            double scaled = ms * by_bytes;
            const std::string_view basis = basis_of(operation);
            if (basis == "channels") scaled = ms * over(there.channels, here.channels);
            if (operation == Operation::attention) scaled = ms * over(there.attention, here.attention);
            if (operation == Operation::selection) scaled = base * by_bytes + (ms - base) * over(there.scores, here.scores);
            made.operations.push_back({std::string(v4::kOperationNames[i]), std::string(basis), ms, over(scaled, ms), scaled});
            made.ms += scaled;
        }
        made.tok_s = over(1e3, made.ms);
        made.of_first = made.ms / out.front().ms;
    }
    return out;
}

}  // namespace baleen::eval
