#include "text/stop.h"

#include <algorithm>

namespace baleen::text {

StopFilter::StopFilter(std::vector<std::string> sequences) {
    for (std::string& text : sequences) {
        if (text.empty()) continue;
        Pattern pattern;
        pattern.fallback.resize(text.size(), 0);
        for (std::size_t i = 1, border = 0; i < text.size(); ++i) {
            while (border > 0 && text[i] != text[border]) border = pattern.fallback[border - 1];
            if (text[i] == text[border]) ++border;
            pattern.fallback[i] = border;
        }
        pattern.text = std::move(text);
        patterns_.push_back(std::move(pattern));
    }
}

bool StopFilter::push(std::string_view text, std::string& out) {
    if (stopped()) return true;
    if (patterns_.empty()) {
        out += text;
        return false;
    }
    for (const char c : text) {
        held_ += c;
        for (std::size_t p = 0; p < patterns_.size(); ++p) {
            Pattern& pattern = patterns_[p];
            while (pattern.state > 0 && pattern.text[pattern.state] != c)
                pattern.state = pattern.fallback[pattern.state - 1];
            if (pattern.text[pattern.state] == c) ++pattern.state;
            if (pattern.state < pattern.text.size()) continue;
            if (matched_ < 0 || pattern.text.size() > matched().size()) matched_ = static_cast<int>(p);
        }
        if (matched_ < 0) continue;
        out.append(held_, 0, held_.size() - matched().size());
        held_.clear();
        return true;
    }
    std::size_t keep = 0;
    for (const Pattern& pattern : patterns_) keep = std::max(keep, pattern.state);
    out.append(held_, 0, held_.size() - keep);
    held_.erase(0, held_.size() - keep);
    return false;
}

void StopFilter::flush(std::string& out) {
    if (!stopped()) out += held_;
    held_.clear();
    for (Pattern& pattern : patterns_) pattern.state = 0;
}

}  // namespace baleen::text
