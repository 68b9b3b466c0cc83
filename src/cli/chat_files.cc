#include "cli/chat_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/json.h"
#include "io/read_file.h"
#include "text/tokenizer_utf8.h"

namespace baleen::cli {

namespace {

namespace fs = std::filesystem;

constexpr int kDepthMax = 16;
constexpr std::size_t kEntriesMax = 100000;  // looked at in one walk

// Why a file's bytes are no text, or nothing.
std::string not_text(const std::string& bytes) {
    if (bytes.find('\0') != std::string::npos) return "binary";
    if (!text::is_utf8(bytes)) return "not UTF-8";
    if (bytes.empty()) return "empty";
    return {};
}

// Regular files below `folder`, sorted by path.
Result<std::vector<fs::path>> walk(const fs::path& folder, std::vector<std::string>& notes) {
    std::vector<fs::path> found;
    std::error_code error;
    fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
    if (error) return io_error(fmt::format("{}: {}", folder.string(), error.message()));
    std::size_t seen = 0;
    for (; at != fs::recursive_directory_iterator(); at.increment(error)) {
        if (error) return io_error(fmt::format("{}: {}", folder.string(), error.message()));
        if (++seen > kEntriesMax) {
            notes.push_back(fmt::format("{}: more than {} entries, the rest is left out", folder.string(), kEntriesMax));
            break;
        }
        const bool hidden = at->path().filename().string().starts_with('.');
        if (at->is_directory(error) && (hidden || at.depth() >= kDepthMax)) at.disable_recursion_pending();
        if (!hidden && at->is_regular_file(error)) found.push_back(at->path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

Result<ChatFiles> read_chat_files(const fs::path& path) {
    ChatFiles out;
    std::error_code error;
    if (!fs::exists(path, error)) return not_found(fmt::format("{}: no such file or folder", printable(path.string(), 400)));
    if (!fs::is_directory(path, error)) {
        TRY_ASSIGN(std::string bytes, io::read_file(path, kChatFileBytesMax));
        if (const std::string why = not_text(bytes); !why.empty()) return invalid_argument(fmt::format("{}: {}", path.string(), why));
        out.files.push_back({path.string(), std::move(bytes)});
        return out;
    }
    TRY_ASSIGN(const std::vector<fs::path> found, walk(path, out.notes));
    std::size_t bytes_in_all = 0;
    for (const fs::path& file : found) {
        if (out.files.size() == kChatFilesMax || bytes_in_all > kChatFilesBytesMax) {
            out.notes.push_back(fmt::format("{}: {} files and {} bytes are enough, the rest is left out", path.string(), out.files.size(), bytes_in_all));
            break;
        }
        auto bytes = io::read_file(file, kChatFileBytesMax);
        const std::string why = bytes.ok() ? not_text(*bytes) : bytes.error().message;
        if (!why.empty()) {
            out.notes.push_back(bytes.ok() ? fmt::format("{}: {}, left out", file.string(), why) : why + ", left out");
            continue;
        }
        bytes_in_all += bytes->size();
        out.files.push_back({file.string(), std::move(bytes).value()});
    }
    if (out.files.empty()) out.notes.push_back(fmt::format("{}: no text files", path.string()));
    return out;
}

std::string join_chat_files(const std::vector<ChatFile>& files) {
    std::string text;
    for (const ChatFile& file : files) {
        if (!text.empty()) text += "\n\n";
        if (files.size() > 1) text += "File " + file.name + ":\n\n";
        text += file.text;
        while (text.ends_with('\n')) text.pop_back();
    }
    return text;
}

}  // namespace baleen::cli
