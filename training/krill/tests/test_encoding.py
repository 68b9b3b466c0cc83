"""Prompts and bodies of every task against the engine's own encoder. Needs the built `baleen`."""

import json
import os
import random
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from encoding import prompt_text, render, request_body  # noqa: E402
from tasks import TASKS  # noqa: E402
from words import Words  # noqa: E402

BALEEN = Path(os.environ.get("BALEEN", ROOT / "build/release/baleen"))


@unittest.skipUnless(BALEEN.exists(), f"{BALEEN} is not built")
class PromptsAreTheEngines(unittest.TestCase):
    def test_every_answer_of_every_task(self):
        for name, make in TASKS.items():
            words = Words(random.Random(f"encoding/{name}"))
            for number in range(6):
                sample = make(words, 500, lambda text: len(text) // 3 + 1)
                if sample.fim:
                    continue
                asked = [i for i, message in enumerate(sample.messages) if message["role"] == "assistant"]
                for upto in asked[-2:]:
                    with self.subTest(task=name, number=number, upto=upto):
                        body = json.dumps(request_body(sample, upto))
                        run = subprocess.run([BALEEN, "encode", "--messages", "-", "--json"], input=body, capture_output=True, text=True)
                        self.assertEqual(run.returncode, 0, run.stderr + body)
                        self.assertEqual(prompt_text(render(sample, upto=upto)), json.loads(run.stdout)["prompt"], body)


if __name__ == "__main__":
    unittest.main()
