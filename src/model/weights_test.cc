// Aim: binding finds every tensor of every variant, decides storage tensor by tensor, and refuses what is missing,
// misshapen or holds a number no weight may be, naming file and tensor. Golden checkpoints bind.
#include "model/weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/editable_checkpoint.h"
#include "model/inventory.h"
#include "tensor/formats.h"

namespace baleen::model {
namespace {

namespace fs = std::filesystem;

Form mtp_form(bool base = false) {
    Form form;
    form.draft = Draft::mtp;
    form.draft_blocks = 1;
    form.fp8_experts = form.f32_scales = form.draft_copies = base;
    return form;
}

// A checkpoint written out, opened and bound; kept together because weights point into it.
struct Bound {
    explicit Bound(const EditableCheckpoint& editable, const BindOptions& options = {.mtp = true})
        : scratch("weights") {
        editable.write(scratch.path());
        auto opened = Checkpoint::open(scratch.path());
        if (!opened.ok()) {
            error = opened.error().message;
            return;
        }
        checkpoint = std::move(*opened);
        auto bound = bind_weights(*checkpoint, options);
        if (bound.ok()) {
            weights = std::move(*bound);
        } else {
            error = bound.error().message;
        }
    }
    ScratchDirectory scratch;
    std::unique_ptr<Checkpoint> checkpoint;
    std::optional<Weights> weights;
    std::string error;
};

void expect_refused(const EditableCheckpoint& editable, const std::string& tensor,
                    std::initializer_list<const char*> words = {}) {
    const Bound bound(editable);
    ASSERT_FALSE(bound.weights) << "bound in spite of " << tensor;
    EXPECT_TRUE(bound.error.starts_with("model.safetensors: tensor \"" + tensor + "\"")) << bound.error;
    for (const char* word : words)
        EXPECT_NE(bound.error.find(word), std::string::npos) << word << " in: " << bound.error;
}

template <class T>
void put(EditableTensor& tensor, std::size_t element, T value) {
    std::memcpy(tensor.data.data() + element * sizeof(T), &value, sizeof(T));
}

TEST(Weights, GoldenCheckpointsBind) {
    const fs::path root = BALEEN_SOURCE_DIR;
    std::vector<fs::path> directories{root / "tests/golden/tiny/checkpoint", root / "models/krill"};
    const fs::path shared = root / "../shared";
    if (fs::exists(shared / "golden")) {
        for (const char* name : {"tiny", "small-dims", "base", "pro-like"})
            directories.push_back(shared / "golden" / name / "checkpoint");
        directories.push_back(shared / "krill0/checkpoint");
    } else {
        GTEST_LOG_(INFO) << "../shared is absent: only the checkpoints in the tree are tried";
    }
    for (const fs::path& directory : directories) {
        const auto checkpoint = Checkpoint::open(directory);
        ASSERT_TRUE(checkpoint.ok()) << directory << ": " << checkpoint.error().message;
        const auto weights = bind_weights(**checkpoint, {.mtp = true, .check_scales = true, .threads = 2});
        ASSERT_TRUE(weights.ok()) << directory << ": " << weights.error().message;
        const Config& config = (*checkpoint)->config();
        EXPECT_EQ(weights->mtp.has_value(), config.num_nextn_predict_layers > 0);
        EXPECT_EQ(weights->layers.size(), static_cast<std::size_t>(config.num_hidden_layers));
        EXPECT_EQ(weights->experts.size(), weights->layers.size() + weights->mtp.has_value());
        for (const Layer& layer : weights->layers) {
            EXPECT_EQ(layer.attn.compressor.has_value(), layer.ratio != 0);
            EXPECT_EQ(layer.attn.indexer.has_value(), layer.ratio == 4);
            EXPECT_EQ(layer.gate.bias.empty(), !layer.gate.tid2eid.empty());
        }
    }
}

TEST(Weights, ViewsPointIntoTheMapping) {
    EditableCheckpoint editable(mtp_form());
    const Bound bound(editable);
    ASSERT_TRUE(bound.weights) << bound.error;
    const Weights& w = *bound.weights;
    EXPECT_TRUE(w.owned.empty());
    const TensorInfo& info = *bound.checkpoint->find("layers.1.attn.wq_b.weight");
    const MatrixView& wq_b = w.layers[1].attn.wq_b;
    EXPECT_EQ(wq_b.data, bound.checkpoint->data(info));
    EXPECT_EQ(wq_b.rows, 256);
    EXPECT_EQ(wq_b.cols, 128);
    EXPECT_EQ(wq_b.scale_stride, 1);
    const MatrixView& w2 = w.experts[3][1].w2;  // of mtp.0
    EXPECT_EQ(w2.data, bound.checkpoint->data(*bound.checkpoint->find("mtp.0.ffn.experts.1.w2.weight")));
    EXPECT_EQ(static_cast<const void*>(w2.scales),
              bound.checkpoint->data(*bound.checkpoint->find("mtp.0.ffn.experts.1.w2.scale")));
    EXPECT_EQ(w2.format, tensor::WeightFormat::fp4);
    EXPECT_EQ(w2.scale_stride, 4);
    float scale = 0;
    std::memcpy(&scale, editable.at("mtp.0.hc_head_scale").data.data(), 4);
    EXPECT_EQ(w.mtp->hc_head.scale, scale);
    EXPECT_EQ(w.layers[1].attn.compressor->width, 256);
    EXPECT_EQ(w.layers[1].attn.indexer->compressor.width, 128);
    EXPECT_EQ(w.layers[2].attn.compressor->width, 128);
    const Bound without(editable, {.mtp = false});
    ASSERT_TRUE(without.weights);
    EXPECT_FALSE(without.weights->mtp);
    EXPECT_EQ(without.weights->experts.size(), 3u);
}

TEST(Weights, EveryTensorMissingMisshapenOrOfAnotherType) {
    const EditableCheckpoint whole(mtp_form());
    ASSERT_TRUE(Bound(whole).weights) << Bound(whole).error;
    for (const EditableTensor& tensor : whole.tensors) {
        // One routed expert in the backbone and one in the draft block stand for all.
        const bool other_expert =
            tensor.name.find("experts.0") != std::string::npos && !tensor.name.starts_with("layers.1");
        if (other_expert) continue;
        EditableCheckpoint edited = whole;
        edited.erase(tensor.name);
        if (tensor.name != "mtp.0.e_proj.weight") {  // its absence means: no classic draft block
            expect_refused(edited, tensor.name, {"missing"});
        }
        edited = whole;
        edited.at(tensor.name).shape.insert(edited.at(tensor.name).shape.begin(), 1);
        expect_refused(edited, tensor.name, {"found", "expected", "[1, "});
        edited = whole;
        const std::string& dtype = tensor.dtype;
        edited.at(tensor.name).dtype = dtype == "BF16" ? "F16" : dtype == "F32" ? "I32" : dtype == "I64" ? "F64" : "U8";
        expect_refused(edited, tensor.name, {"found", "expected", dtype.c_str()});
        edited.at(tensor.name).dtype = "F6_NEW";
        expect_refused(edited, tensor.name, {"F6_NEW", dtype.c_str()});
    }
}

TEST(Weights, Scales) {
    for (const char* name : {"layers.0.attn.wo_a.scale", "layers.2.ffn.experts.1.w3.scale", "mtp.0.h_proj.scale",
                             "layers.1.ffn.shared_experts.w2.scale"}) {
        EditableCheckpoint editable(mtp_form());
        editable.at(name).data.back() = static_cast<char>(255);
        expect_refused(editable, name, {"255"});
        const Bound unchecked(editable, {.mtp = true, .check_scales = false});
        EXPECT_TRUE(unchecked.weights) << unchecked.error;
        editable.at(name).data.back() = static_cast<char>(254);
        EXPECT_TRUE(Bound(editable).weights);
        editable.at(name).data.back() = 0;  // 2^-127
        EXPECT_TRUE(Bound(editable).weights);
    }
}

TEST(Weights, Float32ScalesBecomeBytes) {
    EditableCheckpoint base(mtp_form(true));
    const Bound bound(base);
    ASSERT_TRUE(bound.weights) << bound.error;
    EXPECT_TRUE(bound.weights->mtp);
    const MatrixView& w1 = bound.weights->experts[1][0].w1;
    EXPECT_EQ(w1.format, tensor::WeightFormat::fp8);
    for (std::size_t i = 0; i < base.at("layers.1.ffn.experts.0.w1.scale").data.size() / 4; ++i) {
        float scale = 0;
        std::memcpy(&scale, base.at("layers.1.ffn.experts.0.w1.scale").data.data() + 4 * i, 4);
        EXPECT_EQ(tensor::ue8m0_to_f32(w1.scales[i]), scale);
    }
    const float infinity = std::numeric_limits<float>::infinity();
    for (const float bad : {0.0f, -1.0f, 3.0f, 0.1f, infinity, std::nanf(""), 1.0000001f, 0x1p-149f, 0x1p-128f}) {
        EditableCheckpoint edited = base;
        put(edited.at("layers.0.attn.wkv.scale"), 0, bad);
        expect_refused(edited, "layers.0.attn.wkv.scale", {"power of two"});
    }
    for (const float good : {1.0f, 0x1p-127f, 0x1p127f, 0x1p-126f}) {
        EditableCheckpoint edited = base;
        put(edited.at("layers.0.attn.wkv.scale"), 0, good);
        const Bound changed(edited);
        ASSERT_TRUE(changed.weights) << changed.error;
        EXPECT_EQ(tensor::ue8m0_to_f32(changed.weights->layers[0].attn.wkv.scales[0]), good);
    }
}

// Experts of FP4 and FP8 and scales of both types side by side: the dtype of each tensor decides.
TEST(Weights, StorageIsDecidedTensorByTensor) {
    EditableCheckpoint mixed(Form{});
    const EditableCheckpoint base(mtp_form(true));
    for (const char* suffix : {".weight", ".scale"}) {
        const std::string name = std::string("layers.1.ffn.experts.1.w2") + suffix;
        mixed.at(name) = EditableCheckpoint(base).at(name);
    }
    mixed.at("layers.2.attn.wq_a.scale") = EditableCheckpoint(base).at("layers.2.attn.wq_a.scale");
    const Bound bound(mixed);
    ASSERT_TRUE(bound.weights) << bound.error;
    EXPECT_EQ(bound.weights->experts[1][1].w2.format, tensor::WeightFormat::fp8);
    EXPECT_EQ(bound.weights->experts[1][1].w1.format, tensor::WeightFormat::fp4);
    EXPECT_EQ(bound.weights->owned.size(), 2u);
}

TEST(Weights, HashTables) {
    const std::string name = "layers.0.ffn.gate.tid2eid";
    const EditableCheckpoint whole{Form{}};
    for (const std::int64_t bad :
         {std::int64_t{-1}, std::int64_t{2}, std::int64_t{1} << 32, std::numeric_limits<std::int64_t>::min()}) {
        EditableCheckpoint edited = whole;
        put(edited.at(name), 63, bad);
        expect_refused(edited, name, {"63", "2 experts"});
    }
    EditableCheckpoint narrow = whole;
    EditableTensor& table = narrow.at(name);
    std::string data(table.data.size() / 2, '\0');
    for (std::size_t i = 0; i < data.size() / 4; ++i) std::memcpy(data.data() + 4 * i, table.data.data() + 8 * i, 4);
    table.data = data;
    table.dtype = "I32";
    const Bound wide_bound(whole), narrow_bound(narrow);
    ASSERT_TRUE(narrow_bound.weights) << narrow_bound.error;
    EXPECT_EQ(narrow_bound.weights->layers[0].gate.tid2eid, wide_bound.weights->layers[0].gate.tid2eid);
    put(narrow.at(name), 5, std::int32_t{2});
    expect_refused(narrow, name, {"5"});
}

TEST(Weights, SmallVectorsMustBeFinite) {
    for (const char* name : {"layers.1.ffn.gate.bias", "layers.1.attn.attn_sink", "layers.1.attn.compressor.ape",
                             "hc_head_base", "layers.0.hc_ffn_scale", "hc_head_scale"}) {
        EditableCheckpoint editable{Form{}};
        put(editable.at(name), 0, std::nanf(""));
        expect_refused(editable, name, {"nan"});
    }
    EditableCheckpoint editable{Form{}};
    put(editable.at("norm.weight"), 3, std::uint16_t{0xff80});
    expect_refused(editable, "norm.weight", {"element 3", "-inf"});
}

// Norms in F32 and F32 tensors in BF16, as re-exports have them, give the same numbers.
TEST(Weights, WidthsOfFloats) {
    EditableCheckpoint editable{Form{}};
    const Bound before(editable);
    std::vector<float> norm = before.weights->norm;
    EditableTensor& wide = editable.at("norm.weight");
    wide.dtype = "F32";
    wide.data.assign(reinterpret_cast<const char*>(norm.data()), norm.size() * 4);
    std::vector<float> rounded_fn, rounded_bias;
    const auto narrow = [&](const char* name, std::vector<float>& rounded) {
        EditableTensor& tensor = editable.at(name);
        std::string data;
        for (std::size_t i = 0; i < tensor.data.size() / 4; ++i) {
            float value = 0;
            std::memcpy(&value, tensor.data.data() + 4 * i, 4);
            const std::uint16_t bits = tensor::f32_to_bf16(value);
            data.append(reinterpret_cast<const char*>(&bits), 2);
            rounded.push_back(tensor::bf16_to_f32(bits));
        }
        tensor.data = data;
        tensor.dtype = "BF16";
    };
    narrow("layers.1.hc_attn_fn", rounded_fn);
    narrow("layers.1.ffn.gate.bias", rounded_bias);
    const Bound after(editable);
    ASSERT_TRUE(after.weights) << after.error;
    EXPECT_EQ(after.weights->norm, norm);
    EXPECT_EQ(after.weights->layers[1].gate.bias, rounded_bias);
    const auto* const fn = static_cast<const float*>(after.weights->layers[1].hc_attn.fn.data);
    EXPECT_EQ(std::vector<float>(fn, fn + rounded_fn.size()), rounded_fn);
}

// An odd number of bytes in front: everything wider than a byte is misaligned and must be copied, with equal content.
TEST(Weights, MisalignedTensorsAreCopied) {
    EditableCheckpoint editable(mtp_form());
    const Bound aligned(editable);
    editable.tensors.insert(editable.tensors.begin(), {"vision.pad", "U8", {1}, "x"});
    const Bound shifted(editable, {.mtp = true, .check_scales = true, .threads = 3});
    ASSERT_TRUE(shifted.weights) << shifted.error;
    EXPECT_FALSE(shifted.weights->owned.empty());
    const auto same = [](const MatrixView& a, const MatrixView& b) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.data) % (b.format == tensor::WeightFormat::f32 ? 4 : 2), 0u);
        return std::memcmp(a.data, b.data, static_cast<std::size_t>(a.rows * a.row_bytes())) == 0;
    };
    EXPECT_TRUE(same(aligned.weights->embed, shifted.weights->embed));
    EXPECT_TRUE(same(aligned.weights->head, shifted.weights->head));
    EXPECT_TRUE(same(aligned.weights->layers[1].hc_ffn.fn, shifted.weights->layers[1].hc_ffn.fn));
    EXPECT_TRUE(same(aligned.weights->mtp->block.gate.weight, shifted.weights->mtp->block.gate.weight));
    EXPECT_EQ(aligned.weights->layers[2].attn.compressor->ape, shifted.weights->layers[2].attn.compressor->ape);
    EXPECT_EQ(aligned.weights->layers[0].gate.tid2eid, shifted.weights->layers[0].gate.tid2eid);
}

TEST(Weights, VariantsWithExtras) {
    EditableCheckpoint vision{Form{}};  // spec 9.3
    const std::size_t count = vision.tensors.size();
    vision.tensors.push_back({"vision.blocks.0.qkv.weight", "BF16", {2}, "abcd"});
    vision.tensors.push_back({"aligner.0.weight", "F4", {8}, "abcd"});
    vision.tensors.push_back({"image_start", "BF16", {1}, "ab"});
    vision.tensors.push_back({"layers.1.ffn.gate.bias_vl", "F32", {2}, "abcdefgh"});
    vision.tensors.push_back({"layers.0.ffn.gate.bias", "F32", {2}, "abcdefgh"});
    const Bound with_vision(vision);
    ASSERT_TRUE(with_vision.weights) << with_vision.error;
    EXPECT_TRUE(with_vision.weights->layers[0].gate.bias.empty()) << "hash layers route by table";
    EXPECT_TRUE(with_vision.checkpoint->find("aligner.0.weight")->foreign_dtype == "F4");
    for (std::size_t i = count; i < vision.tensors.size(); ++i)
        EXPECT_TRUE(ignorable(with_vision.checkpoint->config(), vision.tensors[i].name));

    Form dspark;
    dspark.draft = Draft::dspark;
    dspark.draft_blocks = 3;
    dspark.markov_rank = 8;
    const Bound with_dspark{EditableCheckpoint(dspark)};
    ASSERT_TRUE(with_dspark.weights) << with_dspark.error;
    EXPECT_FALSE(with_dspark.weights->mtp) << "a DSpark checkpoint has no classic draft block";
    EXPECT_EQ(with_dspark.weights->experts.size(), 3u);

    EditableCheckpoint base(mtp_form(true));
    const Bound with_copies(base);
    ASSERT_TRUE(with_copies.weights) << with_copies.error;
    EXPECT_EQ(with_copies.weights->head.data,
              with_copies.checkpoint->data(*with_copies.checkpoint->find("head.weight")));
    base.at("mtp.0.embed.weight").name = "mtp.0.emb.tok_emb.weight";
    EXPECT_TRUE(Bound(base).weights);
}

TEST(Weights, ErrorsAreTheSameForAnyNumberOfThreads) {
    EditableCheckpoint editable(mtp_form());
    editable.at("layers.1.ffn.experts.0.w1.scale").data[7] = static_cast<char>(255);
    editable.at("layers.2.ffn.experts.1.w2.scale").data[7] = static_cast<char>(255);
    for (const int threads : {1, 2, 5}) {
        const Bound bound(editable, {.mtp = true, .check_scales = true, .threads = threads});
        EXPECT_TRUE(bound.error.starts_with("model.safetensors: tensor \"layers.1.ffn.experts.0.w1.scale\""))
            << bound.error;
    }
}

}  // namespace
}  // namespace baleen::model
