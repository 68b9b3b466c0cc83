// The engine against golden files: the tiny model of this tree in both tiers and every kernel set, the other golden
// models where they are at hand. And golden files that are damaged, hostile or of another model: errors that name file
// and tensor.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "eval/golden_file.h"
#include "eval/verify_test_support.h"
#include "kernels/kernels.h"

namespace baleen::eval {
namespace {

void expect_agreement(const VerifyReport& report) {
    EXPECT_TRUE(report.ok()) << print_summary({report});
    for (const VerifyFile& file : report.files) {
        EXPECT_TRUE(file.ok()) << print(file);
        EXPECT_FALSE(file.checks.empty()) << file.file;
    }
}

std::size_t count_files(const VerifyReport& report, Tier tier, bool trace) {
    std::size_t count = 0;
    for (const VerifyFile& file : report.files) count += file.tier == tier && file.trace == trace;
    return count;
}

class EverySet : public testing::TestWithParam<std::string> {};
std::vector<std::string> kernel_sets() {
    std::vector<std::string> names;
    for (const kernels::Kernels* k : kernels::available()) names.emplace_back(k->name);
    return names;
}
INSTANTIATE_TEST_SUITE_P(Kernels, EverySet, testing::ValuesIn(kernel_sets()),
                         [](const auto& info) { return info.param; });

TEST_P(EverySet, TinyAgrees) {
    VerifyOptions options;
    options.isa = GetParam();
    if (GetParam() == "scalar") {  // traces, and prompts up to one window: the long ones take a minute
        options.wanted = [](const GoldenItem& item) { return item.trace || item.name < "cases/p06"; };
    }
    const VerifyReport report = run_verify(kTiny / "checkpoint", kTiny, options);
    expect_agreement(report);
    const std::size_t cases = GetParam() == "scalar" ? 6 : 10;
    for (const Tier tier : {Tier::a, Tier::c}) {
        EXPECT_EQ(count_files(report, tier, false), cases) << letter(tier);
        EXPECT_EQ(count_files(report, tier, true), 1u) << letter(tier);
    }
    ASSERT_EQ(report.signatures.size(), 2u);
    EXPECT_NE(report.signatures[0].find(GetParam()), std::string::npos)
        << "another kernel set ran: " << report.signatures[0];
}

// What is compared: all kinds of tensors, in both modes; nothing is passed over but what a note says.
TEST(Golden, EveryStoredTensorIsCompared) {
    VerifyOptions options;
    options.wanted = [](const GoldenItem& item) { return item.trace || item.name.find("p03-60") != std::string::npos; };
    const VerifyReport report = run_verify(kTiny / "checkpoint", kTiny, options);
    for (const VerifyFile& file : report.files) {
        const std::size_t notes = file.trace && file.tier == Tier::c ? 1 : 0;  // layers that cannot be fed
        EXPECT_EQ(file.notes.size(), notes) << print(file);
        auto golden = GoldenFile::open(kTiny / file.file, file.file);
        ASSERT_TRUE(golden.ok());
        for (const std::string& tensor : golden->unread()) {
            if (tensor.rfind("layers.", 0) != 0 && tensor.find("logits") == std::string::npos) continue;
            if (tensor.find(".margin") != std::string::npos) continue;  // says which choices must agree
            const std::string seen = tensor == "logits.steps" || tensor == "logits.positions" ? "logits" : tensor;
            std::size_t layer = 0, chain = 0;
            for (const VerifyCheck& check : file.checks) {
                if (check.tensor != seen) continue;
                (check.mode == VerifyMode::layer ? layer : chain) += 1;
                EXPECT_GT(check.compared, 0) << file.file << " " << tensor;
            }
            EXPECT_EQ(chain, 1u) << file.file << " " << tensor;
            const bool fed = file.trace && (file.tier == Tier::a || tensor.rfind("layers.0.", 0) == 0);
            EXPECT_EQ(layer, fed ? 1u : 0u) << file.file << " " << tensor;
        }
    }
}

TEST(Golden, OtherModelsAgree) {
    for (const char* name : {"base", "pro-like", "small-dims"}) {
        const fs::path folder = shared_golden() / name;
        if (!fs::exists(folder)) {
            std::printf("          NOT TESTED: golden model %s is not at hand (%s)\n", name, folder.string().c_str());
            continue;
        }
        expect_agreement(run_verify(folder / "checkpoint", folder));
    }
}

// Threads change nothing, so a second count of them is only a check that verify passes it on.
TEST(Golden, AnyNumberOfThreads) {
    VerifyOptions options;
    options.threads = 2;
    options.wanted = [](const GoldenItem& item) { return item.trace; };
    expect_agreement(run_verify(kTiny / "checkpoint", kTiny, options));
}

// ---- finding files

TEST(Golden, FindsFilesBehindAPath) {
    const auto count = [](const fs::path& path) -> std::size_t {
        const auto sets = find_golden(path);
        return sets.ok() ? sets->front().items.size() : 0;
    };
    EXPECT_EQ(count(kTiny), 22u);
    EXPECT_EQ(count(kTiny / ""), 22u);
    EXPECT_EQ(count(kTiny / "cases"), 22u);
    EXPECT_EQ(count(kTiny.parent_path()), 22u);
    EXPECT_EQ(count(kTiny / "cases/p03-60.A.safetensors"), 1u);
    EXPECT_EQ(count(kTiny / "checkpoint"), 0u);
    EXPECT_EQ(count("/nowhere"), 0u);
    const auto one = find_golden(kTiny / "cases/p00-1.A.safetensors");
    ASSERT_TRUE(one.ok());
    EXPECT_EQ(one->front().items[0].greedy_firm.size(), 18u);
    EXPECT_TRUE(fs::equivalent(one->front().checkpoint, kTiny / "checkpoint"));
}

TEST(Golden, ACopiedFileIsToldByItsName) {
    SpoiledFolder folder(kTiny);
    fs::create_directory(folder.path() / "cases/mine");
    fs::copy(kTiny / "cases/p00-1.A.safetensors", folder.path() / "cases/mine/p00-1.edited.A.safetensors");
    const auto set = find_golden(folder.path() / "cases/mine/p00-1.edited.A.safetensors");
    ASSERT_TRUE(set.ok()) << set.error().message;
    EXPECT_EQ(set->front().items[0].tier, Tier::a);
    EXPECT_EQ(set->front().items[0].greedy_firm.size(), 18u);
    fs::copy(kTiny / "cases/p00-1.A.safetensors", folder.path() / "cases/mine/noname.safetensors");
    EXPECT_FALSE(find_golden(folder.path() / "cases/mine/noname.safetensors").ok());
}

TEST(Golden, SetsBelongToTheirModel) {
    auto sets = find_golden(kTiny.parent_path());
    ASSERT_TRUE(sets.ok());
    std::vector<GoldenSet> two = *sets;
    two.push_back(two[0]);
    two[1].checkpoint = "/nowhere";
    const auto mine = sets_for(kTiny / "checkpoint", two);
    ASSERT_TRUE(mine.ok());
    EXPECT_EQ(mine->size(), 1u);
    SpoiledFolder copy(kTiny);  // another directory, the same model
    EXPECT_EQ(sets_for(copy.path() / "checkpoint", two)->size(), 1u);
    copy.edit_text("checkpoint/config.json", "\"routed_scaling_factor\": 1.5", "\"routed_scaling_factor\": 1.4");
    EXPECT_FALSE(sets_for(copy.path() / "checkpoint", two).ok());
    EXPECT_TRUE(sets_for(copy.path() / "checkpoint", *sets).ok()) << "a set alone belongs to any model";
}

// ---- damaged indexes

TEST(Golden, IndexesAreChecked) {
    const std::string good = R"({"checkpoint":"c","tolerance":{"A":{"logits":[1,1,1]}},
        "cases":[{"tiers":{"A":{"file":"x.safetensors","greedy_firm":[0,2],"index_margin":Infinity,"note":"NaN \"Infinity\" in text"}}}]})";
    const auto parsed = parse_golden_index(good, "index.json", "/g");
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed->items[0].greedy_firm, (std::vector<int>{0, 2}));
    const std::pair<const char*, const char*> spoils[] = {{"\"c\"", "\"/etc\""},
                                                          {"\"c\"", "7"},
                                                          {"x.safetensors", "../x.safetensors"},
                                                          {"x.safetensors", ""},
                                                          {"[1,1,1]", "[1,1]"},
                                                          {"[1,1,1]", "[1,-1,1]"},
                                                          {"[1,1,1]", "[1,NaN,1]"},
                                                          {"[0,2]", "[-1]"},
                                                          {"[0,2]", "\"all\""},
                                                          {"[0,2]", "[1e99]"},
                                                          {"\"tiers\"", "\"tears\""},
                                                          {"\"cases\"", "\"case\""},
                                                          {"\"tolerance\"", "\"tolerances\""},
                                                          {"}}}]}", "}}}]"}};
    for (const auto& [from, to] : spoils) {
        std::string text = good;
        text.replace(text.find(from), std::strlen(from), to);
        const auto result = parse_golden_index(text, "index.json", "/g");
        ASSERT_FALSE(result.ok()) << from << " -> " << to;
        EXPECT_EQ(result.error().message.rfind("index.json", 0), 0u) << result.error().message;
    }
    std::mt19937 random(5);
    for (int i = 0; i < 3000; ++i) {  // random damage must not crash
        std::string text = good;
        for (int j = 0; j < 1 + i % 3; ++j) text[random() % text.size()] = static_cast<char>(random());
        (void)parse_golden_index(text, "index.json", "/g");
    }
}

// ---- damaged and foreign golden files

// Verifies one spoiled golden file against the tiny model and expects an error that names `what`.
void expect_unusable(SpoiledFolder& folder, const std::string& file, const std::string& what) {
    const VerifyReport report = run_verify(kTiny / "checkpoint", folder.path() / file);
    ASSERT_EQ(report.files.size(), 1u);
    EXPECT_FALSE(report.ok());
    EXPECT_NE(report.files[0].error.find(what), std::string::npos)
        << "expected: " << what << "\nfound:    " << report.files[0].error;
    EXPECT_NE(report.files[0].error.find(file), std::string::npos) << report.files[0].error;
}

TEST(Golden, DamagedFilesAreErrors) {
    const std::string kCase = "cases/p01-3.A.safetensors", kTrace = "cases/p08-268.trace.A.safetensors";
    SpoiledFolder folder(kTiny);
    const auto spoil_ints = [&](const std::string& file, const std::string& tensor, std::size_t at,
                                std::int32_t value) {
        write_bytes(folder.path() / file, read_bytes(kTiny / file));
        folder.edit_tensor(file, tensor, [&](std::span<std::uint8_t> bytes) {
            change_as<std::int32_t>(bytes, [&](std::vector<std::int32_t>& v) { v[at] = value; });
        });
    };
    spoil_ints(kCase, "input_ids", 1, 1024);
    expect_unusable(folder, kCase, "input_ids: id 1024 is outside the vocabulary of 1024");
    spoil_ints(kCase, "greedy_ids", 5, -1);
    expect_unusable(folder, kCase, "greedy_ids: id -1");
    spoil_ints(kCase, "positions", 0, 1);
    expect_unusable(folder, kCase, "positions: 1 is not an ascending position");
    spoil_ints(kCase, "positions", 1, 3);
    expect_unusable(folder, kCase, "positions: 3");
    spoil_ints(kTrace, "positions", 15, 268);
    expect_unusable(folder, kTrace, "positions: 268");
    spoil_ints(kTrace, "input_ids", 200, 1 << 30);
    expect_unusable(folder, kTrace, "input_ids: id 1073741824");

    write_bytes(folder.path() / kTrace, read_bytes(kTiny / kTrace));
    folder.edit_tensor(kTrace, "layers.1.streams",
                       [](std::span<std::uint8_t> bytes) { bytes[1001] = 0x7f, bytes[1000] = 0xc0; });
    expect_unusable(folder, kTrace, "layers.1.streams");

    const std::string whole = read_bytes(kTiny / kCase);
    write_bytes(folder.path() / kCase, whole.substr(0, whole.size() - 1));
    expect_unusable(folder, kCase, "do not lie in the file");
    write_bytes(folder.path() / kCase, "no tensors at all");
    expect_unusable(folder, kCase, "safetensors");
    write_bytes(folder.path() / kCase, "");
    expect_unusable(folder, kCase, "");

    const auto renamed = [&](const std::string& file, const std::string& from, const std::string& to) {
        std::string bytes = read_bytes(kTiny / file);
        bytes.replace(bytes.find("\"" + from + "\""), from.size() + 2, "\"" + to + "\"");
        write_bytes(folder.path() / file, bytes);
    };
    renamed(kCase, "logits.steps", "logits.stegs");
    expect_unusable(folder, kCase, "no tensor \"logits.steps\"");
    renamed(kTrace, "layers.3.kv", "layers.4.kv");  // computed in no layer of this model
    expect_unusable(folder, kTrace, "no tensor \"layers.3.kv\"");
    renamed(kCase, "rows.noise", "rows.nowse");
    const VerifyReport unknown = run_verify(kTiny / "checkpoint", folder.path() / kCase);
    ASSERT_EQ(unknown.files[0].notes.size(), 1u) << "a tensor of an unknown kind is told";
    EXPECT_NE(unknown.files[0].notes[0].find("rows.nowse"), std::string::npos);
}

// Streams at the end of float32's range make the layers fed with them overflow: a divergence, whatever they compute.
TEST(Golden, HugeStreamsAreADivergence) {
    const std::string file = "cases/p08-268.trace.A.safetensors";
    SpoiledFolder folder(kTiny);
    for (const char* tensor : {"layers.0.streams", "layers.1.streams", "layers.2.streams"}) {
        folder.edit_tensor(file, tensor, [](std::span<std::uint8_t> bytes) {
            for (std::size_t i = 0; i < bytes.size(); ++i)
                bytes[i] = i % 6 == 5 ? 0xff : 0x7f;  // 3.39e38, some negative
        });
    }
    const VerifyReport report = run_verify(kTiny / "checkpoint", folder.path() / file);
    ASSERT_EQ(report.files.size(), 1u);
    EXPECT_TRUE(report.files[0].error.empty()) << report.files[0].error;
    EXPECT_FALSE(report.ok());
}

TEST(Golden, RandomDamageDoesNotCrash) {
    const std::string file = "cases/p01-3.C.safetensors";
    SpoiledFolder folder(kTiny);
    const std::string whole = read_bytes(kTiny / file);
    std::mt19937 random(17);
    int failed = 0;
    for (int i = 0; i < 60; ++i) {
        std::string bytes = whole;
        const std::size_t reach = i % 2 ? 900 : bytes.size();  // the header, or anywhere
        for (int j = 0; j < 1 + i % 4; ++j) bytes[random() % reach] = static_cast<char>(random());
        write_bytes(folder.path() / file, bytes);
        const auto set = find_golden(folder.path() / file);
        ASSERT_TRUE(set.ok());
        VerifyOptions options;
        options.threads = 1;
        const auto report = verify(kTiny / "checkpoint", set->front(), options);
        failed += !report.ok() || !report->ok();
    }
    EXPECT_GT(failed, 20) << "seed 17";
}

TEST(Golden, FilesOfAnotherModelAreErrors) {
    for (const char* name : {"base", "pro-like", "small-dims"}) {
        const fs::path folder = shared_golden() / name;
        if (!fs::exists(folder)) {
            std::printf("          NOT TESTED: golden model %s is not at hand (%s)\n", name, folder.string().c_str());
            continue;
        }
        VerifyOptions options;
        options.wanted = [](const GoldenItem& item) {
            return item.trace || item.name.find("p02-8") != std::string::npos;
        };
        const VerifyReport report = run_verify(kTiny / "checkpoint", folder, options);
        EXPECT_EQ(report.files.size(), 4u);
        for (const VerifyFile& file : report.files) EXPECT_FALSE(file.ok()) << name << " " << print(file);
    }
}

}  // namespace
}  // namespace baleen::eval
