// A number that changes whenever the arithmetic of a kernel set changes: every kernel runs on fixed inputs and the bits
// of its outputs are hashed. It keeps stored KV from being continued by other arithmetic without anyone noticing.
#include <array>
#include <bit>

#include "kernels/kernels.h"

namespace baleen::kernels {

namespace {

// The probe of every kernel: inputs made by one generator, outputs fed to one hash.
class Probe {
  public:
    std::uint64_t hash() const { return hash_; }

    void feed(const void* data, std::size_t bytes) {
        const auto* p = static_cast<const std::uint8_t*>(data);
        for (std::size_t i = 0; i < bytes; ++i) hash_ = (hash_ ^ p[i]) * 0x100000001b3u;
    }
    void feed(const std::vector<float>& values) { feed(values.data(), values.size() * sizeof(float)); }

    std::uint32_t next() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::uint32_t>(state_ >> 33);
    }
    // Bytes below `top`.
    std::vector<std::uint8_t> bytes(std::size_t n, std::uint32_t top = 256) {
        std::vector<std::uint8_t> result(n);
        for (auto& byte : result) byte = static_cast<std::uint8_t>(next() % top);
        return result;
    }
    // Scale bytes around 2^-8.
    std::vector<std::uint8_t> scales(std::size_t n) {
        auto result = bytes(n, 12);
        for (auto& byte : result) byte = static_cast<std::uint8_t>(byte + 113);
        return result;
    }
    // bf16 numbers in (-4, 4).
    std::vector<float> numbers(std::size_t n) {
        std::vector<float> result(n);
        for (auto& x : result) x = static_cast<float>(static_cast<int>(next() % 511) - 255) * 0x1p-6f;
        return result;
    }

  private:
    std::uint64_t hash_ = 0xcbf29ce484222325u, state_ = 20261122;
};

constexpr std::int64_t kRows = 20, kCols = 416;  // 416 = 3 blocks of 128 and one of 32; 20 rows fill no tile evenly

void probe_products(const Kernels& k, Probe& probe, Scratch& scratch) {
    const auto x = probe.numbers(5 * kCols);
    std::vector<std::uint16_t> narrow(x.size());
    k.narrow_bf16(x.data(), static_cast<std::int64_t>(x.size()), narrow.data());
    probe.feed(narrow.data(), narrow.size() * 2);
    auto codes = probe.bytes(kRows * kCols);
    for (auto& code : codes)
        if ((code & 0x7f) == 0x7f) code ^= 1;  // no NaN
    const auto nibbles = probe.bytes(kRows * kCols / 2);
    const auto tiles = probe.scales(4), groups = probe.scales(kRows * kCols / 32);
    const auto wide = probe.numbers(kRows * kCols);
    std::vector<std::uint16_t> half(wide.size());
    for (std::size_t i = 0; i < wide.size(); ++i)
        half[i] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(wide[i]) >> 16);
    using tensor::MatrixView;
    using tensor::WeightFormat;
    const std::array<MatrixView, 4> matrices{
        MatrixView{WeightFormat::fp8, kRows, kCols, codes.data(), tiles.data(), 4},
        MatrixView{WeightFormat::fp4, kRows, kCols, nibbles.data(), groups.data(), kCols / 32},
        MatrixView{WeightFormat::bf16, kRows, kCols, half.data()},
        MatrixView{WeightFormat::f32, kRows, kCols, wide.data()}};
    for (const MatrixView& w : matrices)
        for (const bool official : {true, false}) {
            Rows rows{.f32 = x.data(), .stride = kCols, .count = 5, .width = kCols};
            if (official) rows.bf16 = narrow.data(), rows.bf16_stride = kCols;
            std::vector<float> y(5 * kRows);
            matmul_for(k, w.format)(w, rows, 0, kRows, y.data(), kRows, false, scratch);
            probe.feed(y);
        }
}

void probe_rows(const Kernels& k, Probe& probe) {
    constexpr int n = 384;
    const auto x = probe.numbers(4 * n), w = probe.numbers(n), small = probe.numbers(32);
    std::vector<float> out(n);
    const std::vector<float> squares{k.sum_squares(x.data(), n)};
    probe.feed(squares);
    for (const bool round : {true, false}) {
        k.rms_norm(x.data(), w.data(), n, 1e-6f, out.data(), round);
        probe.feed(out);
        k.head_norm(x.data(), n, 1e-6f, out.data(), round);
        probe.feed(out);
        k.rope(out.data(), 16, small.data(), small.data() + 16, round, round);
        probe.feed(out);
        k.swiglu(x.data(), x.data() + n, n, 2.0f, 0.3f, out.data(), round);
        probe.feed(out);
        k.hc_collapse(x.data(), small.data(), 4, n, out.data(), round);
        probe.feed(out);
        auto streams = x;
        k.hc_expand(streams.data(), w.data(), small.data(), small.data() + 4, 4, n, round);
        k.add(streams.data(), out.data(), n);
        k.round_bf16(streams.data(), n);
        probe.feed(streams);
        std::vector<float> spectrum(x.begin(), x.begin() + 128);
        k.hadamard(spectrum.data(), 128, round);
        probe.feed(spectrum);
    }
    k.quantise_fp8(x.data(), n, 128, out.data());
    probe.feed(out);
    const std::array<const float*, 3> value{x.data(), x.data() + n, x.data() + 2 * n};
    const std::array<const float*, 3> gate{x.data() + 3 * n, x.data(), x.data() + n};
    k.pool(value.data(), gate.data(), 3, n, out.data());
    probe.feed(out);
}

// Entries of 64 + 64 channels, 70 of them, three heads.
void probe_attention(const Kernels& k, Probe& probe, Scratch& scratch) {
    constexpr int dim = 128, heads = 3, count = 70;
    const auto q = probe.numbers(heads * dim), x = probe.numbers(count * dim), sink = probe.numbers(heads);
    for (const bool packed : {true, false}) {
        const tensor::EntryLayout layout{dim, 64, packed};
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(layout.bytes()) * count);
        std::vector<const std::uint8_t*> entries(count);
        for (int e = 0; e < count; ++e) {
            std::uint8_t* entry = bytes.data() + e * layout.bytes();
            k.pack_entry(x.data() + e * dim, layout, entry);
            entries[e] = entry;
        }
        probe.feed(bytes.data(), bytes.size());
        std::vector<float> out(heads * dim);
        k.unpack_entry(entries[1], layout, out.data());
        probe.feed(out);
        k.attend({.q = q.data(),
                  .entries = entries.data(),
                  .count = count,
                  .layout = layout,
                  .sink = sink.data(),
                  .scale = 0.0884f,
                  .head_begin = 0,
                  .head_end = heads,
                  .out = out.data(),
                  .round = packed},
                 scratch);
        probe.feed(out);
    }
}

void probe_index(const Kernels& k, Probe& probe, Scratch& scratch) {
    constexpr int dim = 128, heads = 5, count = 41;
    const auto x = probe.numbers((heads + count) * dim), weights = probe.numbers(heads);
    for (const bool packed : {true, false}) {
        const tensor::KeyLayout layout{dim, packed};
        const auto bytes = static_cast<std::size_t>(layout.bytes());
        std::vector<std::uint8_t> keys(bytes * (heads + count));  // the first `heads` are the query
        for (int i = 0; i < heads + count; ++i) k.pack_key(x.data() + i * dim, layout, keys.data() + i * bytes);
        probe.feed(keys.data(), keys.size());
        std::vector<float> out(dim);
        k.unpack_key(keys.data(), layout, out.data());
        probe.feed(out);
        out.resize(count);
        k.index_scores({.q = keys.data(),
                        .weights = weights.data(),
                        .heads = heads,
                        .keys = keys.data() + heads * bytes,
                        .count = count,
                        .layout = layout,
                        .out = out.data()},
                       scratch);
        probe.feed(out);
    }
}

}  // namespace

std::uint64_t fingerprint(const Kernels& kernels) {
    Probe probe;
    Scratch scratch;
    probe_products(kernels, probe, scratch);
    probe_rows(kernels, probe);
    probe_attention(kernels, probe, scratch);
    probe_index(kernels, probe, scratch);
    return probe.hash();
}

}  // namespace baleen::kernels
