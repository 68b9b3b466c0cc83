"""JSON by a schema, or by keys named in the prompt, from a short text that holds the values among others."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from sample import Sample, assistant, system, user
from tasks.request import SYSTEMS, listed, thinking, within
from words import Forms, Words, forms


@dataclass(frozen=True)
class Field:
    """A key, its JSON type, its values, and how prose tells one."""

    key: str
    type: str  # string, integer or boolean
    make: Callable[[Words], object]
    said: str


FIELDS = [
    Field("name", "string", Words.name, "{who} is called {v}."),
    Field("city", "string", Words.place, "{who} lives in {v}."),
    Field("age", "integer", lambda words: words.rng.randint(18, 90), "{who} is {v} years old."),
    Field("team", "string", Words.place, "{who} works for {v}."),
    Field("friend", "string", Words.place, "{who} has a friend called {v}."),
    Field("code", "string", Words.code, "{who} has the code {v}."),
    Field("room", "integer", lambda words: int(words.number(2, 4)), "{who} is in room {v}."),
    Field("price", "integer", lambda words: int(words.number(2, 4)), "{who} pays {v}."),
    Field("score", "integer", lambda words: words.rng.randint(1, 100), "{who} has a score of {v}."),
    Field("street", "string", Words.place, "{who} lives at {v} street."),
    Field("member", "boolean", lambda words: words.chance(0.5), "{who} is a member: {v}."),
    Field("paid", "boolean", lambda words: words.chance(0.5), "{who} has paid: {v}."),
    Field("active", "boolean", lambda words: words.chance(0.5), "{who} is active: {v}."),
    Field("date", "string", Words.date, "{who} came on {v}."),
]
# One record as labelled values: a label with its value, and what stands between two of them.
LABELLED = forms("{k}: {v}\n{k} = {v}\n{k} {v}", ("_", "_¶, ", "_¶; ", "_¶|"))  # "|" for a line break
EXTRACT = forms(
    """
    Extract: {text}
    {text}
    Fill in the JSON.¶{text}
    {text}¶¶Extract the fields.
    """,
    ("_", "Please reply in JSON. _", "_¶Reply in JSON.", "Text: _"),
    """
    Turn this into JSON: {text}
    {text}¶Write the record.
    """,
)
NAMED_KEYS = forms(
    """
    Reply in JSON with the keys {keys}.¶{text}
    {text}¶¶Reply in JSON with the keys {keys}.
    Extract {keys} as JSON.¶{text}
    """,
    ("_", "Please do this. _", "_¶Be brief."),
    "Make a JSON object of {keys} from this: {text}",
)
NEXT = Forms(("{text}", "Next: {text}", "And this: {text}", "The same for this: {text}"), ("And the next: {text}", "The same for: {text}"))


def _spelled(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _text(words: Words, record: dict[Field, object]) -> str:
    """The record told in sentences, or as labelled values."""
    if words.chance(0.4):
        who = words.choice(("He", "She"))
        name = next((str(value) for field, value in record.items() if field.key == "name"), who)
        rest = [field.said.format(who=who, v=_spelled(value)) for field, value in record.items() if field.key != "name"]
        return " ".join([f"{who} is called {name}."] * (name != who) + rest)
    shape, _, between = words.form(LABELLED, k="{k}", v="{v}").partition("¶")
    return (between.replace("|", "\n") or ", ").join(shape.format(k=field.key, v=_spelled(value)) for field, value in record.items())


def _schema(wanted: list[Field]) -> dict:
    return {"type": "object", "properties": {field.key: {"type": field.type} for field in wanted}, "required": [field.key for field in wanted]}


def json_schema(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """One to six texts to be turned into JSON, by the schema of the request or (json_object) by keys that the prompt names."""
    rng = words.rng

    def build(turns: int) -> Sample:
        fields = rng.sample(FIELDS, rng.randint(2, 6))
        wanted = rng.sample(fields, rng.randint(max(1, len(fields) - 2), min(5, len(fields))))
        named = words.chance(0.25)
        if named:
            response_format: dict = {"type": "json_object"}
            keys = [field.key for field in wanted]
            ask = words.form(NAMED_KEYS, text="{text}", keys=listed(keys) if words.chance(0.5) else ", ".join(keys))
        else:
            response_format = {"type": "json_schema", "json_schema": {"name": "record", "schema": _schema(wanted)}}
            ask = words.form(EXTRACT, text="{text}")
        messages = [system(words.pick(SYSTEMS))] if words.chance(0.4) else []
        for turn in range(turns):
            record = {field: field.make(words) for field in fields}
            ask = ask if turn == 0 else words.form(NEXT, text="{text}")
            found = ", ".join(f"{field.key} is {_spelled(record[field])}" for field in wanted)
            answer = json.dumps({field.key: record[field] for field in wanted}, ensure_ascii=False)
            messages += [user(ask.replace("¶", "\n").format(text=_text(words, record))), assistant(answer, "json", f"The {found}.")]
        return Sample(messages, response_format=response_format, **thinking(words))

    return within(budget, measure, [*range(words.choice((1, 2, 3, 4, 5, 6)), 0, -1), 1, 1, 1], build)
