"""The official `anthropic` package for Python against a running server: messages, streams, tools, counting, and the package's own
error classes. Run by scripts/sdk-tests."""

import unittest
from typing import Any

import anthropic

from serve_sdk import FLASH, KEY, LONG_QUESTION, POOR_KEY, PRO, SLOW_KEY, URL, WEATHER, WRONG_KEY, need_limited_keys

OFF: Any = {"type": "disabled"}
QUESTION: Any = [{"role": "user", "content": "Who are you?"}]
TOOL: Any = {"name": "get_weather", "description": "The weather of a city", "input_schema": WEATHER}


def client(key: str = KEY) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=URL + "/anthropic", api_key=key, max_retries=0, timeout=120)


def ask(key: str = KEY, **more: Any) -> Any:
    asked: Any = dict(model=FLASH, max_tokens=60, messages=QUESTION, thinking=OFF) | more
    # The package has no argument for it any more; the service still knows the field.
    body = {"temperature": asked.pop("temperature")} if "temperature" in asked else None
    return client(key).messages.create(**asked, extra_body=body)


class Messages(unittest.TestCase):
    def test_answers(self) -> None:
        answer = ask(temperature=0)
        self.assertEqual(answer.type, "message")
        self.assertEqual(answer.role, "assistant")
        self.assertIn("krill", answer.content[-1].text)
        self.assertIn(answer.stop_reason, ("end_turn", "max_tokens"))
        self.assertGreater(answer.usage.output_tokens, 0)

    def test_names_of_other_models_are_served(self) -> None:
        self.assertEqual(ask(model="claude-opus-4-1").model, PRO)
        self.assertEqual(ask(model="claude-sonnet-4-5[1m]").model, FLASH)

    def test_bearer_token(self) -> None:
        answer = anthropic.Anthropic(base_url=URL + "/anthropic", auth_token=KEY, api_key=None, max_retries=0).messages.create(
            model=FLASH, max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
        self.assertEqual(answer.type, "message")

    def test_thinking_comes_first(self) -> None:
        answer = ask(max_tokens=400, thinking={"type": "enabled", "budget_tokens": 1024})
        self.assertEqual(answer.content[0].type, "thinking")
        self.assertTrue(answer.content[0].signature)

    def test_streams_in_the_order_of_the_format(self) -> None:
        asked: Any = dict(model=FLASH, max_tokens=60, thinking=OFF, messages=QUESTION, extra_body={"temperature": 0})
        with client().messages.stream(**asked) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        self.assertIn("krill", text)
        self.assertEqual(final.content[-1].text, text)
        kinds = [event.type for event in ask(stream=True, max_tokens=300, thinking={"type": "adaptive"})]
        self.assertEqual(kinds[:2], ["message_start", "content_block_start"])
        self.assertEqual(kinds[-2:], ["message_delta", "message_stop"])
        self.assertEqual(kinds.count("content_block_start"), kinds.count("content_block_stop"))

    def test_system_blocks_and_cache_marks(self) -> None:
        system: Any = [{"type": "text", "text": "You answer briefly.", "cache_control": {"type": "ephemeral"}}]
        with_marks = ask(system=system, temperature=0)
        without = ask(system=[{"type": "text", "text": "You answer briefly."}], temperature=0)
        self.assertEqual(with_marks.content, without.content)

    def test_tools_and_their_results(self) -> None:
        messages: list[Any] = [
            {"role": "user", "content": "What is the weather in Paris?"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny", "is_error": False}]}]
        answer = ask(messages=messages, tools=[TOOL])
        self.assertIn(answer.stop_reason, ("end_turn", "max_tokens", "tool_use"))
        choice = {"type": "tool", "name": "get_weather"}
        forced = ask(messages=messages[:1], tools=[TOOL], tool_choice=choice, max_tokens=100, temperature=0)
        self.assertEqual(forced.stop_reason, "tool_use")
        self.assertEqual(forced.content[-1].type, "tool_use")
        self.assertEqual(forced.content[-1].name, "get_weather")
        self.assertIsInstance(forced.content[-1].input, dict)

    def test_a_second_turn_reads_from_the_cache(self) -> None:
        messages: list[Any] = [{"role": "user", "content": LONG_QUESTION}]
        first = ask(messages=messages, max_tokens=8)
        messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": "Go on."}]
        second = ask(messages=messages, max_tokens=8)
        self.assertGreaterEqual(second.usage.cache_read_input_tokens, 128)
        self.assertEqual(second.usage.cache_creation_input_tokens, 0)

    def test_counts_what_the_answer_will_report(self) -> None:
        messages: Any = [{"role": "user", "content": "Count me."}]
        asked: Any = dict(model=FLASH, messages=messages, tools=[TOOL], system="Be brief.", thinking=OFF)
        count = client().messages.count_tokens(**asked)
        usage = ask(**(asked | {"max_tokens": 1})).usage
        self.assertEqual(count.input_tokens, usage.input_tokens + usage.cache_read_input_tokens)


class Errors(unittest.TestCase):
    def test_bad_requests(self) -> None:
        for more in ({"messages": []}, {"temperature": 3}, {"max_tokens": 0}, {"messages": [{"role": "nobody", "content": "x"}]},
                     {"stop_sequences": ["x"] * 17}):
            with self.assertRaises(anthropic.BadRequestError, msg=str(more)):
                ask(**more)

    def test_context_length(self) -> None:
        with self.assertRaises(anthropic.BadRequestError) as caught:
            ask(messages=[{"role": "user", "content": "x" * 6_000_000}])
        self.assertIn("maximum context length", str(caught.exception))

    def test_wrong_key(self) -> None:
        with self.assertRaises(anthropic.AuthenticationError) as caught:
            ask(key=WRONG_KEY)
        self.assertEqual(len(caught.exception.request_id or ""), 32)

    def test_too_many_requests(self) -> None:
        need_limited_keys()
        with self.assertRaises(anthropic.RateLimitError):
            ask(key=SLOW_KEY)
            ask(key=SLOW_KEY)

    def test_no_money_left(self) -> None:
        need_limited_keys()
        with self.assertRaises(anthropic.APIStatusError) as caught:
            ask(key=POOR_KEY)
            ask(key=POOR_KEY)
        self.assertEqual(caught.exception.status_code, 402)


if __name__ == "__main__":
    unittest.main()
