"""The official `openai` package for Python against a running server: chat, streams, tools, JSON, FIM, Responses, models, and the
package's own error classes. Run by scripts/sdk-tests."""

import json
import unittest
from typing import Any

import openai

from serve_sdk import FLASH, KEY, LONG_QUESTION, POOR_KEY, PRO, SLOW_KEY, URL, WEATHER, WRONG_KEY, need_limited_keys

OFF: dict[str, Any] = {"thinking": {"type": "disabled"}}
QUESTION: Any = [{"role": "user", "content": "Who are you?"}]
PARIS: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather of a city", "parameters": WEATHER}}


def client(base: str = "/v1", key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=URL + base, api_key=key, max_retries=0, timeout=120)


class Chat(unittest.TestCase):
    def test_answers_under_every_base_url(self) -> None:
        for base in ("", "/v1", "/beta", "/beta/v1"):
            answer = client(base).chat.completions.create(
                model=FLASH, messages=QUESTION, max_tokens=60, temperature=0, extra_body=OFF)
            self.assertEqual(answer.object, "chat.completion")
            self.assertEqual(answer.model, FLASH)
            self.assertEqual(answer.choices[0].message.role, "assistant")
            self.assertIn("krill", answer.choices[0].message.content or "")
            self.assertTrue(answer.system_fingerprint.startswith("fp_"))

    def test_thinks_by_default(self) -> None:
        answer = client().chat.completions.create(model=PRO, messages=QUESTION, max_tokens=400)
        self.assertTrue(hasattr(answer.choices[0].message, "reasoning_content"))
        self.assertGreaterEqual(answer.usage.completion_tokens_details.reasoning_tokens, 0)
        usage: Any = answer.usage
        self.assertEqual(usage.prompt_tokens, usage.prompt_cache_hit_tokens + usage.prompt_cache_miss_tokens)
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)

    def test_streams_what_it_would_have_said_whole(self) -> None:
        asked: Any = dict(model=FLASH, messages=[{"role": "user", "content": "Tell me about yourself."}], max_tokens=50, seed=11)
        whole = client().chat.completions.create(**asked)
        content, reasoning, finish, usage = "", "", None, None
        for chunk in client().chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
            self.assertEqual(chunk.object, "chat.completion.chunk")
            usage = chunk.usage or usage
            for choice in chunk.choices:
                content += choice.delta.content or ""
                reasoning += getattr(choice.delta, "reasoning_content", None) or ""
                finish = choice.finish_reason or finish
        self.assertEqual(content, whole.choices[0].message.content)
        self.assertEqual(reasoning, whole.choices[0].message.reasoning_content)
        self.assertEqual(finish, whole.choices[0].finish_reason)
        self.assertEqual(usage.completion_tokens, whole.usage.completion_tokens)

    def test_stops_at_max_tokens_and_at_stop_sequences(self) -> None:
        short = client().chat.completions.create(
            model=FLASH, messages=QUESTION, max_tokens=2, extra_body=OFF)
        self.assertEqual(short.choices[0].finish_reason, "length")
        self.assertEqual(short.usage.completion_tokens, 2)
        stopped = client().chat.completions.create(
            model=FLASH, messages=QUESTION, max_tokens=60, temperature=0,
            stop=["krill"], extra_body=OFF)
        self.assertNotIn("krill", stopped.choices[0].message.content)

    def test_logprobs(self) -> None:
        answer = client().chat.completions.create(model=FLASH, messages=QUESTION, max_tokens=8,
                                                  logprobs=True, top_logprobs=3, extra_body=OFF)
        tokens = answer.choices[0].logprobs.content
        self.assertEqual(len(tokens), answer.usage.completion_tokens)
        for token in tokens:
            self.assertLessEqual(token.logprob, 0)
            self.assertEqual(len(token.top_logprobs), 3)
        self.assertEqual("".join(token.token for token in tokens), answer.choices[0].message.content)

    def test_a_second_turn_hits_the_cache(self) -> None:
        messages: list[Any] = [{"role": "user", "content": LONG_QUESTION}]
        first = client().chat.completions.create(model=FLASH, messages=messages, max_tokens=8, extra_body=OFF)
        messages += [{"role": "assistant", "content": first.choices[0].message.content}, {"role": "user", "content": "Go on."}]
        second: Any = client().chat.completions.create(model=FLASH, messages=messages, max_tokens=8, extra_body=OFF)
        self.assertGreaterEqual(second.usage.prompt_cache_hit_tokens, 128)
        self.assertEqual(second.usage.prompt_tokens_details.cached_tokens, second.usage.prompt_cache_hit_tokens)
        other: Any = client().chat.completions.create(
            model=FLASH, messages=messages, max_tokens=8, extra_body=OFF | {"user_id": "other"})
        self.assertEqual(other.usage.prompt_cache_hit_tokens, 0)

    def test_a_forced_tool_is_called(self) -> None:
        answer = client().chat.completions.create(
            model=FLASH, messages=PARIS, tools=[TOOL], max_tokens=100, temperature=0,
            tool_choice={"type": "function", "function": {"name": "get_weather"}}, extra_body=OFF)
        self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
        call: Any = answer.choices[0].message.tool_calls[0]
        self.assertEqual(call.type, "function")
        self.assertEqual(call.function.name, "get_weather")
        self.assertIsInstance(json.loads(call.function.arguments), dict)
        self.assertLessEqual(len(call.id), 64)

    def test_tool_results_go_back(self) -> None:
        messages: list[Any] = [
            {"role": "user", "content": "What is the weather in Paris?"},
            {"role": "assistant", "content": "", "reasoning_content": "I look it up.", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny, 21 degrees"}]
        answer = client().chat.completions.create(model=FLASH, messages=messages, tools=[TOOL], max_tokens=300)
        self.assertIn(answer.choices[0].finish_reason, ("stop", "length", "tool_calls"))

    def test_streamed_tool_calls_add_up(self) -> None:
        name, arguments = "", ""
        for chunk in client().chat.completions.create(
                model=FLASH, messages=PARIS, tools=[TOOL], tool_choice="required", max_tokens=100, temperature=0, stream=True,
                extra_body=OFF):
            for choice in chunk.choices:
                for call in choice.delta.tool_calls or []:
                    self.assertEqual(call.index, 0)
                    name += call.function.name or ""
                    arguments += call.function.arguments or ""
        self.assertEqual(name, "get_weather")
        self.assertIsInstance(json.loads(arguments), dict)

    def test_json_output_is_json_or_an_error(self) -> None:
        asked: Any = dict(model=FLASH, max_tokens=200, temperature=0, response_format={"type": "json_object"}, extra_body=OFF,
                          messages=[{"role": "user", "content": 'Answer in json: {"name": "krill"}. What is your name?'}])
        try:
            answer = client().chat.completions.create(**asked)
        except openai.InternalServerError as error:  # what it wrote was not JSON, and it says so
            self.assertEqual(error.code, "invalid_model_output")
            return
        if answer.choices[0].finish_reason == "stop":
            json.loads(answer.choices[0].message.content)

    def test_prefix_completion_goes_on_from_the_prefix(self) -> None:
        messages: list[Any] = QUESTION + [{"role": "assistant", "content": "I am kr", "prefix": True}]
        answer = client("/beta").chat.completions.create(
            model=FLASH, messages=messages, max_tokens=20, temperature=0, extra_body=OFF)
        self.assertFalse(answer.choices[0].message.content.startswith("I am kr"))

    def test_leaving_a_stream_early(self) -> None:
        stream = client().chat.completions.create(
            model=FLASH, messages=[{"role": "user", "content": "Tell me everything."}], max_tokens=4000, stream=True)
        for _ in zip(range(3), stream):
            pass
        stream.close()
        self.assertTrue(client().models.list().data)


class Others(unittest.TestCase):
    def test_fill_in_the_middle(self) -> None:
        asked: Any = dict(model=FLASH, prompt="def add(a, b):\n    return ", suffix="\n", max_tokens=10, temperature=0)
        answer = client("/beta").completions.create(**asked)
        self.assertEqual(answer.object, "text_completion")
        self.assertIsInstance(answer.choices[0].text, str)
        stream = client("/beta").completions.create(**asked, stream=True)
        pieces = "".join(chunk.choices[0].text for chunk in stream if chunk.choices)
        self.assertEqual(pieces, answer.choices[0].text)

    def test_responses(self) -> None:
        asked: Any = dict(model=FLASH, input="Who are you?", max_output_tokens=80, temperature=0, reasoning={"effort": "none"})
        answer = client().responses.create(**asked)
        self.assertEqual(answer.object, "response")
        self.assertIn(answer.status, ("completed", "incomplete"))
        self.assertIn("krill", answer.output_text)
        kinds, text = [], ""
        for number, event in enumerate(client().responses.create(**asked, stream=True)):
            self.assertEqual(event.sequence_number, number)
            kinds.append(event.type)
            text += event.delta if event.type == "response.output_text.delta" else ""
        self.assertEqual(kinds[:2], ["response.created", "response.in_progress"])
        self.assertIn(kinds[-1], ("response.completed", "response.incomplete"))
        self.assertIn("krill", text)

    def test_responses_stream_helper(self) -> None:
        with client().responses.stream(model=FLASH, input="Who are you?", max_output_tokens=80, temperature=0,
                                       reasoning={"effort": "none"}) as stream:
            final = stream.get_final_response()
        self.assertIn("krill", final.output_text)

    def test_models(self) -> None:
        ids = [model.id for model in client().models.list()]
        self.assertIn(FLASH, ids)
        self.assertIn(PRO, ids)
        self.assertEqual(client().models.retrieve(PRO).id, PRO)


class Errors(unittest.TestCase):
    def ask(self, key: str = KEY, **more: Any) -> Any:
        asked: Any = dict(model=FLASH, messages=[{"role": "user", "content": "x"}], max_tokens=1, extra_body=OFF) | more
        return client(key=key).chat.completions.create(**asked)

    def test_bad_requests(self) -> None:
        for more in ({"model": "gpt-4"}, {"messages": []}, {"temperature": 3}, {"n": 2},
                     {"messages": [{"role": "developer", "content": "x"}]},
                     {"tool_choice": "required", "tools": [TOOL], "extra_body": {}}):
            with self.assertRaises(openai.BadRequestError, msg=str(more)) as caught:
                self.ask(**more)
            self.assertEqual(caught.exception.code, "invalid_request_error")

    def test_context_length(self) -> None:
        with self.assertRaises(openai.BadRequestError) as caught:
            self.ask(messages=[{"role": "user", "content": "x" * 6_000_000}])
        self.assertIn("maximum context length", str(caught.exception))

    def test_wrong_key(self) -> None:
        with self.assertRaises(openai.AuthenticationError) as caught:
            self.ask(key=WRONG_KEY)
        self.assertIn("****0bad", str(caught.exception))

    def test_too_many_requests(self) -> None:
        need_limited_keys()
        with self.assertRaises(openai.RateLimitError):
            self.ask(key=SLOW_KEY)
            self.ask(key=SLOW_KEY)

    def test_no_money_left(self) -> None:
        need_limited_keys()
        with self.assertRaises(openai.APIStatusError) as caught:
            self.ask(key=POOR_KEY)
            self.ask(key=POOR_KEY)
        self.assertEqual(caught.exception.status_code, 402)

    def test_unknown_paths(self) -> None:
        with self.assertRaises(openai.NotFoundError):
            client().embeddings.create(model=FLASH, input="x")
        with self.assertRaises(openai.NotFoundError):
            client().files.list()
        with self.assertRaises(openai.NotFoundError):
            client().models.retrieve("gpt-4")

    def test_request_ids(self) -> None:
        with self.assertRaises(openai.BadRequestError) as caught:
            self.ask(model="gpt-4")
        self.assertEqual(len(caught.exception.request_id or ""), 32)


if __name__ == "__main__":
    unittest.main()
