// verify can fail: every way a checkpoint or an engine is known to go wrong quietly is put into a copy of the tiny
// model or of its golden files, and must be found, at the layer, step and tensor where it begins.
#include "eval/verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "eval/verify_test_support.h"
#include "tensor/formats.h"

namespace baleen::eval {
namespace {

using Bytes = std::span<std::uint8_t>;

bool traces(const GoldenItem& item) {
    return item.trace;
}

const VerifyReport verify_tier(const fs::path& model, const fs::path& golden, engine::Numerics numerics,
                               std::function<bool(const GoldenItem&)> wanted = traces) {
    VerifyOptions options;
    options.numerics = numerics;
    options.wanted = std::move(wanted);
    return run_verify(model, golden, options);
}

constexpr engine::Numerics kTierA = engine::Numerics::official, kTierC = engine::Numerics::weights_only;

// A spoiled model must leave the golden values first at this tensor, and the text must say so.
void expect_first(const VerifyReport& report, int layer, const std::string& tensor, const std::string& step) {
    ASSERT_FALSE(report.ok()) << "not found: " << tensor;
    const Divergence* first = report.first();
    ASSERT_NE(first, nullptr) << report.files[0].error;
    EXPECT_EQ(first->tensor, tensor) << print_summary({report});
    EXPECT_EQ(first->layer, layer);
    EXPECT_NE(first->step.find(step), std::string::npos) << first->step;
    const std::string text = print_summary({report});
    EXPECT_NE(text.find(tensor), std::string::npos) << text;
    EXPECT_NE(text.find(first->step), std::string::npos) << text;
    if (first->comparison) {
        EXPECT_GT(first->comparison->worst, 1);
        EXPECT_NE(first->here, first->golden);
    }
}

class SpoiledModel : public testing::Test {
  protected:
    SpoiledFolder folder_{kTiny};
    fs::path model() const { return folder_.path() / "checkpoint"; }
    void edit(const std::string& tensor, const std::function<void(Bytes)>& change) {
        folder_.edit_tensor("checkpoint", tensor, change);
    }
    void expect(engine::Numerics numerics, int layer, const std::string& tensor, const std::string& step) {
        SCOPED_TRACE(numerics == kTierA ? "tier A" : "tier C");
        expect_first(verify_tier(model(), kTiny, numerics), layer, tensor, step);
    }
    // The expert of layer 2 that most traced positions use.
    std::string busy_expert() const {
        std::vector<int> uses(8);
        for (const char tier : {'A', 'C'})
            for (const std::int32_t id : read_ints(
                     kTiny / ("cases/p08-268.trace." + std::string(1, tier) + ".safetensors"), "layers.2.gate.ids"))
                ++uses[static_cast<std::size_t>(id)];
        const auto busiest = std::max_element(uses.begin(), uses.end()) - uses.begin();
        return "layers.2.ffn.experts." + std::to_string(busiest) + ".";
    }
};

TEST_F(SpoiledModel, UnspoiledCopyAgrees) {
    EXPECT_TRUE(verify_tier(model(), kTiny, kTierA).ok());
    EXPECT_TRUE(verify_tier(model(), kTiny, kTierC).ok());
}

TEST_F(SpoiledModel, OneE4m3CodeWithTheWrongSign) {
    edit("layers.1.attn.wkv.weight", [](Bytes codes) {
        const auto largest =
            std::max_element(codes.begin(), codes.end(), [](auto a, auto b) { return (a & 0x7f) < (b & 0x7f); });
        *largest ^= 0x80;
    });
    expect(kTierA, 1, "layers.1.kv", "4.4, 5-8");
    expect(kTierC, 1, "layers.1.kv", "4.4, 5-8");
}

TEST_F(SpoiledModel, OneE4m3CodeOffByOneUnit) {
    edit("layers.2.attn.wq_b.weight", [](Bytes codes) { codes[100 * 128 + 7] ^= 1; });
    expect(kTierC, 2, "layers.2.attn.out", "4.4, 1-4 and 19-25");
}

TEST_F(SpoiledModel, OneE2m1CodeWithTheWrongSign) {
    edit(busy_expert() + "w1.weight", [](Bytes pairs) {  // the first low nibble of 6 or -6
        const auto large = std::find_if(pairs.begin(), pairs.end(), [](auto pair) { return (pair & 7) == 7; });
        ASSERT_NE(large, pairs.end());
        *large ^= 8;
    });
    expect(kTierC, 2, "layers.2.ffn.out", "4.5, 4-6");
}

TEST_F(SpoiledModel, OneE2m1CodeOffByOneUnit) {
    edit(busy_expert() + "w2.weight", [](Bytes pairs) { pairs[5] ^= 0x10; });
    expect(kTierC, 2, "layers.2.ffn.out", "4.5, 4-6");
}

TEST_F(SpoiledModel, DenseScaleOffByOne) {
    edit("layers.2.attn.wo_b.scale", [](Bytes scales) { ++scales[1]; });
    expect(kTierA, 2, "layers.2.attn.out", "4.4, 1-4 and 19-25");
    expect(kTierC, 2, "layers.2.attn.out", "4.4, 1-4 and 19-25");
}

TEST_F(SpoiledModel, ExpertScaleOffByOne) {
    edit(busy_expert() + "w2.scale", [](Bytes scales) { ++scales[9]; });
    expect(kTierC, 2, "layers.2.ffn.out", "4.5, 4-6");
}

TEST_F(SpoiledModel, NibblesSwappedInOneExpertMatrix) {
    edit(busy_expert() + "w3.weight", [](Bytes pairs) {
        for (std::uint8_t& pair : pairs) pair = static_cast<std::uint8_t>(pair << 4 | pair >> 4);
    });
    expect(kTierA, 2, "layers.2.ffn.out", "4.5, 4-6");
    expect(kTierC, 2, "layers.2.ffn.out", "4.5, 4-6");
}

// Rows 8 + 4 j + k of hc_attn_fn and hc_attn_base produce comb[j][k]; swapping them for 8 + 4 k + j transposes what
// Sinkhorn starts from.
TEST_F(SpoiledModel, CombTransposed) {
    const auto transpose = [](Bytes bytes) {
        const std::size_t row = bytes.size() / 24;
        const std::vector<std::uint8_t> before(bytes.begin(), bytes.end());
        for (std::size_t j = 0; j < 4; ++j)
            for (std::size_t k = 0; k < 4; ++k)
                std::copy_n(before.begin() + static_cast<std::ptrdiff_t>((8 + 4 * k + j) * row), row,
                            bytes.begin() + static_cast<std::ptrdiff_t>((8 + 4 * j + k) * row));
    };
    edit("layers.2.hc_attn_fn", transpose);
    edit("layers.2.hc_attn_base", transpose);
    expect(kTierA, 2, "layers.2.hc_attn.comb", "4.2, 1-4");
    expect(kTierC, 2, "layers.2.hc_attn.comb", "4.2, 1-4");
}

TEST_F(SpoiledModel, MissingClamp) {
    folder_.edit_text("checkpoint/config.json", "\"swiglu_limit\": 10.0", "\"swiglu_limit\": 1e9");
    for (const auto numerics : {kTierA, kTierC}) {
        const VerifyReport report = verify_tier(model(), kTiny, numerics);
        ASSERT_FALSE(report.ok());
        ASSERT_NE(report.first(), nullptr);
        EXPECT_NE(report.first()->tensor.find(".ffn.out"), std::string::npos) << print_summary({report});
    }
}

TEST_F(SpoiledModel, ScalingFactorTwoPercentOff) {
    folder_.edit_text("checkpoint/config.json", "\"routed_scaling_factor\": 1.5", "\"routed_scaling_factor\": 1.53");
    expect(kTierA, 0, "layers.0.gate.weights", "4.5, 3");
    expect(kTierC, 0, "layers.0.gate.weights", "4.5, 3");
}

TEST_F(SpoiledModel, AnotherWindowIsAnotherShape) {
    folder_.edit_text("checkpoint/config.json", "\"sliding_window\": 128", "\"sliding_window\": 64");
    const VerifyReport report = verify_tier(model(), kTiny, kTierA);
    ASSERT_FALSE(report.ok());
    EXPECT_NE(report.files[0].error.find("layers.0.kv"), std::string::npos) << report.files[0].error;
}

TEST_F(SpoiledModel, SinkIgnored) {
    edit("layers.1.attn.attn_sink", [](Bytes bytes) {
        change_as<float>(bytes, [](std::vector<float>& sinks) { std::fill(sinks.begin(), sinks.end(), -1e4f); });
    });
    expect(kTierA, 1, "layers.1.attn.out", "4.4");
    expect(kTierC, 1, "layers.1.attn.out", "4.4");
}

TEST_F(SpoiledModel, GateBiasLost) {
    edit("layers.3.ffn.gate.bias", [](Bytes bytes) { std::fill(bytes.begin(), bytes.end(), std::uint8_t{0}); });
    expect(kTierA, 3, "layers.3.gate.ids", "4.5, 1-2");
    expect(kTierC, 3, "layers.3.gate.ids", "4.5, 1-2");
    EXPECT_NE(print_summary({verify_tier(model(), kTiny, kTierC)}).find("only here: "), std::string::npos);
}

TEST_F(SpoiledModel, IndexerAndCompressor) {
    edit("layers.1.attn.indexer.weights_proj.weight", [](Bytes bytes) { bytes[1] ^= 0x80; });  // one BF16 sign
    expect(kTierC, 1, "layers.1.indexer.scores", "4.4, 15-17");
    edit("layers.1.attn.indexer.compressor.norm.weight", [](Bytes bytes) { bytes[1] ^= 0x80; });
    expect(kTierA, 1, "layers.1.indexer.keys", "4.4, 9-13");
    edit("layers.1.attn.compressor.ape", [](Bytes bytes) {
        change_as<float>(bytes, [](std::vector<float>& ape) {
            std::rotate(ape.begin(), ape.begin() + static_cast<std::ptrdiff_t>(ape.size() / 4), ape.end());
        });
    });
    expect(kTierA, 1, "layers.1.compressor.entries", "4.4, 9-13");
    expect(kTierC, 1, "layers.1.compressor.entries", "4.4, 9-13");
}

TEST_F(SpoiledModel, HeadIsFoundInCases) {
    edit("head.weight", [](Bytes bytes) { bytes[2 * (256 * 17 + 3) + 1] ^= 0x80; });  // one BF16 sign
    const auto short_cases = [](const GoldenItem& item) { return !item.trace && item.name < "cases/p04"; };
    expect_first(verify_tier(model(), kTiny, kTierC, short_cases), 4, "logits", "4.6");
}

TEST_F(SpoiledModel, MtpIsFoundInCases) {
    edit("mtp.0.enorm.weight", [](Bytes bytes) {
        for (std::size_t i = 1; i < bytes.size(); i += 4) bytes[i] ^= 0x80;
    });
    const auto one = [](const GoldenItem& item) { return item.name.find("p03-60") != std::string::npos; };
    expect_first(verify_tier(model(), kTiny, kTierA, one), 5, "mtp.0.logits", "4.8");
}

// ---- spoiled golden files

class SpoiledGolden : public testing::Test {
  protected:
    static constexpr const char* kTrace = "cases/p08-268.trace.";
    SpoiledFolder folder_{kTiny};

    // Spoils a tensor of one file, verifies it, and puts the file back.
    void expect(const std::string& file, const std::string& tensor, const std::function<void(Bytes)>& change, int layer,
                const std::string& first, std::int64_t position) {
        SCOPED_TRACE(file + " " + tensor);
        if (!folder_.edit_tensor(file, tensor, change)) return;
        const VerifyReport report = run_verify(kTiny / "checkpoint", folder_.path() / file);
        expect_first(report, layer, first, "");
        if (report.first() != nullptr) {
            EXPECT_EQ(report.first()->position, position) << print_summary({report});
        }
        write_bytes(folder_.path() / file, read_bytes(kTiny / file));
    }
};

// Adds to one number, as wide as the file's dtype.
std::function<void(Bytes)> nudge(std::size_t element, float by, bool narrow) {
    return [=](Bytes bytes) {
        if (narrow) {
            change_as<std::uint16_t>(bytes, [&](std::vector<std::uint16_t>& v) {
                v[element] = tensor::f32_to_bf16(tensor::bf16_to_f32(v[element]) + by);
            });
        } else {
            change_as<float>(bytes, [&](std::vector<float>& v) { v[element] += by; });
        }
    };
}

TEST_F(SpoiledGolden, ValuesOfATrace) {
    const std::vector<std::int32_t> at_a = read_ints(kTiny / "cases/p08-268.trace.A.safetensors", "positions");
    const std::vector<std::int32_t> at_c = read_ints(kTiny / "cases/p08-268.trace.C.safetensors", "positions");
    const std::string a = std::string(kTrace) + "A.safetensors", c = std::string(kTrace) + "C.safetensors";
    // Tier C: a thousandth is seen anywhere. The last rows hold positions 267 (kv), entry 66 and 1.
    expect(c, "layers.2.streams", nudge(3 * 1024 + 5, 1e-3f, false), 2, "layers.2.streams", at_c[3]);
    expect(c, "layers.3.kv", nudge(127 * 512, 1e-3f, false), 3, "layers.3.kv", 267);
    expect(c, "layers.1.compressor.entries", nudge(66 * 512 + 1, 1e-3f, false), 1, "layers.1.compressor.entries", 66);
    expect(c, "layers.1.indexer.keys", nudge(128, 1e-3f, false), 1, "layers.1.indexer.keys", 1);
    expect(c, "layers.0.hc_ffn.comb", nudge(16 * 2 + 4, 1e-3f, false), 0, "layers.0.hc_ffn.comb", at_c[2]);
    expect(c, "layers.3.gate.weights", nudge(3 * 15, 1e-3f, false), 3, "layers.3.gate.weights", at_c[15]);
    expect(c, "layers.3.indexer.scores", nudge(67 * 15 + 2, 0.1f, false), 3, "layers.3.indexer.scores", at_c[15]);
    // Tier A: what the layer's own tolerance sees.
    expect(a, "layers.2.streams", nudge(250 * 1024 + 5, 2, true), 2, "layers.2.streams", 250);
    expect(a, "layers.3.kv", nudge(512 * 3, 4, true), 3, "layers.3.kv", 268 - 128 + 3);
    expect(a, "layers.3.hc_attn.pre", nudge(5, 0.02f, false), 3, "layers.3.hc_attn.pre", at_a[1]);
    expect(a, "layers.0.attn.in", nudge(256 * 4 + 9, 0.5f, true), 0, "layers.0.attn.in", at_a[4]);
}

TEST_F(SpoiledGolden, ChoicesOfATrace) {
    const std::vector<std::int32_t> at = read_ints(kTiny / "cases/p08-268.trace.C.safetensors", "positions");
    const std::string c = std::string(kTrace) + "C.safetensors";
    const auto swap_for_absent = [](std::size_t row, std::size_t width, std::int32_t count) {
        return [=](Bytes bytes) {
            change_as<std::int32_t>(bytes, [&](std::vector<std::int32_t>& ids) {
                const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(row * width),
                           end = begin + static_cast<std::ptrdiff_t>(width);
                for (std::int32_t id = 0; id < count; ++id)
                    if (std::find(begin, end, id) == end) return void(*begin = id);
            });
        };
    };
    expect(c, "layers.0.gate.ids", swap_for_absent(4, 3, 8), 0, "layers.0.gate.ids", at[4]);
    expect(c, "layers.3.gate.ids", swap_for_absent(9, 3, 8), 3, "layers.3.gate.ids", at[9]);
    expect(c, "layers.1.indexer.ids", swap_for_absent(15, 16, 67), 1, "layers.1.indexer.ids", at[15]);
    // One entry more is visible than there should be.
    expect(
        c, "layers.1.indexer.scores",
        [](Bytes bytes) {
            change_as<float>(bytes, [](std::vector<float>& s) { *std::find(s.begin(), s.end(), -INFINITY) = 0; });
        },
        1, "layers.1.indexer.scores", at[0]);
    // The order inside a set means nothing.
    folder_.edit_tensor(c, "layers.1.indexer.ids", [](Bytes bytes) {
        change_as<std::int32_t>(bytes, [](std::vector<std::int32_t>& ids) { std::reverse(ids.end() - 16, ids.end()); });
    });
    EXPECT_TRUE(run_verify(kTiny / "checkpoint", folder_.path() / c).ok());
}

TEST_F(SpoiledGolden, CasesAndGreedyIds) {
    const std::string a = "cases/p02-8.A.safetensors", c = "cases/p02-8.C.safetensors";
    const auto token = [](std::size_t step) {
        return [=](Bytes bytes) {
            change_as<std::int32_t>(bytes, [&](std::vector<std::int32_t>& ids) { ids[step] = (ids[step] + 1) % 1024; });
        };
    };
    expect(c, "logits.steps", nudge(1024 * 3 + 77, 1e-3f, false), 4, "logits", 10);
    expect(c, "logits.positions", nudge(1024 * 2 + 5, 1e-3f, false), 4, "logits", 4);
    expect(a, "logits.steps", nudge(1024 * 24 + 77, 4, false), 4, "logits", 31);
    // A wrong id is found before the logits it is fed into; the step is firm in both tiers (23), or its logit must be
    // near the largest (22 in tier A).
    expect(c, "greedy_ids", token(23), 4, "greedy_ids", 23);
    expect(a, "greedy_ids", token(23), 4, "greedy_ids", 23);
    expect(a, "greedy_ids", token(22), 4, "greedy_ids", 22);
    expect("cases/p03-60.A.safetensors", "mtp.0.logits", nudge(1024 * 6 + 9, 3, false), 5, "mtp.0.logits", 63);
}

// The other side: ids may differ where the margins say so.
TEST_F(SpoiledGolden, ChoicesInsideTheirMarginsMayDiffer) {
    const std::string c = std::string(kTrace) + "C.safetensors";
    folder_.edit_tensor(c, "layers.3.gate.ids", [](Bytes bytes) {
        change_as<std::int32_t>(bytes, [](std::vector<std::int32_t>& ids) {
            for (std::int32_t id = 0;; ++id)
                if (std::find(ids.begin(), ids.begin() + 3, id) == ids.begin() + 3) return void(ids[0] = id);
        });
    });
    EXPECT_FALSE(run_verify(kTiny / "checkpoint", folder_.path() / c).ok());
    folder_.edit_tensor(c, "layers.3.gate.margin", [](Bytes bytes) {
        change_as<float>(bytes, [](std::vector<float>& margins) { margins[0] = 9e-6f; });
    });
    const VerifyReport report = run_verify(kTiny / "checkpoint", folder_.path() / c);
    EXPECT_TRUE(report.ok()) << print_summary({report});
    for (const VerifyCheck& check : report.files[0].checks) {
        if (check.tensor == "layers.3.gate.ids" || check.tensor == "layers.3.streams") {
            EXPECT_EQ(check.left_out, 1) << check.tensor;
        }
    }
}

// ---- the measures

TEST(Measures, AreThoseOfTheGoldenFiles) {
    const std::vector<float> golden = {3, -4, 0, 5}, here = {3, -4, 0.5f, 5};
    const Comparison c = compare(here, golden, {0.2, 0.1, 0.25});
    const double rms = std::sqrt(50.0 / 4);
    EXPECT_DOUBLE_EQ(c.measures.max, 0.5 / rms);
    EXPECT_DOUBLE_EQ(c.measures.rms, std::sqrt(0.25 / 4) / rms);
    EXPECT_DOUBLE_EQ(c.measures.share, 0.25);
    EXPECT_TRUE(c.ok);
    EXPECT_DOUBLE_EQ(c.worst, 1);
    EXPECT_FALSE(compare(here, golden, {0.1, 0.1, 0.25}).ok);
    EXPECT_EQ(compare(here, golden, {0.1, 0.1, 0.25}).element, 2);
    EXPECT_FALSE(compare(here, golden, {0.2, 0.05, 0.25}).ok);
    EXPECT_FALSE(compare(here, golden, {0.2, 0.1, 0.2}).ok);
    EXPECT_FALSE(compare(here, golden, {1, 1, 0}).ok) << "a share of 0 allows none";
    EXPECT_TRUE(compare(golden, golden, {0, 0, 0}).ok);
    EXPECT_TRUE(compare({}, {}, {0, 0, 0}).ok);
}

TEST(Measures, WhatIsNoNumberDiffers) {
    const float nan = std::nanf(""), inf = INFINITY;
    const std::vector<float> golden = {1, 2, 3};
    for (const float bad : {nan, inf, -inf}) {
        EXPECT_FALSE(compare(std::vector<float>{1, bad, 3}, golden, {1e9, 1e9, 1}).ok);
        EXPECT_EQ(compare(std::vector<float>{1, bad, 3}, golden, {1e9, 1e9, 1}).element, 1);
        EXPECT_FALSE(compare(golden, std::vector<float>{1, bad, 3}, {1e9, 1e9, 1}).ok);
    }
    EXPECT_FALSE(compare(std::vector<float>{0, nan}, std::vector<float>{0, nan}, {1e9, 1e9, 1}).ok);
    EXPECT_FALSE(compare(std::vector<float>{0, 1e-30f}, std::vector<float>{0, 0}, {1e9, 1e9, 1}).ok)
        << "all zeros allow nothing";
    EXPECT_TRUE(compare(std::vector<float>{0, -0.0f}, std::vector<float>{0, 0}, {0, 0, 0}).ok);
}

}  // namespace
}  // namespace baleen::eval
