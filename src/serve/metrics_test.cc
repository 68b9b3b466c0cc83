// Aim: the text is what Prometheus reads, to the byte; labels cannot break out of it or grow without bound; threads that count at
// once lose nothing.
#include "serve/metrics.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

namespace baleen::serve {
namespace {

TEST(Metrics, Text) {
    Metrics metrics;
    metrics.counter("requests_total", "Requests.").add(3);
    Gauge& gauge = metrics.gauge("queue", "Waiting \\ now.\nHere.");
    gauge.set(2.5);
    gauge.add(-1);
    auto& tokens = metrics.counters("tokens_total", "Tokens.", {"model", "kind"});
    tokens.with({"b", "prompt"}).add(7);
    tokens.with({"a \"quoted\" \\ \n", "answer"}).add();
    tokens.with({"b", "prompt"}).add();
    Histogram& seconds = metrics.histogram("step_seconds", "A step.", std::vector<double>{0.001, 0.5, 2});
    for (const double value : {0.0, 0.001, 0.002, 2.0, 3.25}) seconds.observe(value);
    metrics.histograms("wait_seconds", "A wait.", {"key"}, std::vector<double>{1}).with({"k"}).observe(1.5);
    metrics.gauge_from("open", "Connections.", [] { return 12.0; });
    metrics.counter_from("seen_total", "Seen.", [] { return 1e18; });
    metrics.gauge_from("odd", "Odd.", [] { return std::nan(""); });
    metrics.gauges("kv_bytes", "KV.", {"kind"}).with({"free"}).set(std::numeric_limits<double>::infinity());
    EXPECT_EQ(metrics.text(),
              "# HELP requests_total Requests.\n"
              "# TYPE requests_total counter\n"
              "requests_total 3\n"
              "# HELP queue Waiting \\\\ now.\\nHere.\n"
              "# TYPE queue gauge\n"
              "queue 1.5\n"
              "# HELP tokens_total Tokens.\n"
              "# TYPE tokens_total counter\n"
              "tokens_total{model=\"a \\\"quoted\\\" \\\\ \\n\",kind=\"answer\"} 1\n"
              "tokens_total{model=\"b\",kind=\"prompt\"} 8\n"
              "# HELP step_seconds A step.\n"
              "# TYPE step_seconds histogram\n"
              "step_seconds_bucket{le=\"0.001\"} 2\n"
              "step_seconds_bucket{le=\"0.5\"} 3\n"
              "step_seconds_bucket{le=\"2\"} 4\n"
              "step_seconds_bucket{le=\"+Inf\"} 5\n"
              "step_seconds_sum 5.253\n"
              "step_seconds_count 5\n"
              "# HELP wait_seconds A wait.\n"
              "# TYPE wait_seconds histogram\n"
              "wait_seconds_bucket{key=\"k\",le=\"1\"} 0\n"
              "wait_seconds_bucket{key=\"k\",le=\"+Inf\"} 1\n"
              "wait_seconds_sum{key=\"k\"} 1.5\n"
              "wait_seconds_count{key=\"k\"} 1\n"
              "# HELP open Connections.\n"
              "# TYPE open gauge\n"
              "open 12\n"
              "# HELP seen_total Seen.\n"
              "# TYPE seen_total counter\n"
              "seen_total 1e+18\n"
              "# HELP odd Odd.\n"
              "# TYPE odd gauge\n"
              "odd NaN\n"
              "# HELP kv_bytes KV.\n"
              "# TYPE kv_bytes gauge\n"
              "kv_bytes{kind=\"free\"} +Inf\n");
}

TEST(Metrics, FamiliesAreBounded) {
    Metrics metrics;
    auto& family = metrics.counters("models_total", "Models.", {"model", "status"});
    for (int i = 0; i < 10000; ++i) family.with({fmt::format("made-up-{}", i), "400"}).add();
    family.with({"made-up-3", "400"}).add();
    std::uint64_t all = 0, members = 0;
    family.for_each([&](const std::string&, const Counter& counter) {
        all += counter.value();
        ++members;
    });
    EXPECT_EQ(all, 10001u);
    EXPECT_EQ(members, Family<Counter>::kMembersMax + 1);
    EXPECT_EQ(family.with({"made-up-3", "400"}).value(), 2u);
    EXPECT_EQ(family.with({"other", "other"}).value(), 10000 - Family<Counter>::kMembersMax);
}

TEST(Metrics, ManyThreads) {
    Metrics metrics;
    Counter& counter = metrics.counter("c_total", "C.");
    Gauge& gauge = metrics.gauge("g", "G.");
    auto& histograms = metrics.histograms("h", "H.", {"t"}, latency_bounds());
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 10000; ++i) {
                counter.add();
                gauge.add(0.5);
                histograms.with({t % 2 == 0 ? "even" : "odd"}).observe(0.5);
                if (i % 2500 == 0) {
                    EXPECT_NE(metrics.text().find("h_count"), std::string::npos);
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(counter.value(), 40000u);
    EXPECT_EQ(gauge.value(), 20000);
    EXPECT_EQ(histograms.with({"even"}).count(), 20000u);
    EXPECT_EQ(histograms.with({"odd"}).sum(), 10000);
}

TEST(Metrics, OurMistakesAreFound) {
    Metrics metrics;
    metrics.counter("a_total", "A.");
    EXPECT_DEATH(metrics.gauge("a_total", "A."), "exists");
    EXPECT_DEATH(metrics.gauge("a-b", "A."), "a-b");
    EXPECT_DEATH(metrics.counters("b_total", "B.", {"le"}), "le");
    EXPECT_DEATH(metrics.counters("c_total", "C.", {"x"}).with({"1", "2"}), "1 labels, 2 values");
    EXPECT_DEATH(metrics.histogram("h", "H.", std::vector<double>{2, 1}), "ascend");
}

}  // namespace
}  // namespace baleen::serve
