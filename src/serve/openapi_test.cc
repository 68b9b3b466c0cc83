// Aim: docs/openapi.yaml names exactly the routes the server has, with their methods and every path they answer under. The file is
// written one path or method a line, which is all that is read here.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "serve/routes.h"

namespace baleen::serve {
namespace {

struct Described {
    std::set<std::string> operations;  // "GET /v1/models/{id}"
    std::set<std::string> paths;
};

Described read_openapi() {
    std::ifstream file(std::string(BALEEN_SOURCE_DIR) + "/docs/openapi.yaml");
    Described out;
    std::vector<std::string> everywhere, here, methods;
    std::string line, section, path;
    const auto take_path = [&] {
        for (const std::string& prefix : here) {
            if (!path.empty()) out.paths.insert(prefix + path);
            for (const std::string& method : methods) out.operations.insert(method + " " + prefix + path);
        }
        methods.clear();
    };
    while (std::getline(file, line)) {
        const std::string_view text(line);
        if (!text.empty() && text[0] != ' ') {
            take_path();
            path.clear();
            section = text.substr(0, text.find(':'));
        } else if (section == "servers" && text.starts_with("  - url: /")) {
            everywhere.emplace_back(text == "  - url: /" ? "" : text.substr(9));
        } else if (section == "paths" && text.starts_with("  /")) {
            take_path();
            path = text.substr(2, text.find(':') - 2);
            here = everywhere;
        } else if (section == "paths" && text == "    servers: [{url: /}]") {
            here = {""};
        } else if (section == "paths") {
            for (const auto& [key, method] : {std::pair{"    get:", "GET"}, {"    post:", "POST"}, {"    delete:", "DELETE"}, {"    put:", "PUT"}})
                if (text.starts_with(key)) methods.emplace_back(method);
        }
    }
    return out;
}

TEST(OpenApi, NamesEveryRouteAndNoOther) {
    const Described described = read_openapi();
    ASSERT_GT(described.operations.size(), 20u);
    std::set<std::string> paths;
    for (const Route& route : routes()) {
        for (const std::string_view prefix : prefixes(route.prefixes)) {
            const std::string path = std::string(prefix) + std::string(route.path);
            paths.insert(path);
            // Routes of any method answer that they are not there; the file has one of them.
            if (route.method.empty()) EXPECT_TRUE(described.paths.contains(path)) << path;
            else EXPECT_TRUE(described.operations.contains(std::string(route.method) + " " + path)) << route.method << " " << path;
        }
    }
    EXPECT_EQ(described.paths, paths);
    for (const std::string& operation : described.operations) {
        const std::size_t blank = operation.find(' ');
        EXPECT_NE(find_route(operation.substr(0, blank), operation.substr(blank + 1)).route, nullptr) << operation;
    }
}

}  // namespace
}  // namespace baleen::serve
