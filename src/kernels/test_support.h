// What the kernel tests share: a seeded generator, fixtures that run a test on every set this CPU has, bit comparison,
// and a reader of the small safetensors files in tests/golden/units. Tests only.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "tensor/formats.h"

namespace baleen::kernels::test {

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed * 2654435761u + 88172645463325252u) {}

    std::uint64_t next() {  // xorshift64*
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 2685821657736338717u;
    }
    int below(int n) { return static_cast<int>(next() >> 33) % n; }
    int between(int low, int high) { return low + below(high - low + 1); }
    float unit() { return static_cast<float>(next() >> 40) * 0x1p-24f; }  // [0, 1)
    float normal() {                                                      // roughly
        float sum = -6;
        for (int i = 0; i < 12; ++i) sum += unit();
        return sum;
    }
    float any_bits() { return std::bit_cast<float>(static_cast<std::uint32_t>(next() >> 32)); }

    std::vector<float> normals(std::size_t n, float size = 1) {
        std::vector<float> x(n);
        for (float& v : x) v = normal() * size;
        return x;
    }
    std::vector<float> bf16_normals(std::size_t n, float size = 1) {
        auto x = normals(n, size);
        for (float& v : x) v = tensor::round_bf16(v);
        return x;
    }
    std::vector<std::uint8_t> bytes(std::size_t n, int low = 0, int high = 255) {
        std::vector<std::uint8_t> x(n);
        for (auto& v : x) v = static_cast<std::uint8_t>(between(low, high));
        return x;
    }

  private:
    std::uint64_t state_;
};

inline std::vector<std::uint16_t> narrow(const std::vector<float>& x) {
    std::vector<std::uint16_t> out(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
        out[i] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x[i]) >> 16);
    return out;
}

// Same bits, or both NaN.
inline bool same(float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

inline ::testing::AssertionResult same_bits(const std::vector<float>& got, const std::vector<float>& want) {
    if (got.size() != want.size())
        return ::testing::AssertionFailure() << got.size() << " numbers, not " << want.size();
    for (std::size_t i = 0; i < got.size(); ++i)
        if (!same(got[i], want[i]))
            return ::testing::AssertionFailure()
                   << "first difference at " << i << ": " << std::hexfloat << got[i] << ", not " << want[i];
    return ::testing::AssertionSuccess();
}

inline const Kernels& scalar_set() {
    return *available().front();
}

// A test that runs once for every set.
class EverySet : public ::testing::TestWithParam<const Kernels*> {
  protected:
    const Kernels& kernels() const { return *GetParam(); }
    Scratch scratch_;
};
inline std::string set_name(const ::testing::TestParamInfo<const Kernels*>& info) {
    return std::string(info.param->name);
}
#define INSTANTIATE_FOR_EVERY_SET(suite)                                                       \
    INSTANTIATE_TEST_SUITE_P(Sets, suite, ::testing::ValuesIn(::baleen::kernels::available()), \
                             ::baleen::kernels::test::set_name)

// One file of tests/golden/units.
class Golden {
  public:
    explicit Golden(const std::string& name) {
        std::ifstream file(std::string(BALEEN_SOURCE_DIR) + "/tests/golden/units/" + name + ".safetensors",
                           std::ios::binary);
        data_.assign(std::istreambuf_iterator<char>(file), {});
        std::uint64_t length = 0;
        if (data_.size() >= 8) std::memcpy(&length, data_.data(), 8);
        if (length == 0 || length > data_.size() - 8) return;
        header_ = nlohmann::json::parse(data_.begin() + 8, data_.begin() + 8 + static_cast<std::ptrdiff_t>(length),
                                        nullptr, false);
        start_ = 8 + length;
    }
    bool ok() const { return header_.is_object(); }

    std::vector<std::int64_t> shape(const std::string& name) const {
        return header_.at(name).at("shape").get<std::vector<std::int64_t>>();
    }
    std::vector<std::uint8_t> bytes(const std::string& name) const {
        const auto range = header_.at(name).at("data_offsets").get<std::vector<std::size_t>>();
        const auto* first = reinterpret_cast<const std::uint8_t*>(data_.data()) + start_;
        return {first + range.at(0), first + range.at(1)};
    }
    // F32 or BF16 as float32.
    std::vector<float> floats(const std::string& name) const {
        const auto raw = bytes(name);
        const bool half = header_.at(name).at("dtype") == "BF16";
        std::vector<float> out(raw.size() / (half ? 2 : 4));
        for (std::size_t i = 0; i < out.size(); ++i) {
            std::uint16_t bits = 0;
            if (half)
                std::memcpy(&bits, raw.data() + 2 * i, 2), out[i] = tensor::bf16_to_f32(bits);
            else
                std::memcpy(&out[i], raw.data() + 4 * i, 4);
        }
        return out;
    }
    std::vector<std::int32_t> ints(const std::string& name) const {
        const auto raw = bytes(name);
        std::vector<std::int32_t> out(raw.size() / 4);
        std::memcpy(out.data(), raw.data(), raw.size());
        return out;
    }

  private:
    std::string data_;
    nlohmann::json header_;
    std::size_t start_ = 0;
};

}  // namespace baleen::kernels::test
