// Which kernel sets there are, which of them this CPU runs, and which one is used.
#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "kernels/cpu.h"
#include "kernels/kernels.h"

namespace baleen::kernels {

namespace {

struct Set {
    std::string_view name;
    void (*fill)(Kernels&);
    bool runs;
    Kernels kernels;
};

// Every set this build has, in the order in which each builds on those before it.
struct Sets {
    std::vector<Set> all;
    const Set* fastest = nullptr;

    Sets() {
        all.push_back({"scalar", fill_scalar, true, {}});
#if defined(__x86_64__)
        const Cpu cpu = detect_cpu();
        all.push_back({"avx2", fill_avx2, cpu.avx2, {}});
        all.push_back({"avx512", fill_avx512, cpu.avx512, {}});
        all.push_back({"avx512vnni", fill_avx512vnni, cpu.avx512vnni, {}});
        all.push_back({"avx512bf16", fill_avx512bf16, cpu.avx512bf16, {}});
#endif
        Kernels kernels;
        for (Set& set : all) {
            if (!set.runs)
                break;  // its fill function is compiled with its instructions; the sets after it need them too
            set.fill(kernels);
            set.kernels = kernels;
            fastest = &set;
        }
#if defined(__x86_64__)
        if (cpu.slow_bf16_dots && fastest->name == "avx512bf16") --fastest;
#endif
    }
};

const Sets& sets() {
    static const Sets instance;
    return instance;
}

std::string names(bool runnable_only) {
    std::string text;
    for (const Set& set : sets().all) {
        if (runnable_only && !set.runs) continue;
        if (!text.empty()) text += ", ";
        text += set.name;
    }
    return text;
}

}  // namespace

Result<const Kernels*> select(std::string_view wanted) {
    const char* variable = std::getenv("BALEEN_ISA");
    const std::string_view name = !wanted.empty() ? wanted : variable ? std::string_view(variable) : std::string_view();
    if (name.empty()) return &sets().fastest->kernels;
    for (const Set& set : sets().all) {
        if (set.name != name) continue;
        if (set.runs) return &set.kernels;
        return unsupported(
            fmt::format("BALEEN_ISA: this CPU cannot run the kernel set '{}'; it runs {}", name, names(true)));
    }
    return invalid_argument(fmt::format("BALEEN_ISA: no kernel set is called '{}'; there are {}", name, names(false)));
}

std::vector<const Kernels*> available() {
    std::vector<const Kernels*> result;
    for (const Set& set : sets().all)
        if (set.runs) result.push_back(&set.kernels);
    return result;
}

}  // namespace baleen::kernels
