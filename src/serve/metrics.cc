#include "serve/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace baleen::serve {
namespace {

bool is_name(std::string_view name) {
    for (const char c : name)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
    return !name.empty() && !(name[0] >= '0' && name[0] <= '9');
}

std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    if (value == std::trunc(value) && std::abs(value) < 9e15) return fmt::format("{}", static_cast<std::int64_t>(value));
    return fmt::format("{}", value);
}

// `name{labels} value` and a line end.
void line(std::string& out, std::string_view name, std::string_view labels, std::string_view value) {
    out += name;
    if (!labels.empty()) out.append("{").append(labels).append("}");
    out.append(" ").append(value).append("\n");
}

void append(std::string& out, std::string_view name, const std::string& labels, const Counter& counter) {
    line(out, name, labels, fmt::format("{}", counter.value()));
}

void append(std::string& out, std::string_view name, const std::string& labels, const Gauge& gauge) {
    line(out, name, labels, number(gauge.value()));
}

// The count is that of the buckets as they were read, so that they agree while others observe.
void append(std::string& out, std::string_view name, const std::string& labels, const Histogram& histogram) {
    const std::string before = labels.empty() ? "" : labels + ",";
    std::uint64_t count = 0;
    const std::string bucket = fmt::format("{}_bucket", name);
    for (std::size_t i = 0; i <= histogram.bounds().size(); ++i) {
        count += histogram.in_bucket(i);
        const std::string bound = i < histogram.bounds().size() ? number(histogram.bounds()[i]) : "+Inf";
        line(out, bucket, fmt::format("{}le=\"{}\"", before, bound), fmt::format("{}", count));
    }
    line(out, fmt::format("{}_sum", name), labels, number(histogram.sum()));
    line(out, fmt::format("{}_count", name), labels, fmt::format("{}", count));
}

template <class Metric>
void append(std::string& out, std::string_view name, const Family<Metric>& family) {
    family.for_each([&](const std::string& labels, const Metric& metric) { append(out, name, labels, metric); });
}

std::string escaped(std::string_view text, bool quotes) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
        } else {
            if (c == '\\' || (quotes && c == '"')) out += '\\';
            out += c;
        }
    }
    return out;
}

void check_labels(std::string_view name, const std::vector<std::string>& labels) {
    CHECK(!labels.empty(), "{}", name);
    for (const std::string& label : labels) CHECK(is_name(label) && label != "le" && !label.starts_with("__"), "{}: label {}", name, label);
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()), buckets_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {
    CHECK(std::is_sorted(bounds_.begin(), bounds_.end(), std::less_equal<double>()), "bounds must ascend");
}

void Histogram::observe(double value) {
    const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
    buckets_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= bounds_.size(); ++i) count += in_bucket(i);
    return count;
}

std::span<const double> latency_bounds() {
    static constexpr std::array kBounds = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0};
    return kBounds;
}

template <class Metric>
Metric& Family<Metric>::with(std::initializer_list<std::string_view> values) {
    CHECK(values.size() == labels_.size(), "{} labels, {} values", labels_.size(), values.size());
    const auto text_of = [this](auto value_of) {
        std::string text;
        for (std::size_t i = 0; i < labels_.size(); ++i)
            fmt::format_to(std::back_inserter(text), "{}{}=\"{}\"", i == 0 ? "" : ",", labels_[i], escaped(value_of(i), true));
        return text;
    };
    std::string key = text_of([&](std::size_t i) { return values.begin()[i]; });
    const std::lock_guard lock(mutex_);
    auto found = members_.find(key);
    if (found == members_.end() && members_.size() >= kMembersMax) {
        key = text_of([](std::size_t) { return std::string_view("other"); });
        found = members_.find(key);
    }
    if (found == members_.end()) found = members_.emplace(std::move(key), make_()).first;
    return *found->second;
}

template <class Metric>
void Family<Metric>::for_each(const std::function<void(const std::string&, const Metric&)>& visit) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [labels, metric] : members_) visit(labels, *metric);
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

struct Metrics::Entry {
    std::string name;
    std::string help;
    std::string_view type;
    std::shared_ptr<void> metric;             // what the caller has a reference to
    std::function<void(std::string&)> write;  // appends its lines
};

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

Metrics::Entry& Metrics::add(std::string name, std::string help, std::string_view type) {
    CHECK(is_name(name), "{}", name);
    const std::lock_guard lock(mutex_);
    for (const auto& entry : entries_) CHECK(entry->name != name, "{} exists", name);
    entries_.push_back(std::make_unique<Entry>(Entry{std::move(name), std::move(help), type, nullptr, nullptr}));
    return *entries_.back();
}

Counter& Metrics::counter(std::string name, std::string help) {
    Entry& entry = add(std::move(name), std::move(help), "counter");
    const auto metric = std::make_shared<Counter>();
    entry.metric = metric;
    entry.write = [&entry, &metric = *metric](std::string& out) { append(out, entry.name, "", metric); };
    return *metric;
}

Gauge& Metrics::gauge(std::string name, std::string help) {
    Entry& entry = add(std::move(name), std::move(help), "gauge");
    const auto metric = std::make_shared<Gauge>();
    entry.metric = metric;
    entry.write = [&entry, &metric = *metric](std::string& out) { append(out, entry.name, "", metric); };
    return *metric;
}

Histogram& Metrics::histogram(std::string name, std::string help, std::span<const double> bounds) {
    Entry& entry = add(std::move(name), std::move(help), "histogram");
    const auto metric = std::make_shared<Histogram>(bounds);
    entry.metric = metric;
    entry.write = [&entry, &metric = *metric](std::string& out) { append(out, entry.name, "", metric); };
    return *metric;
}

Family<Counter>& Metrics::counters(std::string name, std::string help, std::vector<std::string> labels) {
    check_labels(name, labels);
    Entry& entry = add(std::move(name), std::move(help), "counter");
    const auto family = std::make_shared<Family<Counter>>(std::move(labels), [] { return std::make_unique<Counter>(); });
    entry.metric = family;
    entry.write = [&entry, &family = *family](std::string& out) { append(out, entry.name, family); };
    return *family;
}

Family<Gauge>& Metrics::gauges(std::string name, std::string help, std::vector<std::string> labels) {
    check_labels(name, labels);
    Entry& entry = add(std::move(name), std::move(help), "gauge");
    const auto family = std::make_shared<Family<Gauge>>(std::move(labels), [] { return std::make_unique<Gauge>(); });
    entry.metric = family;
    entry.write = [&entry, &family = *family](std::string& out) { append(out, entry.name, family); };
    return *family;
}

Family<Histogram>& Metrics::histograms(std::string name, std::string help, std::vector<std::string> labels, std::span<const double> bounds) {
    check_labels(name, labels);
    Entry& entry = add(std::move(name), std::move(help), "histogram");
    const auto family = std::make_shared<Family<Histogram>>(
        std::move(labels), [bounds = std::vector(bounds.begin(), bounds.end())] { return std::make_unique<Histogram>(bounds); });
    entry.metric = family;
    entry.write = [&entry, &family = *family](std::string& out) { append(out, entry.name, family); };
    return *family;
}

void Metrics::counter_from(std::string name, std::string help, std::function<double()> value) {
    Entry& entry = add(std::move(name), std::move(help), "counter");
    entry.write = [&entry, value = std::move(value)](std::string& out) { line(out, entry.name, "", number(value())); };
}

void Metrics::gauge_from(std::string name, std::string help, std::function<double()> value) {
    Entry& entry = add(std::move(name), std::move(help), "gauge");
    entry.write = [&entry, value = std::move(value)](std::string& out) { line(out, entry.name, "", number(value())); };
}

std::string Metrics::text() const {
    const std::lock_guard lock(mutex_);
    std::string out;
    for (const auto& entry : entries_) {
        fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", entry->name, escaped(entry->help, false), entry->name, entry->type);
        entry->write(out);
    }
    return out;
}

}  // namespace baleen::serve
