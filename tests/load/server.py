"""A built server in a folder of its own, for the load tests: started, asked, killed."""

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BALEEN = os.environ.get("BALEEN", str(ROOT / "build/release/baleen"))


class Server:
    """`baleen serve` on krill and a free port; `data` outlives a killed process."""

    def __init__(self, *arguments: str):
        self.folder = tempfile.TemporaryDirectory(prefix="baleen-load-")
        self.data = self.folder.name
        self.arguments = arguments
        self.process: subprocess.Popen | None = None
        self.url = ""

    def start(self) -> float:
        """Seconds until it is ready."""
        began = time.monotonic()
        command = [BALEEN, "serve", "--listen", "127.0.0.1:0", "--data-dir", self.data, *self.arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{BALEEN} serve did not start: exit {self.process.wait()}")
        ready = json.loads(line)
        self.url = ready.get("url") or "http://" + ready["listen"]
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

    def get(self, path: str, key: str = "") -> bytes:
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {key}"} if key else {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()
