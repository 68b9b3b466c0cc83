// Aim: what synth writes is a checkpoint: it opens, binds, counts as the inventory says, is the same for every number
// of threads, has the statistics it promises, and is either whole or not there.
#include "model/synth.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "model/resolve.h"
#include "model/shape.h"
#include "model/synth_fill.h"
#include "model/weights.h"
#include "tensor/formats.h"

namespace baleen::model {
namespace {

namespace fs = std::filesystem;

class Synth : public testing::Test {
  protected:
    Synth() : root_(fs::temp_directory_path() / ("baleen-synth-" + std::to_string(::getpid()))) {
        fs::create_directory(root_);
    }
    ~Synth() override { fs::remove_all(root_); }

    static Config tiny() {
        for (const Preset& preset : presets())
            if (preset.name == "tiny") return preset.config;
        return {};
    }
    static Form with_mtp(bool fp8, bool f32, bool copies) {
        Form form;
        form.draft = Draft::mtp;
        form.draft_blocks = 1;
        form.fp8_experts = fp8;
        form.f32_scales = f32;
        form.draft_copies = copies;
        return form;
    }
    static std::string bytes_of(const fs::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    const fs::path root_;
};

TEST_F(Synth, EveryFormOpensBindsAndCounts) {
    Form dspark;
    dspark.draft = Draft::dspark;
    dspark.draft_blocks = 3;
    dspark.markov_rank = 32;
    Form fp8;
    fp8.fp8_experts = true;
    int number = 0;
    for (const Form& form : {Form{}, with_mtp(false, false, false), with_mtp(true, true, true), dspark, fp8}) {
        SynthOptions options;
        options.form = form;
        options.threads = 2;
        const fs::path directory = root_ / std::to_string(number++);
        const auto report = write_synthetic(tiny(), directory, options);
        ASSERT_TRUE(report.ok()) << report.error().message;
        const auto checkpoint = Checkpoint::open(directory);
        ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
        EXPECT_TRUE((*checkpoint)->warnings().empty()) << (*checkpoint)->warnings().front();
        const auto weights = bind_weights(**checkpoint, {.mtp = true, .check_scales = true, .threads = 2});
        ASSERT_TRUE(weights.ok()) << weights.error().message;
        EXPECT_EQ(weights->mtp.has_value(), form.draft == Draft::mtp);

        const Form found = detect_form(**checkpoint);
        EXPECT_EQ(variant(found), variant(form));
        EXPECT_EQ(found.draft_blocks, form.draft_blocks);
        EXPECT_EQ(found.markov_rank, form.markov_rank);
        EXPECT_EQ(found.draft_copies, form.draft_copies);
        const Count total = make_account(tiny(), form).total();
        EXPECT_EQ(static_cast<std::int64_t>((*checkpoint)->tensors().size()), total.tensors);
        EXPECT_EQ(static_cast<std::int64_t>((*checkpoint)->total_bytes()), total.bytes);
        EXPECT_EQ(report->tensors, total.tensors);
        EXPECT_EQ(report->bytes, total.bytes);
    }
}

TEST_F(Synth, ConfigComesBackAsItWas) {
    for (const Preset& preset : presets()) {
        Form form;
        form.draft_blocks = preset.config.num_nextn_predict_layers;
        if (form.draft_blocks > 0) form.draft = Draft::mtp;
        const auto parsed = parse_config(config_json(preset.config, form), "config.json");
        ASSERT_TRUE(parsed.ok()) << preset.name << ": " << parsed.error().message;
        EXPECT_EQ(config_json(*parsed, form), config_json(preset.config, form)) << preset.name;
        EXPECT_EQ(parsed->rope_scaling, preset.config.rope_scaling);
        EXPECT_EQ(parsed->compress_ratios, preset.config.compress_ratios) << preset.name;
    }
}

TEST_F(Synth, ThreadsDoNotMatterAndSeedsDo) {
    const auto write = [&](const char* name, int threads, std::uint64_t seed) {
        SynthOptions options;
        options.threads = threads;
        options.seed = seed;
        const auto report = write_synthetic(tiny(), root_ / name, options);
        ASSERT_TRUE(report.ok()) << report.error().message;
    };
    write("one", 1, 7);
    write("three", 3, 7);
    write("other", 2, 8);
    for (const auto& entry : fs::directory_iterator(root_ / "one")) {
        const fs::path name = entry.path().filename();
        const std::string here = bytes_of(entry.path());
        EXPECT_EQ(here, bytes_of(root_ / "three" / name)) << name;
        if (name.extension() == ".safetensors") {
            EXPECT_NE(here, bytes_of(root_ / "other" / name)) << name;
        }
    }
}

// Order inside a shard: dtype rank descending, then name (the published writer's order).
TEST_F(Synth, OrderInsideAShardAndSplit) {
    SynthOptions options;
    options.sparse = true;
    options.form = with_mtp(false, false, false);
    ASSERT_TRUE(write_synthetic(tiny(), root_ / "s", options).ok());
    const auto checkpoint = Checkpoint::open(root_ / "s");
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    const std::map<tensor::DType, int> ranks{{tensor::DType::i64, 8},     {tensor::DType::f32, 7},
                                             {tensor::DType::bf16, 5},    {tensor::DType::f8_e8m0, 4},
                                             {tensor::DType::f8_e4m3, 3}, {tensor::DType::i8, 2}};
    const TensorInfo* last = nullptr;
    for (const TensorInfo& tensor : (*checkpoint)->tensors()) {
        if (last != nullptr && last->shard == tensor.shard) {
            const int a = ranks.at(last->dtype), b = ranks.at(tensor.dtype);
            EXPECT_TRUE(a > b || (a == b && last->name < tensor.name)) << last->name << " before " << tensor.name;
        }
        last = &tensor;
    }
    EXPECT_EQ((*checkpoint)->shard_count(), 5 + 2 + 1);
    const auto shard_of = [&](const char* name) { return (*checkpoint)->shard_name((*checkpoint)->find(name)->shard); };
    EXPECT_EQ(shard_of("embed.weight"), "model-00001-of-00008.safetensors");
    EXPECT_EQ(shard_of("layers.0.attn_norm.weight"), "model-00002-of-00008.safetensors");
    EXPECT_EQ(shard_of("hc_head_fn"), "model-00007-of-00008.safetensors");
    EXPECT_EQ(shard_of("mtp.0.enorm.weight"), "model-00008-of-00008.safetensors");
}

double rms(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value * value;
    return std::sqrt(sum / static_cast<double>(values.size()));
}

// All numbers of a matrix, dequantised.
std::vector<double> values_of(const MatrixView& m) {
    std::vector<double> out;
    const auto* const data = static_cast<const std::uint8_t*>(m.data);
    for (std::int64_t r = 0; r < m.rows; ++r) {
        for (std::int64_t k = 0; k < m.cols; ++k) {
            if (m.format == tensor::WeightFormat::fp8) {
                const std::uint8_t scale = m.scales[r / 128 * m.scale_stride + k / 128];
                out.push_back(tensor::e4m3_to_f32(data[r * m.cols + k]) * tensor::ue8m0_to_f32(scale));
            } else {
                const std::uint8_t pair = data[(r * m.cols + k) / 2];
                const auto code = static_cast<std::uint8_t>(k % 2 == 0 ? pair & 15 : pair >> 4);
                out.push_back(tensor::e2m1_to_f32(code) * tensor::ue8m0_to_f32(m.scales[r * m.scale_stride + k / 32]));
            }
        }
    }
    return out;
}

TEST_F(Synth, StatisticsAreAsPromised) {
    SynthOptions options;
    ASSERT_TRUE(write_synthetic(tiny(), root_ / "s", options).ok());
    const auto checkpoint = Checkpoint::open(root_ / "s");
    ASSERT_TRUE(checkpoint.ok());
    const auto weights = bind_weights(**checkpoint, {});
    ASSERT_TRUE(weights.ok()) << weights.error().message;
    const Layer& layer = weights->layers[2];
    // Few tiles in a tiny matrix: the deviation scatters.
    EXPECT_NEAR(rms(values_of(layer.attn.wq_b)) * std::sqrt(128.0), 1, 0.3);
    EXPECT_NEAR(rms(values_of(weights->experts[2][3].w1)) * std::sqrt(256.0), 1, 0.03);
    EXPECT_NEAR(rms(values_of(weights->experts[2][3].w2)) * std::sqrt(256.0), 1 / std::sqrt(10.0) / 0.596, 0.03);
    std::set<int> codes;
    const auto* const bytes = static_cast<const std::uint8_t*>(layer.attn.wq_b.data);
    for (std::int64_t i = 0; i < layer.attn.wq_b.rows * layer.attn.wq_b.cols; ++i) codes.insert(bytes[i]);
    EXPECT_EQ(codes.size(), 254u) << "every E4M3 code but the two NaNs";
    EXPECT_FALSE(codes.contains(0x7f) || codes.contains(0xff));
    // Hash rows hold distinct experts, and all experts are used.
    const auto& ids = weights->layers[0].gate.tid2eid;
    ASSERT_EQ(ids.size(), 1024u * 6);
    std::vector<int> used(16, 0);
    for (std::size_t row = 0; row < 1024; ++row) {
        std::set<int> distinct(ids.begin() + static_cast<std::ptrdiff_t>(row * 6),
                               ids.begin() + static_cast<std::ptrdiff_t>(row * 6 + 6));
        EXPECT_EQ(distinct.size(), 6u) << "row " << row;
        for (const int id : distinct) ++used[static_cast<std::size_t>(id)];
    }
    for (const int count : used) EXPECT_NEAR(count, 384, 80);
}

// A range made alone equals the same range of the whole, for every law.
TEST_F(Synth, RangesAreIndependent) {
    const Config config = tiny();
    for (const Form& form : {Form{}, with_mtp(true, true, false)}) {
        std::set<std::string> seen;
        for_each_parameter(config, form, [&](const Parameter& p, const std::string& prefix, int layer, int expert) {
            if (expert > 0 || layer > 3 || p.kind == Kind::embedding || p.kind == Kind::head ||
                !seen.insert(p.name).second)
                return;
            for (const TensorSpec& spec : tensors_of(p, prefix, form)) {
                const Fill law = fill_of(config, form, p, spec.scale);
                const std::int64_t size = tensor::element_bytes(spec.dtype);
                const auto count = static_cast<std::int64_t>(spec.bytes()) / size;
                std::vector<std::byte> whole(spec.bytes()), part(spec.bytes());
                fill(law, spec.dtype, 99, 0, count, whole.data());
                const std::int64_t cut = count / 2 / fill_grain(law) * fill_grain(law);
                fill(law, spec.dtype, 99, cut, count - cut, part.data() + cut * size);
                fill(law, spec.dtype, 99, 0, cut, part.data());
                EXPECT_EQ(whole, part) << spec.name;
            }
        });
    }
}

TEST_F(Synth, WholeOrNotThere) {
    SynthOptions options;
    std::atomic<int> asked{0};
    options.threads = 2;
    options.stop = [&] { return ++asked > 20; };
    auto stopped = write_synthetic(tiny(), root_ / "s", options);
    ASSERT_FALSE(stopped.ok());
    EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
    EXPECT_TRUE(fs::is_empty(root_)) << "leftovers in " << root_;

    options.stop = {};
    options.sparse = true;
    fs::create_directory(root_ / "s");  // an empty directory is no obstacle
    ASSERT_TRUE(write_synthetic(tiny(), root_ / "s", options).ok());
    auto taken = write_synthetic(tiny(), root_ / "s", options);
    ASSERT_FALSE(taken.ok());
    EXPECT_EQ(taken.error().code, ErrorCode::invalid_argument);
    options.replace = io::Replace::yes;
    options.seed = 5;
    EXPECT_TRUE(write_synthetic(tiny(), root_ / "s", options).ok());
    std::ofstream(root_ / "s" / "thesis.txt") << "years of work";
    auto foreign = write_synthetic(tiny(), root_ / "s", options);
    ASSERT_FALSE(foreign.ok()) << "replaced a directory with foreign files";
    EXPECT_TRUE(fs::exists(root_ / "s" / "thesis.txt"));
    EXPECT_EQ(std::distance(fs::directory_iterator(root_), fs::directory_iterator()), 1) << "leftovers in " << root_;
}

}  // namespace
}  // namespace baleen::model
