#include "v4/moe.h"

#include <algorithm>
#include <vector>

#include "v4/linear.h"

namespace baleen::v4 {

namespace {

constexpr int kMaxActiveExperts = 64;  // bound of num_experts_per_tok, checked by model::parse_config

// One (row, slot) of the routing table, and where its input and output lie among the step's expert rows.
struct Assignment {
    std::int32_t expert;
    std::int32_t row;
    std::int32_t slot;
};

// Assignments of the step in ascending order of expert, then row; the position in the list is the expert row.
struct Plan {
    std::vector<Assignment> assignments;
    std::vector<ExpertId> experts;         // distinct, ascending
    std::vector<std::int32_t> first;       // expert rows of experts[i]: [first[i], first[i + 1])
    std::vector<std::int32_t> place;       // [rows * k]: expert row of (row, slot)
};

void make_plan(int rows, int k, const std::int32_t* ids, Plan& plan) {
    plan.assignments.clear();
    plan.experts.clear();
    plan.first.clear();
    plan.place.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(k));
    for (std::int32_t row = 0; row < rows; ++row)
        for (std::int32_t slot = 0; slot < k; ++slot) plan.assignments.push_back({ids[row * k + slot], row, slot});
    std::sort(plan.assignments.begin(), plan.assignments.end(), [](const Assignment& a, const Assignment& b) {
        return a.expert != b.expert ? a.expert < b.expert : a.row != b.row ? a.row < b.row : a.slot < b.slot;
    });
    for (std::size_t i = 0; i < plan.assignments.size(); ++i) {
        const Assignment& a = plan.assignments[i];
        if (plan.experts.empty() || index(plan.experts.back()) != a.expert) {
            plan.experts.push_back(ExpertId{a.expert});
            plan.first.push_back(static_cast<std::int32_t>(i));
        }
        plan.place[static_cast<std::size_t>(a.row) * static_cast<std::size_t>(k) + static_cast<std::size_t>(a.slot)] = static_cast<std::int32_t>(i);
    }
    plan.first.push_back(static_cast<std::int32_t>(plan.assignments.size()));
}

// The expert rows' inputs, gathered so that every expert's rows are consecutive.
kernels::Rows gather(Context& context, const Plan& plan, const kernels::Rows& quantised) {
    const auto count = static_cast<std::int64_t>(plan.assignments.size());
    const std::int64_t d = quantised.width;
    Workspace& work = context.work;
    float* wide = work.expert_in.need(count * d);
    std::uint16_t* narrow = quantised.bf16 != nullptr ? work.expert_in_bf16.need(count * d) : nullptr;
    context.team.for_ranges(count, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t row = plan.assignments[static_cast<std::size_t>(i)].row;
            std::copy_n(quantised.f32 + row * quantised.stride, d, wide + i * d);
            if (narrow != nullptr) std::copy_n(quantised.bf16 + row * quantised.bf16_stride, d, narrow + i * d);
        }
    });
    return {wide, d, narrow, d, static_cast<int>(count), d};
}

kernels::Rows part(const kernels::Rows& rows, std::int64_t first, int count) {
    kernels::Rows some = rows;
    some.f32 += first * rows.stride;
    if (some.bf16 != nullptr) some.bf16 += first * rows.bf16_stride;
    some.count = count;
    return some;
}

// SwiGLU of `count` rows, then ready as inputs of w2: out = quantise(swiglu(gate, up) * weight(row)).
template <class Weight>
kernels::Rows activate(Context& context, float* gate, const float* up, std::int64_t first, std::int64_t count, std::int64_t m,
                       std::uint16_t* narrow, Weight&& weight) {
    const auto limit = static_cast<float>(context.config.swiglu_limit);
    const bool round = context.official();
    context.team.for_ranges(count, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = first + begin; i < first + end; ++i) {
            float* row = gate + i * m;
            context.kernels.swiglu(row, up + i * m, m, limit, weight(i), row, round);
            if (round) {
                context.kernels.quantise_fp8(row, m, 128, row);
                context.kernels.narrow_bf16(row, m, narrow + i * m);
            }
        }
    });
    return {gate, m, round ? narrow : nullptr, m, 0, m};
}

// An expert whose weights are at hand, and its rows of the plan.
struct Ready {
    experts::Ticket ticket;
    std::int64_t first;
    int count;
};

// Step 4 for the experts of `group`: their rows of work.expert_out.
void compute_experts(Context& context, const Plan& plan, const std::vector<Ready>& group, const kernels::Rows& inputs) {
    const std::int64_t d = context.config.hidden_size, m = context.config.moe_intermediate_size;
    const int k = context.config.num_experts_per_tok;
    Workspace& work = context.work;
    static thread_local std::vector<Product> products;
    products.clear();
    for (const Ready& ready : group) {
        const model::ExpertView& expert = ready.ticket.view();
        const kernels::Rows x = part(inputs, ready.first, ready.count);
        products.push_back(product(expert.w1, x, work.expert_gate.data() + ready.first * m, true));
        products.push_back(product(expert.w3, x, work.expert_up.data() + ready.first * m, true));
    }
    multiply(context, products);
    kernels::Rows hidden;
    for (std::size_t i = 0; i < group.size();) {  // neighbouring experts' rows in one go
        const std::int64_t first = group[i].first;
        std::int64_t end = first;
        while (i < group.size() && group[i].first == end) end += group[i++].count;
        hidden = activate(context, work.expert_gate.data(), work.expert_up.data(), first, end - first, m,
                          work.expert_hidden_bf16.data(), [&](std::int64_t row) {
                              const Assignment& a = plan.assignments[static_cast<std::size_t>(row)];
                              return work.route_weights.data()[a.row * k + a.slot];
                          });
    }
    products.clear();
    for (const Ready& ready : group) {
        products.push_back(product(ready.ticket.view().w2, part(hidden, ready.first, ready.count),
                                   work.expert_out.data() + ready.first * d, true));
    }
    multiply(context, products);
}

// Computes the experts of the plan as they become ready, everything that is ready at once in one group.
void routed_experts(Context& context, LayerIndex layer, const Plan& plan, const kernels::Rows& inputs) {
    const auto count = static_cast<std::int64_t>(plan.assignments.size());
    const std::int64_t d = context.config.hidden_size, m = context.config.moe_intermediate_size;
    Workspace& work = context.work;
    work.expert_gate.need(count * m);
    work.expert_up.need(count * m);
    work.expert_hidden_bf16.need(count * m);
    work.expert_out.need(count * d);
    static thread_local std::vector<ExpertId> waiting;
    static thread_local std::vector<Ready> group;
    waiting.assign(plan.experts.begin(), plan.experts.end());
    while (!waiting.empty()) {
        group.clear();
        auto wait = experts::Store::Wait::yes;
        while (const auto next = context.experts.next_ready(layer, waiting, wait)) {
            const ExpertId expert = waiting[*next];
            waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(*next));
            const auto i = static_cast<std::size_t>(std::lower_bound(plan.experts.begin(), plan.experts.end(), expert) -
                                                    plan.experts.begin());
            group.push_back({context.experts.acquire(layer, expert), plan.first[i], plan.first[i + 1] - plan.first[i]});
            wait = experts::Store::Wait::no;
        }
        compute_experts(context, plan, group, inputs);
    }
    group.clear();
}

// Step 5: into work.shared_out.
void shared_expert(Context& context, int rows, const model::ExpertView& shared, const kernels::Rows& quantised) {
    const std::int64_t d = context.config.hidden_size, m = shared.w1.rows;
    Workspace& work = context.work;
    float* gate = work.shared_gate.need(rows * m);
    float* up = work.shared_up.need(rows * m);
    std::uint16_t* narrow = work.shared_bf16.need(rows * m);
    const Product products[] = {product(shared.w1, quantised, gate, true), product(shared.w3, quantised, up, true)};
    multiply(context, products);
    const kernels::Rows hidden = activate(context, gate, up, 0, rows, m, narrow, [](std::int64_t) { return 1.0f; });
    multiply(context, product(shared.w2, part(hidden, 0, rows), work.shared_out.need(rows * d), true));
}

// Step 6: routed outputs in ascending expert id, then the shared one.
void reduce(Context& context, int rows, const Plan& plan) {
    const std::int64_t d = context.config.hidden_size;
    const int k = context.config.num_experts_per_tok;
    Workspace& work = context.work;
    float* out = work.output.need(rows * d);
    context.team.for_ranges(rows, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
            const auto first = plan.place.begin() + row * k;
            std::int32_t order[kMaxActiveExperts] = {};
            std::copy(first, first + k, order);
            std::sort(order, order + k);  // expert rows ascend with expert ids
            float* sum = out + row * d;
            std::copy_n(work.expert_out.data() + order[0] * d, d, sum);
            for (int slot = 1; slot < k; ++slot) context.kernels.add(sum, work.expert_out.data() + order[slot] * d, d);
            context.kernels.add(sum, work.shared_out.data() + row * d, d);
            if (context.official()) context.kernels.round_bf16(sum, d);
        }
    });
}

}  // namespace

void moe(Context& context, const Batch& batch, LayerIndex layer, const model::Gate& gate, const model::ExpertView& shared) {
    const int rows = batch.rows(), k = context.config.num_experts_per_tok;
    const std::int64_t d = context.config.hidden_size;
    Workspace& work = context.work;
    const kernels::Rows plain = plain_rows(context, work.normed.data(), rows, d, work.normed_bf16);
    const kernels::Rows quantised = quantised_rows(context, work.normed.data(), rows, d, work.quantised, work.quantised_bf16);
    context.lap(Operation::norms);

    route(context, batch, layer, gate, plain);
    static thread_local Plan plan;
    make_plan(rows, k, work.route_ids.data(), plan);
    context.experts_touched += plan.experts.size();
    context.experts.want(layer, plan.experts, experts::Urgency::demand);
    context.lap(Operation::gate);
    shared_expert(context, rows, shared, quantised);
    context.lap(Operation::shared_expert);
    routed_experts(context, layer, plan, gather(context, plan, quantised));
    context.lap(Operation::routed_experts);
    reduce(context, rows, plan);
    context.lap(Operation::combine);
}

}  // namespace baleen::v4
