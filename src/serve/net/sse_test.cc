// Aim: an event has the bytes of the standard, and no text can end an event or begin a field of its own.
#include "serve/net/sse.h"

#include <gtest/gtest.h>

namespace baleen::serve::net::sse {
namespace {

TEST(Sse, Bytes) {
    EXPECT_EQ(data("{\"a\":1}"), "data: {\"a\":1}\n\n");
    EXPECT_EQ(data("[DONE]"), kDone);
    EXPECT_EQ(data(""), "data: \n\n");
    EXPECT_EQ(event("message_stop", "{}"), "event: message_stop\ndata: {}\n\n");
    EXPECT_EQ(comment("keep-alive"), kKeepAlive);
}

TEST(Sse, LinesStayWithinTheirField) {
    EXPECT_EQ(data("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n");
    EXPECT_EQ(data("a\n\nevent: x\n"), "data: a\ndata: \ndata: event: x\ndata: \n\n");
    EXPECT_EQ(data("\r\n\r\n"), "data: \ndata: \ndata: \n\n");
    EXPECT_EQ(event("a\nid: 1", "x"), "event: a\ndata: x\n\n");
    EXPECT_EQ(comment("a\ndata: b"), ": a\n\n");
}

}  // namespace
}  // namespace baleen::serve::net::sse
