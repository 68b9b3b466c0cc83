// Choosing a kernel set: what is asked for is what runs, and nothing else.
#include <cstdlib>
#include <set>

#include "kernels/cpu.h"
#include "kernels/test_support.h"

namespace baleen::kernels::test {
namespace {

// BALEEN_ISA as given, put back at the end.
class Environment {
  public:
    explicit Environment(const char* value) {
        if (const char* old = std::getenv("BALEEN_ISA")) old_ = old, had_ = true;
        if (value)
            setenv("BALEEN_ISA", value, 1);
        else
            unsetenv("BALEEN_ISA");
    }
    ~Environment() {
        if (had_)
            setenv("BALEEN_ISA", old_.c_str(), 1);
        else
            unsetenv("BALEEN_ISA");
    }

  private:
    std::string old_;
    bool had_ = false;
};

TEST(Select, GivesTheNamedSet) {
    const Environment none(nullptr);
    for (const Kernels* set : available()) {
        const auto by_name = select(set->name);
        ASSERT_TRUE(by_name.ok());
        EXPECT_EQ(*by_name, set);
        const Environment forced(std::string(set->name).c_str());
        const auto by_environment = select();
        ASSERT_TRUE(by_environment.ok());
        EXPECT_EQ(*by_environment, set);
    }
}

TEST(Select, PrefersTheArgumentAndElseTheFastest) {
    const Environment none(nullptr);
    const Kernels* fastest = available().back();
    if (fastest->name == "avx512bf16" && detect_cpu().slow_bf16_dots) fastest = *select("avx512vnni");
    EXPECT_EQ(*select(), fastest);
    EXPECT_EQ(available().front()->name, "scalar");
    const Environment forced("no such set");
    ASSERT_TRUE(select("scalar").ok());
    EXPECT_EQ((*select("scalar"))->name, "scalar");
}

TEST(Select, RefusesUnknownNames) {
    for (const char* name : {"sse9", "AVX2", "avx512bf16 ", "scalar,avx2"}) {
        const Environment forced(name);
        const auto result = select();
        ASSERT_FALSE(result.ok()) << name;
        EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
        EXPECT_NE(result.error().message.find("BALEEN_ISA"), std::string::npos);
        for (const Kernels* set : available()) EXPECT_NE(result.error().message.find(set->name), std::string::npos);
    }
}

TEST(Select, RefusesWhatTheCpuLacks) {
    std::set<std::string_view> here;
    for (const Kernels* set : available()) here.insert(set->name);
    for (const char* name : {"avx2", "avx512", "avx512vnni", "avx512bf16"})
        if (!here.count(name)) {
            const auto result = select(name);
            ASSERT_FALSE(result.ok());
            EXPECT_EQ(result.error().code, ErrorCode::unsupported);
        }
}

// The sets are really different code, and a set is the same every time. avx512vnni has avx512's arithmetic: index scores have the same bits
// everywhere, and nothing else differs.
TEST(Fingerprint, TellsSetsApart) {
    std::set<std::uint64_t> seen;
    std::set<Matmul> products;
    for (const Kernels* set : available()) {
        EXPECT_EQ(fingerprint(*set), fingerprint(*set)) << set->name;
        if (set->name == "avx512vnni") {
            const Kernels* narrower = *select("avx512");
            EXPECT_EQ(fingerprint(*set), fingerprint(*narrower));
            EXPECT_NE(set->index_scores, narrower->index_scores);
            continue;
        }
        EXPECT_TRUE(seen.insert(fingerprint(*set)).second) << set->name;
        EXPECT_TRUE(products.insert(set->matmul_fp8).second) << set->name;
        EXPECT_TRUE(products.insert(set->matmul_fp4).second || set->name == "scalar") << set->name;
    }
}

TEST(Fingerprint, NoticesOneChangedEntry) {
    for (const Kernels* set : available()) {
        if (set->name == "scalar") continue;
        Kernels mixed = *set;
        mixed.attend = scalar_set().attend;
        EXPECT_NE(fingerprint(mixed), fingerprint(*set)) << set->name;
    }
}

TEST(Sets, FillEveryEntry) {
    for (const Kernels* k : available()) {
        // The struct is a name followed by pointers only, so none of its words is zero.
        std::vector<std::uintptr_t> words(sizeof(Kernels) / sizeof(std::uintptr_t));
        std::memcpy(words.data(), static_cast<const void*>(k), sizeof(Kernels));
        for (std::size_t i = 0; i < words.size(); ++i) EXPECT_NE(words[i], 0u) << k->name << " entry " << i;
    }
}

}  // namespace
}  // namespace baleen::kernels::test
