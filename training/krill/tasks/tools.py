"""Tool calls: which of one to four tools, with which arguments, or none; and the answer from what a tool returns."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from sample import Sample, assistant, system, user
from tasks.chat import identity_turn
from tasks.intents import COUNTRIES, LANGUAGES, REFUSAL, REFUSED, TOPICS, WORKS
from tasks.request import SYSTEMS, listed, thinking, within
from tasks.tool_kinds import HELD_KINDS, KINDS, OK, RESULT_NAMES, Kind, Parameter
from words import COLORS, NOUNS, STATES, Forms, Words, forms
from words import words as word_forms

NO_TOOL = "I have no tool for that."
ROOMY = 800  # tokens of budget from which on longer conversations pay: the tools block alone takes a few hundred

# Kinds that could stand for one another: with one of them offered, a question for the other is not "no tool".
RELATED = (
    {"weather", "forecast"},
    {"person", "user", "define", "search", "population"},
    {"message", "email", "reminder", "alarm", "note", "event", "invite"},
    {"order", "shopping", "transfer", "convert"},
    {"stock", "sell", "balance"},
    {"switch", "light", "heating", "lock"},
    {"read_file", "delete_file", "list_files", "rename"},
    {"route", "flight"},
    {"add", "multiply", "random"},
    {"table", "hotel"},
    {"translate", "define"},
)
# Refusals that no tool could be meant for.
_HOPELESS = (
    "Write a {w", "Write me", "Please write", "Compose", "Explain", "Why", "Should", "How do I", "Recommend", "I need a {w",
    "I need adv", "Make up", "Invent", "Prove", "Please tell me a {w", "Could you write a {w", "Please explain",
)  # fmt: skip
HOPELESS = Forms(*(tuple(ask for ask in side if ask.startswith(_HOPELESS)) for side in (REFUSED.train, REFUSED.held)))

ATTRIBUTES = word_forms(
    "price color weight size age owner state code number speed height name length level value width depth date type rank mass "
    "power",
    "volume grade angle label quality",
)
LOOKUP_VERBS = word_forms("get find fetch read load query show", "look_up retrieve")
ACTION_VERBS = word_forms(
    "paint move open close clean count start stop sell check repair lift drop hide watch wash test mark store print",
    "polish rotate inspect wrap",
)
LOOKUPS = forms(
    """What is the {attribute} of the {noun} {key}?
    What is the {attribute} of {noun} {key}?
    Give me the {attribute} of the {noun} {key}.
    Tell me the {attribute} of {noun} {key}.
    Which {attribute} does the {noun} {key} have?
    Find the {attribute} of {noun} {key}.
    Look up the {attribute} of the {noun} {key}.
    {attribute} of {noun} {key}?
    I need the {attribute} of the {noun} {key}.
    Show the {attribute} for {noun} {key}.
    The {noun} {key}: what is its {attribute}?
    For the {noun} {key} I need the {attribute}.
    Get the {attribute} of the {noun} {key}.
    Check the {attribute} of {noun} {key}.""",
    """Please give me the {attribute} of {noun} {key}.
    What {attribute} has the {noun} {key}?
    I want to know the {attribute} of the {noun} {key}.
    Find out the {attribute} of the {noun} {key}.""",
)
SETTINGS = forms(
    """Set the {attribute} of the {noun} {key} to {value}.
    Change the {attribute} of {noun} {key} to {value}.
    The {attribute} of the {noun} {key} should be {value}.
    Make the {attribute} of {noun} {key} {value}.
    Give the {noun} {key} the {attribute} {value}.
    Set {value} as the {attribute} of {noun} {key}.
    For the {noun} {key} set the {attribute} to {value}.
    Write {value} as the {attribute} of the {noun} {key}.""",
    """Please set the {attribute} of {noun} {key} to {value}.
    The {noun} {key} should have the {attribute} {value}.
    Change the {attribute} of the {noun} {key}. It should be {value}.""",
)
ACTIONS = forms(
    """{Verb} the {noun} {key}.
    Please {verb} the {noun} {key}.
    Can you {verb} the {noun} {key}?
    I want you to {verb} the {noun} {key}.
    {Verb} {noun} {key}, please.
    {Verb} {noun} {key}.
    You should {verb} the {noun} {key}.
    Go and {verb} the {noun} {key}.
    The {noun} {key}: {verb} it.""",
    """Could you {verb} the {noun} {key}?
    Please {verb} {noun} {key}.
    Now {verb} the {noun} {key}.""",
)
PAIRS = forms(
    """{ask} {next}
    {ask} And {next}
    {ask} Also: {next}
    {ask} Then: {next}
    First: {ask} Second: {next}
    {ask} After that: {next}
    Two things. {ask} {next}""",
    """{ask} And also: {next}
    Do both. {ask} {next}""",
)
FIELD_ASKS = forms(
    """What is the {field}?
    Which {field} did the tool give?
    What was the {field}?
    Tell me the {field} in the result.
    And the {field}?
    Give me the {field}.
    What does the result say for {field}?
    {field}?
    Show me only the {field}.
    Which {field} was it?""",
    """And what is the {field}?
    Tell me only the {field}.
    What {field} did you get?""",
)
ERRORS = forms(
    """not found
    no connection
    timeout
    access denied
    internal error
    bad request
    server is down
    limit reached
    unknown id
    try again later""",
    """service not available
    wrong key
    no answer""",
)
EXTRAS: dict[str, Callable[[Words], object]] = {
    "source": Words.word,
    "id": lambda words: int(words.number(2, 5)),
    "version": lambda words: words.rng.randint(1, 9),
    "server": lambda words: words.code(),
    "date": Words.date,
    "cached": lambda words: words.chance(0.5),
    "user": Words.place,
}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@dataclass
class Tool:
    """A tool as one conversation offers it."""

    topic: str  # key of its kind, or "invented"
    kind: Kind
    name: str
    description: str
    names: dict[str, str]  # slot to shown parameter name, in the order of the schema
    types: dict[str, str]
    enums: dict[str, list[str]]
    described: bool

    def schema(self) -> dict:
        properties: dict[str, dict] = {}
        for slot, shown in self.names.items():
            entry: dict = {"type": self.types[slot]}
            if self.types[slot] == "array":
                entry["items"] = {"type": "string"}
            if slot in self.enums:
                entry["enum"] = self.enums[slot]
            if self.described:
                entry["description"] = self.kind.parameters[slot].description
            properties[shown] = entry
        required = [shown for slot, shown in self.names.items() if not self.kind.is_optional(slot)]
        parameters = {"type": "object", "properties": properties, "required": required}
        return {"name": self.name, "description": self.description, "parameters": parameters}


@dataclass
class Call:
    """A question, the call it needs, what the tool gives back, and the answer from that."""

    tool: Tool
    ask: str
    arguments: dict
    result: str = ""
    answer: str = ""
    thought: str = ""  # about the result
    failed: bool = False
    fields: dict[str, object] = field(default_factory=dict)  # of a result in JSON, by shown name


def offer(words: Words, topic: str, kind: Kind) -> Tool:
    name = words.choice(kind.names)
    camel = words.chance(0.12)
    slots = list(kind.parameters)
    if words.chance(0.15):
        words.rng.shuffle(slots)
    names: dict[str, str] = {}
    for slot in slots:
        options = [option for option in kind.parameters[slot].names if option not in names.values()]
        shown = options[0] if words.chance(0.5) else words.choice(options)
        names[slot] = _camel(shown) if camel else shown
    types = {slot: _type(words, kind.parameters[slot]) for slot in slots}
    enums: dict[str, list[str]] = {}
    for slot in slots:
        options_of = kind.parameters[slot].options
        if options_of and words.chance(0.5):
            side = options_of.held if words.held else options_of.train
            enums[slot] = words.rng.sample(side, min(len(side), words.rng.randint(2, 5)))
    described = words.chance(0.35)
    return Tool(topic, kind, _camel(name) if camel else name, words.choice(kind.descriptions), names, types, enums, described)


def _type(words: Words, parameter: Parameter) -> str:
    """Mostly the parameter's own; numbers at times come under another type, which the call has to follow."""
    if parameter.type == "integer" and words.chance(0.15):
        return words.choice(("number", "string"))
    return parameter.type


def _value(words: Words, tool: Tool, slot: str) -> object:
    if slot in tool.enums:
        return words.choice(tool.enums[slot])
    return tool.kind.parameters[slot].make(words)


def call(words: Words, tool: Tool, more: bool = False) -> Call:
    """A question for the tool and all that follows from it. `more`: a short one that leans on the call before."""
    kind = tool.kind
    shape = words.pick(kind.more if more and kind.more else kind.asks)
    slots = [slot for slot in tool.names if "{" + slot + "}" in shape]
    values = {slot: _value(words, tool, slot) for slot in slots}
    for _ in range(10):
        if len({str(value) for value in values.values()}) == len(values):
            break
        values = {slot: _value(words, tool, slot) for slot in slots}
    spelled = {slot: kind.parameters[slot].spell(value) for slot, value in values.items()}
    ask = shape.format(**spelled)
    ask = ask[0].upper() + ask[1:] if not shape.startswith("{") else ask
    arguments = {tool.names[slot]: str(value) if tool.types[slot] == "string" else value for slot, value in values.items()}
    made = Call(tool, ask, arguments)
    if words.chance(0.06):
        error = words.pick(ERRORS)
        made.result = words.choice((json.dumps({"error": error}), f"Error: {error}", json.dumps({"ok": False, "error": error})))
        made.answer, made.thought, made.failed = f"The tool failed: {error}.", "The tool reports an error.", True
        return made
    result = kind.result(words, values)
    made.answer = kind.answer.format(**spelled, **{name: _plain(value) for name, value in result.items()})
    if result is OK:
        made.result = words.choice(('{"ok": true}', '{"ok": true}', '{"status": "ok"}', '{"success": true}', "ok", "done", "OK"))
        made.thought = "The call worked."
        return made
    shown = {name: words.choice(RESULT_NAMES.get(name, (name,))) for name in result}
    entries = {shown[name]: value for name, value in result.items()}
    made.thought = f"The result says {listed([f'{name} {_plain(value)}' for name, value in entries.items()])}."
    if words.chance(0.3):
        for name in words.rng.sample(sorted(EXTRAS), words.rng.randint(1, 2)):
            entries.setdefault(name, EXTRAS[name](words))
        order = list(entries)
        words.rng.shuffle(order)
        entries = {name: entries[name] for name in order}
    form = words.rng.random()
    if form < 0.75:
        made.result = json.dumps(entries, separators=(",", ":")) if form < 0.15 else json.dumps(entries)
        made.fields = entries
    elif form < 0.87:
        made.result = "\n".join(f"{name}: {_plain(value)}" for name, value in entries.items())
        made.fields = entries
    else:
        made.result = ", ".join(f"{name}={_plain(value)}" for name, value in entries.items())
    return made


def _plain(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _key(words: Words, noun: str) -> Parameter:
    """The parameter that says which one is meant; its name may say nothing, but then its description does."""
    made_up = words.word()
    names = words.choice((noun, f"{noun}_id", "id", "name", "key", f"{noun}_name", made_up))
    number = words.chance(0.25)
    make: Callable[[Words], object] = (
        (lambda source: int(source.number(2, 5))) if number else words.choice((Words.place, Words.code))
    )
    return Parameter((names,), "integer" if number else "string", make, f"Which {noun}")


def _attribute_value(words: Words) -> Parameter:
    kind = words.rng.randrange(4)
    if kind == 0:
        return Parameter(("value", "new_value", "to"), "integer", lambda source: source.rng.randint(1, 999), "The new value")
    make: Callable[[Words], object] = (lambda source: source.pick(COLORS), lambda source: source.pick(STATES), Words.word)[
        kind - 1
    ]
    return Parameter(("value", "new_value", "to"), "string", make, "The new value")


def invented(words: Words, noun: str = "", attribute: str = "") -> Kind:
    """A tool nobody has heard of: looks up or sets some attribute of some noun, or does something to it."""
    noun = noun or words.pick(NOUNS)
    attribute = attribute or words.pick(ATTRIBUTES)
    kind = words.rng.random()
    verb = words.pick(LOOKUP_VERBS)
    key = _key(words, noun)
    strange = words.word() if words.chance(0.5) else f"{words.word()}_{words.word()}"

    def filled(options: Forms, **given: str) -> Forms:
        return Forms(*(tuple(ask.format(**given) for ask in side) for side in (options.train, options.held)))

    if kind < 0.55:
        make = words.choice((lambda source: int(source.number(2, 5)), Words.word, Words.code, Words.place))
        return Kind(
            (words.choice((f"{verb}_{noun}_{attribute}", f"{noun}_{attribute}", f"{verb}_{attribute}_of_{noun}", strange)),),
            (f"Gives the {attribute} of a {noun}", f"The {attribute} of a {noun}", f"Looks up the {attribute} of a {noun}"),
            {"key": key},
            filled(LOOKUPS, attribute=attribute, noun=noun, key="{key}"),
            lambda source, _: {attribute: make(source)},
            f"The {attribute} of {noun} {{key}} is {{{attribute}}}.",
            forms("And {key}?\nWhat about {key}?\nAnd of {key}?\nNow {key}.", "And what about {key}?\nThe same for {key}."),
        )
    if kind < 0.75:
        return Kind(
            (words.choice((f"set_{noun}_{attribute}", f"change_{noun}_{attribute}", f"update_{attribute}_of_{noun}", strange)),),
            (f"Sets the {attribute} of a {noun}", f"Changes the {attribute} of a {noun}"),
            {"key": key, "value": _attribute_value(words)},
            filled(SETTINGS, attribute=attribute, noun=noun, key="{key}", value="{value}"),
            lambda source, _: OK,
            f"The {attribute} of {noun} {{key}} is now {{value}}.",
        )
    action = words.pick(ACTION_VERBS)
    return Kind(
        (words.choice((f"{action}_{noun}", f"{action}_the_{noun}", f"{noun}_{action}", strange)),),
        (f"{action.capitalize()} a {noun}", f"To {action} a {noun}", f"Use this to {action} a {noun}"),
        {"key": key},
        filled(ACTIONS, verb=action, Verb=action.capitalize(), noun=noun, key="{key}"),
        lambda source, _: OK,
        f"Done: {action} {noun} {{key}}.",
        forms("And {key}.\nAlso {key}.\nNow {key}.\nThe same with {key}.", "And {key} too.\nDo the same with {key}."),
    )


def _kinds(words: Words, count: int, source: str) -> list[tuple[str, Kind]]:
    """The first one is to be called; the others stand beside it, some of them close to it."""
    pool = dict(KINDS)
    if not source:
        source = (
            words.choice(("held", "held", "known", "invented")) if words.held else words.choice(("known", "invented", "invented"))
        )
    noun, attribute = words.pick(NOUNS), words.pick(ATTRIBUTES)
    chosen: list[tuple[str, Kind]] = []
    if source == "invented":
        chosen.append(("invented", invented(words, noun, attribute)))
    else:
        topics = list(HELD_KINDS if source == "held" else KINDS)
        topic = words.choice(topics)
        chosen.append((topic, (HELD_KINDS if source == "held" else KINDS)[topic]))
    while len(chosen) < count:
        close = words.rng.random()
        if source == "invented" and close < 0.6:
            same_noun = close < 0.3
            other = invented(words, noun if same_noun else words.pick(NOUNS), words.pick(ATTRIBUTES) if same_noun else attribute)
            chosen.append(("invented", other))
        elif close < 0.15:
            chosen.append(("invented", invented(words)))
        else:
            topic = words.choice(list(pool))
            chosen.append((topic, pool.pop(topic)))
    return chosen


def _tools(words: Words, count: int, source: str) -> list[Tool]:
    """Tools with different names and purposes, the one to be called first at index 0."""
    while True:
        tools = [offer(words, topic, kind) for topic, kind in _kinds(words, count, source)]
        purposes = {tool.kind.asks.train[0] for tool in tools}
        if len({tool.name for tool in tools}) == count == len(purposes):
            return tools


def unlike(tool: Tool, others: list[Tool]) -> bool:
    """Whether no request for `tool` could be meant for one of the others."""

    def apart(other: Tool) -> bool:
        if "invented" in (tool.topic, other.topic):
            return tool.kind.asks.train[0] != other.kind.asks.train[0]
        return tool.topic != other.topic and not any({tool.topic, other.topic} <= group for group in RELATED)

    return all(apart(other) for other in others)


def _asked(words: Words, tools: list[Tool]) -> str:
    """A request that none of the tools is for."""
    offered = {tool.topic for tool in tools}
    if words.chance(0.35):
        nouns = " ".join(tool.kind.asks.train[0] for tool in tools)
        while True:
            noun = words.pick(NOUNS)
            if noun not in nouns:
                return call(words, offer(words, "invented", invented(words, noun))).ask
    near = set().union(*(group for group in RELATED if group & offered)) | offered
    topic = words.choice([topic for topic in KINDS if topic not in near])
    return call(words, offer(words, topic, KINDS[topic])).ask


def _hopeless(words: Words) -> str:
    return words.fill(
        HOPELESS,
        topic=words.pick(TOPICS),
        other=words.pick(TOPICS),
        language=words.pick(LANGUAGES),
        country=words.pick(COUNTRIES),
        work=words.pick(WORKS),
    )


class _Conversation:
    def __init__(self, words: Words, tools: list[Tool]):
        self.words = words
        self.tools = tools
        self.messages: list[dict] = []
        self.calls = 0
        self.last: Call | None = None

    def no_tool(self):
        words = self.words
        kind = words.rng.random()
        if kind < 0.3:
            question, answer = identity_turn(words)
            answer["reasoning_content"] = f"{answer['reasoning_content']} No tool is needed."
        elif kind < 0.45:
            question, answer = user(_hopeless(words)), assistant(REFUSAL, "", "I cannot do that. No tool can.")
        else:
            question, answer = user(_asked(words, self.tools)), assistant(NO_TOOL, "", "No tool is made for that.")
        answer["task"] = "no_tool"
        self.messages += [question, answer]
        self.last = None

    def call(self, calls: list[Call], ask: str):
        entries = []
        for made in calls:
            self.calls += 1
            function = {"name": made.tool.name, "arguments": made.arguments}
            entries.append({"id": f"call_{self.calls}", "type": "function", "function": function})
        parts = []
        for made in calls:
            given = listed([f"{name} {_plain(value)}" for name, value in made.arguments.items()])
            parts.append(f"I call {made.tool.name} with {given}.")
        answer = assistant("", "tool", " ".join(parts))
        answer["tool_calls"] = entries
        self.messages += [user(ask), answer]
        for entry, made in zip(entries, calls):
            self.messages.append({"role": "tool", "tool_call_id": entry["id"], "content": made.result})
        thoughts = dict.fromkeys(made.thought for made in calls)
        answer = assistant(" ".join(made.answer for made in calls), "tool_answer", " ".join(thoughts))
        if any(made.tool.topic in HELD_KINDS and not made.failed for made in calls):
            answer["given"] = True  # how a new kind of tool is spoken of cannot be known
        self.messages.append(answer)
        self.last = calls[0] if len(calls) == 1 else None

    def turn(self, first: bool):
        words = self.words
        kind = words.rng.random()
        tool = self.tools[0] if first or words.chance(0.5) else words.choice(self.tools)
        if kind < 0.22:
            self.no_tool()
        elif kind < 0.28:
            calls = [call(words, tool), call(words, words.choice(self.tools))]
            self.call(calls, words.form(PAIRS, ask=_closed(calls[0].ask), next=calls[1].ask))
        elif self.last and kind < 0.5 and self.last.fields:
            name = words.choice(list(self.last.fields))
            value = _plain(self.last.fields[name])
            reply = assistant(value, "tool_answer", f"The result says {name} {value}.")
            self.messages += [user(words.form(FIELD_ASKS, field=name.replace("_", " "))), reply]
        elif self.last and kind < 0.65 and self.last.tool.kind.more:
            more = call(words, self.last.tool, more=True)
            self.call([more], more.ask)
        else:
            made = call(words, tool)
            self.call([made], made.ask)


def _closed(ask: str) -> str:
    return ask if ask[-1] in ".?!" else ask + "."


def tools(words: Words, budget: int, measure: Callable[[str], int], source: str = "") -> Sample:
    """One to eight turns with one to four tools. `source` fixes the kind of the first tool: known, held or invented."""

    def build(size: tuple[int, int]) -> Sample:
        turns, count = size
        offered = _tools(words, count, source)
        conversation = _Conversation(words, offered)
        for turn in range(turns):
            conversation.turn(turn == 0)
        shown = offered[:]
        words.rng.shuffle(shown)
        messages = [system(words.pick(SYSTEMS))] if words.chance(0.4) else []
        return Sample(messages + conversation.messages, [tool.schema() for tool in shown], **thinking(words))

    turns = words.choice((1, 1, 2, 3, 4, 5, 6, 8) if budget >= ROOMY else (1, 1, 2, 2, 3, 4))
    count = words.choice((1, 2, 2, 3, 3, 4))
    # Turns go first, then tools: choosing among several is what there is to learn.
    sizes = [(turns, count), ((turns + 1) // 2, count), (max(1, turns // 4), count)] + [
        (1, fewer) for fewer in range(count, 0, -1)
    ]
    return within(budget, measure, sizes, build)
