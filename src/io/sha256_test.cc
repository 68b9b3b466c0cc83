// The digest of known texts (FIPS 180-4 examples), in one piece and in several.
#include "io/sha256.h"

#include <gtest/gtest.h>

namespace baleen::io {
namespace {

TEST(Sha256, KnownTexts) {
    Sha256 empty, abc, parts;
    EXPECT_EQ(empty.hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    abc.add(std::string_view("abc"));
    EXPECT_EQ(abc.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    parts.add(std::string_view("a"));
    parts.add(std::string_view("bc"));
    EXPECT_EQ(parts.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace baleen::io
