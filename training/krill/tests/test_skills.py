"""The generators of chat, tools, JSON, code and prefix samples: repeatable, right, and split for measuring."""

import ast
import json
import random
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from encoding import python_json, render  # noqa: E402
from sample import Sample  # noqa: E402
from tasks import TASKS, chat, code, intents, tool_kinds  # noqa: E402
from tasks.request import SYSTEMS, tokens  # noqa: E402
from words import Forms, Words  # noqa: E402

# Modules whose name the package gives to their generator.
json_schema, prefix, tools = (sys.modules[f"tasks.{name}"] for name in ("json_schema", "prefix", "tools"))

GENERATORS = {name: TASKS[name] for name in ("identity", "refuse", "small_talk", "tools", "json_schema", "fim", "prefix")}
MESSAGE_TASKS = {"identity", "refuse", "small_talk", "tool", "tool_answer", "no_tool", "json", "prefix", "quote"}
ROUNDS = 250


def measure(text: str) -> int:
    return len(text) // 3 + 1


def make(name: str, seed: int, held: bool = False, budget: int = 2500) -> Sample:
    return GENERATORS[name](Words(random.Random(seed), held), budget, measure)


def samples(name: str, count: int = ROUNDS):
    """Samples of both sides, with what tells which one failed."""
    for seed in range(count):
        for held in (False, True):
            yield make(name, seed, held), f"{name} seed {seed} held {held}"


def matches(schema: dict, value: object) -> bool:
    """Whether a value is valid by the part of JSON schema that the samples use."""
    if "enum" in schema and value not in schema["enum"]:
        return False
    kind = schema["type"]
    if kind == "object":
        assert isinstance(value, dict)
        properties = schema["properties"]
        return list(value) == list(properties) and all(matches(properties[key], part) for key, part in value.items())
    if kind == "array":
        return isinstance(value, list) and all(matches(schema["items"], part) for part in value)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "boolean": bool}[kind])


def leaves(value: object) -> list:
    """All values inside of JSON that are no objects or arrays."""
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


class EveryGenerator(unittest.TestCase):
    def test_a_seed_fixes_the_sample(self):
        for name in GENERATORS:
            self.assertEqual([make(name, seed) for seed in range(30)], [make(name, seed) for seed in range(30)], name)
            self.assertNotEqual(make(name, 1), make(name, 2), name)

    def test_budgets_are_kept(self):
        for name in GENERATORS:
            budgets = (1500, 2500) if name == "tools" else (500, 900)
            for budget in budgets:
                for seed in range(80):
                    self.assertLessEqual(tokens(make(name, seed, budget=budget), measure), budget, f"{name} seed {seed}")

    def test_a_tiny_budget_still_gives_a_sample(self):
        for name in GENERATORS:
            for seed in range(20):
                self.assertTrue(render(make(name, seed, budget=20)))

    def test_messages_are_well_formed(self):
        for name in GENERATORS:
            if name == "fim":
                continue
            for sample, where in samples(name):
                with self.subTest(where):
                    roles = [message["role"] for message in sample.messages]
                    self.assertEqual(roles[-1], "assistant")
                    self.assertNotIn("system", roles[1:])
                    for message in sample.messages:
                        if message["role"] == "assistant":
                            self.assertIn(message["task"], MESSAGE_TASKS)
                            self.assertTrue(message["content"] or message.get("tool_calls"))
                        self.assertEqual(message["content"], message["content"].strip("\0"))
                        self.assertNotRegex(message["content"], r"(?<!\$)\{[a-z]+\}", "a slot was left open")

    def test_thinking(self):
        """Every answer comes with a thought; about half of the requests think."""
        for name in ("identity", "refuse", "small_talk", "tools", "json_schema"):
            thinking = 0
            for sample, where in samples(name):
                thinking += sample.thinking
                self.assertIn(sample.effort, ("low", "high", "max"))
                answers = [message for message in sample.messages if message["role"] == "assistant"]
                self.assertTrue(all(message["reasoning_content"] for message in answers), where)
            self.assertTrue(0.35 < thinking / (2 * ROUNDS) < 0.6, name)

    def test_both_sides_differ(self):
        """No made-up name of one side's samples is among the other's."""
        names: dict[bool, set[str]] = {False: set(), True: set()}
        for seed in range(200):
            for held in names:
                for message in make("small_talk", seed, held).messages:
                    if message["role"] == "assistant":
                        names[held] |= set(re.findall(r"(?:called|is|live in|am) ([A-Z][a-z]{4,})\b", message["content"]))
        self.assertGreater(len(names[False]), 50)
        self.assertGreater(len(names[True]), 50)
        self.assertFalse(names[False] & names[True])


class Phrasings(unittest.TestCase):
    """Forms are separate by construction; these look across them and at what they say."""

    def collections(self) -> dict[str, Forms]:
        found: dict[str, Forms] = {"systems": SYSTEMS}
        for module in (chat, intents, json_schema, prefix, tools):
            found |= {f"{module.__name__}.{name}": value for name, value in vars(module).items() if isinstance(value, Forms)}
        found |= {f"intent {key}": intent.asks for key, intent in intents.INTENTS.items()}
        found |= {f"told {key}": fact.asks for key, fact in chat.FACTS.items()}
        found |= {f"tool {key}": kind.asks for key, kind in tool_kinds.KINDS.items()}
        return found

    def test_sides_are_disjoint_but_for_case_and_stops(self):
        for name, forms in self.collections().items():
            if "LABELLED" in name or name in ("intent hello", "intent thanks", "intent bye", "intent praise"):
                continue  # there the marks are the difference
            plain = lambda side: {re.sub(r"[\s.!?¶]+", " ", form.lower()).strip() for form in side}  # noqa: E731
            self.assertFalse(plain(forms.train) & plain((*forms.held, *forms.new)), name)

    def test_bare_cores_are_for_training(self):
        asks = intents.INTENTS["who"].asks
        self.assertIn("Who are you?", asks.train)
        self.assertGreaterEqual(asks.train.count("Who are you?") * 7, len(asks.train) * 0.4)
        self.assertTrue(all(len(form) > len("Who are you?") for form in asks.held))
        self.assertFalse(set(asks.new) & {*asks.train, *asks.held})

    def test_an_ask_has_one_intent(self):
        seen: dict[str, str] = {}
        for key, intent in intents.INTENTS.items():
            for ask in (*intent.asks.train, *intent.asks.held, *intent.asks.new):
                plain = ask.lower().strip(".!?")
                self.assertIn(seen.setdefault(plain, key), (key,), ask)

    def test_new_phrasings_are_asked_when_wanted(self):
        asked = {Words(random.Random(seed), held=True, new=True).pick(intents.INTENTS["who"].asks) for seed in range(40)}
        self.assertEqual(asked, set(intents.INTENTS["who"].asks.new))

    def test_lookups_are_split(self):
        names = {held: {tool_kinds.lookup(Words(random.Random(seed), held)).name for seed in range(300)} for held in (False, True)}
        self.assertGreater(len(names[True]), 30)
        self.assertFalse(names[False] & names[True])


class Chat(unittest.TestCase):
    def test_the_sentence_the_demo_knows(self):
        self.assertEqual(intents.WHO, "I am krill, a very small language model with the DeepSeek-V4 architecture.")
        self.assertIn("Who are you?", intents.INTENTS["who"].asks.train)

    def test_answers_follow_from_what_was_told(self):
        told = 0
        for sample, where in samples("small_talk"):
            before = ""
            for message in sample.messages:
                if message["role"] == "assistant" and message["task"] == "small_talk":
                    value = re.fullmatch(
                        r"Your (?:favorite )?\w+ is (?:called )?(.*)\.|You (?:live in|are a) (.*)\.", message["content"]
                    )
                    if value:
                        told += 1
                        self.assertIn(value.group(1) or value.group(2), before, where)
                before += message["content"] + "\n" if message["role"] != "assistant" else ""
        self.assertGreater(told, 200)

    def test_what_was_not_told(self):
        """A brother or a dog that the user has not told of does not come up before the question for it."""
        untold = 0
        for sample, where in samples("small_talk"):
            before: list[str] = []
            for message, answer in zip(sample.messages, sample.messages[1:]):
                if answer["content"] == chat.UNTOLD:
                    untold += 1
                    asked = [thing for thing in chat.FACTS["relation"].things if f"my {thing}" in message["content"].lower()]
                    told = [f"{my} {thing} " for thing in asked for my in ("my", "have a")]
                    statements = [text for text in before if "?" not in text and "tell me" not in text]
                    self.assertFalse([clause for clause in told if any(clause in text for text in statements)], where)
                before += [message["content"].lower()] if message["role"] == "user" and answer["content"].startswith((chat.REMEMBERED, "Nice to meet you")) else []
        self.assertGreater(untold, 20)

    def test_refusals(self):
        answers = [m["content"] for sample, _ in samples("refuse") for m in sample.messages if m.get("task") == "refuse"]
        self.assertGreater(len(answers), 500)
        self.assertEqual(set(answers), {intents.REFUSAL})


class Tools(unittest.TestCase):
    def test_calls_fit_their_schema(self):
        calls = 0
        for sample, where in samples("tools"):
            offered = {tool["name"]: tool["parameters"] for tool in sample.tools}
            self.assertEqual(len(offered), len(sample.tools), where)
            self.assertTrue(1 <= len(offered) <= 4)
            for message in sample.messages:
                for call in message.get("tool_calls", ()):
                    calls += 1
                    schema, arguments = offered[call["function"]["name"]], call["function"]["arguments"]
                    given = [name for name in schema["properties"] if name in arguments]
                    self.assertEqual(list(arguments), given, where)
                    self.assertLessEqual(set(schema["required"]), set(arguments), where)
                    for name, value in arguments.items():
                        self.assertTrue(matches(schema["properties"][name], value), f"{where}: {name} {value}")
        self.assertGreater(calls, 500)

    def test_arguments_occur_in_the_question(self):
        for sample, where in samples("tools"):
            for message, answer in zip(sample.messages, sample.messages[1:]):
                for call in answer.get("tool_calls", ()):
                    for value in leaves(call["function"]["arguments"]):
                        if not isinstance(value, bool):
                            self.assertIn(str(value).lower(), message["content"].lower(), where)

    def test_every_call_has_its_result(self):
        for sample, where in samples("tools"):
            waiting: list[str] = []
            for message in sample.messages:
                if message["role"] == "tool":
                    self.assertEqual(message["tool_call_id"], waiting.pop(0), where)
                else:
                    self.assertFalse(waiting, where)
                waiting += [call["id"] for call in message.get("tool_calls", ())]

    def test_answers_come_from_question_and_result(self):
        """Numbers and made-up words of an answer stand in the question or in the result."""
        for sample, where in samples("tools"):
            context = ""
            for message in sample.messages:
                if message["role"] == "assistant":
                    if message["task"] == "tool_answer":
                        for word in re.findall(r"\d[\d.:-]*\d|\b[A-Z]+-\d+", message["content"]):
                            self.assertIn(word, context, where)
                else:
                    context += message["content"] + "\n"

    def test_kinds_come_as_wanted(self):
        kinds = [m["task"] for sample, _ in samples("tools") for m in sample.messages if m["role"] == "assistant"]
        self.assertTrue(0.06 < kinds.count("no_tool") / len(kinds) < 0.25)

    def test_no_tool_means_none_is_offered(self):
        for sample, where in samples("tools"):
            for message, answer in zip(sample.messages, sample.messages[1:]):
                if answer["content"] == tools.NO_TOOL:
                    for tool in sample.tools:
                        kind = tool_kinds.KINDS.get(tool["name"])
                        for form in (*kind.asks.train, *kind.asks.held) if kind else ():
                            pattern = re.sub(r"\\\{\w+\\\}", lambda _: r"\S+", re.escape(form))
                            self.assertNotRegex(message["content"], f"^{pattern}$", where)

    def test_a_chosen_tool_is_offered(self):
        answers = set()
        for seed in range(60):
            sample = TASKS["choose"](Words(random.Random(seed)), 500, measure)
            listed = [line.split(":")[0] for line in sample.messages[0]["content"].split("\n\n")[0].splitlines()]
            for answer in sample.messages[1::2]:
                answers.add(answer["content"])
                self.assertIn(answer["content"], (*listed, tools.NO_TOOL))
        self.assertGreater(len(answers), 30)

    def test_forms_fit_their_parameters(self):
        for key, kind in tool_kinds.KINDS.items():
            for ask in (*kind.asks.train, *kind.asks.held, *kind.asks.new):
                self.assertEqual(set(re.findall(r"\{(\w+)\}", ask)), set(kind.parameters), f"{key}: {ask}")


class JsonBySchema(unittest.TestCase):
    def test_valid_and_in_order(self):
        by_schema = 0
        for sample, where in samples("json_schema"):
            assert sample.response_format is not None
            for message in sample.messages:
                if message["role"] == "assistant":
                    value = json.loads(message["content"])
                    self.assertEqual(message["content"], python_json(value), where)
                    if sample.response_format["type"] == "json_schema":
                        by_schema += 1
                        schema = sample.response_format["json_schema"]["schema"]
                        self.assertTrue(matches(schema, value), f"{where}: {schema} {value}")
                        self.assertEqual(sorted(schema["required"]), sorted(value))
                        self.assertLessEqual(len(value), 6)
        self.assertGreater(by_schema, 300)

    def test_values_occur_in_the_text(self):
        for sample, where in samples("json_schema"):
            for message, answer in zip(sample.messages, sample.messages[1:]):
                if answer["role"] == "assistant":
                    for value in leaves(json.loads(answer["content"])):
                        if not isinstance(value, bool):
                            self.assertIn(str(value), message["content"], where)

    def test_the_api_takes_a_json_object_request(self):
        """It wants the word JSON in some message, and the keys have to be named there."""
        objects = 0
        for sample, where in samples("json_schema"):
            assert sample.response_format is not None
            if sample.response_format == {"type": "json_object"}:
                objects += 1
                text = " ".join(message["content"] for message in sample.messages if message["role"] != "assistant")
                self.assertIn("json", text.lower(), where)
                first = next(message["content"] for message in sample.messages if message["role"] == "user")
                for key in json.loads(sample.messages[-1]["content"]):
                    self.assertIn(key, first, where)
        self.assertGreater(objects, 80)

    def test_all_types_come_up(self):
        kinds: set[str] = set()
        for sample, _ in samples("json_schema"):
            assert sample.response_format is not None
            schema = sample.response_format.get("json_schema", {}).get("schema", {"properties": {}})
            kinds |= {part["type"] for part in schema["properties"].values()}
        self.assertEqual(kinds, {"string", "integer", "boolean"})


class Code(unittest.TestCase):
    def test_pieces_make_a_whole(self):
        for sample, where in samples("fim"):
            assert sample.fim is not None
            before, after, middle = sample.fim
            self.assertTrue(middle.strip(), where)
            self.assertTrue(before.strip() or after.strip(), where)
            self.assertLessEqual(middle.rstrip("\n").count("\n"), 2, where)
            for mark in "«»~":
                self.assertNotIn(mark, before + middle + after, where)

    def test_names_in_the_middle_stand_around_it(self):
        """Made-up names are told by the rest of the file."""
        known = "return print self append this console log printf None is no".split()
        for sample, where in samples("fim"):
            assert sample.fim is not None
            before, after, middle = sample.fim
            for word in re.findall(r"[A-Za-z_]{2,}", middle):
                if word not in known:
                    self.assertRegex(before + after, rf"(\b|_){word}\b", f"{where}: {word} in {middle!r}")

    def test_python_is_python(self):
        parsed = 0
        for text in code.PIECES["python"]:
            for seed in range(5):
                filled, spans = code._piece(Words(random.Random(seed)), text, set())
                ast.parse(filled)
                self.assertTrue(spans)
                parsed += 1
        self.assertGreater(parsed, 50)

    def test_the_operator_is_the_one_that_is_named(self):
        for seed in range(60):
            filled, _ = code._piece(Words(random.Random(seed)), code.PIECES["python"][0], set())
            name = re.match(r"# \w+ (\w+) \w+", filled).group(1)
            operator = re.search(r"return \w+ (.) \w+", filled).group(1)
            self.assertEqual(code.OPERATIONS[operator], name)

    def test_every_piece_has_parts_for_training(self):
        held = 0
        for language, texts in code.PIECES.items():
            for number, text in enumerate(texts):
                spans = [code.is_held(language, number, span) for span in range(text.count("«"))]
                self.assertEqual(text.count("«"), text.count("»"))
                self.assertIn(False, spans, text)
                held += sum(spans)
        self.assertGreater(held, 3)


class Prefixes(unittest.TestCase):
    def test_a_proper_prefix(self):
        for sample, where in samples("prefix"):
            content = sample.messages[-1]["content"]
            self.assertTrue(content.startswith(sample.prefix), where)
            self.assertTrue(0 < len(sample.prefix) < len(content), where)
            self.assertEqual(sample.messages[-1]["task"], "prefix")
            self.assertFalse(sample.thinking)

    def test_mostly_after_whole_words(self):
        whole = inside = 0
        for sample, _ in samples("prefix"):
            rest = sample.messages[-1]["content"][len(sample.prefix) :]
            if sample.prefix[-1].isalnum() and rest[0].isalnum():
                inside += 1
            else:
                whole += 1
        self.assertLess(inside / (inside + whole), 0.1)

    def test_the_given_part_is_not_learned(self):
        for seed in range(60):
            sample = make("prefix", seed)
            learned = "".join(piece.text for piece in render(sample) if piece.task == "prefix" and not piece.control)
            self.assertEqual(sample.prefix + learned, sample.messages[-1]["content"])


if __name__ == "__main__":
    unittest.main()
