// For tests: a small synthetic checkpoint held in memory as one file, whose tensors can be changed, removed and added
// before it is written out. One thread.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/check.h"
#include "model/checkpoint.h"
#include "model/safetensors.h"
#include "model/synth.h"

namespace baleen::model {

// A directory under the system's temporary one, removed with the object.
class ScratchDirectory {
  public:
    explicit ScratchDirectory(const std::string& name)
        : path_(std::filesystem::temp_directory_path() / fmt::format("baleen-{}-{}", name, ::getpid())) {
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    ~ScratchDirectory() { std::filesystem::remove_all(path_); }
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

inline std::string read_text(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
inline void write_text(const std::filesystem::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

// Every kind of layer in half a megabyte.
inline Config small_config() {
    Config c = published_flash();
    c.vocab_size = 64;
    c.hidden_size = 128;
    c.num_hidden_layers = 3;
    c.compress_ratios = {0, 4, 128};
    c.num_attention_heads = 2;
    c.head_dim = 128;
    c.q_lora_rank = 128;
    c.o_lora_rank = 64;
    c.o_groups = 2;
    c.sliding_window = 16;
    c.index_n_heads = 2;
    c.index_head_dim = 64;
    c.index_topk = 8;
    c.n_routed_experts = 2;
    c.num_experts_per_tok = 1;
    c.moe_intermediate_size = 128;
    c.num_hash_layers = 1;
    c.max_position_embeddings = 4096;
    c.num_nextn_predict_layers = 0;
    return c;
}

struct EditableTensor {
    std::string name, dtype;
    std::vector<std::int64_t> shape;
    std::string data;
};

class EditableCheckpoint {
  public:
    explicit EditableCheckpoint(const Form& form, const Config& config = small_config(), std::uint64_t seed = 1) {
        const ScratchDirectory scratch("editable");
        SynthOptions options;
        options.form = form;
        options.seed = seed;
        const auto report = write_synthetic(config, scratch.path() / "c", options);
        CHECK(report.ok(), "{}", report.error().message);
        const auto checkpoint = Checkpoint::open(scratch.path() / "c");
        CHECK(checkpoint.ok(), "{}", checkpoint.error().message);
        for (const TensorInfo& tensor : (*checkpoint)->tensors())
            tensors.push_back({tensor.name, std::string(tensor::name(tensor.dtype)), tensor.shape,
                               std::string(reinterpret_cast<const char*>((*checkpoint)->data(tensor)), tensor.bytes)});
        // Wide elements first, as in published shards, so that all are aligned.
        std::stable_sort(tensors.begin(), tensors.end(), [](const EditableTensor& a, const EditableTensor& b) {
            return tensor::element_bytes(*tensor::parse_dtype(a.dtype)) >
                   tensor::element_bytes(*tensor::parse_dtype(b.dtype));
        });
        config_text = read_text(scratch.path() / "c" / "config.json");
    }

    std::vector<EditableTensor> tensors;
    std::string config_text;

    EditableTensor& at(const std::string& name) {
        for (EditableTensor& tensor : tensors)
            if (tensor.name == name) return tensor;
        CHECK(false, "no tensor {}", name);
        std::abort();
    }
    void erase(const std::string& name) {
        std::erase_if(tensors, [&](const EditableTensor& tensor) { return tensor.name == name; });
    }

    // The bytes of a safetensors file with all tensors.
    std::string file() const {
        std::string header = "{";
        std::string data;
        for (const EditableTensor& tensor : tensors) {
            header += fmt::format("{}\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                                  header.size() > 1 ? "," : "", tensor.name, tensor.dtype, fmt::join(tensor.shape, ","),
                                  data.size(), data.size() + tensor.data.size());
            data += tensor.data;
        }
        header += '}';
        header.resize((header.size() + 7) / 8 * 8, ' ');
        std::string out(8, '\0');
        const std::uint64_t length = header.size();
        std::memcpy(out.data(), &length, 8);
        return out + header + data;
    }

    void write(const std::filesystem::path& directory) const {
        std::filesystem::create_directories(directory);
        write_text(directory / "config.json", config_text);
        write_text(directory / "model.safetensors", file());
    }
};

}  // namespace baleen::model
