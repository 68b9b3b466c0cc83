"""JSON by a schema (or by keys named in the prompt) from a short text that holds the values among others."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from sample import Sample, assistant, system, user
from tasks.fields import PERSON, THING, Concept, Value, array_of, boolean, integer_in, number_in, string_of
from tasks.request import SYSTEMS, listed, thinking, within
from words import NOUNS, Forms, Words, any_of, mix


# One record as labelled values: how a label and its value are written, and what stands between two of them.
SHAPES = Forms(
    ("{k}: {v}", "{k} = {v}", "{k} {v}", "{k}={v}", "{k} is {v}", "the {k} is {v}", "{k} - {v}", "{k}:{v}", "[{k}] {v}"),
    ("{k} -> {v}", "({k}) {v}", "{k} was {v}"),
    mix("{k}|{k}|the {k}|my {k}|your {k}|<{k}>|{k}s|# {k}", ": | = |=| is | - |: | : | => |, | equals |:: | reads | ~ ", "{v}"),
)
SEPARATORS = Forms((", ", ", ", "; ", "\n", "\n", "\n- "), (" / ", "\n* ", ";\n"))

EXTRACT = Forms(
    (
        "Extract: {text}",
        "{text}",
        "Extract the data.\n{text}",
        "Fill the JSON.\n{text}",
        "Fill in the JSON from this text.\n\n{text}",
        "Reply in JSON.\n{text}",
        "Text: {text}\nReply in JSON.",
        "{text}\n\nExtract the fields.",
        "{text}\nGive me that as JSON.",
        "Read this and fill the schema: {text}",
        "Turn this into JSON: {text}",
        "Convert to JSON:\n{text}",
        "{text}\n\nWrite this as JSON.",
        "Please extract the fields from this text: {text}",
        "Parse this: {text}",
        "Here is the text.\n{text}",
        "Take the values from here:\n{text}",
        "Make a record of this: {text}",
        "I have this note:\n{text}\nFill the schema with it.",
    ),
    (
        "Extract the values: {text}",
        "{text}\n\nReply with the JSON.",
        "Write the JSON for this text.\n{text}",
        "Get the fields from this: {text}",
        "Fill the schema.\n\n{text}",
    ),
    any_of(
        mix("extract|please extract|fill in|fill|parse|read|convert|take|use|process|now do|handle|work on|structure|transform|JSON from|data of", " the text| this| it| the note| the record||", ": |:\n|.\n|:\n\n", "{text}"),
        mix("{text}", "\n|\n\n", "extract|please extract|fill in|fill|parse|read|convert|take|use|process|now do|handle|work on|structure|transform|JSON from|data of", " the text| this| it| the note| the record", ".|, please.|!|"),
    ),
)
SELECT = Forms(
    (
        "Extract the record of {who}.\n{text}",
        "{text}\n\nGive the record of {who} as JSON.",
        "Only {who}:\n{text}",
        "{text}\nExtract {who}.",
        "I only need {who}.\n\n{text}",
        "{text}\n\nReply in JSON for {who}.",
        "Fill the JSON for {who}.\n{text}",
        "Find {who} and write the JSON.\n{text}",
        "{text}\n\nWhat is known about {who}?",
        "Take the line of {who}.\n{text}",
    ),
    (
        "Write the JSON for {who}.\n{text}",
        "{text}\n\nI need the record of {who}.",
        "Fill the schema with {who}.\n\n{text}",
    ),
    any_of(
        mix("only |just |now |please |the JSON of |the record of |read the one of |take |pick ", "{who}", ".\n|:\n|\n\n", "{text}"),
        mix("{text}", "\n|\n\n", "only |just |now |please |the JSON of |the record of |give |give me |pick |take |what about ", "{who}", ".|?|, please.|"),
    ),
)
NAMED_KEYS = Forms(
    (
        "Reply in JSON with the keys {keys}.\n{text}",
        "{text}\n\nReply in JSON with the keys {keys}.",
        "Extract {keys} as JSON.\n{text}",
        "{text}\nGive me {keys} as JSON.",
        "Make a JSON object with {keys} from this text: {text}",
        "JSON keys: {keys}\nText: {text}",
        "Text: {text}\nJSON keys: {keys}",
        "Return a JSON object with the keys {keys}.\n\n{text}",
        "Turn this into JSON with {keys}: {text}",
        "{text}\n\nWrite JSON. The keys are {keys}.",
        "From this text take {keys} and answer in JSON: {text}",
        "I need {keys} in JSON.\n{text}",
        "Use JSON with these keys: {keys}.\n{text}",
        "Answer as a JSON object. Keys: {keys}.\n{text}",
    ),
    (
        "Write JSON with the keys {keys} for this: {text}",
        "{text}\n\nI want JSON with {keys}.",
        "Answer in JSON. Use the keys {keys}.\n{text}",
    ),
)
SHOWN_KEYS = Forms(
    (
        "{text}\n\nReply in JSON like this: {shown}",
        "Use this JSON form: {shown}\n{text}",
        "Fill this JSON: {shown}\nText: {text}",
        "{text}\nAnswer in this JSON format:\n{shown}",
        "Example of the JSON: {shown}\n\n{text}",
        "Write JSON of the form {shown}.\n{text}",
    ),
    ("Answer with JSON like {shown}.\n{text}", "{text}\n\nUse the JSON form {shown}."),
)
SELECT_KEYS = Forms(
    ("{ask}\nOnly {who}.", "{ask}\nTake only {who}.", "{ask}\nI only need {who}.", "About {who} only. {ask}"),
    ("{ask}\nOnly the record of {who}.", "Only {who}. {ask}"),
)
NEXT = Forms(
    (
        "{text}",
        "Next: {text}",
        "And this: {text}",
        "The same for this:\n{text}",
        "Now this text.\n{text}",
        "Another one: {text}",
        "{text}\nThe same JSON, please.",
        "Again: {text}",
    ),
    ("The next one: {text}", "Now the same for: {text}", "Here is another text.\n{text}"),
)
SYSTEMS_JSON = Forms(
    (
        "You extract data from text.",
        "Reply in JSON.",
        "You turn text into JSON.",
        "Extract the fields of the schema.",
        "Answer with JSON only.",
        "You fill forms.",
    ),
    ("Write JSON only.", "You read text and reply in JSON."),
)


@dataclass
class Field:
    """One field of a record: how the text names it, its key in the schema, its value and what it is."""

    label: str
    key: str
    value: Value
    concept: Concept | None  # None: an invented one, told only by its label
    type: str


@dataclass
class Exercise:
    """A text, the fields wanted from it in the order wanted, and whose record it is when there are several."""

    text: str
    wanted: list[Field]
    who: str = ""


def _schema_of(field: Field, words: Words) -> dict:
    if field.type == "enum" and field.concept is not None and field.concept.options is not None:
        side = field.concept.options.held if words.held else field.concept.options.train
        count = words.rng.randint(2, min(4, len(side)))
        options = [field.value.json] + words.rng.sample([option for option in side if option != field.value.json], count - 1)
        words.rng.shuffle(options)
        return {"type": "string", "enum": options}
    if field.type == "array":
        return {"type": "array", "items": {"type": "string"}}
    if field.type == "object" and isinstance(field.value.json, dict):
        inner = {key: {"type": "integer" if isinstance(part, int) else "string"} for key, part in field.value.json.items()}
        return {"type": "object", "properties": inner, "required": list(inner)}
    return {"type": field.type}


def _invented(words: Words) -> Field:
    """A field nobody has heard of: only its label tells where its value is."""
    label = words.choice((words.word(), words.pick(NOUNS), words.word() + "_" + words.pick(NOUNS)))
    kind = words.choice(("string", "string", "integer", "number", "boolean", "array"))
    make = {
        "string": string_of(lambda source: source.choice((source.word(), source.code(), source.place(), source.thing()))),
        "integer": integer_in(0, 9999),
        "number": number_in(0, 500),
        "boolean": boolean,
        "array": array_of(lambda source: source.word()),
    }[kind]
    return Field(label, label, make(words), None, kind)


def _known(words: Words, concept: Concept, plain: bool) -> Field:
    """A field of a known concept. Its label in the text is its key or, at times, another word for it; its type may differ
    from the usual one, since the schema decides. `plain`: always the usual type."""
    value = concept.make(words)
    key = words.choice(concept.keys) if words.chance(0.4) else concept.keys[0]
    label = words.choice(concept.keys) if words.chance(0.15) else key
    kind = concept.type
    if kind == "enum" and (plain or words.chance(0.3)):
        kind = "string"
    elif not plain and kind in ("integer", "number") and words.chance(0.12):
        kind, value = "string", Value(value.text, value.text)
    elif not plain and kind == "number" and isinstance(value.json, int) and words.chance(0.5):
        kind = "integer"
    return Field(label.replace("_", " "), key, value, concept, kind)


def _again(words: Words, field: Field) -> Field:
    """The same field of another record."""
    assert field.concept is not None
    value = field.concept.make(words)
    if field.type == "string":
        value = Value(value.text, value.text)
    elif field.type == "integer" and not isinstance(value.json, int):
        value = integer_in(2, 900)(words)
    return Field(field.label, field.key, value, field.concept, field.type)


def _record(words: Words, plain: bool, most: int = 6) -> list[Field]:
    """Fields of one person or thing; the first one names it. `plain` leaves out what has no obvious JSON without a schema."""
    concepts = words.choice((PERSON, THING))
    head, *names = concepts
    if plain:
        names = [name for name in names if concepts[name].type in ("string", "integer", "number", "enum") and name != "phone"]
    fields: list[Field] = []
    for name in [head, *words.rng.sample(names, words.rng.randint(1, most))]:
        field = _known(words, concepts[name], plain)
        taken = {other.key for other in fields} | {other.label for other in fields}
        if field.key not in taken and field.label not in taken:
            fields.append(field)
    return fields


def _prose(words: Words, fields: list[Field]) -> str:
    """The record told in sentences. The first sentence calls it by its name."""
    head, *rest = fields
    assert head.concept is not None
    person = head.concept is PERSON["name"]
    name = head.value.text if person else "the " + head.value.text
    pronoun = words.choice(("He", "She")) if person else "It"
    sentences = [words.form(head.concept.said, who=head.value.text)] if not rest or words.chance(0.3) else []
    for field in rest:
        assert field.concept is not None
        shapes = field.concept.denied if field.value.json is False else field.concept.said
        assert shapes is not None
        shape = words.pick(shapes)
        if shape.startswith("{who}"):
            who = pronoun if sentences and words.chance(0.6) else name[0].upper() + name[1:]
        else:
            who = name
        sentences.append(shape.format(who=who, v=field.value.text))
    return words.choice((" ", " ", "\n")).join(sentences)


def _labelled(words: Words, fields: list[Field]) -> str:
    shape, between = words.form(SHAPES, k="{k}", v="{v}"), words.pick(SEPARATORS)
    if "\n" not in between and any("," in field.value.text for field in fields):
        between = "; "  # a list's commas shall not look like the end of its field
    text = between.join(shape.format(k=field.label, v=field.value.text) for field in fields)
    return between[1:] + text if between[1:] in ("- ", "* ") else text


def _rows(words: Words, rows: list[list[Field]]) -> str:
    """Several records, one a line: as a table or as labelled lines."""
    labels = [field.label for field in rows[0]]
    cells = [[field.value.text for field in row] for row in rows]
    kind = words.rng.randrange(4)
    if kind == 0:
        return "\n".join(",".join(line) for line in [labels, *cells])
    if kind == 1:
        lines = ["| " + " | ".join(line) + " |" for line in [labels, *cells]]
        return "\n".join([lines[0], "|" + "---|" * len(labels), *lines[1:]])
    shape = words.choice(("{k}: {v}", "{k}={v}", "{k} {v}"))
    between = words.choice((", ", "; "))
    return "\n".join(between.join(shape.format(k=k, v=v) for k, v in zip(labels, line)) for line in cells)


def _several(words: Words, plain: bool) -> Exercise:
    """Records of the same fields, of which one is asked for."""
    first = [field for field in _record(words, plain, most=4) if field.type not in ("array", "object")]
    rows = [first]
    for _ in range(words.rng.randint(1, 4)):
        row = [_again(words, field) for field in first]
        if row[0].value.text not in [other[0].value.text for other in rows]:
            rows.append(row)
    words.rng.shuffle(rows)
    chosen = words.choice(rows)
    return Exercise(_rows(words, rows), _some(words, chosen), chosen[0].value.text)


def _one(words: Words, plain: bool) -> Exercise:
    fields = _record(words, plain)
    head, *rest = fields
    if words.chance(0.5):
        words.rng.shuffle(rest)
        text = _prose(words, [head, *rest])
        if not rest or words.chance(0.6):
            return Exercise(text, _some(words, fields))
        return Exercise(text, _some(words, rest))
    if not plain and words.chance(0.35):
        for field in [_invented(words) for _ in range(words.rng.randint(1, 4))]:
            if field.key not in {other.key for other in fields} | {other.label for other in fields}:
                fields.append(field)
    shown = fields[:]
    words.rng.shuffle(shown)
    return Exercise(_labelled(words, shown), _some(words, fields))


def _some(words: Words, fields: list[Field]) -> list[Field]:
    """The wanted fields, one to six, in an order of their own."""
    return words.rng.sample(fields, words.rng.randint(min(2, len(fields)) if words.chance(0.8) else 1, min(6, len(fields))))


def _like(words: Words, wanted: list[Field]) -> Exercise:
    """Another text for the same schema."""
    fresh = [_again(words, field) for field in wanted]
    shown = fresh[:]
    words.rng.shuffle(shown)
    return Exercise(_labelled(words, shown), fresh)


def _reply(exercise: Exercise) -> dict:
    answer = json.dumps({field.key: field.value.json for field in exercise.wanted}, ensure_ascii=False)
    facts = ", ".join(f"{field.key} is {field.value.text}" for field in exercise.wanted)
    reasoning = f"The keys are {listed([field.key for field in exercise.wanted])}. The {facts}."
    return assistant(answer, "json", reasoning)


def _schema(words: Words, wanted: list[Field]) -> dict:
    properties = {}
    described = words.chance(0.2)
    for field in wanted:
        properties[field.key] = _schema_of(field, words)
        if described:
            properties[field.key]["description"] = f"The {field.label}"
    schema: dict = {"type": "object", "properties": properties, "required": [field.key for field in wanted]}
    if words.chance(0.2):
        schema["additionalProperties"] = False
    return schema


def _shown_keys(words: Words, wanted: list[Field]) -> str:
    """The request for certain keys, in words or by an example."""
    if words.chance(0.3):
        blank = {field.key: "..." if isinstance(field.value.json, str) else 0 for field in wanted}
        return words.form(SHOWN_KEYS, text="{text}", shown=json.dumps(blank).replace("{", "{{").replace("}", "}}"))
    keys = [field.key for field in wanted]
    if words.chance(0.3):
        keys = [f'"{key}"' for key in keys]
    return words.form(NAMED_KEYS, text="{text}", keys=listed(keys) if words.chance(0.6) else ", ".join(keys))


def json_schema(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """One to four texts to be turned into JSON, by the schema of the request or (json_object) by keys that the prompt names."""

    def build(turns: int) -> Sample:
        plain = words.chance(0.3)
        exercise = _several(words, plain) if words.chance(0.3) else _one(words, plain)
        messages = []
        if words.chance(0.55):
            messages.append(system(words.pick(SYSTEMS_JSON if words.chance(0.6) else SYSTEMS)))
        if plain:
            response_format: dict = {"type": "json_object"}
            ask = _shown_keys(words, exercise.wanted)
            if exercise.who:
                ask = words.form(SELECT_KEYS, ask=ask, who=exercise.who)
        else:
            response_format = {
                "type": "json_schema",
                "json_schema": {"name": "record", "schema": _schema(words, exercise.wanted)},
            }
            ask = words.form(SELECT, text="{text}", who=exercise.who) if exercise.who else words.form(EXTRACT, text="{text}")
        messages += [user(ask.format(text=exercise.text)), _reply(exercise)]
        again = turns > 1 and not exercise.who and all(field.concept and field.type != "enum" for field in exercise.wanted)
        for _ in range(turns - 1 if again else 0):
            exercise = _like(words, exercise.wanted)
            messages += [user(words.form(NEXT, text=exercise.text)), _reply(exercise)]
        return Sample(messages, response_format=response_format, **thinking(words))

    turns = words.choice((1, 1, 2, 2, 3, 4))
    return within(budget, measure, [*range(turns, 0, -1), 1, 1], build)
