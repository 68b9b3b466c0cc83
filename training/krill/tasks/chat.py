"""Talk without a document: questions about krill itself, what is beyond it, and what the user tells of himself."""

from collections.abc import Callable
from dataclasses import dataclass

from sample import Sample, assistant, system, user
from tasks.intents import COUNTRIES, INTENTS, LANGUAGES, REFUSAL, REFUSED, TOPICS, WORKS, Intent
from tasks.request import SYSTEMS, thinking, within
from words import COLORS, FRUIT, JOBS, MONTHS, Forms, Words, any_of, forms, mix

# Intents that are no questions and take no opening before them.
SOCIAL = {"hello", "thanks", "bye", "meet", "ok", "praise", "blame", "sorry"}
OPENINGS = Forms(
    (
        "Hello! ", "Hi, ", "Hey, ", "Hello. ", "Thanks. ", "Ok. ", "Please: ", "One question: ", "Krill, ", "Good morning! ",
        "So: ", "Now: ", "Fine. ", "Hello krill, ", "And ", "But ", "Quick question: ", "Hi! ", "Well, ", "Next: ",
    ),
    ("Hello, ", "Good evening. ", "Ok, ", "A question: "),
)  # fmt: skip
PERSONA_JOBS = Forms(
    tuple(
        "shop assistant;travel guide;helper for cooks;teacher of history;weather bot;bank assistant;librarian;doctor's assistant;"
        "game master;tour guide;hotel assistant;writer;music expert;robot;pilot;garden expert;museum guide;clerk".split(";")
    ),
    ("city guide", "school assistant", "car expert", "bookshop assistant"),
)
PERSONAS = forms(
    """You are {name}, a {job}.
    You are a {job} named {name}.
    Your name is {name}. You are a {job}.
    You are {name}. You work as a {job}.
    You are a {job}. Your name is {name}.
    You are {name}, a helpful {job}. Be brief.
    You act as {name}, a {job}.
    Play the role of {name}, a {job}.
    Always answer as {name}, a {job}.
    In this chat you are {name}, a {job}.""",
    """You are a {job} with the name {name}.
    Answer as {name}, a {job}.
    From now on you are {name}, a {job}.""",
)


@dataclass(frozen=True)
class Fact:
    """Something a user tells of himself: clauses that say it, questions for it, and the answer."""

    clauses: Forms
    asks: Forms
    answer: str
    value: Callable[[Words], str]


FACTS: dict[str, Fact] = {
    "name": Fact(
        forms(
            """my name is {v}
            I am {v}
            I am called {v}
            call me {v}
            you can call me {v}
            they call me {v}
            people call me {v}
            the name is {v}
            my friends call me {v}
            please call me {v}""",
            """just call me {v}
            I go by the name {v}
            everybody calls me {v}""",
            any_of(
                mix("my |the |by the way my |well, my |as for me, my ", "name |full name |first name |nickname |user name ", "is |was always |will be |stays ", "{v}"),
                mix("they |people |you may |my friends |you should |please |all |we all |in school they |at work they ", "call me ", "{v}", "| here| now| mostly"),
                mix("I ", "am |am called |am named |go as |have the name |carry the name |am known as |answer to ", "{v}", "| here| at work| to my friends"),
            ),
        ),
        forms(
            """What is my name?
            Do you know my name?
            Who am I?
            How am I called?
            What am I called?
            Tell me my name.
            Say my name.
            Do you remember my name?
            What did I say my name was?
            What's my name?
            My name?
            Can you tell me my name?""",
            """Please tell me my name.
            Do you still know my name?
            And what is my name?""",
            mix("what is |say |tell me |repeat |please say |do you know |can you say |do you remember |now tell me |what was |give me ",
                "my name|my name again|the name I gave you|how I am called|what I am called|what people call me|my own name", "?|.|, please."),
        ),
        "Your name is {v}.",
        Words.name,
    ),
    "city": Fact(
        forms(
            """I live in {v}
            I am from {v}
            I come from {v}
            my home is in {v}
            my city is {v}
            I have a house in {v}
            I moved to {v}
            my home town is {v}
            I am at home in {v}""",
            """I now live in {v}
            my town is {v}
            I have a home in {v}""",
            mix("I |we |my family and I |I and my friends |I still |since last year I |these days I ",
                "live in |stay in |work and live in |have a flat in |have a place in |am at home in |reside in |moved to |settled in ", "{v}", "| now| today| for years"),
        ),
        forms(
            """Where do I live?
            Where am I from?
            Which city do I live in?
            What is my city?
            Where is my home?
            In which city do I live?
            Tell me where I live.
            Do you know where I live?
            Do you remember where I live?
            Where do I come from?
            My city?""",
            """In what city do I live?
            Please tell me where I live.
            Where is my house?""",
            mix("where |in which city |in what place |in which town |do you know where |say where |tell me where |can you tell where ",
                "do I live|I live|my home is|is my home|do I stay|am I at home|is my flat|do I reside|is my place", "?|.|, please?"),
        ),
        "You live in {v}.",
        Words.place,
    ),
    "age": Fact(
        forms(
            """I am {v} years old
            my age is {v}
            I turned {v}
            I am {v}
            I am now {v} years old
            I have lived for {v} years""",
            """I am already {v} years old
            I just turned {v}""",
            mix("I ", "am |turned |have turned |became |am now |am just |will soon have been ", "{v}", " years old| years of age| this year| last year"),
        ),
        forms(
            """How old am I?
            What is my age?
            Do you know my age?
            Tell me my age.
            My age?
            Do you remember my age?
            How many years old am I?
            Do you know how old I am?""",
            """Tell me how old I am.
            And how old am I?""",
            mix("say |tell me |do you know |can you say |what is |please tell me |do you remember |now ", "my age|how old I am|how many years I have|my age in years", "?|.|, please."),
        ),
        "You are {v} years old.",
        lambda words: str(words.rng.randint(8, 95)),
    ),
    "job": Fact(
        forms(
            """I am a {v}
            I work as a {v}
            my job is {v}
            my work is that of a {v}
            I earn my money as a {v}
            I became a {v}""",
            """I now work as a {v}
            I have the job of a {v}""",
            mix("I |by day I |these days I |at present I |for a living I ", "work as a |am employed as a |earn my living as a |serve as a |am a trained |have work as a ", "{v}", "| now| here| in town"),
        ),
        forms(
            """What is my job?
            What do I do for work?
            What is my work?
            Do you know my job?
            Tell me my job.
            What do I work as?
            Do you remember my job?
            My job?""",
            """Which job do I have?
            Please tell me my job.""",
            mix("what is |say |tell me |which is |do you know |do you remember |please say |name |now say ", "my job|my work|my profession|the job I have|what I work as|what I do for a living", "?|.|, please."),
        ),
        "You are a {v}.",
        lambda words: words.pick(JOBS),
    ),
}
FAVORITES: dict[str, Callable[[Words], str]] = {
    "color": lambda words: words.pick(COLORS),
    "food": lambda words: words.pick(FRUIT),
    "month": lambda words: words.pick(MONTHS),
    "number": lambda words: words.number(1, 4),
    "city": Words.place,
    "animal": lambda words: words.choice("horse dog cat fish fox wolf bear deer rabbit goat sheep cow".split()),
    "book": Words.place,
}
FAVORITE = Forms(
    (
        "my favorite {thing} is {v}", "the {thing} I like most is {v}", "I like the {thing} {v} best",
        "my favorite is the {thing} {v}", "as a {thing} I like {v}",
    ),
    ("the best {thing} for me is {v}", "my most liked {thing} is {v}"),
    any_of(
        mix("my |my |our |the |my own ", "favorite |dearest |top |first |most loved |most wanted |number one |finest |nicest |preferred ", "{thing} ",
            "|of all |in life |to me |so far ", "is |will always be |was always |is still ", "{v}"),
        mix("I ", "like |love |prefer |choose |want |adore ", "the {thing} |as {thing} |for my {thing} ", "{v}", "| best| most| above all| very much"),
    ),
)  # fmt: skip
FAVORITE_ASKS = forms(
    """What is my favorite {thing}?
    Which {thing} do I like most?
    Do you know my favorite {thing}?
    Tell me my favorite {thing}.
    Which {thing} do I like?
    My favorite {thing}?
    Do you remember my favorite {thing}?
    Which is my favorite {thing}?""",
    """Which {thing} do I like best?
    Please tell me my favorite {thing}.""",
    any_of(
        mix("what is |which is |tell me |say |do you know |do you remember |name |what was |please say |can you tell me |and ", "my ",
            "favorite |dearest |top |first |preferred |most loved ", "{thing}", "?|.|, please?"),
        mix("which |what ", "{thing} ", "do I love|do I prefer|is my favorite|did I name|do I like the most|is best for me|do I want|do I like above all", "?"),
    ),
)
RELATIONS = Forms(
    tuple("brother sister dog cat friend boss mother father wife husband son daughter horse teacher neighbor".split()),
    ("uncle", "aunt", "cousin", "parrot"),
)
RELATION = Forms(
    (
        "my {thing} is called {v}", "the name of my {thing} is {v}", "I have a {thing} named {v}", "my {thing} is {v}",
        "I have a {thing} called {v}", "{v} is my {thing}", "we call my {thing} {v}",
    ),
    ("my {thing} has the name {v}", "{v} is the name of my {thing}", "I have a {thing} with the name {v}"),
    any_of(
        mix("my |my |the ", "{thing} ", "of mine |||", "goes by |answers to |bears the name |is known as |is named |is called |carries the name |is ", "{v}"),
        mix("I |we ", "have |own |love |know |live with |think of ", "a {thing}, |my {thing}, |our {thing}, ", "called |named |known as |and call it ", "{v}"),
    ),
)  # fmt: skip
RELATION_ASKS = forms(
    """What is the name of my {thing}?
    How is my {thing} called?
    What is my {thing} called?
    Who is my {thing}?
    Do you know the name of my {thing}?
    Tell me the name of my {thing}.
    What is my {thing}'s name?
    Do you remember the name of my {thing}?
    The name of my {thing}?""",
    """Which name does my {thing} have?
    Please tell me the name of my {thing}.
    What do we call my {thing}?""",
    mix("what is |say |tell me |do you know |give me |which is |can you say |please say |repeat |now say ",
        "the name of my {thing}|my {thing}'s name|how my {thing} is called|what my {thing} is called|the name my {thing} has|who my {thing} is", "?|.|, please."),
)
UNTOLD = "You have not told me."
REMEMBERED = "I will remember that."


def casual(words: Words, text: str) -> str:
    """The text as people type it: at times in lower case, without its last full stop, or with two letters swapped."""
    if words.chance(0.2):
        text = text.lower()
    if words.chance(0.1) and text[-1] in ".?!":
        text = text[:-1]
    if words.chance(0.03):
        spots = [at for at in range(1, len(text) - 2) if text[at - 1 : at + 3].isalpha() and text[at] != text[at + 1]]
        if spots:
            at = words.choice(spots)
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


def choose_intent(words: Words) -> str:
    return words.rng.choices(list(INTENTS), [intent.weight for intent in INTENTS.values()])[0]


def identity_turn(words: Words, persona: dict[str, Intent] | None = None) -> list[dict]:
    """A question about krill or a politeness, and the answer. A persona has its own answers to some of them."""
    key = words.choice(list(persona)) if persona and words.chance(0.6) else choose_intent(words)
    intent = INTENTS[key]
    ask = words.pick(intent.asks)
    if key not in SOCIAL and words.chance(0.15):
        ask = words.pick(OPENINGS) + (ask[0].lower() + ask[1:] if words.chance(0.5) and not ask.startswith("I ") else ask)
    said = persona[key] if persona and key in persona else intent
    return [user(casual(words, ask)), assistant(said.answer, "identity", said.thought)]


def refused_question(words: Words) -> str:
    return words.fill(
        REFUSED,
        topic=words.pick(TOPICS),
        other=words.pick(TOPICS),
        language=words.pick(LANGUAGES),
        country=words.pick(COUNTRIES) if words.chance(0.7) else words.place(),
        work=words.pick(WORKS),
    )


def refuse_turn(words: Words) -> list[dict]:
    """A question that is beyond krill, and its honest answer."""
    ask = refused_question(words)
    if words.chance(0.1):
        ask = words.pick(OPENINGS) + ask
    return [user(casual(words, ask)), assistant(REFUSAL, "refuse", "I cannot do that. There is no document.")]


def _talk(words: Words, turn: Callable[[Words], list[dict]], turns: int) -> Sample:
    messages = [system(words.pick(SYSTEMS))] if words.chance(0.4) else []
    for _ in range(turns):
        messages += turn(words)
    return Sample(messages, **thinking(words))


def identity(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """One to five turns about krill itself, at times one beyond its means between them."""

    def turn(source: Words) -> list[dict]:
        return refuse_turn(source) if source.chance(0.12) else identity_turn(source)

    return within(budget, measure, range(words.rng.randint(1, 5), 0, -1), lambda turns: _talk(words, turn, turns))


def refuse(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """One to five turns beyond krill's means, at times one about itself between them."""

    def turn(source: Words) -> list[dict]:
        return identity_turn(source) if source.chance(0.25) else refuse_turn(source)

    return within(budget, measure, range(words.rng.randint(1, 5), 0, -1), lambda turns: _talk(words, turn, turns))


@dataclass
class Told:
    """One fact of this conversation: the clause that tells it, how it is asked for, and the answer."""

    key: str
    clause: str
    asks: Forms
    answer: str
    thing: str = ""

    def question(self, words: Words) -> str:
        return words.form(self.asks, thing=self.thing)


def _told(words: Words, key: str) -> Told:
    if key in FACTS:
        fact = FACTS[key]
        value = fact.value(words)
        return Told(key, words.form(fact.clauses, v=value), fact.asks, fact.answer.format(v=value))
    if key.startswith("favorite "):
        thing = key.removeprefix("favorite ")
        value = FAVORITES[thing](words)
        clauses, asks, answer = FAVORITE, FAVORITE_ASKS, f"Your favorite {thing} is {value}."
    else:
        thing, value = key, words.place()
        clauses, asks, answer = RELATION, RELATION_ASKS, f"Your {thing} is called {value}."
    return Told(key, words.form(clauses, thing=thing, v=value), asks, answer, thing)


def _sentences(words: Words, facts: list[Told]) -> str:
    """The clauses as one or several sentences."""
    text = ""
    for fact in facts:
        if text and words.chance(0.6):
            text += " and " + fact.clause
        else:
            text += (". " if text else "") + fact.clause[0].upper() + fact.clause[1:]
    return text + "."


def _conversation(words: Words, turns: int) -> Sample:
    keys = [*FACTS, *("favorite " + thing for thing in FAVORITES), *(RELATIONS.held if words.held else RELATIONS.train)]
    weights = [6 if key == "name" else 3 if key in FACTS else 0.8 for key in keys]
    messages = [system(words.pick(SYSTEMS))] if words.chance(0.35) else []
    told: dict[str, Told] = {}
    for turn in range(turns):
        kind = words.rng.random()
        if not told or (kind < 0.3 and turn < turns - 1):
            fresh: list[Told] = []
            for _ in range(words.choice((1, 1, 2, 2, 3))):
                key = words.rng.choices(keys, weights)[0]
                if key not in told:
                    told[key] = _told(words, key)
                    fresh.append(told[key])
            if fresh:
                names = [fact for fact in fresh if fact.key == "name"]
                name = names[0].answer.removeprefix("Your name is ") if names else ""
                reply = f"Nice to meet you, {name}" if names else REMEMBERED
                thought = "The user tells me his name." if names else "The user tells me something."
                opening = words.choice(("Hello! ", "Hi, ", "Hello, ", "Hi! ")) if not turn and words.chance(0.35) else ""
                messages += [user(opening + _sentences(words, fresh)), assistant(reply, "small_talk", thought)]
                continue
        if kind > 0.85:
            messages += identity_turn(words) if words.chance(0.8) else refuse_turn(words)
        elif kind > 0.73:
            missing = words.rng.choices(keys, weights)[0]
            if missing not in told:
                fact = _told(words, missing)
                messages += [user(fact.question(words)), assistant(UNTOLD, "small_talk", "The user has not told me that.")]
        else:
            fact = words.choice(list(told.values()))
            thought = f'The user said: "{fact.clause}".'
            messages += [user(casual(words, fact.question(words))), assistant(fact.answer, "small_talk", thought)]
    return Sample(messages, **thinking(words))


def _with_persona(words: Words, turns: int) -> Sample:
    """The system message names the assistant; krill goes by that name."""
    name, job = words.place(), words.pick(PERSONA_JOBS)
    thought = f"Here I am {name}."
    persona = {
        "who": Intent(INTENTS["who"].asks, f"I am {name}, a {job}.", thought),
        "name": Intent(INTENTS["name"].asks, f"My name is {name}.", thought),
    }
    messages = [system(words.form(PERSONAS, name=name, job=job))]
    for _ in range(turns):
        messages += identity_turn(words, persona)
    return Sample(messages, **thinking(words))


def small_talk(words: Words, budget: int, measure: Callable[[str], int]) -> Sample:
    """The user tells of himself and asks for it later, or the system message gives the assistant a name."""
    if words.chance(0.25):
        return within(budget, measure, range(words.rng.randint(1, 3), 0, -1), lambda turns: _with_persona(words, turns))
    return within(budget, measure, range(words.rng.randint(2, 7), 0, -1), lambda turns: _conversation(words, turns))
