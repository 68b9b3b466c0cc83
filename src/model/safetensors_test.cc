// Aim: a header is taken only when every claim in it holds; errors name the file and the tensor.
#include "model/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

namespace baleen::model {
namespace {

constexpr char kFile[] = "model-00001-of-00002.safetensors";

std::string file_with(const std::string& json, std::size_t data_bytes) {
    std::string out(8, '\0');
    const std::uint64_t length = json.size();
    std::memcpy(out.data(), &length, 8);
    return out + json + std::string(data_bytes, 'x');
}

Result<std::vector<SafetensorsEntry>> parse(const std::string& file) {
    return parse_safetensors_header(std::as_bytes(std::span(file)), file.size(), kFile);
}

// Expects an error that names the file and holds all of `words`.
void expect_refused(const std::string& json, std::size_t data_bytes, std::initializer_list<const char*> words) {
    const auto parsed = parse(file_with(json, data_bytes));
    ASSERT_FALSE(parsed.ok()) << json;
    EXPECT_EQ(parsed.error().code, ErrorCode::corrupt);
    EXPECT_TRUE(parsed.error().message.starts_with(std::string(kFile) + ": ")) << parsed.error().message;
    for (const char* word : words)
        EXPECT_NE(parsed.error().message.find(word), std::string::npos) << word << " in: " << parsed.error().message;
}

TEST(Safetensors, ReadsAndWrites) {
    const std::vector<SafetensorsEntry> written{{"a", tensor::DType::f32, {}, {2, 3}, 0, 24},
                                                {"b.weight", tensor::DType::f8_e4m3, {}, {5}, 24, 29},
                                                {"scalar", tensor::DType::bf16, {}, {}, 29, 31},
                                                {"empty", tensor::DType::i64, {}, {0, 7}, 31, 31}};
    const std::string header = write_safetensors_header(written);
    EXPECT_EQ(header.size() % 8, 0u);
    const auto read = parse(header + std::string(31, 'x'));
    ASSERT_TRUE(read.ok()) << read.error().message;
    ASSERT_EQ(read->size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ((*read)[i].name, written[i].name);
        EXPECT_EQ((*read)[i].dtype, written[i].dtype);
        EXPECT_EQ((*read)[i].shape, written[i].shape);
        EXPECT_EQ((*read)[i].begin, written[i].begin + header.size());
        EXPECT_EQ((*read)[i].end, written[i].end + header.size());
    }
}

TEST(Safetensors, LooseThingsThatAreFine) {
    const auto read = parse(
        file_with(R"({"b":{"data_offsets":[8,10],"dtype":"BF16","shape":[1]},"__metadata__":{"format":"pt","n":"1"},)"
                  R"("a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}   )",
                  16));
    ASSERT_TRUE(read.ok()) << read.error().message;  // any order, gaps, odd offsets, bytes behind
    EXPECT_EQ(read->at(0).name, "a");
    EXPECT_EQ(read->at(1).name, "b");
    const auto foreign = parse(file_with(R"({"q":{"dtype":"F4","shape":[64],"data_offsets":[0,32]}})", 32));
    ASSERT_TRUE(foreign.ok()) << foreign.error().message;
    EXPECT_FALSE(foreign->at(0).dtype.has_value());
    EXPECT_EQ(foreign->at(0).foreign_dtype, "F4");
    EXPECT_TRUE(parse(file_with("{}", 0)).ok());
}

TEST(Safetensors, Lengths) {
    for (const std::size_t bytes : {0u, 1u, 7u}) EXPECT_FALSE(parse(std::string(bytes, '\0')).ok()) << bytes;
    std::string file = file_with("{}", 0);
    for (const std::uint64_t length : {std::uint64_t{3}, std::uint64_t{100}, std::uint64_t{100'000'001},
                                       ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
        std::memcpy(file.data(), &length, 8);
        const auto parsed = parse(file);
        ASSERT_FALSE(parsed.ok()) << length;
        EXPECT_NE(parsed.error().message.find(std::to_string(length)), std::string::npos) << parsed.error().message;
    }
    EXPECT_FALSE(parse(std::string(8, '\0')).ok()) << "a header of no bytes";
}

TEST(Safetensors, Offsets) {
    expect_refused(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 3, {"\"t\"", "do not lie"});
    expect_refused(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", 8, {"\"t\"", "do not lie"});
    expect_refused(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[18446744073709551612,18446744073709551615]}})", 8,
                   {"\"t\"", "do not lie"});
    expect_refused(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,3]}})", 8, {"\"t\"", "needs 4 bytes"});
    expect_refused(
        R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})",
        8, {"\"a\"", "\"b\"", "overlaps"});
    expect_refused(
        R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
        8, {"overlaps"});
    expect_refused(
        R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"F4","shape":[2],"data_offsets":[7,8]}})",
        8, {"overlaps"});
}

TEST(Safetensors, Shapes) {
    const auto shaped = [](const std::string& shape) {
        return R"({"t":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,8]}})";
    };
    expect_refused(shaped("[4294967296,4294967296]"), 8, {"\"t\"", "overflows"});
    expect_refused(shaped("[9223372036854775807,2]"), 8, {"overflows"});
    expect_refused(shaped("[4611686018427387906]"), 8, {"overflows"});  // times 4 it would wrap to 8
    expect_refused(shaped("[2305843009213693954]"), 8, {"overflows"});
    expect_refused(shaped("[18446744073709551615]"), 8, {"too large"});
    expect_refused(shaped("[-2]"), 8, {"\"t\""});
    expect_refused(shaped("[2.0]"), 8, {"\"t\""});
    expect_refused(shaped("[[2]]"), 8, {"\"t\""});
    expect_refused(shaped("[\"2\"]"), 8, {"\"t\""});
    expect_refused(shaped("2"), 8, {"\"t\""});
    expect_refused(shaped("null"), 8, {"\"t\""});
    expect_refused(shaped("[1,1,1,1,1,1,1,1,2]"), 8, {"\"t\"", "more than 8"});
    expect_refused(shaped("[0,18446744073709551615]"), 8, {});
}

TEST(Safetensors, Fields) {
    expect_refused(R"({"t":{"shape":[1],"data_offsets":[0,1]}})", 8, {"\"t\"", "dtype: missing"});
    expect_refused(R"({"t":{"dtype":"U8","data_offsets":[0,1]}})", 8, {"\"t\"", "shape: missing"});
    expect_refused(R"({"t":{"dtype":"U8","shape":[1]}})", 8, {"\"t\"", "data_offsets: missing"});
    expect_refused(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 8, {"\"t\"", "data_offsets"});
    expect_refused(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 8, {"\"t\"", "data_offsets"});
    expect_refused(R"({"t":{"dtype":8,"shape":[1],"data_offsets":[0,1]}})", 8, {"\"t\""});
    expect_refused(R"({"t":{"dtype":"","shape":[1],"data_offsets":[0,1]}})", 8, {"\"t\""});
    expect_refused(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}})", 8, {"\"t\"", "more"});
    expect_refused(R"({"t":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 8, {"duplicate"});
    expect_refused(
        R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
        8, {"duplicate", "t"});
    for (const char* json :
         {"[]", "7", "{", "{}{}", "\"t\"", "{\"t\":7}", "{\"t\":[]}", "{\"t\":{\"dtype\":{}}}", "{\"__metadata__\":7}",
          "{\"__metadata__\":{\"a\":1}}", "{\"__metadata__\":{\"a\":{}}}", " {}", "\xef\xbb\xbf{}"})
        expect_refused(json, 8, {});
}

}  // namespace
}  // namespace baleen::model
