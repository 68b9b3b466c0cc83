// Aim: a directory is opened only if every file in it says what it should; errors name the file and the tensor or
// shard.
#include "model/checkpoint.h"

#include <gtest/gtest.h>

#include "model/editable_checkpoint.h"
#include "model/shard_index.h"

namespace baleen::model {
namespace {

namespace fs = std::filesystem;

void expect_refused(const fs::path& directory, ErrorCode code, std::initializer_list<const char*> words) {
    const auto opened = Checkpoint::open(directory);
    ASSERT_FALSE(opened.ok()) << "opened " << directory;
    EXPECT_EQ(static_cast<int>(opened.error().code), static_cast<int>(code)) << opened.error().message;
    for (const char* word : words)
        EXPECT_NE(opened.error().message.find(word), std::string::npos) << word << " in: " << opened.error().message;
    EXPECT_EQ(opened.error().message.find('\n'), std::string::npos);
}

// A synthetic checkpoint of several shards.
class CheckpointFiles : public testing::Test {
  protected:
    CheckpointFiles() : scratch_("checkpoint"), directory_(scratch_.path() / "c") {
        const auto report = write_synthetic(small_config(), directory_, {});
        CHECK(report.ok(), "{}", report.error().message);
    }
    fs::path shard(int number) const { return directory_ / fmt::format("model-{:05}-of-00005.safetensors", number); }
    fs::path index() const { return directory_ / "model.safetensors.index.json"; }
    // Replaces `from` in the index once.
    void edit_index(const std::string& from, const std::string& to) const {
        std::string text = read_text(index());
        const auto at = text.find(from);
        CHECK(at != std::string::npos, "{}", from);
        write_text(index(), text.replace(at, from.size(), to));
    }

    ScratchDirectory scratch_;
    const fs::path directory_;
};

TEST_F(CheckpointFiles, OpensAndFinds) {
    const auto opened = Checkpoint::open(directory_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    const Checkpoint& checkpoint = **opened;
    EXPECT_EQ(checkpoint.shard_count(), 5);
    EXPECT_EQ(checkpoint.shard_name(0), "model-00001-of-00005.safetensors");
    ASSERT_TRUE(checkpoint.has("layers.1.attn.indexer.wq_b.scale"));
    EXPECT_FALSE(checkpoint.has("layers.1.attn.indexer.wq_b"));
    const TensorInfo& norm = *checkpoint.find("norm.weight");
    EXPECT_EQ(norm.elements(), 128);
    EXPECT_EQ(norm.shard, 4);
    EXPECT_EQ(
        checkpoint.total_bytes(), fs::file_size(shard(1)) + fs::file_size(shard(2)) + fs::file_size(shard(3)) +
                                      fs::file_size(shard(4)) + fs::file_size(shard(5)) - [&] {
                                          std::uint64_t headers = 0;
                                          for (int i = 1; i <= 5; ++i) {
                                              std::uint64_t length = 0;
                                              std::memcpy(&length, read_text(shard(i)).data(), 8);
                                              headers += 8 + length;
                                          }
                                          return headers;
                                      }());
    EXPECT_TRUE(checkpoint.has_file("config.json"));
    EXPECT_FALSE(checkpoint.has_file("tokenizer.json"));
    EXPECT_TRUE(checkpoint.warnings().empty());
}

TEST_F(CheckpointFiles, MissingFiles) {
    expect_refused(directory_ / "nowhere", ErrorCode::not_found, {"nowhere"});
    expect_refused(directory_ / "config.json", ErrorCode::not_found, {"config.json"});
    fs::rename(shard(3), directory_ / "elsewhere");
    expect_refused(directory_, ErrorCode::corrupt, {"index.json", "model-00003-of-00005.safetensors"});
    fs::rename(directory_ / "elsewhere", shard(3));
    fs::remove(index());
    expect_refused(directory_, ErrorCode::not_found, {"model.safetensors.index.json"});
    fs::remove(directory_ / "config.json");
    expect_refused(directory_, ErrorCode::not_found, {"config.json"});
    fs::create_directory(directory_ / "config.json");
    expect_refused(directory_, ErrorCode::io, {"config.json"});
}

TEST_F(CheckpointFiles, TruncatedShards) {
    const std::string whole = read_text(shard(2));
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{4}, std::size_t{8}, std::size_t{100}, whole.size() / 2, whole.size() - 1}) {
        write_text(shard(2), whole.substr(0, size));
        expect_refused(directory_, ErrorCode::corrupt, {"model-00002-of-00005.safetensors"});
    }
    write_text(shard(2), whole);
    EXPECT_TRUE(Checkpoint::open(directory_).ok());
}

TEST_F(CheckpointFiles, IndexAgainstShards) {
    edit_index("\"norm.weight\"", "\"nrom.weight\"");
    expect_refused(directory_, ErrorCode::corrupt, {"index.json", "nrom.weight", "model-00005-of-00005.safetensors"});
    edit_index("\"nrom.weight\"", "\"norm.weight\"");
    edit_index("\"embed.weight\": \"model-00001-of-00005.safetensors\"",
               "\"embed.weight\": \"model-00002-of-00005.safetensors\"");
    expect_refused(directory_, ErrorCode::corrupt, {"embed.weight", "model-00002-of-00005.safetensors"});
}

TEST_F(CheckpointFiles, UnlistedTensorsAndWrongTotalsAreWarnings) {
    const std::string before = read_text(index());
    edit_index("  \"norm.weight\": \"model-00005-of-00005.safetensors\"", "  \"norm.weight\": \"copy.safetensors\"");
    EditableCheckpoint copy(Form{});  // holds every tensor; the index takes one of them
    write_text(directory_ / "copy.safetensors", copy.file());
    const auto opened = Checkpoint::open(directory_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ((*opened)->shard_name((*opened)->find("norm.weight")->shard), "copy.safetensors");
    EXPECT_GT((*opened)->warnings().size(), 20u);
    EXPECT_LT((*opened)->warnings().size(), 30u) << "bounded";
    write_text(index(), before);
    edit_index("\"total_size\": ", "\"total_size\": 9");
    const auto again = Checkpoint::open(directory_);
    ASSERT_TRUE(again.ok());
    ASSERT_EQ((*again)->warnings().size(), 1u);
    EXPECT_NE((*again)->warnings()[0].find("total_size"), std::string::npos);
}

TEST_F(CheckpointFiles, ShardNamesThatLeadElsewhere) {
    for (const char* name : {"../model.safetensors", "/etc/passwd.safetensors", "a/b.safetensors", "..", ".", "",
                             "a\\\\b.safetensors", ".hidden.safetensors", "model.bin", "a b.safetensors",
                             "caf\\u00e9.safetensors", "x\\u0000.safetensors", "..safetensors"}) {
        const std::string text =
            fmt::format(R"({{"weight_map": {{"good": "model.safetensors", "evil": "{}"}}}})", name);
        const auto parsed = parse_shard_index(text, "index.json");
        ASSERT_FALSE(parsed.ok()) << name;
        EXPECT_NE(parsed.error().message.find("\"evil\""), std::string::npos) << parsed.error().message;
        write_text(index(), text);
        expect_refused(directory_, ErrorCode::corrupt, {"model.safetensors.index.json", "evil"});
    }
}

TEST(ShardIndex, Forms) {
    const auto good =
        parse_shard_index(R"({"metadata":{"total_size":7,"more":[1,{"total_size":8}]},"extra":[{"weight_map":3}],
        "weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors","c":"m-2.safetensors"},"z":null})",
                          "index.json");
    ASSERT_TRUE(good.ok()) << good.error().message;
    EXPECT_EQ(good->shards, (std::vector<std::string>{"m-1.safetensors", "m-2.safetensors"}));
    EXPECT_EQ(good->total_size, 7u);
    ASSERT_EQ(good->tensors.size(), 3u);
    EXPECT_EQ(good->tensors[0].tensor, "b");
    EXPECT_EQ(good->tensors[0].shard, 1);
    EXPECT_EQ(good->tensors[1].shard, 0);
    for (const char* text :
         {"", "[]", "7", "\"x\"", "null", "{}", R"({"weight_map":{}})", R"({"weight_map":[]})",
          R"({"weight_map":"a.safetensors"})", R"({"weight_map":null})", R"({"weight_map":{"a":1}})",
          R"({"weight_map":{"a":null}})", R"({"weight_map":{"a":["m.safetensors"]}})",
          R"({"weight_map":{"a":{"b":"m.safetensors"}}})", R"({"weight_map":{"a":true}})", R"({"weight_map":{"a":-1}})",
          R"({"weight_map":{"a":"m.safetensors","a":"m.safetensors"}})",
          R"({"weight_map":{"a":"m.safetensors"},"weight_map":{}})", R"({"weight_map":{"a":"m.safetensors"})"}) {
        const auto bad = parse_shard_index(text, "index.json");
        ASSERT_FALSE(bad.ok()) << text;
        EXPECT_TRUE(bad.error().message.starts_with("index.json: ")) << bad.error().message;
    }
}

}  // namespace
}  // namespace baleen::model
