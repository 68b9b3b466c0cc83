"""Asks a model fresh held-out questions through the built engine and counts exact answers.

    python training/krill/evaluate.py --seed 7                                all tasks at their usual lengths, a table
    python training/krill/evaluate.py --seed 7 --tasks recall --lengths 8192,65536 --questions 40 --json
    python training/krill/evaluate.py --seed 7 --new-phrasings                asked in other words

Names and numbers are those never used in training, and unseen words stand among known ones; phrasings are cores of training in frames
of training, in combinations it has not seen, or with `--new-phrasings` cores it has not seen. Answers are greedy and run freely to their end, in the official
numerics (`--numerics weights-only` for the other). Questions about one document are asked one after another in one conversation whose
earlier answers are the right ones; up to 8,192 tokens every question has a document of its own.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from encoding import prompt_text, render, request_body
from sample import Sample
from tasks import TASKS
from tokenizer import Vocabulary
from words import Words

ROOT = Path(__file__).resolve().parents[2]
OWN_DOCUMENT_MAX = 8192  # above, a document serves several questions
QUESTIONS_PER_DOCUMENT = 10
NO_LENGTH = 0

# task: (lengths of its samples, name of the generator)
DEFAULT_LENGTHS = {
    "recall": (1024, 2048, 4096, 8192, 32768, 65536, 131072),
    "multi": (4096,),
    "quote": (2048,),
    "absent": (2048,),
    "count": (2048,),
}
SKILLS = ("identity", "refuse", "small_talk", "tools", "json_schema", "extract", "fim", "prefix")


@dataclass
class Question:
    """One request and what counts as right."""

    task: str  # what the answer is scored as: recall, tool, json, ...
    length: int
    depth: float  # place of the asked fact in the document, or of the question in its group
    request: dict
    answer: dict = field(default_factory=dict)  # the assistant message wanted
    thinking: bool = False

    def right(self, got: dict) -> bool:
        if got["finish_reason"] not in ("stop", "tool_calls"):
            return False
        wanted_calls = [(call["function"]["name"], call["function"]["arguments"]) for call in self.answer.get("tool_calls", [])]
        return got["text"] == self.answer["content"] and _calls_of(got) == wanted_calls

    def thought(self, got: dict) -> bool:
        """Whether the think block was there, was closed, and something followed it."""
        return bool(got["reasoning"]) and got["finish_reason"] in ("stop", "tool_calls") and bool(got["text"] or got["tool_calls"])


def _calls_of(got: dict) -> list[tuple[str, object]]:
    calls = []
    for call in got["tool_calls"]:
        function = call.get("function", call)
        try:
            calls.append((function["name"], json.loads(function["arguments"])))
        except json.JSONDecodeError:
            calls.append((function["name"], None))
    return calls


def _ask(sample: Sample, upto: int, length: int, depth: float, max_tokens: int = 400) -> Question:
    if sample.fim:
        request = {"raw": prompt_text(render(sample, upto=0)), "max_tokens": 200}
        return Question("fim", length, depth, request, {"content": sample.fim[2]})
    message = sample.messages[upto]
    given = sample.prefix if upto == len(sample.messages) - 1 else ""
    answer = {"content": message["content"].removeprefix(given), "tool_calls": message.get("tool_calls", [])}
    request = request_body(sample, upto) | {"max_tokens": max_tokens}
    return Question(message["task"], length, depth, request, answer, sample.thinking)


def _answers(sample: Sample) -> list[int]:
    return [index for index, message in enumerate(sample.messages) if message["role"] == "assistant" and not message.get("given")]


def document_questions(task: str, length: int, count: int, seed: str, vocabulary: Vocabulary, new: bool) -> list[Question]:
    questions: list[Question] = []
    document = 0
    while len(questions) < count:
        words = Words(random.Random(f"{seed}/{task}/{length}/{document}"), held=True, new=new)
        if task == "recall" and length <= OWN_DOCUMENT_MAX:
            depth = (document + 0.5) / count
            sample = TASKS[task](words, length, vocabulary.measure, facts=1, depth=depth)
            questions.append(_ask(sample, _answers(sample)[0], length, depth))
        else:
            per_document = 1 if length <= OWN_DOCUMENT_MAX and task != "recall" else QUESTIONS_PER_DOCUMENT
            sample = TASKS[task](words, length, vocabulary.measure, questions=per_document)
            wanted = [index for index in _answers(sample) if task in ("count", "multi") or sample.messages[index]["task"] == task]
            questions += [_ask(sample, index, length, number / max(1, len(wanted))) for number, index in enumerate(wanted)]
        document += 1
    return questions[:count]


def skill_questions(task: str, count: int, seed: str, vocabulary: Vocabulary, new: bool) -> list[Question]:
    """`count` of every kind of answer that the generator makes."""
    kinds: dict[str, list[Question]] = defaultdict(list)
    number = 0
    while number < 20 * count and (not kinds or min(map(len, kinds.values())) < count):
        words = Words(random.Random(f"{seed}/{task}/{number}"), held=True, new=new)
        sample = TASKS[task](words, 700, vocabulary.measure)
        number += 1
        if sample.prefix and sample.response_format:
            continue  # the API refuses the two together
        for index in [0] if sample.fim else _answers(sample):
            question = _ask(sample, index, NO_LENGTH, 0)
            if len(kinds[question.task]) < count:
                kinds[question.task].append(question)
    return [question for questions in kinds.values() for question in questions]


def ask_engine(questions: list[Question], options) -> list[dict]:
    """Runs `baleen batch`, in as many processes as asked; neighbours share what their prompts share, and each has as much to read."""
    answers: list[dict] = [{} for _ in questions]
    lines = [json.dumps(question.request | {"id": i}) + "\n" for i, question in enumerate(questions)]
    parts: list[list[str]] = [[] for _ in range(options.jobs)]
    total, before = sum(map(len, lines)), 0
    for line in lines:
        parts[before * options.jobs // total].append(line)
        before += len(line)
    running = []
    with tempfile.TemporaryDirectory() as folder:
        for job, part in enumerate(filter(None, parts)):
            path = Path(folder) / f"{job}.jsonl"
            path.write_text("".join(part))
            command = [str(options.baleen), "batch", str(path), "--model", str(options.model), "--temperature", "0", "--quiet",
                       "--numerics", options.numerics, "--threads", "1", *(["--mtp"] if options.mtp else [])]  # fmt: skip
            running.append(subprocess.Popen(command, stdout=open(f"{path}.out", "w"), text=True))
        for job, process in enumerate(running):
            if process.wait():
                raise SystemExit(f"baleen batch failed with exit code {process.returncode}")
        for job in range(len(running)):
            for line in open(Path(folder) / f"{job}.jsonl.out"):
                got = json.loads(line)
                answers[got["id"]] = got
    return answers


def draw_recall(rows: list[tuple[int, float, bool]]) -> str:
    """Recall by length and depth, a digit per cell: tenths, and * for all."""
    if not rows:
        return ""
    lengths = sorted({length for length, _, _ in rows})
    bands = 5
    lines = ["recall by depth of the fact (start to end, fifths) and length"]
    for length in lengths:
        cells = []
        for band in range(bands):
            hits = [right for l, depth, right in rows if l == length and min(bands - 1, int(depth * bands)) == band]
            cells.append("  -  " if not hits else f"{sum(hits) / len(hits):5.2f}")
        lines.append(f"{length:8d}  " + " ".join(cells))
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", required=True, help="another seed, other questions")
    parser.add_argument("--tasks", default=",".join((*DEFAULT_LENGTHS, *SKILLS)), help="comma-separated; default: all")
    parser.add_argument("--lengths", help="comma-separated tokens of a document, for the document tasks")
    parser.add_argument("--questions", type=int, default=200, help="for each task and length")
    parser.add_argument("--new-phrasings", action="store_true", help="ask in words that no training has, where there are any")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--model", type=Path, default=ROOT / "models/krill")
    parser.add_argument("--baleen", type=Path, default=Path(os.environ.get("BALEEN", ROOT / "build/release/baleen")))
    parser.add_argument("--numerics", default="official", choices=("official", "weights-only"))
    parser.add_argument("--mtp", action="store_true", help="also count how often the MTP block guessed the next token")
    parser.add_argument("--jobs", type=int, default=2, help="engines running at once")
    parser.add_argument("--failures", type=Path, help="write wrong answers there, one JSON object a line")
    options = parser.parse_args(arguments)
    if not options.baleen.exists():
        raise SystemExit(f"{options.baleen} is not built: run scripts/build")
    vocabulary = Vocabulary(options.model / "tokenizer.json")

    questions: list[Question] = []
    for task in options.tasks.split(","):
        if task in DEFAULT_LENGTHS:
            lengths = [int(text) for text in options.lengths.split(",")] if options.lengths else DEFAULT_LENGTHS[task]
            for length in lengths:
                questions += document_questions(task, length, options.questions, options.seed, vocabulary, options.new_phrasings)
        elif task in SKILLS:
            questions += skill_questions(task, options.questions, options.seed, vocabulary, options.new_phrasings)
        else:
            raise SystemExit(f"no task {task}; there are {', '.join((*DEFAULT_LENGTHS, *SKILLS))}")

    answers = ask_engine(questions, options)
    cells: dict[tuple[str, int], list[bool]] = defaultdict(list)
    recall: list[tuple[int, float, bool]] = []
    drafted = accepted = 0
    failures = open(options.failures, "w") if options.failures else None
    for question, got in zip(questions, answers):
        right = question.right(got)
        cells[question.task, question.length].append(right)
        if question.thinking:
            cells["think", NO_LENGTH].append(question.thought(got))
        if question.task == "recall":
            recall.append((question.length, question.depth, right))
        drafted += got.get("mtp", {}).get("drafted", 0)
        accepted += got.get("mtp", {}).get("accepted", 0)
        if failures and not right:
            failures.write(json.dumps({"task": question.task, "length": question.length, "request": question.request, "wanted": question.answer,
                                       "got": {k: got[k] for k in ("text", "reasoning", "tool_calls", "finish_reason")}}) + "\n")  # fmt: skip
    results = [{"task": task, "length": length, "asked": len(hits), "right": sum(hits)} for (task, length), hits in sorted(cells.items())]
    if drafted:
        results.append({"task": "mtp", "length": NO_LENGTH, "asked": drafted, "right": accepted})
    if options.json:
        print(json.dumps({"results": results}))
    else:
        print(f"{'task':12s} {'length':>8s} {'asked':>6s} {'right':>6s}  share")
        for row in results:
            print(f"{row['task']:12s} {row['length'] or '':>8} {row['asked']:6d} {row['right']:6d}  {row['right'] / row['asked']:.3f}")
        print(draw_recall(recall))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
