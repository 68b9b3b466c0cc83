// Who may wait and who starts next. Fair between keys: each key has a counter of the tokens it was served, and the key that was
// served least starts its oldest request next; a key that comes back after a pause starts level with the others, so that nobody
// saves up by being idle (the virtual token counters of Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024).
// Round robin with deficits was not taken: it needs the cost of an answer before it is written.
//
// Pure functions of plain data and of the time they are told; KeyCounters is a value of one owner.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace baleen::sched {

// What is left to give.
struct Room {
    int streams = 0;                      // that may start
    int running = 0;                      // that run
    std::int64_t blocks_free = 0;         // of KV, in nobody's use and promised to nobody
    std::int64_t blocks_reclaimable = 0;  // held only by what was kept for later
};

// What a request takes to start.
struct Demand {
    std::int64_t blocks_new = 0;   // of its prompt
    std::int64_t blocks_held = 0;  // of the reclaimable ones: it goes on from them, so they cannot be reclaimed for it
};

// Whether a request can start: its prompt, and one block more for everyone who writes, must find room; alone, the prompt is
// enough. Answers that outgrow that are a matter of the steps (batching.h).
bool fits(const Demand& demand, const Room& room);

// Whether one more request of a key may wait. Not more than `queue_max` wait in all, and a key may hold only as many places as
// are left: one busy key fills half of the queue, and a newcomer always finds a place while any is left (dynamic thresholds of
// Choudhury and Hahne, IEEE/ACM ToN 1998).
bool may_wait(int waiting, int waiting_of_key, int queue_max);

// The oldest waiting request of a key.
struct KeyView {
    double served = 0;        // tokens, see KeyCounters
    double passed_seconds = 0;  // since it was first found not to fit; 0 if it was not
};
struct Choice {
    std::optional<int> key;   // starts now
    std::vector<int> passed;  // keys that come before it and whose requests do not fit
};
// Keys are tried from the least served on, at most kKeysTried of them, for each costs a look at its prompt. A request that does
// not fit is passed by smaller ones of other keys for `patience` seconds; after that nothing starts until it fits.
constexpr std::size_t kKeysTried = 16;
Choice choose_key(std::span<const KeyView> keys, double patience, const std::function<bool(int)>& fits);

// Tokens served to each key: prompts that had to be computed, and answers.
class KeyCounters {
  public:
    // An answer token takes a step of its own and counts more than one of a prompt.
    static constexpr double kAnswerWeight = 2;
    // Keys that are idle are forgotten beyond this many.
    static constexpr std::size_t kKept = 4096;

    // A key with nothing waiting and nothing running gets its first request.
    void enter(const std::string& key);
    void leave(const std::string& key);  // its last request has ended
    void add_prompt(const std::string& key, std::int64_t tokens) { counters_[key].served += static_cast<double>(tokens); }
    void add_answer(const std::string& key, std::int64_t tokens) {
        counters_[key].served += kAnswerWeight * static_cast<double>(tokens);
    }
    double served(const std::string& key) const;

  private:
    struct Counter {
        double served = 0;
        bool active = false;
    };
    std::map<std::string, Counter> counters_;
    double level_ = 0;  // of the least served active key when there last was one
};

}  // namespace baleen::sched
