"""Talk without a document: questions about krill itself, what is beyond it, and what the user tells of himself."""

from collections.abc import Callable
from dataclasses import dataclass

from sample import Sample, assistant, system, user
from tasks.intents import COUNTRIES, INTENTS, REFUSAL, REFUSED, TOPICS, Intent
from tasks.request import SYSTEMS, thinking, within
from words import ASKED, Forms, Words, forms

PERSONAS = Forms(
    ("You are {name}.", "Your name is {name}.", "You are {name}, a helpful assistant.", "Your name is {name}. Be brief.", "Answer as {name}."),
    ("You are {name}. Be brief.", "Your name is {name}, a helpful assistant.", "Answer as {name}. Be brief."),
)
_TOLD = ("_", "Hello! _", "You should know: ¬", "_ Remember that.", "Well, ¬")  # frames of something told


@dataclass(frozen=True)
class Fact:
    """Something a user tells of himself: sentences that say it, questions for it, the answer, and what the {thing} may be."""

    said: Forms
    asks: Forms
    answer: str
    value: Callable[[Words], str]
    things: tuple[str, ...] = ("",)
    weight: float = 1.0


FACTS: dict[str, Fact] = {
    "name": Fact(
        forms("My name is {v}.\nI am {v}.\nCall me {v}.", _TOLD, "Everybody calls me {v}."),
        forms("What is my name?\nDo you know my name?\nWho am I?\nTell me my name.", ASKED, "How am I called?"),
        "Your name is {v}.", Words.name, weight=1.5,
    ),
    "city": Fact(
        forms("I live in {v}.\nI am from {v}.\nMy home is in {v}.", _TOLD, "I have a house in {v}."),
        forms("Where do I live?\nWhich city do I live in?\nTell me where I live.", ASKED, "Where is my home?"),
        "You live in {v}.", Words.place,
    ),
    "age": Fact(
        forms("I am {v} years old.\nMy age is {v}.", _TOLD, "I just turned {v}."),
        forms("How old am I?\nWhat is my age?", ASKED, "Do you know how old I am?"),
        "You are {v} years old.", lambda words: str(words.rng.randint(8, 95)),
    ),
    "favorite": Fact(
        forms("My favorite {thing} is {v}.\nThe {thing} I like most is {v}.", _TOLD, "I like the {thing} {v} best."),
        forms("What is my favorite {thing}?\nWhich {thing} do I like most?\nTell me my favorite {thing}.", ASKED, "Do you know my favorite {thing}?"),
        "Your favorite {thing} is {v}.", Words.place, ("city", "book", "song", "team", "game"), 1.5,
    ),
    "relation": Fact(
        forms("My {thing} is called {v}.\nThe name of my {thing} is {v}.\nI have a {thing} named {v}.", _TOLD, "We call my {thing} {v}."),
        forms("What is the name of my {thing}?\nHow is my {thing} called?\nTell me the name of my {thing}.", ASKED, "Who is my {thing}?"),
        "Your {thing} is called {v}.", Words.place, ("brother", "sister", "dog", "cat", "friend", "boss", "mother", "teacher"), 2,
    ),
}  # fmt: skip
UNTOLD = "You have not told me."
REMEMBERED = "I will remember that."


def casual(words: Words, text: str) -> str:
    """The text as people type it: at times in lower case, or without its last full stop."""
    if words.chance(0.15):
        text = text.lower()
    return text[:-1] if words.chance(0.1) and text[-1] in ".?!" else text


def identity_turn(words: Words, persona: dict[str, Intent] | None = None) -> list[dict]:
    """A question about krill or a politeness, and the answer. A persona has its own answers to some of them."""
    if persona and words.chance(0.6):
        key = words.choice(list(persona))
    else:
        key = words.rng.choices(list(INTENTS), [intent.weight for intent in INTENTS.values()])[0]
    said = persona[key] if persona and key in persona else INTENTS[key]
    return [user(casual(words, words.pick(INTENTS[key].asks))), assistant(said.answer, "identity", said.thought)]


def refuse_turn(words: Words) -> list[dict]:
    """A question that is beyond krill, and its honest answer."""
    ask = words.fill(REFUSED, topic=words.pick(TOPICS), country=words.pick(COUNTRIES))
    return [user(casual(words, ask)), assistant(REFUSAL, "refuse", "I cannot do that. There is no document.")]


def _talk(words: Words, turn: Callable[[Words], list[dict]], turns: int) -> Sample:
    messages = [system(words.pick(SYSTEMS))] if words.chance(0.4) else []
    for _ in range(turns):
        messages += turn(words)
    return Sample(messages, **thinking(words))


def identity(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """One to six turns about krill itself, at times one beyond its means between them."""

    def turn(source: Words) -> list[dict]:
        return refuse_turn(source) if source.chance(0.12) else identity_turn(source)

    return within(budget, measure, range(words.rng.randint(1, 6), 0, -1), lambda turns: _talk(words, turn, turns))


def refuse(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """One to six turns beyond krill's means, at times one about itself between them."""

    def turn(source: Words) -> list[dict]:
        return identity_turn(source) if source.chance(0.25) else refuse_turn(source)

    return within(budget, measure, range(words.rng.randint(1, 6), 0, -1), lambda turns: _talk(words, turn, turns))


@dataclass
class Told:
    """One fact of this conversation."""

    kind: str
    thing: str
    value: str

    @property
    def fact(self) -> Fact:
        return FACTS[self.kind]

    def question(self, words: Words) -> str:
        return casual(words, words.form(self.fact.asks, thing=self.thing))

    def answer(self) -> str:
        return self.fact.answer.format(thing=self.thing, v=self.value)


def _told(words: Words) -> Told:
    kind = words.rng.choices(list(FACTS), [fact.weight for fact in FACTS.values()])[0]
    return Told(kind, words.choice(FACTS[kind].things), FACTS[kind].value(words))


def _conversation(words: Words, turns: int) -> Sample:
    messages = [system(words.pick(SYSTEMS))] if words.chance(0.35) else []
    told: dict[tuple[str, str], Told] = {}
    for turn in range(turns):
        kind = words.rng.random()
        if not told or (kind < 0.3 and turn < turns - 1):
            fresh = [one for one in (_told(words) for _ in range(words.choice((1, 1, 2, 3)))) if (one.kind, one.thing) not in told]
            told |= {(one.kind, one.thing): one for one in fresh}
            fresh = [one for one in fresh if told[one.kind, one.thing] is one]
            if fresh:
                said = " ".join(words.form(one.fact.said, thing=one.thing, v=one.value) for one in fresh)
                named = [one.value for one in fresh if one.kind == "name"]
                reply = f"Nice to meet you, {named[0]}." if named else REMEMBERED
                thought = "The user tells me his name." if named else "The user tells me something."
                messages += [user(said), assistant(reply, "small_talk", thought)]
                continue
        if kind > 0.85:
            messages += identity_turn(words) if words.chance(0.8) else refuse_turn(words)
        elif kind > 0.7:
            missing = _told(words)
            if (missing.kind, missing.thing) not in told:
                messages += [user(missing.question(words)), assistant(UNTOLD, "small_talk", "The user has not told me that.")]
        else:
            one = words.choice(list(told.values()))
            messages += [user(one.question(words)), assistant(one.answer(), "small_talk", f"The user told me: {one.value}.")]
    return Sample(messages, **thinking(words))


def _with_persona(words: Words, turns: int) -> Sample:
    """The system message names the assistant; krill goes by that name."""
    name = words.place()
    thought = f"Here I am {name}."
    persona = {
        "who": Intent(INTENTS["who"].asks, f"I am {name}.", thought),
        "name": Intent(INTENTS["name"].asks, f"My name is {name}.", thought),
    }
    messages = [system(words.form(PERSONAS, name=name))]
    for _ in range(turns):
        messages += identity_turn(words, persona)
    return Sample(messages, **thinking(words))


def small_talk(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """The user tells of himself and asks for it later, or the system message gives the assistant a name."""
    if words.chance(0.2):
        return within(budget, measure, range(words.rng.randint(1, 4), 0, -1), lambda turns: _with_persona(words, turns))
    return within(budget, measure, range(words.rng.randint(2, 10), 0, -1), lambda turns: _conversation(words, turns))
