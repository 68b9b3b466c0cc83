"""Cells of tables, logs and JSON: the document is parsed again, format by format, and must give the answers."""

import csv
import io
import json
import random
import re
import sys
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tasks import records  # noqa: E402
from tasks.request import tokens  # noqa: E402
from words import Forms, Words, _held_out  # noqa: E402


def measure(text: str) -> int:
    """About as many tokens as a small vocabulary needs: pieces of four letters, single digits and signs."""
    return len(re.findall(r" ?[A-Za-z]{1,4}|\d|[^\sA-Za-z\d]|\n+", text))


def make(seed: int, budget: int = 600, held: bool = False, **options):
    return records.extract(Words(random.Random(seed), held), budget, measure, **options)


def turns(sample):
    spoken = [message for message in sample.messages if message["role"] != "system"]
    return [(question["content"], answer) for question, answer in zip(spoken[::2], spoken[1::2], strict=True)]


class Formats(unittest.TestCase):
    COLUMNS = ["name", "id", "city", "age"]

    def rows(self, seed: int):
        words = Words(random.Random(seed))
        return words, records._rows(words, self.COLUMNS, 4)

    def test_separated_values_are_read_back(self):
        for seed in range(20):
            words, rows = self.rows(seed)
            text = records._separated(words, rows)
            header = text.split("\n")[0]
            separator = header[len("name") : header.index("id")]
            read = list(csv.reader(io.StringIO(text), delimiter=separator[0], skipinitialspace=True))
            self.assertEqual(read, [self.COLUMNS, *(list(row.values()) for row in rows)])

    def test_markdown_is_read_back(self):
        words, rows = self.rows(2)
        lines = records._markdown(words, rows).split("\n")
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        self.assertTrue(re.fullmatch(r"\|(---\|)+", lines[1]))
        self.assertEqual([cells[0], *cells[2:]], [self.COLUMNS, *(list(row.values()) for row in rows)])

    def test_json_is_read_back(self):
        for seed in range(12):
            words, rows = self.rows(seed)
            text = records._json(words, rows)
            if text.startswith("{") and not text.startswith('{"rows"'):  # a row a line, with or without commas
                data = [json.loads(line.removesuffix(",")) for line in text.split("\n")]
            else:
                data = json.loads(text)
            data = data["rows"] if isinstance(data, dict) else data
            self.assertEqual(data, [dict(row, age=int(row["age"])) for row in rows])

    def test_every_format_holds_every_cell(self):
        for number, make_text in enumerate(records.FORMATS):
            words, rows = self.rows(number)
            text = make_text(words, rows)
            for row in rows:
                for value in row.values():
                    self.assertRegex(text, rf"(?<!\w){re.escape(value)}(?!\w)")


class Questions(unittest.TestCase):
    def test_a_seed_fixes_the_sample(self):
        self.assertEqual(make(5), make(5))
        self.assertNotEqual(make(5), make(6))

    def test_answers_are_the_cells(self):
        """Against the rows the document was made from, found by the key and column that the question names."""
        built = []
        original = records._rows
        records._rows = lambda *arguments: built.append(original(*arguments)) or built[-1]
        kinds = Counter()
        try:
            for seed in range(250):
                built.clear()
                sample = make(seed, held=seed % 2 == 1)
                rows = built[-1]
                for question, answer in turns(sample):
                    if not sample.thinking:
                        continue
                    thought = re.match(r"I look for the (\w+) of (.+?)\. ", answer["reasoning_content"])
                    column, value = thought.groups()
                    found = [row[column] for row in rows if next(iter(row.values())) == value and column in row]
                    kinds[answer["task"]] += 1
                    self.assertIn(value, question)
                    self.assertIn(column, question)
                    self.assertEqual(found or ["Not in the document."], [answer["content"]])
        finally:
            records._rows = original
        self.assertGreater(kinds["extract"], 60)
        self.assertGreater(kinds["absent"], 8)

    def test_answers_are_in_the_text_and_mostly_present(self):
        kinds = Counter()
        for seed in range(200):
            sample = make(seed, held=seed % 2 == 1)
            text = turns(sample)[0][0]
            for _, answer in turns(sample):
                kinds[answer["task"]] += 1
                if answer["task"] == "extract":
                    self.assertIn(answer["content"], text)
                else:
                    self.assertEqual(answer["content"], "Not in the document.")
        self.assertTrue(0.08 < kinds["absent"] / kinds.total() < 0.25, kinds)

    def test_budgets_are_kept(self):
        for budget in (160, 300, 1000):
            for seed in range(60):
                self.assertLessEqual(tokens(make(seed, budget, seed % 2 == 1), measure), budget)

    def test_sizes_as_asked(self):
        sample = make(1, 2000, rows=9, questions=1)
        self.assertEqual(len(turns(sample)), 1)


class Held(unittest.TestCase):
    def test_phrasings(self):
        for name, options in vars(records).items():
            if isinstance(options, Forms):
                self.assertFalse(set(options.train) & set(options.held), name)

    def test_words_of_one_side_only(self):
        for held in (False, True):
            words = Words(random.Random(3), held)
            for row in records._rows(words, ["name", "city", "owner", "team"], 12):
                for value in row.values():
                    self.assertTrue(all(_held_out(part) == held for part in value.split()), value)


if __name__ == "__main__":
    unittest.main()
