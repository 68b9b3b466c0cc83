#include "cli/inspect_report.h"

#include <fmt/format.h>

#include "base/json.h"
#include "model/resolve.h"

namespace baleen::cli {

namespace {

constexpr std::size_t kListedMax = 8;  // of each kind of warning

// Adds the first few lines of a kind and the count of the rest.
class Warnings {
  public:
    Warnings(std::vector<std::string>& out, std::string what) : out_(out), what_(std::move(what)) {}
    ~Warnings() {
        if (count_ > kListedMax) out_.push_back(fmt::format("... {} {} in all", count_, what_));
    }
    void add(std::string line) {
        if (++count_ <= kListedMax) out_.push_back(std::move(line));
    }

  private:
    std::vector<std::string>& out_;
    std::string what_;
    std::size_t count_ = 0;
};

// Sorts the tensors found into kinds; what is missing or misshaped, and what is left over.
void classify(const model::Checkpoint& checkpoint, InspectReport& report) {
    const model::Config& config = report.config;
    const model::TensorInfo* const first = checkpoint.tensors().data();
    std::vector<bool> claimed(checkpoint.tensors().size(), false);
    model::Form form = report.form;
    form.draft_copies = false;
    const auto claim = [&](const model::TensorInfo& tensor) {
        claimed[static_cast<std::size_t>(&tensor - first)] = true;
    };
    {
        Warnings wrong(report.warnings, "tensors missing or wrong");
        model::for_each_parameter(
            config, form, [&](const model::Parameter& p, const std::string& prefix, int layer, int) {
                const auto found = model::resolve(checkpoint, p, prefix);
                if (!found.ok()) {
                    report.usable = false;
                    wrong.add(found.error().message);
                    for (const model::TensorSpec& spec : model::tensors_of(p, prefix, form)) {
                        const model::TensorInfo* const tensor = checkpoint.find(spec.name);
                        if (tensor == nullptr) continue;
                        claim(*tensor);
                        report.unknown += {1, static_cast<std::int64_t>(tensor->bytes), 0};
                    }
                    return;
                }
                model::Count& count =
                    layer < config.num_hidden_layers ? report.kinds[static_cast<std::size_t>(p.kind)] : report.draft;
                count += {1, static_cast<std::int64_t>(found->tensor->bytes), p.elements()};
                claim(*found->tensor);
                if (found->scale == nullptr) return;
                count += {1, static_cast<std::int64_t>(found->scale->bytes), 0};
                claim(*found->scale);
            });
    }
    Warnings unknown(report.warnings, "unknown tensors");
    for (std::size_t i = 0; i < claimed.size(); ++i) {
        if (claimed[i]) continue;
        const model::TensorInfo& tensor = checkpoint.tensors()[i];
        const bool known = model::ignorable(config, tensor.name);
        (known ? report.ignored : report.unknown) += {1, static_cast<std::int64_t>(tensor.bytes), 0};
        if (!known)
            unknown.add(fmt::format("{}: tensor \"{}\" is not one this program knows",
                                    checkpoint.shard_name(tensor.shard), printable(tensor.name)));
    }
}

void add_file_warnings(const model::Checkpoint& checkpoint, InspectReport& report) {
    const bool fp8_declared = report.config.expert_dtype == "fp8";
    if (!report.config.expert_dtype.empty() && fp8_declared != report.form.fp8_experts)
        report.warnings.push_back(
            fmt::format("config.json: expert_dtype is \"{}\", the tensors are {}; the tensors count",
                        report.config.expert_dtype, report.form.fp8_experts ? "FP8" : "FP4"));
    if (!checkpoint.has_file("tokenizer.json"))
        report.warnings.push_back("no tokenizer.json: only token ids can be used with this model");
    if (report.context > report.config.max_position_embeddings)
        report.warnings.push_back(fmt::format("context {} is beyond max_position_embeddings {}", report.context,
                                              report.config.max_position_embeddings));
}

}  // namespace

double InspectReport::kv_ratio_v32() const {
    return static_cast<double>(kv.total()) / (model::kV32KvBytesPerToken * static_cast<double>(context));
}

double InspectReport::flops_ratio_v32() const {
    return model::fp8_equivalent_flops(flops) / model::fp8_equivalent_flops(v32_flops);
}

InspectReport inspect(const model::Checkpoint& checkpoint, std::int64_t context) {
    InspectReport report;
    report.directory = checkpoint.directory().string();
    report.config = checkpoint.config();
    report.form = model::detect_form(checkpoint);
    report.shards = checkpoint.shard_count();
    report.context = context > 0 ? context : report.config.max_position_embeddings;
    report.tensors = static_cast<std::int64_t>(checkpoint.tensors().size());
    report.bytes = static_cast<std::int64_t>(checkpoint.total_bytes());
    report.warnings = checkpoint.warnings();
    classify(checkpoint, report);
    add_file_warnings(checkpoint, report);

    model::Form form = report.form;
    form.draft_copies = false;  // copies are no parameters of their own
    report.account = model::make_account(report.config, form);
    report.parameters = model::count_parameters(report.config, report.account);
    report.decode = model::decode_bytes(report.config, report.account);
    report.kv = model::kv_bytes(report.config, report.context);
    report.kv_bytes_per_token = model::kv_bytes_per_token(report.config);
    report.compressor_state_bytes = model::compressor_state_bytes(report.config);
    report.flops = model::flops_per_token(report.config, report.context);
    report.v32_flops = model::v32_flops_per_token(report.context);
    const int mtp_blocks = report.form.draft == model::Draft::mtp ? 1 : 0;
    report.plan = engine::make_plan(
        report.config, {.context = report.context, .draft_layers = mtp_blocks, .weights_bytes = report.bytes});
    report.comparison = model::compare_with_published(report.config);
    return report;
}

}  // namespace baleen::cli
