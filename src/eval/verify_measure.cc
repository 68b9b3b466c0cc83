#include "eval/verify_measure.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace baleen::eval {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// |here - golden|; equal infinities differ by nothing, anything else that is not a number differs infinitely.
double distance(float here, float golden) {
    if (here == golden) return 0;
    const double difference = std::abs(static_cast<double>(here) - golden);
    return std::isnan(difference) ? kInfinity : difference;
}

double ratio(double measure, double tolerance) {
    if (measure == 0) return 0;
    return tolerance > 0 ? measure / tolerance : kInfinity;
}

}  // namespace

Comparison compare(std::span<const float> here, std::span<const float> golden, const Tolerance& tolerance) {
    CHECK(here.size() == golden.size(), "{} and {}", here.size(), golden.size());
    Comparison out;
    out.tolerance = tolerance;
    if (golden.empty()) return out;
    const auto n = static_cast<double>(golden.size());
    double squares = 0, difference_squares = 0, largest = 0;
    std::int64_t worst_element = 0;
    for (std::size_t i = 0; i < golden.size(); ++i) {
        squares += static_cast<double>(golden[i]) * golden[i];
        const double difference = distance(here[i], golden[i]);
        difference_squares += difference * difference;
        if (difference > largest) {
            largest = difference;
            worst_element = static_cast<std::int64_t>(i);
        }
    }
    const double rms = std::sqrt(squares / n);
    out.rms_golden = rms;
    if (largest == 0) return out;
    std::int64_t over = 0, first = -1;
    for (std::size_t i = 0; i < golden.size(); ++i) {
        const double difference = distance(here[i], golden[i]);
        over += !(difference <= rms / 100);
        if (first < 0 && !(difference <= tolerance.max * rms)) first = static_cast<std::int64_t>(i);
    }
    if (!(rms > 0) || !std::isfinite(rms)) {
        out.measures = {kInfinity, kInfinity, static_cast<double>(over) / n};
    } else {
        out.measures = {largest / rms, std::sqrt(difference_squares / n) / rms, static_cast<double>(over) / n};
    }
    out.worst = std::max({ratio(out.measures.max, tolerance.max), ratio(out.measures.rms, tolerance.rms),
                          ratio(out.measures.share, tolerance.share)});
    out.ok = out.worst <= 1;
    if (!out.ok) out.element = first >= 0 ? first : worst_element;
    return out;
}

}  // namespace baleen::eval
