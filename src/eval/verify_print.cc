// The report of verify() as text.
#include <fmt/format.h>

#include "base/json.h"
#include "eval/verify.h"

namespace baleen::eval {

namespace {

std::string print(const Comparison& c) {
    return fmt::format("largest {:.3g} (allowed {:.3g}), rms {:.3g} ({:.3g}), share {:.3g} ({:.3g})", c.measures.max,
                       c.tolerance.max, c.measures.rms, c.tolerance.rms, c.measures.share, c.tolerance.share);
}

std::string print(const Divergence& d) {
    std::string out = fmt::format("first divergence: {} (tier {}, {})\n", printable(d.file, 400), letter(d.tier),
                                  d.mode == VerifyMode::layer ? "layer from golden streams" : "whole chain");
    const bool in_layer = d.tensor.rfind("layers.", 0) == 0;
    out += in_layer ? fmt::format("  layer {}, step {}\n", d.layer, d.step) : fmt::format("  step {}\n", d.step);
    out += fmt::format("  {}, {} {}", d.tensor, d.unit, d.position);
    if (d.element >= 0) out += fmt::format(", element {}: {:.7g} here, {:.7g} golden", d.element, d.here, d.golden);
    out += '\n';
    if (!d.detail.empty()) out += fmt::format("  {}\n", d.detail);
    if (d.comparison) out += fmt::format("  of the whole tensor: {}\n", print(*d.comparison));
    return out;
}

}  // namespace

std::string print(const VerifyFile& file) {
    std::string out = fmt::format("{:<8} {:<36}", file.ok() ? "ok" : "DIFFERS", printable(file.file, 400));
    if (!file.error.empty()) return out + " " + file.error + "\n";
    std::int64_t left_out = 0;
    for (const VerifyCheck& check : file.checks)
        if (check.set) left_out += check.left_out;
    if (const VerifyCheck* worst = file.nearest()) {
        out += fmt::format(" {} tensors, nearest {:.3g} of its tolerance: {}{}", file.checks.size(),
                           worst->comparison.worst, worst->tensor,
                           file.trace ? fmt::format(" ({})", name(worst->mode)) : "");
    }
    if (left_out > 0) out += fmt::format("; {} choices differ within their margins", left_out);
    out += fmt::format("; {:.2f} s\n", file.seconds);
    for (const std::string& note : file.notes) out += "         not compared: " + printable(note, 400) + "\n";
    return out;
}

std::string print_summary(const std::vector<VerifyReport>& reports) {
    std::string out;
    std::size_t files = 0, ok = 0;
    for (const VerifyReport& report : reports) {
        for (const VerifyFile& file : report.files) {
            ++files;
            ok += file.ok();
        }
        if (const Divergence* first = report.first()) out += print(*first);
    }
    out += fmt::format("{} of {} golden files agree", ok, files);
    std::string signatures;
    for (const VerifyReport& report : reports)
        for (const std::string& signature : report.signatures)
            if (signatures.find(signature) == std::string::npos)
                signatures += (signatures.empty() ? "" : ", ") + signature;
    if (!signatures.empty()) out += " (" + signatures + ")";
    return out + "\n";
}

}  // namespace baleen::eval
