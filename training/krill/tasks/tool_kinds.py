"""Kinds of tools: their parameters, how a user asks for them, what they return and what is then answered."""

from collections.abc import Callable
from dataclasses import dataclass

from words import ASKED, SKIES, Forms, Words, forms


@dataclass(frozen=True)
class Kind:
    """A kind of tool. `parameters` gives each one's JSON type and values; `asks` hold all of them as slots, `answer` holds slots of
    parameters and of the result."""

    name: str
    description: str
    parameters: dict[str, tuple[str, Callable[[Words], object]]]
    asks: Forms
    result: Callable[[Words, dict], dict]
    answer: str

    def schema(self) -> dict:
        properties = {name: {"type": kind} for name, (kind, _) in self.parameters.items()}
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {"type": "object", "properties": properties, "required": list(properties)},
        }


_city = ("string", Words.place)
_name = ("string", Words.name)
_date = ("string", Words.date)
_time = ("string", Words.time)
_item = ("string", Words.place)


def _count(words: Words) -> int:
    return words.rng.randint(2, 60)


def _number(words: Words) -> int:
    return int(words.number(2, 4))


def _path(words: Words) -> str:
    return words.word() + words.choice((".txt", ".csv", ".md", ".log"))


def _done(words: Words, arguments: dict) -> dict:
    return {"ok": True}


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "get_weather",
            "Weather of a city",
            {"city": _city},
            forms(
                "What is the weather in {city}?\nHow is the weather in {city}?\nIs it raining in {city}?\nTell me the weather in {city}.",
                ASKED,
                "Will I need a coat in {city}?\nWhat is the weather like in {city} today?",
            ),
            lambda words, _: {"temp": words.rng.randint(-9, 39), "sky": words.pick(SKIES)},
            "It is {temp} degrees and {sky} in {city}.",
        ),
        Kind(
            "get_time",
            "Local time of a city",
            {"city": _city},
            forms(
                "What time is it in {city}?\nTell me the time in {city}.\nHow late is it in {city}?",
                ASKED,
                "What is the local time of {city}?",
            ),
            lambda words, _: {"time": words.time()},
            "It is {time} in {city}.",
        ),
        Kind(
            "add",
            "Add two numbers",
            {"a": ("integer", _number), "b": ("integer", _number)},
            forms("Add {a} and {b}.\nWhat is {a} plus {b}?\nGive me the sum of {a} and {b}.", ASKED, "How much is {a} and {b} together?"),
            lambda words, given: {"result": given["a"] + given["b"]},
            "The result is {result}.",
        ),
        Kind(
            "multiply",
            "Multiply two numbers",
            {"a": ("integer", _number), "b": ("integer", _number)},
            forms("Multiply {a} by {b}.\nWhat is {a} times {b}?\nGive me the product of {a} and {b}.", ASKED, "How much is {a} multiplied by {b}?"),
            lambda words, given: {"result": given["a"] * given["b"]},
            "The result is {result}.",
        ),
        Kind(
            "find_person",
            "Look up a person",
            {"name": _name},
            forms("Look up {name}.\nFind the person {name}.\nWho is {name}?", ASKED, "What do we know about {name}?"),
            lambda words, _: {"city": words.place(), "phone": _number(words)},
            "{name} lives in {city} and has the phone {phone}.",
        ),
        Kind(
            "search_docs",
            "Search the documents",
            {"query": ("string", Words.thing), "limit": ("integer", _count)},
            forms(
                "Search the documents for {query}, at most {limit}.\nFind {limit} documents about {query}.\nShow me {limit} documents on {query}.",
                ASKED,
                "I want to read up to {limit} documents on {query}.",
            ),
            lambda words, _: {"hits": _count(words), "first": words.word()},
            "There are {hits} hits, the first is {first}.",
        ),
        Kind(
            "set_alarm",
            "Set an alarm",
            {"date": _date, "time": _time},
            forms(
                "Set an alarm for {date} at {time}.\nWake me on {date} at {time}.\nI need an alarm on {date} at {time}.",
                ASKED,
                "On {date} I have to get up at {time}.",
            ),
            _done,
            "The alarm is set for {date} at {time}.",
        ),
        Kind(
            "read_file",
            "Read a file",
            {"path": ("string", _path)},
            forms("Read the file {path}.\nOpen {path}.\nShow me {path}.", ASKED, "What does {path} say?"),
            lambda words, _: {"lines": _count(words), "owner": words.place()},
            "{path} has {lines} lines and belongs to {owner}.",
        ),
        Kind(
            "send_message",
            "Send a message to somebody",
            {"to": _name, "text": ("string", lambda words: words.choice((f"the {words.thing()} is ready", f"I come at {words.time()}", f"we meet in {words.place()}")))},
            forms(
                'Tell {to}: {text}\nSend {to} the message "{text}"\nWrite to {to}: {text}',
                ("_", "Please answer: _", "Question: _", "Please do this: _", "Next: _", "Now _"),
                "Let {to} know this: {text}",
            ),
            _done,
            "The message to {to} is sent.",
        ),
        Kind(
            "get_price",
            "Price of an item",
            {"item": _item},
            forms("What does {item} cost?\nWhat is the price of {item}?\nHow much is {item}?", ASKED, "Is {item} expensive?"),
            lambda words, _: {"price": _number(words)},
            "{item} costs {price}.",
        ),
        Kind(
            "book_room",
            "Book a room",
            {"city": _city, "nights": ("integer", _count)},
            forms(
                "Book a room in {city} for {nights} nights.\nI need a room in {city} for {nights} nights.\nReserve {nights} nights in {city}.",
                ASKED,
                "I will stay in {city} for {nights} nights and need a bed.",
            ),
            lambda words, _: {"room": _number(words)},
            "Room {room} in {city} is booked.",
        ),
    )
}
# A tool for something of something: combinations are split for measuring.
THINGS = "river bridge garden engine window market station tower wagon carpet table road field lake boat train ship gate lamp clock pump horse".split()
QUALITIES = "price color weight size age owner code speed height length value".split()


def lookup(words: Words) -> Kind:
    """A tool that gives a quality of a thing."""
    while True:
        thing, quality = words.choice(THINGS), words.choice(QUALITIES)
        if ((THINGS.index(thing) + QUALITIES.index(quality)) % 5 == 0) == words.held:
            break
    make = words.choice((_number, Words.word, Words.code))
    asks = "What is the {quality} of the {thing} {key}?\nGive the {quality} of {thing} {key}.\nWhich {quality} does the {thing} {key} have?"
    new = "I need the {quality} of {thing} {key}."
    filled = [text.replace("{quality}", quality).replace("{thing}", thing) for text in (asks, new)]
    return Kind(
        f"get_{thing}_{quality}",
        f"The {quality} of a {thing}",
        {"key": ("string", words.choice((Words.place, Words.code)))},
        forms(filled[0], ASKED, filled[1]),
        lambda source, _: {quality: make(source)},
        f"The {quality} of {thing} {{key}} is {{{quality}}}.",
    )
