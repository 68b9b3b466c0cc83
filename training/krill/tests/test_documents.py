"""Questions about documents: the same seed gives the same text, every answer follows from the document, and what is held out for
measuring never comes up in training."""

import random
import re
import sys
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from encoding import render  # noqa: E402
from sample import Sample  # noqa: E402
from tasks import TASKS, documents, drills, phrases  # noqa: E402
from tasks.documents import ABSENT  # noqa: E402
from tasks.request import tokens  # noqa: E402
from words import Forms, Words, _held_out  # noqa: E402

DOCUMENT_TASKS = ("recall", "multi", "quote", "absent", "count", "mixed")
DRILLS = ("key_value", "several", "asked_before", "repeat", "random_copy", "lines", "cells", "tally", "choose")


def measure(text: str) -> int:
    """About as many tokens as a small vocabulary needs: pieces of four letters, single digits and signs."""
    return len(re.findall(r" ?[A-Za-z]{1,4}|\d|[^\sA-Za-z\d]|\n+", text))


def make(task: str, seed: int, budget: int = 500, held: bool = False, **options) -> Sample:
    return TASKS[task](Words(random.Random(seed), held), budget, measure, **options)


def turns(sample: Sample) -> list[tuple[str, dict]]:
    """(question, answer message) pairs."""
    spoken = [message for message in sample.messages if message["role"] != "system"]
    return [(question["content"], answer) for question, answer in zip(spoken[::2], spoken[1::2], strict=True)]


def source(sample: Sample) -> str:
    """All that is read before the first answer."""
    texts = []
    for message in sample.messages:
        if message["role"] == "assistant":
            break
        texts.append(message["content"])
    return "\n".join(texts)


class Captured(documents.Conversation):
    """Keeps the last conversation, whose facts are the truth to hold answers to."""

    last: "Captured"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        Captured.last = self


def captured(task: str, seed: int, **options) -> tuple[Sample, documents.Conversation]:
    original, documents.Conversation = documents.Conversation, Captured
    try:
        return make(task, seed, **options), Captured.last
    finally:
        documents.Conversation = original


class Truth(unittest.TestCase):
    """Answers against the facts the document was made from."""

    def each(self, task: str, seeds: int = 60, **options):
        for seed in range(seeds):
            sample, talk = captured(task, seed, held=seed % 2 == 1, **options)
            text = source(sample)
            for turn, (question, answer) in zip(talk.turns, turns(sample), strict=True):
                with self.subTest(task=task, seed=seed, question=question[-80:]):
                    self.assertIn(turn.question, question)
                    yield talk, text, turn, self.unrestated(talk, turn, answer)

    def unrestated(self, talk, turn, answer: dict) -> str:
        """The answer without its subject, which a plain one says first where the question stood before the document."""
        content = answer["content"]
        if not talk.restates or turn is not talk.turns[0] or answer["reasoning_content"]:
            return content
        said, _, rest = content.partition("\n")
        self.assertEqual(said, f"{turn.doing} {turn.subject}:")
        quoting = any(verb in turn.question.lower() for verb in ("quote", "copy"))
        self.assertEqual(turn.doing, "Counting" if turn.task == "count" else "Quoting" if quoting else "You asked for")
        return rest

    def facts_asked(self, talk, question: str) -> list:
        """The facts whose attribute and name the question has, as whole words."""
        return [
            fact
            for fact in talk.facts.all
            if re.search(rf"\b{fact.attribute}\b", question, re.IGNORECASE) and re.search(rf"\b{fact.name}\b(?! [A-Z])", question)
        ]

    @staticmethod
    def place(text: str, words: str) -> int:
        """Where whole words first stand in a text; -1 if nowhere."""
        found = re.search(rf"\b{words}\b", text)
        return found.start() if found else -1

    def test_facts_are_in_the_text_once(self):
        for seed in range(40):
            sample, talk = captured("mixed", seed)
            keys = [(fact.attribute, fact.name) for fact in talk.facts.all]
            self.assertEqual(len(keys), len(set(keys)))
            for fact in talk.facts.all:
                self.assertIn(fact.line, source(sample))
                self.assertIn(fact.value, fact.line)
                self.assertIn(fact.name, fact.line)

    def test_recall(self):
        for talk, text, turn, answer in self.each("recall"):
            self.assertEqual([fact.value for fact in self.facts_asked(talk, turn.question)], [answer])
            self.assertIn(answer, text)

    def test_quote(self):
        for talk, text, turn, answer in self.each("quote"):
            self.assertEqual([fact.line for fact in self.facts_asked(talk, turn.question)], [answer])
            line = re.escape(answer)
            pattern = rf"(^|[.?\"] ){line}($| )" if talk.layout.prose else rf"^{line}$"
            self.assertEqual(len(re.findall(pattern, text, re.MULTILINE)), 1, text)

    def test_absent(self):
        shares = Counter()
        for talk, text, turn, answer in self.each("absent"):
            shares[turn.task] += 1
            present = self.facts_asked(talk, turn.question)
            if turn.task == "absent":
                self.assertEqual(answer, "Not in the document.")
                self.assertEqual(present, [])
            else:
                self.assertEqual(len(present), 1)
                self.assertNotEqual(answer, "Not in the document.")
        self.assertTrue(0.28 < shares["absent"] / shares.total() < 0.42, shares)

    def test_count(self):
        totals = Counter()
        for talk, text, turn, answer in self.each("count", seeds=150, budget=1000):
            totals[answer] += 1
            name = re.search(r"(?:I look for the \w+ about )([^.]+)\.", talk.reasoning(turn)).group(1)
            mentions = re.findall(rf"\b{name}\b", text)
            asked = 1 if turn is talk.turns[0] else 0
            self.assertEqual(len(mentions) - asked, int(answer), text)
        for total in range(1, 6):
            self.assertTrue(0.13 < totals[str(total)] / totals.total() < 0.25, totals)
        self.assertTrue(0.04 < totals["0"] / totals.total() < 0.15, totals)

    def test_multi(self):
        for talk, text, turn, answer in self.each("multi", budget=800):
            values = answer.split(", ")
            self.assertTrue(2 <= len(values) <= 4)
            self.assertEqual(turn.reasoning, f"I look for {turn.subject}.")
            table = {(fact.attribute, fact.name): fact.value for fact in talk.facts.all}
            asked = self.pairs(turn.subject)
            self.assertEqual([table[pair] for pair in asked], values)
            places = [self.place(turn.question, f"the {attribute} of {name}") for attribute, name in asked]
            if min(places) < 0:  # one of the two is asked once for all
                places = [(self.place(turn.question, name), turn.question.find(attribute)) for attribute, name in asked]
                self.assertTrue(all(min(place) >= 0 for place in places))
            self.assertEqual(places, sorted(places))

    @staticmethod
    def pairs(subject: str) -> list[tuple[str, str]]:
        """(attribute, name) of "the a of m, the b of n and the c of o", "the a of m, n and o" or "the a, b and c of m"."""
        parts = re.split(r", | and ", subject)
        if all(" of " in part for part in parts):
            return [tuple(part.removeprefix("the ").split(" of ", 1)) for part in parts]
        attributes, _, names = subject.removeprefix("the ").partition(" of ")
        return [(a, n) for a in re.split(r", | and ", attributes) for n in re.split(r", | and ", names)]

    def test_depth_places_the_asked_fact(self):
        for depth, low, high in ((0.0, 0, 0.12), (0.5, 0.4, 0.6), (1.0, 0.88, 1)):
            for seed in range(12):
                sample, talk = captured("recall", seed, budget=2000, facts=1, depth=depth)
                self.assertEqual(len(talk.turns), 1)
                text = source(sample)
                self.assertTrue(low <= text.find(talk.turns[0].fact.line) / len(text) <= high, (depth, seed))

    def test_one_fact_has_distractors(self):
        for seed in range(20):
            _, talk = captured("recall", seed, budget=1000, facts=1)
            asked = talk.turns[0].fact
            others = [fact for fact in talk.facts.all if fact is not asked]
            self.assertGreaterEqual(len(others), 6)
            self.assertTrue(any(fact.name == asked.name for fact in others))
            self.assertTrue(any(fact.attribute == asked.attribute for fact in others))


class Requests(unittest.TestCase):
    def test_a_seed_fixes_the_sample(self):
        for task in (*DOCUMENT_TASKS, *DRILLS):
            self.assertEqual(make(task, 7), make(task, 7))
            self.assertNotEqual(make(task, 7), make(task, 8))

    def test_budgets_are_kept_and_used(self):
        for task in (*DOCUMENT_TASKS, *DRILLS):
            for budget in (128, 256, 512, 1024, 4096):
                sizes = [tokens(make(task, seed, budget, seed % 2 == 1), measure) for seed in range(20)]
                with self.subTest(task=task, budget=budget):
                    self.assertLessEqual(max(sizes), budget)
                    self.assertGreater(sum(sizes) / len(sizes), budget * (0.65 if budget < 256 else 0.8))

    def test_long_documents_are_filled(self):
        """However often a filler happens to name somebody whom the facts are about."""
        for seed in range(2):
            self.assertGreater(tokens(make("recall", seed, 30_000, held=True, questions=10), measure), 28_500)

    def test_reasoning(self):
        """Of a conversation that thinks the last answer's thoughts are rendered, or all of them, which only training has."""
        kinds = Counter()
        for held in (False, True):
            for seed in range(60):
                sample = make("mixed", seed, held=held)
                answers = [answer for _, answer in turns(sample)]
                self.assertTrue(all(bool(answer["reasoning_content"]) == sample.thinking for answer in answers))
                written = sum(piece.task == "think" and not piece.control for piece in render(sample))
                self.assertEqual(written, len(answers) if sample.keeps_thinking and sample.thinking else int(sample.thinking))
                kinds[held, sample.thinking and ("all" if sample.keeps_thinking else "last")] += 1
        self.assertEqual(kinds[True, "all"], 0)
        self.assertTrue(all(kinds[key] > 5 for key in ((False, "all"), (False, "last"), (False, False), (True, "last"))), kinds)

    def test_questions_are_dense(self):
        self.assertGreater(sum(len(turns(make("mixed", seed, 1024))) for seed in range(20)) / 20, 8)

    def test_mixed_has_every_kind(self):
        kinds = Counter(answer["task"] for seed in range(60) for _, answer in turns(make("mixed", seed)))
        self.assertEqual(set(kinds), {"recall", "multi", "quote", "absent", "count"})
        self.assertTrue(all(count > 20 for count in kinds.values()), kinds)

    def test_the_question_may_come_first(self):
        for seed in range(40):
            sample, talk = captured("ask_first", seed, held=seed % 2 == 1)
            (question, answer), = turns(sample)
            self.assertIn(question.find(talk.turns[0].question), (0, len("Question: ")))
            self.assertIn(answer["task"], DOCUMENT_TASKS)

    def test_number_of_questions(self):
        for task in DOCUMENT_TASKS:
            self.assertEqual([len(turns(make(task, seed, 1000, held=True, questions=3))) for seed in range(8)], [3] * 8)


class Held(unittest.TestCase):
    """The two sides of the split."""

    def test_phrasings(self):
        for name, options in vars(phrases).items():
            if isinstance(options, Forms):
                self.assertFalse(set(options.train) & set(options.held), name)
                self.assertGreaterEqual(len(options.held), 2, name)

    def test_names_of_one_side_only(self):
        for held in (False, True):
            for seed in range(30):
                _, talk = captured("mixed", seed, held=held)
                for part in {part for fact in talk.facts.all for part in fact.name.split()}:
                    self.assertEqual(_held_out(part), held, part)

    def test_questions_of_one_side_only(self):
        """Every question and fact line matches a phrasing of its side, and none of the other side."""
        slot = {"attribute": r"\w+", "unit": "(line|sentence)", "name": r"[A-Z]\w+( [A-Z]\w+)?"}

        def patterns(forms: tuple[str, ...]) -> list[re.Pattern]:
            made = []
            for form in forms:
                parts = re.split(r"\{(\w+)\}", form.rstrip("?."))
                text = "".join(slot.get(part, r".+?") if index % 2 else re.escape(part) for index, part in enumerate(parts))
                made.append(re.compile(f"(?i:{text[0]}){text[1:]}[?.]?" if text[0].isalpha() else text + "[?.]?"))
            return made

        asks = (phrases.ASK_VALUE, phrases.ASK_QUOTE, phrases.ASK_COUNT)
        for held in (False, True):
            mine = [pattern for options in asks for pattern in patterns(options.held if held else options.train)]
            other = [pattern for options in asks for pattern in patterns(options.train if held else options.held)]
            seen = Counter()
            for seed in range(40):
                _, talk = captured("mixed", seed, held=held)
                for turn in talk.turns:
                    if turn.task == "multi":
                        continue
                    self.assertTrue(any(pattern.fullmatch(turn.question) for pattern in mine), turn.question)
                    seen["other"] += any(pattern.fullmatch(turn.question) for pattern in other)
                    seen["all"] += 1
            self.assertEqual(seen["other"], 0, seen)


class Drills(unittest.TestCase):
    def test_key_value(self):
        for seed in range(30):
            text, *_ = (question for question, _ in turns(make("key_value", seed)))
            for question, answer in turns(make("key_value", seed)):
                self.assertTrue(answer["content"] in text or answer["content"] == ABSENT)

    def test_several_values_follow_the_question(self):
        for seed in range(40):
            sample = make("several", seed)
            lines = source(sample).split("\n\n")[0].splitlines()
            for question, answer in turns(sample):
                asked = question.split("\n\n")[-1]
                values = answer["content"].split(", ")
                self.assertGreater(len(values), 1)
                at = 0
                for value in values:  # some line that ends so has its key in the question, after the one before
                    line = next(line for line in lines if line.endswith(value) and line.removesuffix(value).strip("-:=>, is") in asked[at:])
                    at = asked.index(line.removesuffix(value).strip("-:=>, is"))

    def test_asked_before_its_list(self):
        singles = 0
        for seed in range(40):
            for message, answer in turns(make("asked_before", seed)):
                question, _, text = message.partition("\n")
                again, _, found = answer["content"].partition("\n")
                self.assertIn(again.removeprefix("You asked for ").rstrip(":").lower(), question.lower())
                if found == ABSENT:
                    continue
                for value in found.split(", "):
                    self.assertIn(value, text)
                    self.assertNotIn(f" {value}\n", question + "\n")
                singles += ", " not in found
        self.assertGreater(singles, 60)

    def test_repeat_and_copy_answer_what_was_said(self):
        for seed in range(30):
            said = ""
            for question, answer in turns(make("repeat", seed)):
                said += question + "\n"
                self.assertIn(answer["content"], said)
            for question, answer in turns(make("random_copy", seed)):
                self.assertEqual(question.split("\n", 1)[1], answer["content"])

    def test_a_missing_key_is_missing(self):
        absent = 0
        for seed in range(40):
            pairs = make("key_value", seed)
            text = source(pairs).split("\n\n")[0]
            for question, answer in turns(pairs):
                wanted = [line for line in text.splitlines() if answer["content"] in line]
                self.assertEqual(answer["content"] == ABSENT, not wanted, question)
                absent += not wanted
        self.assertGreater(absent, 20)

    def test_lines_are_whole_and_hold_what_is_asked(self):
        kinds = Counter()
        for seed in range(40):
            sample = make("lines", seed)
            text = source(sample).rsplit("\n\n", 1)[0]
            for _, answer in turns(sample):
                said = answer["content"]
                kinds["absent" if said == ABSENT else "line" if said in text.splitlines() else "part"] += 1
                self.assertTrue(said == ABSENT or said in text, said)
        self.assertGreater(min(kinds.values()), 5, kinds)

    def test_cells_stand_in_the_row_and_column(self):
        for seed in range(40):
            sample = make("cells", seed)
            table = source(sample).rsplit("\n\n", 1)[0]
            for question, answer in turns(sample):
                rows = [line for line in table.splitlines()[1:] if answer["content"] in line]
                self.assertTrue(any(re.split(r"[,;|\t/]| - | ", row.strip("| "))[0].strip() in question for row in rows), question)

    def test_tally_counts(self):
        seen = Counter()
        for seed in range(40):
            sample = make("tally", seed)
            text = source(sample).rsplit("\n\n", 1)[0]
            for question, answer in turns(sample):
                capitals = re.findall(r"[A-Z]\w+", question)
                names = capitals + [" ".join(pair) for pair in zip(capitals, capitals[1:])]
                self.assertIn(int(answer["content"]), [len(re.findall(rf"(?<!\w){re.escape(name)}(?!\w)", text)) for name in names], question)
                seen[answer["content"]] += 1
        self.assertEqual(set(seen), set("012345"))

    def test_copying_is_dense(self):
        sample = make("random_copy", 3, 1024)
        self.assertGreater(sum(measure(answer["content"]) for _, answer in turns(sample)), 400)

    def test_forms(self):
        for options in (drills.SEPARATORS, drills.ASK_KEY, drills.ASK_KEYS, drills.SAY, drills.CONTINUE, drills.COPY_BLOCK):
            self.assertFalse(set(options.train) & set(options.held))


if __name__ == "__main__":
    unittest.main()
