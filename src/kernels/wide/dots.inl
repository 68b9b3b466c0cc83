// Sums of four int8 products per lane without VNNI: pairs into 16 bits, where a group of 32 columns has room (at most
// 8 * 2 * 24 * 12 = 4608), and at its end into 32.

namespace {

struct Dots {
    static constexpr int kMostShift = 2;  // 4608 times its power has room
    static I start(int) { return Vec::set_int(0); }
    // keys in 0..24, queries in -12..12, four of each in a lane.
    static I add(I acc, I keys, I queries) { return Vec::add_words(acc, Vec::dot_pairs(keys, queries)); }
    static I total(I acc, int correction) { return Vec::addi(Vec::add_halves(acc), Vec::set_int(correction)); }
};

}  // namespace
