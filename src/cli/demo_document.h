// A document of invented sentences with facts hidden in it, and questions about them, for the demo: the same for the same seed
// on every machine. The sentences are of the kinds krill was trained on, with names and numbers made up here. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace baleen::cli {

struct DemoFact {
    std::string attribute;  // "badge"
    std::string name;       // "Torin"
    std::string value;      // "48213"
    std::string line;       // as it stands in the document
    double depth = 0;       // 0 at the start of the document, 1 at its end

    std::string question() const { return "What is the " + attribute + " of " + name + "?"; }
};

struct DemoDocument {
    std::string text;
    std::vector<DemoFact> asked;   // spread evenly over the document
    std::vector<DemoFact> others;  // facts beside them that nobody asks about
};

// `sentences` of filler, about 22 tokens of krill's each, with `asked` and `others` facts between them.
DemoDocument make_demo_document(std::uint64_t seed, int sentences, int asked, int others);

}  // namespace baleen::cli
