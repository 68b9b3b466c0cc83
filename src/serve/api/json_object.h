// Writes compact JSON as the service does: no blanks, members in the order they are added. Plain values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/python_json.h"

namespace baleen::serve {

class JsonObject {
  public:
    JsonObject& text(std::string_view name, std::string_view value) {
        key(name);
        text::append_json_string(value, out_);
        return *this;
    }
    // A value that is JSON already.
    JsonObject& raw(std::string_view name, std::string_view json) {
        key(name);
        out_ += json;
        return *this;
    }
    JsonObject& number(std::string_view name, std::int64_t value) { return raw(name, std::to_string(value)); }
    JsonObject& null(std::string_view name) { return raw(name, "null"); }

    std::string done() const { return out_ + "}"; }

  private:
    void key(std::string_view name) {
        if (out_.size() > 1) out_ += ',';
        text::append_json_string(name, out_);
        out_ += ':';
    }
    std::string out_ = "{";
};

// A tree that was read, without blanks; numbers as Python would write them.
std::string compact_json(const text::PythonJson& value);
// A number that is a float wherever JSON is read with types: 1 is "1.0".
std::string float_json(double value);

// One server-sent event.
std::string sse(std::string_view event, std::string_view data);

}  // namespace baleen::serve
