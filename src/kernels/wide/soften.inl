// From logits to the factors of the weighted sum (spec 4.4, 20): shared by the attention kernels.

namespace {

// Replaces logits by the factors of the numerator and returns Z. The numbers after `count` up to a full vector may be
// anything and become 0.
float soften(float* logits, int count, float sink, bool round) {
    F top = Vec::set(logits[0]);
    for (int e = 0; e < count; e += kLanes) {
        const F some = count - e >= kLanes ? Vec::load(logits + e)
                                           : Vec::select(Vec::mask_first(count - e), Vec::load(logits + e), top);
        top = Vec::max(some, top);
    }
    const float most = Vec::max_of(top);
    F total = Vec::zero();
    for (int e = 0; e < count; e += kLanes) {
        F p = exponential(Vec::sub(Vec::load(logits + e), Vec::set(most)));
        if (count - e < kLanes) p = Vec::select(Vec::mask_first(count - e), p, Vec::zero());
        total = Vec::add(total, p);
        Vec::store(logits + e, rounded(p, round));
    }
    const F last = exponential(Vec::set(sink - most));
    float lanes[kLanes];
    Vec::store(lanes, last);
    return sum_of(total) + lanes[0];
}

}  // namespace
