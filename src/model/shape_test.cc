// Aim: the counts derived from a config are those published for Flash and Pro, to the unit (spec
// architecture 2.4, 6.2, 6.3, 7, 8). Every shape in the inventory enters one of these sums.
#include "model/shape.h"

#include <gtest/gtest.h>

#include <map>

namespace baleen::model {
namespace {

Form preview() {
    Form form;
    form.draft = Draft::mtp;
    form.draft_blocks = 1;
    return form;
}

Form dspark(int rank) {
    Form form;
    form.draft = Draft::dspark;
    form.draft_blocks = 3;
    form.markov_rank = rank;
    return form;
}

Form base() {
    Form form = preview();
    form.fp8_experts = form.f32_scales = true;
    return form;
}

void expect_total(const Config& config, const Form& form, std::int64_t tensors, std::int64_t bytes) {
    const Count total = make_account(config, form).total();
    EXPECT_EQ(total.tensors, tensors) << variant(form);
    EXPECT_EQ(total.bytes, bytes) << variant(form);
}

TEST(Shape, TensorsAndBytesOfPublishedCheckpoints) {
    expect_total(published_flash(), preview(), 69187, 159609485896);
    expect_total(published_flash(), Form{}, 67612, 156015698140);
    expect_total(published_flash(), dspark(256), 72317, 166878536440);
    expect_total(published_flash(), base(), 69187, 292555345480);
    expect_total(published_pro(), preview(), 145116, 864704792696);
    expect_total(published_pro(), dspark(512), 149782, 892727580904);
    expect_total(published_pro(), base(), 145116, 1602325824632);
}

TEST(Shape, AccountAgreesWithTheTensorsOneByOne) {
    for (const Form& form : {preview(), dspark(256), base(), Form{}}) {
        std::int64_t tensors = 0, bytes = 0, parameters = 0;
        for_each_tensor(published_flash(), form, [&](const TensorSpec& spec) {
            ++tensors;
            bytes += static_cast<std::int64_t>(spec.bytes());
            parameters += spec.elements;
        });
        const Count total = make_account(published_flash(), form).total();
        EXPECT_EQ(total.tensors, tensors);
        EXPECT_EQ(total.bytes, bytes);
        EXPECT_EQ(total.parameters, parameters);
    }
}

TEST(Shape, UnitsOfBytes) {
    const Account flash = make_account(published_flash(), preview());
    EXPECT_EQ(flash.expert.bytes, 13369344);
    EXPECT_EQ(flash[Kind::routed_experts].bytes, 147169738752);
    EXPECT_EQ(resident_bytes(flash), 8845959388);
    EXPECT_EQ(decode_bytes(published_flash(), flash).routed, 3449290752);
    const Account pro = make_account(published_pro(), preview());
    EXPECT_EQ(pro.expert.bytes, 35094528);
    EXPECT_EQ(pro[Kind::routed_experts].bytes, 822054223872);
    EXPECT_EQ(resident_bytes(pro), 28693981132);
    EXPECT_EQ(decode_bytes(published_pro(), pro).routed, 12844597248);
    // "11.21 GB" and "39.66 GB" read per token (spec experts 2.1)
    EXPECT_NEAR(static_cast<double>(decode_bytes(published_flash(), flash).total()), 11.21e9, 0.01e9);
    EXPECT_NEAR(static_cast<double>(decode_bytes(published_pro(), pro).total()), 39.66e9, 0.01e9);
}

TEST(Shape, ParameterTable) {
    const Account flash = make_account(published_flash(), preview());
    EXPECT_EQ(flash[Kind::routed_experts].parameters, 277025390592);
    EXPECT_EQ(flash[Kind::shared_experts].parameters, 1082130432);
    EXPECT_EQ(flash[Kind::routers].parameters, 45099008);
    EXPECT_EQ(flash[Kind::attention].parameters, 180355072ll + 1442840576 + 90177536 + 1442840576 + 1442840576);
    EXPECT_EQ(flash[Kind::compressors].parameters, 176257536 + 85207040);
    EXPECT_EQ(flash[Kind::indexers].parameters, 225730176);
    EXPECT_EQ(flash[Kind::hyper_connections].parameters, 33884439);
    EXPECT_EQ(flash[Kind::norms].parameters, 425152);
    EXPECT_EQ(flash[Kind::embedding].parameters, 529530880);
    EXPECT_EQ(flash[Kind::head].parameters, 529530880);
    EXPECT_EQ(flash[Kind::hash_tables].parameters, 2327040);

    const Account pro = make_account(published_pro(), preview());
    EXPECT_EQ(pro[Kind::routed_experts].parameters, 1547396186112);
    EXPECT_EQ(pro[Kind::shared_experts].parameters, 4029677568);
    EXPECT_EQ(pro[Kind::routers].parameters, 167925504);
    EXPECT_EQ(pro[Kind::attention].parameters, 671612928ll + 6140461056 + 223870976 + 4093640704 + 7163871232);
    EXPECT_EQ(pro[Kind::compressors].parameters, 440540160 + 229588480);
    EXPECT_EQ(pro[Kind::indexers].parameters, 501384960);
    EXPECT_EQ(pro[Kind::hyper_connections].parameters, 84069603);
    EXPECT_EQ(pro[Kind::norms].parameters, 1014400);
}

TEST(Shape, ParameterTotals) {
    const ParameterCounts flash = count_parameters(published_flash(), make_account(published_flash(), preview()));
    EXPECT_EQ(flash.backbone, 284332240471);
    EXPECT_EQ(flash.draft, 6610048891);
    EXPECT_EQ(flash.checkpoint, 290944616402);
    EXPECT_EQ(flash.active_with_embedding, 13799632471);
    EXPECT_EQ(flash.active, 13270101591);
    const ParameterCounts pro = count_parameters(published_pro(), make_account(published_pro(), preview()));
    EXPECT_EQ(pro.backbone, 1572997201763);
    EXPECT_EQ(pro.draft, 25840145979);
    EXPECT_EQ(pro.checkpoint, 1598839674782);
    EXPECT_EQ(pro.active_with_embedding, 49779081059);
    EXPECT_EQ(pro.active, 48852402019);
    const auto with_dspark = [](const Config& config, int rank) {
        return count_parameters(config, make_account(config, dspark(rank)));
    };
    EXPECT_EQ(with_dspark(published_flash(), 256).draft, 19845850983);
    EXPECT_EQ(with_dspark(published_flash(), 256).checkpoint, 304180418494);
    EXPECT_EQ(with_dspark(published_pro(), 512).draft, 77498408103);
    EXPECT_EQ(with_dspark(published_pro(), 512).checkpoint, 1650497936906);
}

void expect_kv(const Config& config, std::int64_t context, std::int64_t csa, std::int64_t keys, std::int64_t hca,
               std::int64_t windows, std::int64_t total) {
    const KvBytes kv = kv_bytes(config, context);
    EXPECT_EQ(kv.csa_entries, csa);
    EXPECT_EQ(kv.csa_keys, keys);
    EXPECT_EQ(kv.hca_entries, hca);
    EXPECT_EQ(kv.windows, windows);
    EXPECT_EQ(kv.total(), total);
}

TEST(Shape, KvTable) {
    EXPECT_EQ(kv_bytes_per_token(published_flash()), 3514.25);
    EXPECT_EQ(kv_bytes_per_token(published_pro()), 5031.4375);
    expect_kv(published_flash(), 131072, 401866752, 46792704, 11960320, 3214336, 463834112);
    expect_kv(published_pro(), 131072, 574095360, 66846720, 18538496, 4559872, 664040448);
    expect_kv(published_flash(), 1048576, 3214934016, 374341632, 95682560, 3214336, 3688172544);
    expect_kv(published_pro(), 1048576, 4592762880, 534773760, 148307968, 4559872, 5280404480);
    EXPECT_EQ(compressor_state_bytes(published_flash()), 12206080);
    EXPECT_EQ(compressor_state_bytes(published_pro()), 18710528);
    EXPECT_EQ(kV32KvBytesPerToken, 48068);
    const double million = 1048576;
    EXPECT_NEAR(static_cast<double>(kv_bytes(published_flash(), 1048576).total()) / (million * kV32KvBytesPerToken),
                0.073, 0.0005);
    EXPECT_NEAR(static_cast<double>(kv_bytes(published_pro(), 1048576).total()) / (million * kV32KvBytesPerToken),
                0.105, 0.0005);
}

// GFLOP of one component of the table.
std::map<std::string, double> giga(const std::vector<FlopLine>& lines) {
    std::map<std::string, double> out;
    for (const FlopLine& line : lines) out[line.what] = line.flops / 1e9;
    return out;
}

TEST(Shape, FlopTable) {
    constexpr double kStep = 0.0065;  // the table's last digit, whichever way it was rounded
    auto flash = giga(flops_per_token(published_flash(), 1048576));
    EXPECT_NEAR(flash["indexer scores"], 90.19, kStep);
    EXPECT_NEAR(flash["indexer head reduction"], 0.71, kStep);
    EXPECT_NEAR(flash["indexer q projection"] + flash["indexer weights_proj"], 0.36, kStep);
    EXPECT_NEAR(flash["core attention, CSA"], 1.76, kStep);
    EXPECT_NEAR(flash["core attention, HCA"], 21.81, kStep);
    EXPECT_NEAR(flash["core attention, window only"], 0.03, kStep);
    EXPECT_NEAR(flash["q, kv and wo_b projections"], 6.31, kStep);
    EXPECT_NEAR(flash["wo_a"], 2.89, kStep);
    EXPECT_NEAR(flash["compressors"], 0.61, kStep);
    EXPECT_NEAR(flash["routed experts"], 12.99, kStep);
    EXPECT_NEAR(flash["shared expert"], 2.16, kStep);
    EXPECT_NEAR(flash["router"], 0.09, kStep);
    EXPECT_NEAR(flash["mHC"], 0.09, kStep);
    EXPECT_NEAR(flash["output head"], 1.06, kStep);
    auto pro = giga(flops_per_token(published_pro(), 1048576));
    EXPECT_NEAR(pro["indexer scores"], 128.85, kStep);
    EXPECT_NEAR(pro["core attention, HCA"], 67.61, kStep);
    EXPECT_NEAR(pro["q, kv and wo_b projections"], 28.40, kStep);
    EXPECT_NEAR(pro["wo_a"], 8.19, kStep);
    EXPECT_NEAR(pro["compressors"], 1.56, kStep);
    EXPECT_NEAR(pro["routed experts"], 48.36, kStep);
    EXPECT_NEAR(pro["mHC"], 0.21, kStep);
    auto v32 = giga(v32_flops_per_token(1048576));
    EXPECT_NEAR(v32["indexer scores"], 1047.97, kStep);
    EXPECT_NEAR(v32["indexer projections"], 1.70, kStep);
    EXPECT_NEAR(v32["core attention, sparse"], 34.80, kStep);
    EXPECT_NEAR(v32["q, kv and output projections"], 22.83, kStep);
    EXPECT_NEAR(v32["experts"], 45.98, kStep);
    EXPECT_NEAR(v32["dense FFN"], 2.38, kStep);
}

TEST(Shape, FlopSumsAndRatios) {
    const auto flash = flops_per_token(published_flash(), 1048576);
    const auto pro = flops_per_token(published_pro(), 1048576);
    const auto v32 = v32_flops_per_token(1048576);
    EXPECT_NEAR(raw_flops(flash) / 1e9, 141.1, 0.05);
    EXPECT_NEAR(raw_flops(pro) / 1e9, 304.3, 0.05);
    EXPECT_NEAR(raw_flops(v32) / 1e9, 1157.7, 0.05);
    EXPECT_NEAR(fp8_equivalent_flops(flash) / 1e9, 122.1, 0.05);
    EXPECT_NEAR(fp8_equivalent_flops(pro) / 1e9, 321.5, 0.05);
    EXPECT_NEAR(fp8_equivalent_flops(v32) / 1e9, 1194.6, 0.05);
    const auto ratio = [](const Config& config, std::int64_t context) {
        return fp8_equivalent_flops(flops_per_token(config, context)) /
               fp8_equivalent_flops(v32_flops_per_token(context));
    };
    EXPECT_NEAR(ratio(published_flash(), 1048576), 0.102, 0.0005);
    EXPECT_NEAR(ratio(published_pro(), 1048576), 0.269, 0.0005);
    EXPECT_NEAR(ratio(published_flash(), 131072), 0.158, 0.0005);
    EXPECT_NEAR(ratio(published_pro(), 131072), 0.529, 0.0005);
}

TEST(Shape, CanonicalComparison) {
    EXPECT_EQ(compare_with_published(published_flash()).canonical, "V4-Flash");
    EXPECT_TRUE(compare_with_published(published_flash()).mismatches.empty());
    EXPECT_EQ(compare_with_published(published_pro()).canonical, "V4-Pro");
    Config changed = published_flash();
    changed.index_topk = 1024;
    changed.compress_ratios[20] = 128;  // beyond the printed start of the list
    const Comparison comparison = compare_with_published(changed);
    EXPECT_EQ(comparison.canonical, "V4-Flash");
    ASSERT_EQ(comparison.mismatches.size(), 2u);
    EXPECT_EQ(comparison.mismatches[0].field, "index_topk");
    EXPECT_EQ(comparison.mismatches[0].here, "1024");
    EXPECT_EQ(comparison.mismatches[0].published, "512");
    EXPECT_EQ(comparison.mismatches[1].field, "compress_ratios");
    Config own = published_flash();
    own.hidden_size = 128;
    own.num_attention_heads = 4;
    own.q_lora_rank = 128;
    own.o_lora_rank = 128;
    own.n_routed_experts = 4;
    own.vocab_size = 1024;
    own.moe_intermediate_size = 128;
    EXPECT_EQ(compare_with_published(own).canonical, "");
}

}  // namespace
}  // namespace baleen::model
