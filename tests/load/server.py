"""A built server in a folder of its own, for the load tests: started, asked, killed."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BALEEN = os.environ.get("BALEEN", str(ROOT / "build/release/baleen"))


class Server:
    """`baleen serve` on krill and a free port; `data` outlives a killed process. In a `with` it runs until the end of the block."""

    def __init__(self, *arguments: str):
        self.folder = tempfile.TemporaryDirectory(prefix="baleen-load-")
        self.data = self.folder.name
        self.arguments = arguments
        self.process: subprocess.Popen | None = None
        self.url = ""

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> float:
        """Seconds until it is ready."""
        began = time.monotonic()
        command = [BALEEN, "serve", "--listen", "127.0.0.1:0", "--data-dir", self.data, *self.arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{BALEEN} serve did not start: exit {self.process.wait()}")
        self.url = json.loads(line)["url"]
        return time.monotonic() - began

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)

    def command(self, *arguments: str) -> str:
        """Output of another command of baleen on the same data."""
        command = [BALEEN, *arguments, "--data-dir", self.data]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout

    def seconds(self, histogram: str) -> tuple[float, float]:
        """Count and sum so far of a histogram of /metrics, such as engine_step."""
        text = self.get("/metrics").decode()
        count, total = (re.search(rf"^baleen_{histogram}_seconds_{part}\S* (\S+)", text, re.M) for part in ("count", "sum"))
        return float(count[1]), float(total[1])

    def post(self, path: str, body: dict) -> bytes:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read()
