// A JSON Schema and the values it allows: what a client asks for with response_format json_schema or with strict tools
// is checked after the model has answered, until decoding itself is constrained. The vocabulary of draft 2020-12 that
// asserts something, in one file of its own rather than a library: schemas come from outside, so time and depth are
// bounded, nothing is thrown, and a keyword that would be silently skipped is refused by name.
//
// Checked: type, enum, const; properties, patternProperties, additionalProperties, propertyNames, required,
// minProperties, maxProperties, dependentRequired, dependentSchemas; items, prefixItems (and items as a list),
// additionalItems, contains with minContains and maxContains, minItems, maxItems, uniqueItems; minLength, maxLength,
// pattern, format (email, hostname, ipv4, ipv6, uuid; others say nothing); minimum, maximum, exclusiveMinimum,
// exclusiveMaximum, multipleOf; allOf, anyOf, oneOf, not, if/then/else; $ref into the schema itself ("#", "#/$defs/x",
// "#/$def/x", any JSON pointer; recursion allowed). Refused: other $ref, $dynamicRef, unevaluatedProperties,
// unevaluatedItems. Everything else is annotation.
//
// Numbers are compared as doubles, integers of equal spelling as what they are. Immutable once compiled; any thread.
#pragma once

#include <memory>

#include "base/result.h"
#include "text/python_json.h"

namespace baleen::serve {

class JsonSchema {
  public:
    struct Options {
        // Objects hold every property they list and no other, as strict tools mean it whether they say so or not.
        bool closed_objects = false;
    };

    // invalid_argument names the place in the schema and what is wrong there, e.g. "properties.a.type: unknown type
    // 'int'".
    static Result<JsonSchema> compile(const text::PythonJson& schema, Options options = {.closed_objects = false});

    JsonSchema(JsonSchema&&) noexcept;
    JsonSchema& operator=(JsonSchema&&) noexcept;
    ~JsonSchema();

    // invalid_argument names the place in the value and what is wrong there, e.g. "$.a[2]: a string where an integer
    // belongs". resource_exhausted if the check takes more steps than it may.
    Result<void> check(const text::PythonJson& value) const;

  private:
    struct State;
    friend class SchemaCheck;
    explicit JsonSchema(std::unique_ptr<const State> state);
    std::unique_ptr<const State> state_;
};

// Whether the parameters of a strict tool keep to what the service allows there (spec api 8.1), with the texts of its
// request library. Constraints outside the list are dropped there without a word, so they are no error here.
Result<void> check_strict_parameters(const text::PythonJson& parameters);

}  // namespace baleen::serve
