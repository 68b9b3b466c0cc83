"""What a task generator makes: one request in the API's terms, with the answers a model should give."""

from dataclasses import dataclass, field


@dataclass
class Sample:
    """One conversation (or one FIM request).

    `messages` are API messages: system, user, tool, assistant; assistant ones may carry `reasoning_content` and `tool_calls`
    ([{"id", "function": {"name", "arguments"}}], arguments a dict). Every assistant message is an answer to learn, except where it
    holds `"given": True`. An assistant message's `"task"` names what it tests ("recall", "quote", ...); an `"answer"` that is
    accepted as right is its content (or its calls), compared exactly.

    `thinking` and `effort` are the request's; without thinking no `reasoning_content` is rendered, and without tools only the last one's. With
    `keeps_thinking` all are, so that every answer of a conversation trains thinking: the API has no such request. `prefix`, when set, is the part
    of the last assistant message's content that the request already gives (the API's prefix completion). `fim` is
    (prompt, suffix, middle) and excludes messages.
    """

    messages: list[dict] = field(default_factory=list)
    tools: list[dict] = field(default_factory=list)  # [{"name", "description", "parameters"}]
    response_format: dict | None = None
    thinking: bool = False
    effort: str = "high"  # low, high, max
    keeps_thinking: bool = False
    prefix: str = ""
    fim: tuple[str, str, str] | None = None


def assistant(content: str, task: str, reasoning: str = "") -> dict:
    """An answer to learn."""
    return {"role": "assistant", "content": content, "reasoning_content": reasoning, "task": task}


def user(content: str) -> dict:
    return {"role": "user", "content": content}


def system(content: str) -> dict:
    return {"role": "system", "content": content}
