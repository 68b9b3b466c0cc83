"""Dense practice of copying and looking up: up to every second token is an answer.

`key_value`, `several` and `asked_before` ask lists of pairs, `repeat` has short texts said back and continued, `random_copy` copies long
runs of random pieces. Their answers teach induction, which all document tasks build on; `lookups` drills the other steps.
"""

import string
from collections.abc import Callable

from sample import Sample, assistant, user
from tasks import phrases
from tasks.documents import ABSENT, TURN_TOKENS, Measure, enumerate_words, fact_value, restated, with_line_breaks
from words import ASKED, Forms, Words, forms

MARGIN_TOKENS = 6  # the request's control tokens, and a few for words that split differently where texts meet

SEPARATORS = Forms(
    ("{key}: {value}", "{key} = {value}", "{key} is {value}", "{key} -> {value}", "{key}, {value}", "- {key}: {value}"),
    ("- {key} = {value}", "- {key} is {value}"),
)
ASK_KEY = forms("{key}?\nWhat is {key}?\nGive {key}.", ASKED)
ASK_KEYS = forms("What are {keys}?\nGive {keys}.\nFind {keys}.", ASKED)
SAY = Forms(("Repeat: {text}", "Say: {text}", "Copy: {text}", "Echo: {text}"), ("Please say: {text}", "Repeat this: {text}"))
CONTINUE = Forms(("Continue: {text}", "What came after: {text}", "Complete: {text}"), ("Please continue: {text}", "Complete this: {text}"))
COPY_BLOCK = Forms(("Copy:", "Repeat this:", "Copy the text."), ("Copy this:", "Repeat the text."))


def _key(words: Words) -> str:
    kind = words.rng.randrange(10)
    if kind < 5:
        return words.name()
    if kind < 7:
        return words.thing()
    return words.word() if kind == 7 else words.code() if kind == 8 else words.number(3, 5)


def _value(words: Words) -> str:
    return fact_value(words, words.choice(phrases.ATTRIBUTES))


def _sample(messages: list[dict]) -> Sample:
    return Sample(messages, thinking=False)


def _pairs(words: Words, room: float, measure: Measure, near: float = 0.05) -> tuple[dict[str, str], str]:
    """Keys with their values, two at least and about `room` tokens of them; and the same as lines of text. `near`: share of the keys that
    differ from another in one letter."""
    rng = words.rng
    form = words.pick(SEPARATORS)
    pairs: dict[str, str] = {}
    lines: list[str] = []
    while len(pairs) < 2 or room > 0:
        key = words.near(rng.choice(list(pairs)).capitalize()) if pairs and rng.random() < near else _key(words)
        if key in pairs:
            continue
        value = _value(words)
        line = form.format(key=key, value=value)
        room -= measure(line + "\n")
        if room < 0 and len(pairs) >= 2:
            break
        pairs[key] = value
        lines.append(line)
    return pairs, "\n".join(lines)


def _asked_key(words: Words, pairs: dict[str, str]) -> tuple[str, str]:
    """A key and the answer; one in eight is for a key that is not there."""
    key, answer = words.choice(list(pairs.items()))
    if words.chance(0.12):
        key = words.near(words.choice(list(pairs)).capitalize()) if words.chance(0.2) else _key(words)
        answer = pairs.get(key, ABSENT)
    return key, answer


def _several_asked(words: Words, pairs: dict[str, str]) -> tuple[str, str]:
    """Two to four keys, as words, and the answer to a question for them."""
    keys = words.rng.sample(list(pairs), min(len(pairs), words.choice((2, 2, 3, 3, 4))))
    return enumerate_words(keys), ", ".join(pairs[key] for key in keys)


def conversation(first: str, ask: Callable[[], tuple[str, str]], task: str, budget: int, measure: Measure) -> Sample:
    """A conversation whose first message begins with `first`: questions and answers until the budget is used."""
    room = budget - MARGIN_TOKENS - measure(first)
    messages: list[dict] = []
    while True:
        question, answer = ask()
        room -= measure(question) + measure(answer) + TURN_TOKENS
        if room < 0 and messages:
            return _sample(messages)
        messages += [user(question if messages else f"{first}\n\n{question}"), assistant(answer, task)]


def key_value(words: Words, budget: int, measure: Measure) -> Sample:
    """A list of pairs, asked one by one until the budget is used."""
    pairs, text = _pairs(words, (budget - MARGIN_TOKENS) * words.rng.uniform(0.25, 0.6), measure)

    def ask() -> tuple[str, str]:
        key, answer = _asked_key(words, pairs)
        return words.fill(ASK_KEY, key=key), answer

    return conversation(text, ask, "key_value", budget, measure)


def several(words: Words, budget: int, measure: Measure) -> Sample:
    """A list of pairs, asked for two to four at a time: the next key of the question has to be found again after each value."""
    pairs, text = _pairs(words, (budget - MARGIN_TOKENS) * words.rng.uniform(0.25, 0.5), measure, near=0.25)

    def ask() -> tuple[str, str]:
        keys, answer = _several_asked(words, pairs)
        return words.fill(ASK_KEYS, keys=keys), answer

    return conversation(text, ask, "several", budget, measure)


def asked_before(words: Words, budget: int, measure: Measure) -> Sample:
    """Small lists of pairs, each after the one question about it, which is for several keys half of the time, or for one that is not there. The
    key is said again before the answer."""
    room = budget - MARGIN_TOKENS
    messages: list[dict] = []
    while True:
        pairs, text = _pairs(words, words.choice([size for size in (15, 25, 40, 60, 100, 150) if size == 15 or 5 * size <= budget]), measure)
        key, answer = _asked_key(words, pairs)
        question = words.fill(ASK_KEY, key=key)
        if words.chance(0.5):
            key, answer = _several_asked(words, pairs)
            question = words.fill(ASK_KEYS, keys=key)
        message = with_line_breaks(words.pick(phrases.QUESTION_FIRST)).format(question=question, document=text)
        answer = restated(key, answer)
        room -= measure(message) + measure(answer) + TURN_TOKENS
        if room < 0 and messages:
            return _sample(messages)
        messages += [user(message), assistant(answer, "asked_before")]


def fragment(words: Words) -> str:
    """A short text on one line: words, a sentence, a fact, values, code, letters."""
    rng = words.rng
    kind = rng.randrange(7)
    if kind == 0:
        pieces = (words.word, words.place, words.thing, words.number, words.code)
        return " ".join(rng.choice(pieces)() for _ in range(rng.randint(3, 9)))
    if kind == 1:
        return words.fill(phrases.PROSE)
    if kind == 2:
        return words.fill(phrases.LOGS)
    if kind == 3:
        attribute = rng.choice(phrases.ATTRIBUTES)
        options = rng.choice((phrases.FACT_SENTENCES, phrases.FACT_LINES))
        return words.fill(options, attribute=attribute, name=words.name(), value=fact_value(words, attribute))
    if kind == 4:
        return ", ".join(_value(words) for _ in range(rng.randint(2, 6)))
    if kind == 5:
        return code_line(words)
    return words.letters(rng.randint(4, 16))


def code_line(words: Words) -> str:
    """One line that looks like code."""
    rng = words.rng
    one, two = words.word(1, 2), words.word(1, 2)
    return rng.choice(
        (
            f"{one} = {two}[{rng.randint(0, 99)}]",
            f"return {one} {rng.choice('+-*/')} {two}",
            f"if ({one} < {words.number(1, 4)}) {{ {two}++; }}",
            f"for {one} in range({words.number(1, 3)}): print({two})",
            f"int {one} = {two}({words.number(1, 4)});",
            f"def {one}({two}, {words.word(1, 2)}):",
            f'const {one} = "{words.word()}";',
            f"{one}.{two}({words.word(1, 2)}, {words.number(1, 3)})",
        )
    )


def repeat(words: Words, budget: int, measure: Measure) -> Sample:
    """Texts to say back, and later their continuation from their first words."""
    rng = words.rng
    room = budget - MARGIN_TOKENS
    said: list[str] = []
    first_words: dict[str, int] = {}
    messages: list[dict] = []
    while True:
        if len(said) > 1 and rng.random() < 0.45:
            pieces = rng.choice(said).split(" ")
            if len(pieces) < 2 or first_words[pieces[0]] > 1:
                if rng.random() < 0.8:
                    continue
                pieces = []
        else:
            pieces = []
        if pieces:
            head = rng.randint(1, min(3, len(pieces) - 1))
            question, answer = words.fill(CONTINUE, text=" ".join(pieces[:head])), " ".join(pieces[head:])
        else:
            answer = fragment(words)
            question = words.fill(SAY, text=answer)
        room -= measure(question) + measure(answer) + TURN_TOKENS
        if room < 0 and messages:
            return _sample(messages)
        if not pieces:
            said.append(answer)
            first = answer.split(" ")[0]
            first_words[first] = first_words.get(first, 0) + 1
        messages += [user(question), assistant(answer, "repeat")]


def random_copy(words: Words, budget: int, measure: Measure) -> Sample:
    """Long runs of random pieces, copied whole. Half of the sample is answer."""
    rng = words.rng
    room = budget - MARGIN_TOKENS
    messages: list[dict] = []
    makers: list[tuple[Callable[[], str], str]] = [
        (lambda: words.letters(rng.randint(1, 5), string.ascii_letters + string.digits), rng.choice(("", " "))),
        (lambda: words.number(1, 6), " "),
        (lambda: rng.choice((words.word, words.place))(), " "),
        (lambda: fragment(words), "\n"),
        (lambda: code_line(words), "\n"),
        (lambda: words.code(), ", "),
        (lambda: words.thing(), " "),
        (words.jumble, " "),
    ]
    while True:
        make, separator = rng.choice(makers)
        share = room * rng.choice((0.2, 0.45, 0.48))
        question = words.pick(COPY_BLOCK)
        pieces: list[str] = []
        share -= measure(question)
        while True:
            piece = make()
            cost = measure(separator + piece)
            if cost > share and pieces:
                break
            share -= cost
            pieces.append(piece)
        text = separator.join(pieces)
        room -= measure(question) + 2 * measure(text) + TURN_TOKENS
        if room < 0 and messages:
            return _sample(messages)
        messages += [user(f"{question}\n{text}"), assistant(text, "random_copy")]
        if room < 40:
            return _sample(messages)
