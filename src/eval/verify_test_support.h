// For tests of verify: golden folders and checkpoints that can be spoiled. A spoiled copy is a temporary folder of
// links to the originals; a file becomes a copy when it is edited.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "eval/verify.h"
#include "model/safetensors.h"

namespace baleen::eval {

namespace fs = std::filesystem;

inline const fs::path kRoot = BALEEN_SOURCE_DIR;
inline const fs::path kTiny = kRoot / "tests/golden/tiny";
inline fs::path shared_golden() {
    return kRoot / "../shared/golden";
}

inline std::string read_bytes(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const fs::path& path, const std::string& bytes) {
    std::error_code error;
    fs::remove(path, error);  // a link is replaced, not followed
    std::ofstream(path, std::ios::binary) << bytes;
}

class SpoiledFolder {
  public:
    explicit SpoiledFolder(const fs::path& original) {
        std::string name = (fs::temp_directory_path() / "baleen-verify-XXXXXX").string();
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        path_ = name;
        for (const auto& entry : fs::recursive_directory_iterator(original)) {
            const fs::path to = path_ / entry.path().lexically_relative(original);
            if (entry.is_directory())
                fs::create_directory(to);
            else
                fs::create_symlink(fs::absolute(entry.path()), to);
        }
    }
    ~SpoiledFolder() {
        std::error_code error;
        fs::remove_all(path_, error);
    }
    SpoiledFolder(const SpoiledFolder&) = delete;
    SpoiledFolder& operator=(const SpoiledFolder&) = delete;

    const fs::path& path() const { return path_; }

    // Changes the bytes of one tensor; `file` is a safetensors file or a folder of those. False if there is no such
    // tensor.
    bool edit_tensor(const fs::path& file, const std::string& tensor,
                     const std::function<void(std::span<std::uint8_t>)>& change) {
        std::vector<fs::path> files = {path_ / file};
        if (fs::is_directory(files[0])) {
            const fs::path folder = files[0];
            files.clear();
            for (const auto& entry : fs::directory_iterator(folder))
                if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
        }
        for (const fs::path& path : files) {
            std::string bytes = read_bytes(path);
            const auto entries =
                model::parse_safetensors_header(std::as_bytes(std::span(bytes)), bytes.size(), path.string());
            EXPECT_TRUE(entries.ok()) << path;
            for (const auto& entry : *entries) {
                if (entry.name != tensor) continue;
                change({reinterpret_cast<std::uint8_t*>(bytes.data()) + entry.begin, entry.end - entry.begin});
                write_bytes(path, bytes);
                return true;
            }
        }
        ADD_FAILURE() << "no tensor " << tensor << " in " << file;
        return false;
    }

    void edit_text(const fs::path& file, const std::string& from, const std::string& to) {
        std::string text = read_bytes(path_ / file);
        const auto at = text.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        write_bytes(path_ / file, text.replace(at, from.size(), to));
    }

  private:
    fs::path path_;
};

// A tensor's bytes as numbers to change in place.
template <class T>
void change_as(std::span<std::uint8_t> bytes, const std::function<void(std::vector<T>&)>& change) {
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    change(values);
    std::memcpy(bytes.data(), values.data(), bytes.size());
}

inline std::vector<std::int32_t> read_ints(const fs::path& file, const std::string& tensor) {
    const std::string bytes = read_bytes(file);
    const auto entries = model::parse_safetensors_header(std::as_bytes(std::span(bytes)), bytes.size(), file.string());
    for (const auto& entry : *entries) {
        if (entry.name != tensor) continue;
        std::vector<std::int32_t> values((entry.end - entry.begin) / 4);
        std::memcpy(values.data(), bytes.data() + entry.begin, values.size() * 4);
        return values;
    }
    ADD_FAILURE() << "no tensor " << tensor << " in " << file;
    return {};
}

inline VerifyReport run_verify(const fs::path& model, const fs::path& golden, VerifyOptions options = {}) {
    if (options.threads == 0) options.threads = 1;
    auto sets = find_golden(golden);
    EXPECT_TRUE(sets.ok()) << sets.error().message;
    if (!sets.ok()) return {};
    auto report = verify(model, sets->front(), options);
    EXPECT_TRUE(report.ok()) << report.error().message;
    return report.ok() ? std::move(report).value() : VerifyReport{};
}

}  // namespace baleen::eval
