"""Questions about a document of filler lines with facts among them: recall, several at once, quoting, absence, counting.

A conversation is planned first: what is asked, which facts that needs, and which near-identical facts stand beside them. Its
turns and facts are measured, then filler lines take up what is left of the budget, and every fact goes to a depth of its own.
Answers follow fixed rules: the bare value ("48213"), values joined by ", " in the asked order, the exact line or sentence, a
number, or `ABSENT`. Where the question stands before the document, a plain answer says its subject first: `restated`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from encoding import EFFORT_TEXT
from sample import Sample, assistant, system, user
from tasks import phrases, request
from words import Forms, Words

ABSENT = "Not in the document."
ASKED_FOR, QUOTING, COUNTING = "You asked for", "Quoting", "Counting"  # how a plain answer begins that says first what was asked
FRAMING_TOKENS = 8  # control tokens of a request, and a few for words that split differently where texts meet
TURN_TOKENS = 5  # control tokens of one question and answer
MAX_TURNS = 24
TOKENS_PER_TURN = 40
COUNT_TOKENS = 90  # tokens per turn where only counts are asked: fewer would leave out the high ones, whose facts take more room

Measure = Callable[[str], int]


@dataclass
class Fact:
    attribute: str
    name: str
    value: str
    line: str = ""
    depth: float = 0.0  # place in the document, 0 to 1


@dataclass
class Turn:
    question: str
    answer: str
    task: str
    subject: str  # what is asked for: "the pin of Torin"
    doing: str  # how `restated` begins
    reasoning: str
    fact: Fact | None = None  # the one fact that is asked for


@dataclass
class Layout:
    """How the lines of one document look: running text or lines, and the kinds of filler."""

    prose: bool
    fillers: list[Forms]
    weights: list[int]

    @property
    def unit(self) -> str:
        return "sentence" if self.prose else "line"


def fact_value(words: Words, attribute: str) -> str:
    """A value that fits an attribute."""
    if attribute in phrases.WORD_ATTRIBUTES:
        return words.place()
    if attribute in phrases.NUMBER_ATTRIBUTES:
        return words.number()
    return words.number() if words.chance(0.4) else words.code()


def keyed(fact: Fact) -> str:
    """What a question asks for."""
    return f"the {fact.attribute} of {fact.name}"


def looked_up(fact: Fact) -> str:
    """A thought: every question, written or not as training knows it, becomes the same few words before the value is said."""
    return f"I look for {keyed(fact)}. It is {fact.value}."


def restated(subject: str, answer: str, doing: str = ASKED_FOR) -> str:
    """The plain answer to a question that stands before its document. The question is far away when the answer begins; once what is asked
    is said it is near, and the fact is found as after any other question. Its first word tells what is to be done, and no line of a
    document begins so, lest it be quoted."""
    return f"{doing} {subject}:\n{answer}"


def enumerate_words(items: list[str]) -> str:
    """"a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def with_line_breaks(form: str) -> str:
    """A phrasing around a document, where "¶" stands for a line break."""
    return form.replace("¶", "\n")


def _layout(words: Words) -> Layout:
    kind = words.rng.randrange(4)
    fillers = [phrases.PROSE, phrases.LOGS]
    return Layout(kind < 2, fillers, [1, 0] if kind < 3 else [1, 1])


class Facts:
    """The facts of one document. No two share attribute and name, and no name is the beginning of another one."""

    def __init__(self, words: Words, layout: Layout):
        self.words = words
        self.layout = layout
        self.all: list[Fact] = []
        self.keys: set[tuple[str, str]] = set()
        self.names: dict[str, list[Fact]] = {}
        self.dense = words.chance(0.5)
        self.closed: set[str] = set()  # names that may get no further fact, since their count is asked

    def new_name(self, near: str = "") -> str:
        """A name of nobody in the document; one letter from `near`, if given."""
        while True:
            name = self.words.near(near) if near else self.words.name()
            alike = any(name.startswith(other + " ") or other.startswith(name + " ") for other in self.names)
            if name not in self.names and not alike and not any(name in fact.value.split() for fact in self.all):
                return name

    def new_attribute(self, name: str) -> str:
        """An attribute that `name` does not have."""
        return self.words.choice([a for a in phrases.ATTRIBUTES if (a, name) not in self.keys])

    def add(self, attribute: str, name: str) -> Fact:
        value = fact_value(self.words, attribute)
        while value in self.names or value == name:  # somebody's name: the fact would be about two people
            value = fact_value(self.words, attribute)
        options = phrases.FACT_SENTENCES
        if not self.layout.prose and self.words.chance(0.6):
            options = phrases.FACT_LINES
        fact = Fact(attribute, name, value, self.words.fill(options, attribute=attribute, name=name, value=value))
        self.all.append(fact)
        self.keys.add((attribute, name))
        self.names.setdefault(name, []).append(fact)
        return fact

    def forget(self, count: int) -> None:
        """Takes back all facts after the first `count`, and names that have none left."""
        for fact in self.all[count:]:
            self.keys.discard((fact.attribute, fact.name))
            self.names[fact.name].remove(fact)
        del self.all[count:]
        self.names = {name: facts for name, facts in self.names.items() if facts or name in self.closed}

    def add_new(self) -> Fact:
        """A fact about somebody new; in a dense document mostly the same attribute of another one, or another attribute of the same one."""
        if self.dense and self.all and self.words.chance(0.75):
            self.add_distractor(self.words.choice(self.all[-12:]), self.words.choice((1, 2)))
            return self.all[-1]
        return self.add(self.words.choice(phrases.ATTRIBUTES), self.new_name())

    def add_distractor(self, fact: Fact, kind: int) -> None:
        """A fact close to another one: 0 has a near name, 1 the same name and another attribute, 2 another name."""
        if kind == 0:
            self.add(fact.attribute, self.new_name(near=fact.name))
        elif kind == 1 and fact.name not in self.closed and len(self.names[fact.name]) < 6:
            self.add(self.new_attribute(fact.name), fact.name)
        else:
            self.add(fact.attribute, self.new_name())


class Conversation:
    """Plans one document with its questions. `needs` sets the tokens that facts and turns take so far."""

    def __init__(self, words: Words, budget: int, measure: Measure, restates: bool):
        self.words = words
        self.restates = restates  # a plain answer to the first question says first what was asked
        self.layout = _layout(words)
        self.facts = Facts(words, self.layout)
        self.measure = measure
        self.budget = budget
        self.turns: list[Turn] = []
        self.asked: set[tuple] = set()

    # What is asked. Each planner adds the facts it needs and returns how to write the question once all facts are known.

    def base_fact(self, distractors: bool) -> Fact:
        """A fact to ask about: a new one or one that is in the document already."""
        rng = self.words.rng
        free = [fact for fact in self.facts.all[-40:] if ("value", fact.attribute, fact.name) not in self.asked]
        fact = rng.choice(free) if free and rng.random() < 0.5 else self.facts.add_new()
        self.asked.add(("value", fact.attribute, fact.name))
        if distractors and rng.random() < 0.5:
            kinds = [1, 2] if rng.random() < 0.75 else [0, rng.randint(1, 2)]
            for kind in kinds[: rng.randint(1, 2)]:
                self.facts.add_distractor(fact, kind)
        return fact

    def plan_recall(self, distractors: bool) -> Callable[[], Turn]:
        fact = self.base_fact(distractors)
        return lambda: Turn(self.ask(phrases.ASK_VALUE, fact.attribute, fact.name), fact.value, "recall", keyed(fact), ASKED_FOR, "", fact)

    def plan_quote(self, distractors: bool) -> Callable[[], Turn]:
        fact = self.base_fact(distractors)
        return lambda: Turn(self.ask(phrases.ASK_QUOTE, fact.attribute, fact.name), fact.line, "quote", keyed(fact), QUOTING, "", fact)

    def plan_absent(self, distractors: bool) -> Callable[[], Turn]:
        rng = self.words.rng
        near = rng.choice(self.facts.all) if self.facts.all and rng.random() < 0.7 else self.facts.add_new()
        kind = rng.choice((0, 1, 1, 2, 2))

        def write() -> Turn:
            if kind == 0:
                attribute, name = near.attribute, self.facts.new_name(near=near.name)
            elif kind == 1:
                attribute, name = self.facts.new_attribute(near.name), near.name
            else:
                attribute, name = near.attribute, self.facts.new_name()
            quoting = rng.random() < 0.2
            question = self.ask(phrases.ASK_QUOTE if quoting else phrases.ASK_VALUE, attribute, name)
            subject = f"the {attribute} of {name}"
            return Turn(question, ABSENT, "absent", subject, QUOTING if quoting else ASKED_FOR, f"I look for {subject}. I find none.")

        return write

    def plan_count(self, distractors: bool) -> Callable[[], Turn]:
        rng = self.words.rng
        total = rng.choice((0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5))
        near = rng.choice(self.facts.all).name if self.facts.all and rng.random() < 0.3 else ""
        name = self.facts.new_name(near)
        for _ in range(total):
            self.facts.add(self.facts.new_attribute(name), name)
        self.facts.closed.add(name)
        if total == 0:  # nobody else may be given this name
            self.facts.names[name] = []
        if total and distractors and rng.random() < 0.4:
            self.facts.add_distractor(self.facts.names[name][0], 0)

        def write() -> Turn:
            found = f"I count {total}." if total else "I find none."
            question = self.words.fill(phrases.ASK_COUNT, name=name, unit=self.layout.unit)
            subject = f"the {self.layout.unit}s about {name}"
            return Turn(question, str(total), "count", subject, COUNTING, f"I look for {subject}. {found}")

        return write

    def plan_multi(self, distractors: bool) -> Callable[[], Turn]:
        rng = self.words.rng
        kind = rng.randrange(5)
        count = rng.choice((2, 2, 3, 3, 4))
        if kind < 3:  # one attribute, several names, some of them nearly the same
            attribute = rng.choice(phrases.ATTRIBUTES)
            facts = [self.facts.add(attribute, self.facts.new_name())]
            while len(facts) < count:
                near = rng.choice(facts).name if rng.random() < 0.4 else ""
                facts.append(self.facts.add(attribute, self.facts.new_name(near)))
        elif kind == 3:
            facts = [self.facts.add_new()]
            facts += [self.facts.add(self.facts.new_attribute(facts[0].name), facts[0].name) for _ in range(count - 1)]
        else:
            facts = [self.facts.add_new() for _ in range(count)]
        if distractors:
            for fact in facts:
                if rng.random() < 0.6:
                    self.facts.add_distractor(fact, rng.choice((0, 0, 1)))
        rng.shuffle(facts)

        def write() -> Turn:
            first = facts[0]
            if kind < 3:
                names = enumerate_words([fact.name for fact in facts])
                question = self.words.fill(phrases.ASK_NAMES, attribute=first.attribute, names=names)
                subject = f"the {first.attribute} of {names}"
            elif kind == 3:
                attributes = enumerate_words([fact.attribute for fact in facts])
                question = self.words.fill(phrases.ASK_ATTRIBUTES, attributes=attributes, name=first.name)
                subject = f"the {attributes} of {first.name}"
            else:
                subject = enumerate_words([keyed(fact) for fact in facts])
                question = self.words.fill(phrases.ASK_PAIRS, pairs=subject)
            return Turn(question, ", ".join(fact.value for fact in facts), "multi", subject, ASKED_FOR, f"I look for {subject}.")

        return write

    def ask(self, options: Forms, attribute: str, name: str) -> str:
        question = self.words.fill(options, attribute=attribute, name=name, unit=self.layout.unit)
        if self.words.chance(0.05) and not question.startswith(name):
            question = question[0].lower() + question[1:]
        return question.rstrip("?.") if self.words.chance(0.05) else question

    # The document.

    def cost(self, line: str) -> int:
        return self.measure(" " + line if self.layout.prose else line + "\n")

    def place(self, depth: float | None, asked: Fact | None) -> None:
        """Gives every fact a depth, mostly each its own, sometimes all close together."""
        rng = self.words.rng
        clustered = rng.random() < 0.15
        center = rng.random()
        for fact in self.facts.all:
            fact.depth = min(1.0, abs(center + rng.gauss(0, 0.05))) if clustered else rng.random()
        if asked is not None and depth is not None:
            asked.depth = depth

    def fillers(self, room: int) -> list[str]:
        """Filler lines that take up `room` tokens and name nobody the facts are about."""
        names = {name.split()[0] for name in self.facts.names}
        lines: list[str] = []
        misses = 0
        while misses < 3:
            line = self.words.fill(self.words.rng.choices(self.layout.fillers, self.layout.weights)[0])
            cost = self.cost(line)
            if not names.isdisjoint(re.findall(r"\w+", line)):
                continue
            if cost > room:
                misses += 1
                continue
            room -= cost
            lines.append(line)
        return lines

    def document(self, room: int) -> str:
        """The text, with the facts at their depths among the fillers. """
        paragraph_breaks = room // 60 if self.layout.prose else 0
        fillers = self.fillers(room - paragraph_breaks)
        lines = [((index + 0.5) / len(fillers), Fact("", "", "", line)) for index, line in enumerate(fillers)]
        lines += [(fact.depth, fact) for fact in self.facts.all]
        lines.sort(key=lambda item: item[0])
        texts = [fact.line for _, fact in lines]
        if not self.layout.prose:
            return "\n".join(texts)
        paragraphs, start = [], 0
        while start < len(texts):
            end = start + self.words.rng.randint(3, 9)
            paragraphs.append(" ".join(texts[start:end]))
            start = end
        return self.words.choice(("\n", "\n\n")).join(paragraphs)

    # The whole.

    def fill_plan(self, weights: dict[str, int], turns: int, distractors: bool, room: int) -> list[Callable[[], Turn]]:
        """Plans up to `turns` questions whose facts and answers fit into `room` tokens, at least one."""
        plans: list[Callable[[], Turn]] = []
        misses = 0
        while len(plans) < turns and misses < 4:
            task = self.words.rng.choices(list(weights), list(weights.values()))[0]
            before = len(self.facts.all)
            plan = getattr(self, "plan_" + task)(distractors and misses < 3)
            lines = sum(self.cost(fact.line) for fact in self.facts.all[before:])
            answer = {"recall": 4, "absent": 6, "count": 2, "quote": 20, "multi": lines}[task]
            cost = lines + answer + TURN_TOKENS + 12
            if cost > room and (plans or misses < 3):
                self.facts.forget(before)
                misses += 1
                continue
            room -= cost
            plans.append(plan)
        return plans

    def add_extra(self, room: int) -> None:
        """Facts nobody asks for, about `room` tokens of them, some close to others."""
        while room > 0:
            before = len(self.facts.all)
            if self.facts.all and self.words.chance(0.3):
                self.facts.add_distractor(self.words.choice(self.facts.all), self.words.rng.randrange(3))
            else:
                self.facts.add_new()
            room -= sum(self.cost(fact.line) for fact in self.facts.all[before:])

    def write(self, plans: list[Callable[[], Turn]], room: int, mode: dict) -> int:
        """Writes the questions that fit into `room` tokens. Returns the room left. `mode` is what `request.thinking` gives."""
        last_thought = 0
        for plan in plans:
            turn = plan()
            cost = self.measure(turn.question) + self.measure(turn.answer) + TURN_TOKENS
            if self.restates and not self.turns and not mode["thinking"]:
                cost += self.measure(restated(turn.subject, "", turn.doing))
            thought = self.measure(self.reasoning(turn)) + 5 if mode["thinking"] else 0
            if self.turns and cost + thought > room:
                break
            room -= cost
            if mode["keeps_thinking"]:
                room -= thought
            else:
                last_thought = thought
            self.turns.append(turn)
        return room - last_thought

    def prepare(self, weights: dict[str, int], questions: int | None, depth: float | None, mode: dict) -> int:
        """Plans and writes everything but the document. Returns the tokens left for its fillers, negative if there are none."""
        rng = self.words.rng
        room = self.budget
        turns = questions
        if turns is None:
            most = max(1, min(MAX_TURNS, room // (COUNT_TOKENS if list(weights) == ["count"] else TOKENS_PER_TURN)))
            turns = rng.randint((most + 1) // 2, most)
        share = 0.9 if room < 400 else 0.7
        if mode["thinking"] and mode["keeps_thinking"]:
            share *= 0.7
        plans = self.fill_plan(weights, turns, turns > 1, room * share - (40 if mode["thinking"] else 0))
        used = sum(self.cost(fact.line) for fact in self.facts.all)
        asked = self.facts.all[0] if self.facts.all else None
        if turns == 1:
            self.surround(asked, rng.randint(6, 16), 0.65 * room - used - 50)
        else:
            wanted = rng.uniform(0, 0.4) * min(1.0, (1500 / room) ** 0.5)
            self.add_extra(min(int(wanted * room), int(0.8 * room) - used - 20 * turns))
        self.place(depth, asked)
        return self.write(plans, room - sum(self.cost(fact.line) for fact in self.facts.all), mode)

    def surround(self, fact: Fact | None, number: int, room: float) -> None:
        """Adds up to `number` facts close to one, as long as they take up less than `room` tokens."""
        near = self.words.chance(0.25)
        for index in range(number):
            before = len(self.facts.all)
            kind = 0 if near and index == 1 else 1 + index % 2
            self.facts.add_distractor(fact, kind) if fact else self.facts.add_new()
            room -= sum(self.cost(fact.line) for fact in self.facts.all[before:])
            if room < 0:
                self.facts.forget(before)
                return

    @staticmethod
    def reasoning(turn: Turn) -> str:
        fact = turn.fact
        return looked_up(fact) if fact else turn.reasoning


def converse(
    words: Words,
    budget: int,
    measure: Measure,
    weights: dict[str, int],
    facts: int | None = None,
    depth: float | None = None,
    questions: int | None = None,
    thinking: bool | None = None,
    question_first: bool = False,
) -> Sample:
    """A conversation about one document; `weights` says how often which kind of question comes.

    facts=1: one question for one fact, with 6 to 16 similar facts around it. `depth` (0 to 1) places what the first question asks
    for. `questions` is the number of turns, when they fit.
    """
    mode = request.thinking(words, 0.4)
    if thinking is not None:
        mode["thinking"] = thinking
    if mode["thinking"]:
        effort_tokens = measure(EFFORT_TEXT[mode["effort"]])
        if effort_tokens > budget // 2:
            mode["effort"] = "low"
        else:
            budget -= effort_tokens
    single = facts == 1 or questions == 1
    for attempt in range(40):  # the facts of one question may overrun a small budget: another one is drawn, at last a simple one
        if attempt == 20:
            weights = {"recall": 1}
        frame = Frame(words, question_first)
        talk = Conversation(words, budget - frame.cost(measure), measure, frame.question_first)
        room = talk.prepare(weights, 1 if single else questions, depth, mode)
        if room >= 0:
            return Sample(frame.messages(talk, talk.document(room), mode["thinking"]), **mode)
    raise ValueError(f"{budget} tokens are too few for a question about a document")


class Frame:
    """The words around a document: before or after the first question in its message, or in the system message."""

    def __init__(self, words: Words, question_first: bool):
        where = 0.1 if question_first else words.rng.random()
        self.in_system = where < 0.08
        self.question_first = 0.08 <= where < 0.25
        self.opening = words.pick(phrases.SYSTEM) if not self.in_system and words.chance(0.25) else ""
        if self.in_system:
            options = phrases.DOCUMENT_IN_SYSTEM
        else:
            options = phrases.QUESTION_FIRST if self.question_first else phrases.QUESTION_LAST
        self.form = with_line_breaks(words.pick(options))

    def cost(self, measure: Measure) -> int:
        return measure(self.opening) + measure(self.form.format(document="", question="")) + FRAMING_TOKENS

    def messages(self, talk: Conversation, document: str, thinking: bool) -> list[dict]:
        """Those of a planned conversation."""
        first = talk.turns[0].question
        framed = self.form.format(document=document, question=first)
        messages = [system(framed)] if self.in_system else [system(self.opening)] if self.opening else []
        for index, turn in enumerate(talk.turns):
            question = turn.question if index or self.in_system else framed
            answer = turn.fact.line if turn.task == "quote" else turn.answer
            thought = talk.reasoning(turn) if thinking else ""
            if index == 0 and self.question_first and not thinking:
                answer = restated(turn.subject, answer, turn.doing)
            messages += [user(question), assistant(answer, turn.task, thought)]
        return messages


def recall(words: Words, budget: int, measure: Measure, **options) -> Sample:
    """Single facts: the answer is the bare value."""
    return converse(words, budget, measure, {"recall": 1}, **options)


def multi(words: Words, budget: int, measure: Measure, **options) -> Sample:
    """Two to four values at once, among near-identical keys."""
    return converse(words, budget, measure, {"multi": 1}, **options)


def quote(words: Words, budget: int, measure: Measure, **options) -> Sample:
    """The exact line or sentence of a fact."""
    return converse(words, budget, measure, {"quote": 1}, **options)


def absent(words: Words, budget: int, measure: Measure, **options) -> Sample:
    """Facts that are missing though something near them is there, one question in three; the others are present."""
    weights = {"absent": 1} if options.get("questions") == 1 else {"absent": 35, "recall": 50, "quote": 15}
    return converse(words, budget, measure, weights, **options)


def count(words: Words, budget: int, measure: Measure, **options) -> Sample:
    """How many facts there are about somebody, 0 to 5."""
    return converse(words, budget, measure, {"count": 1}, **options)


def mixed(words: Words, budget: int, measure: Measure, **options) -> Sample:
    """All kinds of questions about one document."""
    weights = {"recall": 38, "multi": 14, "quote": 18, "absent": 18, "count": 12}
    return converse(words, budget, measure, weights, **options)


def ask_first(words: Words, budget: int, measure: Measure) -> Sample:
    """A small document, one question, and that before it. What it asks for has to be said again once the document is read."""
    weights = {"recall": 48, "multi": 20, "quote": 10, "absent": 12, "count": 10}
    small = min(budget, words.choice((100, 140, 200, 300, 450, 600, 900, 1300, 2000)))
    return converse(words, small, measure, weights, questions=1, question_first=True)
