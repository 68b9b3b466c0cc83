// Files a user hands into a conversation. A folder is walked in sorted order within bounds; what is no text is left out and
// named. Reads the file system; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace baleen::cli {

struct ChatFile {
    std::string name;  // as the user would find it
    std::string text;  // valid UTF-8
};

struct ChatFiles {
    std::vector<ChatFile> files;
    std::vector<std::string> notes;  // one line each: what was left out, and why
};

constexpr std::size_t kChatFileBytesMax = std::size_t{8} << 20;      // one file
constexpr std::size_t kChatFilesBytesMax = std::size_t{32} << 20;    // all of one call
constexpr std::size_t kChatFilesMax = 1000;

// A file that cannot be read is an error; one inside a folder is a note. Hidden entries and links to folders are not followed.
Result<ChatFiles> read_chat_files(const std::filesystem::path& path);

// The files as one text: a file alone as it stands, several with a line in front of each that names it.
std::string join_chat_files(const std::vector<ChatFile>& files);

}  // namespace baleen::cli
