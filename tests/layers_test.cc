// Aim: the tree keeps its shape. Includes and links point down the layer table of docs/architecture.md, headers can be read and
// included on their own terms, and files of a wide kernel set include nothing whose functions other files share.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = BALEEN_SOURCE_DIR;

std::string read(const fs::path& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::stringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

// Words in backticks.
std::vector<std::string> quoted(const std::string& text) {
    std::vector<std::string> words;
    for (std::size_t at = text.find('`'); at != std::string::npos;) {
        const std::size_t end = text.find('`', at + 1);
        if (end == std::string::npos) break;
        words.push_back(text.substr(at + 1, end - at - 1));
        at = text.find('`', end + 1);
    }
    return words;
}

struct Table {
    std::vector<std::string> order;                    // bottom up
    std::map<std::string, std::set<std::string>> may;  // folder -> folders it may include, itself too
};

Table parse_table(const std::string& document) {
    Table table;
    bool inside = false;
    for (const std::string& line : lines_of(document)) {
        if (line.rfind("<!-- layers", 0) == 0) inside = true;
        if (line.rfind("<!-- /layers", 0) == 0) inside = false;
        if (!inside || line.rfind("| `", 0) != 0) continue;
        const std::size_t last = line.rfind('|', line.size() - 2);
        const std::string folder = quoted(line.substr(0, line.find('|', 1))).at(0);
        table.order.push_back(folder);
        auto& may = table.may[folder];
        may.insert(folder);
        for (const std::string& word : quoted(line.substr(last))) may.insert(word);
    }
    return table;
}

const Table& table() {
    static const Table parsed = parse_table(read(kRoot / "docs/architecture.md"));
    return parsed;
}

struct Include {
    std::string path;
    bool system = false;  // <...>
};

std::vector<Include> includes_of(const std::string& text) {
    std::vector<Include> found;
    for (const std::string& line : lines_of(text)) {
        std::size_t at = line.find_first_not_of(" \t");
        if (at == std::string::npos || line[at] != '#') continue;
        at = line.find_first_not_of(" \t", at + 1);
        if (at == std::string::npos || line.compare(at, 7, "include") != 0) continue;
        const std::size_t open = line.find_first_of("\"<", at);
        if (open == std::string::npos) continue;
        const std::size_t close = line.find(line[open] == '<' ? '>' : '"', open + 1);
        if (close == std::string::npos) continue;
        found.push_back({line.substr(open + 1, close - open - 1), line[open] == '<'});
    }
    return found;
}

// What is wrong with the includes of a file of `folder`.
std::vector<std::string> layer_faults(const std::string& folder, const std::string& text, const Table& table) {
    std::vector<std::string> faults;
    const auto row = table.may.find(folder);
    if (row == table.may.end()) return {"its folder is not in the table of docs/architecture.md"};
    for (const Include& include : includes_of(text)) {
        if (include.system) continue;
        const std::size_t slash = include.path.find('/');
        const std::string target = include.path.substr(0, slash);
        if (slash == std::string::npos) faults.push_back("\"" + include.path + "\" names no folder");
        else if (row->second.count(target) == 0) faults.push_back("\"" + include.path + "\": " + folder + " may not include " + target);
    }
    return faults;
}

// What is wrong with a header's beginning.
std::vector<std::string> header_faults(const std::string& text, bool guarded) {
    std::vector<std::string> faults;
    const std::vector<std::string> lines = lines_of(text);
    if (lines.empty() || lines[0].rfind("// ", 0) != 0 || lines[0].size() < 30)
        faults.push_back("does not open with a sentence that says what it is");
    if (guarded && text.find("#pragma once\n") == std::string::npos) faults.push_back("has no #pragma once");
    return faults;
}

// What a file of a wide kernel set includes beyond intrinsics and headers made for it.
std::vector<std::string> wide_faults(const std::string& text) {
    std::vector<std::string> faults;
    for (const Include& include : includes_of(text)) {
        const bool intrinsics = include.system && (include.path == "immintrin.h" || include.path == "arm_neon.h");
        const bool ours = !include.system && (include.path.rfind("kernels/", 0) == 0 || include.path.rfind("tensor/", 0) == 0);
        if (!intrinsics && !ours) faults.push_back("includes " + include.path + ", which may bring functions other files share");
    }
    return faults;
}

// Source files, with their paths from the root.
std::vector<fs::path> sources() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / "src")) {
        const std::string extension = entry.path().extension();
        if (entry.is_regular_file() && (extension == ".cc" || extension == ".h" || extension == ".inl"))
            files.push_back(fs::relative(entry.path(), kRoot));
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::string part(const fs::path& path, int index) { return std::next(path.begin(), index)->string(); }

void report(const fs::path& file, const std::vector<std::string>& faults) {
    for (const std::string& fault : faults) ADD_FAILURE() << file.string() << ": " << fault;
}

TEST(Layers, TheTableIsAnOrder) {
    ASSERT_GE(table().order.size(), 15u) << "docs/architecture.md: the layer table was not found";
    std::set<std::string> below;
    for (const std::string& folder : table().order) {
        below.insert(folder);
        for (const std::string& target : table().may.at(folder))
            EXPECT_TRUE(below.count(target) == 1) << folder << " may include " << target << ", which does not stand above it";
    }
    // The two halves.
    for (const char* folder : {"kernels", "model", "experts", "kv", "v4", "engine"})
        EXPECT_EQ(table().may.at(folder).count("text"), 0u) << folder;
    for (const char* folder : {"text", "grammar"}) EXPECT_EQ(table().may.at(folder).count("tensor"), 0u) << folder;
}

TEST(Layers, IncludesPointDownTheTable) {
    const std::vector<fs::path> files = sources();
    ASSERT_GT(files.size(), 50u);
    for (const fs::path& file : files) report(file, layer_faults(part(file, 1), read(kRoot / file), table()));
}

TEST(Layers, LinksPointDownTheTable) {
    int seen = 0;
    for (const std::string& line : lines_of(read(kRoot / "CMakeLists.txt"))) {
        if (line.rfind("baleen_library(", 0) != 0) continue;
        std::stringstream words(line.substr(15));
        std::string folder, word;
        words >> folder;
        ++seen;
        ASSERT_EQ(table().may.count(folder), 1u) << "CMakeLists.txt: " << folder;
        while (words >> word) {
            while (!word.empty() && word.back() == ')') word.pop_back();
            if (word.rfind("baleen_", 0) != 0) continue;
            EXPECT_EQ(table().may.at(folder).count(word.substr(7)), 1u) << "CMakeLists.txt: " << folder << " links " << word;
        }
    }
    EXPECT_GE(seen, 13);
}

TEST(Layers, HeadersOpenWithWhatTheyAre) {
    for (const fs::path& file : sources()) {
        if (file.extension() == ".h") report(file, header_faults(read(kRoot / file), true));
        if (file.extension() == ".inl") report(file, header_faults(read(kRoot / file), false));
    }
}

TEST(Layers, WideKernelsIncludeOnlyIntrinsicsAndKernelHeaders) {
    int seen = 0;
    for (const fs::path& file : sources()) {
        if (part(file, 1) != "kernels" || std::distance(file.begin(), file.end()) < 4) continue;
        const std::string set = part(file, 2);
        if (set == "scalar") continue;
        ++seen;
        report(file, wide_faults(read(kRoot / file)));
        if (set == "wide" && file.extension() == ".inl") {
            for (const Include& include : includes_of(read(kRoot / file)))
                ADD_FAILURE() << file.string() << " is included inside a namespace and includes " << include.path;
        }
    }
    EXPECT_GT(seen, 10);
}

TEST(Layers, ReportsLongFiles) {
    int longer = 0;
    for (const fs::path& file : sources()) {
        const std::size_t lines = lines_of(read(kRoot / file)).size();
        if (lines <= 600) continue;
        ++longer;
        std::printf("%s has %zu lines: look for a second subject\n", file.c_str(), lines);
    }
    RecordProperty("files_over_600_lines", longer);
}

// The checks themselves: each finds the fault it is for.
TEST(Layers, TheChecksCanFail) {
    const Table small = parse_table("<!-- layers -->\n| folder | x | y |\n| `base` | a | |\n| `top` | b `q` | `base` |\n<!-- /layers -->\n| `no` | | |\n");
    EXPECT_EQ(small.order, (std::vector<std::string>{"base", "top"}));
    EXPECT_EQ(small.may.at("top"), (std::set<std::string>{"base", "top"}));
    EXPECT_TRUE(layer_faults("top", "#include \"base/a.h\"\n#include <vector>\n#include \"top/b.h\"\n", small).empty());
    EXPECT_EQ(layer_faults("base", "#include \"base/a.h\"\n  #  include \"top/b.h\"\n", small).size(), 1u);
    EXPECT_EQ(layer_faults("base", "#include \"a.h\"\n", small).size(), 1u);
    EXPECT_EQ(layer_faults("nowhere", "", small).size(), 1u);
    EXPECT_TRUE(header_faults("// Says at some length what it is.\n#pragma once\n", true).empty());
    EXPECT_EQ(header_faults("#include <vector>\n", true).size(), 2u);
    EXPECT_TRUE(wide_faults("#include <immintrin.h>\n#include \"kernels/kernels.h\"\n").empty());
    EXPECT_EQ(wide_faults("#include <algorithm>\n#include \"base/check.h\"\n").size(), 2u);
}

}  // namespace
