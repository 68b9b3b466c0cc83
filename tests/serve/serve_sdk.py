"""What the SDK tests share: where the server is and with which keys, as scripts/sdk-tests says in the environment."""

import os
import unittest

URL = os.environ.get("BALEEN_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("BALEEN_KEY", "none")
# A key that has used up its one request an hour, one whose budget is spent, and one that is nobody's.
SLOW_KEY = os.environ.get("BALEEN_SLOW_KEY", "")
POOR_KEY = os.environ.get("BALEEN_POOR_KEY", "")
WRONG_KEY = "sk-00000000000000000000000000000bad"

FLASH = "deepseek-v4-flash"
PRO = "deepseek-v4-pro"

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Name of the city"}},
    "required": ["city"],
}

# Something all models of the server answer with some text; long enough that a second turn hits the cache.
LONG_QUESTION = "Please read this list of colours. " + " ".join(f"Number {i} is blue." for i in range(120))


def need_limited_keys() -> None:
    """Skips tests of limits where the server was started by hand."""
    if not SLOW_KEY or not POOR_KEY:
        raise unittest.SkipTest("keys with limits come from scripts/sdk-tests")
