// Aim: a mistyped name is answered with the one that was meant, and not with nonsense.
#include "serve/store/names.h"

#include <gtest/gtest.h>

namespace baleen::serve {
namespace {

TEST(Names, CountsEdits) {
    EXPECT_EQ(edit_distance("", ""), 0);
    EXPECT_EQ(edit_distance("", "abc"), 3);
    EXPECT_EQ(edit_distance("abc", ""), 3);
    EXPECT_EQ(edit_distance("listen", "listen"), 0);
    EXPECT_EQ(edit_distance("lisetn", "listen"), 1) << "a swap of neighbours";
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
    EXPECT_EQ(edit_distance("modle", "model"), 1);
}

TEST(Names, FindsWhatWasMeant) {
    constexpr std::string_view kKnown[] = {"listen", "model", "data_dir", "limits.body_bytes"};
    EXPECT_EQ(nearest_name("lissten", kKnown), "listen");
    EXPECT_EQ(nearest_name("datadir", kKnown), "data_dir");
    EXPECT_EQ(nearest_name("limit.body_size", kKnown), "limits.body_bytes");
    EXPECT_EQ(nearest_name("body_bytes", kKnown), "limits.body_bytes");
    EXPECT_EQ(nearest_name("limits", kKnown), "limits.body_bytes");
    EXPECT_EQ(nearest_name("", kKnown), std::nullopt);
    EXPECT_EQ(nearest_name("temperature", kKnown), std::nullopt);
    EXPECT_EQ(nearest_name(std::string(100000, 'x'), kKnown), std::nullopt);
    EXPECT_EQ(name_advice("mode", kKnown), "; did you mean 'model'?");
    EXPECT_EQ(name_advice("temperature", kKnown), "; known are listen, model, data_dir, limits.body_bytes");
}

}  // namespace
}  // namespace baleen::serve
