#include "cli/demo_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace baleen::cli {

namespace {

constexpr std::array<std::string_view, 24> kNouns = {"river",  "bridge", "garden", "engine", "window",  "ladder", "market", "harbor",
                                                     "forest", "valley", "tower",  "mirror", "lantern", "wagon",  "carpet", "cabin",
                                                     "meadow", "canal",  "gate",   "clock",  "pump",    "fox",    "storm",  "boat"};
constexpr std::array<std::string_view, 18> kAdjectives = {"old",  "new",  "small", "quiet", "bright", "dark",  "heavy", "green", "narrow",
                                                          "cold", "warm", "dry",   "slow",  "early",  "clean", "rusty", "empty", "golden"};
constexpr std::array<std::string_view, 12> kVerbs = {"crosses", "follows", "covers", "reaches", "passes", "carries",
                                                     "opens",   "hides",   "joins",  "repairs", "watches", "lifts"};
constexpr std::array<std::string_view, 8> kPlaces = {"near", "behind", "under", "above", "beside", "inside", "past", "beyond"};
constexpr std::array<std::string_view, 6> kMonths = {"January", "March", "May", "August", "October", "December"};
constexpr std::array<std::string_view, 9> kAttributes = {"badge", "code", "budget", "room", "serial", "phone", "score", "price", "key"};
constexpr std::array<std::string_view, 16> kSyllables = {"ba", "do", "fi", "ga", "ku", "le", "mo", "na", "pe", "ri", "su", "ta", "vo", "zi", "bre", "tro"};
constexpr std::array<std::string_view, 6> kEndings = {"n", "r", "s", "l", "k", ""};

// SplitMix64, so that the document does not depend on a library's generator.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    int below(int n) { return static_cast<int>(next() % static_cast<std::uint64_t>(n)); }
    template <std::size_t N>
    std::string_view of(const std::array<std::string_view, N>& words) {
        return words[static_cast<std::size_t>(below(N))];
    }

  private:
    std::uint64_t state_;
};

std::string make_name(Random& random) {
    std::string name;
    for (int i = 2 + random.below(2); i > 0; --i) name += random.of(kSyllables);
    name += random.of(kEndings);
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

std::string filler(Random& r) {
    // Arguments are drawn one by one: the order in which a compiler evaluates them is not fixed.
    const std::string_view n1 = r.of(kNouns), n2 = r.of(kNouns), n3 = r.of(kNouns), n4 = r.of(kNouns);
    const std::string_view a1 = r.of(kAdjectives), a2 = r.of(kAdjectives), v1 = r.of(kVerbs), v2 = r.of(kVerbs), p = r.of(kPlaces);
    const std::string_view month = r.of(kMonths);
    const int kind = r.below(6), steps = 2 + r.below(90), hour = r.below(24), minute = r.below(60);
    switch (kind) {
        case 0: return fmt::format("The {} {} {} the {} {} the {} {}.", a1, n1, v1, n2, p, a2, n3);
        case 1: return fmt::format("A {} {} a {} {}, and the {} {} the {}.", n1, v1, a1, n2, n3, v2, n4);
        case 2: return fmt::format("Every {} {} the {} is {} and {}.", n1, p, n2, a1, a2);
        case 3: return fmt::format("In {} the {} was {}, but the {} was {}.", month, n1, a1, n2, a2);
        case 4: return fmt::format("At {:02}:{:02} the {} moved {} steps {} the {}.", hour, minute, n1, steps, p, n2);
        default: return fmt::format("Nobody saw the {} {} the {} with {} {} {}s.", n1, p, n2, 2 + steps % 38, a1, n3);
    }
}

DemoFact make_fact(Random& r, std::set<std::string>& names) {
    DemoFact fact;
    fact.attribute = r.of(kAttributes);
    do fact.name = make_name(r);
    while (!names.insert(fact.name).second);
    const int number = 1000 + r.below(99000);
    if (r.below(3) == 0) {  // "TRON-556"
        std::string letters(r.of(kSyllables));
        letters += r.of(kEndings);
        for (char& c : letters) c = static_cast<char>(c - 'a' + 'A');
        fact.value = fmt::format("{}-{}", letters, 100 + number % 900);
    } else {
        fact.value = fmt::format("{}", number);
    }
    switch (r.below(6)) {
        case 0: fact.line = fmt::format("The {} of {} is {}.", fact.attribute, fact.name, fact.value); break;
        case 1: fact.line = fmt::format("{}'s {} is {}.", fact.name, fact.attribute, fact.value); break;
        case 2: fact.line = fmt::format("{} has the {} {} now.", fact.name, fact.attribute, fact.value); break;
        case 3: fact.line = fmt::format("For {} the {} is {}, I think.", fact.name, fact.attribute, fact.value); break;
        case 4: fact.line = fmt::format("{} {}: {}", fact.name, fact.attribute, fact.value); break;
        default: fact.line = fmt::format("[{}] {} = {}", fact.attribute, fact.name, fact.value); break;
    }
    return fact;
}

}  // namespace

DemoDocument make_demo_document(std::uint64_t seed, int sentences, int asked, int others) {
    Random random(seed);
    DemoDocument document;
    std::set<std::string> names;
    std::vector<DemoFact> facts;
    for (int i = 0; i < asked + others; ++i) facts.push_back(make_fact(random, names));
    for (int i = 0; i < asked; ++i) facts[static_cast<std::size_t>(i)].depth = (i + 0.5) / asked;
    for (int i = asked; i < asked + others; ++i) facts[static_cast<std::size_t>(i)].depth = random.below(1000) / 1000.0;
    document.asked.assign(facts.begin(), facts.begin() + asked);
    document.others.assign(facts.begin() + asked, facts.end());
    std::stable_sort(facts.begin(), facts.end(), [](const DemoFact& a, const DemoFact& b) { return a.depth < b.depth; });

    std::size_t next = 0;
    for (int i = 0; i < sentences; ++i) {
        for (; next < facts.size() && facts[next].depth * sentences <= i; ++next) document.text += facts[next].line + "\n";
        document.text += filler(random) + "\n";
    }
    for (; next < facts.size(); ++next) document.text += facts[next].line + "\n";
    return document;
}

}  // namespace baleen::cli
