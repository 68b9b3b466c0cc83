// Numbers about a running server in Prometheus' text format (exposition format 0.0.4). Metrics are made once, at start, and live as
// long as their registry; counting is one or two relaxed atomic additions, from any thread, without a lock. Finding a member of a
// family by its labels takes a lock and about 0.2 us: keep the reference where it matters. A family holds a bounded number of
// members, since label values may come from clients; what is beyond shares one member whose labels are all "other".
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace baleen::serve {

class Counter {
  public:
    void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_ = 0;
};

class Gauge {
  public:
    void set(double value) { value_.store(value, std::memory_order_relaxed); }
    void add(double change) { value_.fetch_add(change, std::memory_order_relaxed); }
    double value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<double> value_ = 0;
};

class Histogram {
  public:
    explicit Histogram(std::span<const double> bounds);  // ascending; a last bucket without bound is added
    void observe(double value);
    std::uint64_t count() const;
    double sum() const { return sum_.load(std::memory_order_relaxed); }
    std::span<const double> bounds() const { return bounds_; }
    std::uint64_t in_bucket(std::size_t bucket) const { return buckets_[bucket].load(std::memory_order_relaxed); }

  private:
    std::vector<double> bounds_;
    std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;  // [bounds + 1], each counts for itself
    std::atomic<double> sum_ = 0;
};

// Bounds in seconds that suit waiting for an answer: from 1 ms to 10 minutes, three a decade.
std::span<const double> latency_bounds();

template <class Metric>
class Family {
  public:
    static constexpr std::size_t kMembersMax = 500;

    Family(std::vector<std::string> labels, std::function<std::unique_ptr<Metric>()> make) : labels_(std::move(labels)), make_(std::move(make)) {}

    // One value for each label, in their order.
    Metric& with(std::initializer_list<std::string_view> values);
    // Each member with its labels as text, `a="x",b="y"`, in a stable order.
    void for_each(const std::function<void(const std::string&, const Metric&)>& visit) const;

  private:
    const std::vector<std::string> labels_;
    const std::function<std::unique_ptr<Metric>()> make_;
    mutable std::mutex mutex_;
    std::map<std::string, std::unique_ptr<Metric>, std::less<>> members_;  // by labels as text
};

class Metrics {
  public:
    Metrics();
    ~Metrics();

    // A name is new, of letters, digits and underscores; help is one line.
    Counter& counter(std::string name, std::string help);
    Gauge& gauge(std::string name, std::string help);
    Histogram& histogram(std::string name, std::string help, std::span<const double> bounds);
    Family<Counter>& counters(std::string name, std::string help, std::vector<std::string> labels);
    Family<Gauge>& gauges(std::string name, std::string help, std::vector<std::string> labels);
    Family<Histogram>& histograms(std::string name, std::string help, std::vector<std::string> labels, std::span<const double> bounds);
    // Numbers that are counted elsewhere: asked for whenever the text is made, on the thread that makes it.
    void counter_from(std::string name, std::string help, std::function<double()> value);
    void gauge_from(std::string name, std::string help, std::function<double()> value);

    static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";
    std::string text() const;  // in the order they were made

  private:
    struct Entry;
    Entry& add(std::string name, std::string help, std::string_view type);
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace baleen::serve
