"""200 concurrent streams from guidellm, a public load tool, against the engine's step: `scripts/load-tests guidellm` installs and runs it.

    python tests/load/guidellm.py GUIDELLM [--streams 200] [--seconds 60]

guidellm's inter-token time is the mean of an answer's, each weighted by its tokens; `streams.py streams` looks at every single gap. Its
answers begin and end in waves, with short steps between them: the step they are compared with is the median of half seconds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from server import Server
from streams import MODEL, mean

TOKENS = 200  # of each answer; guidellm asks for exactly so many
PROMPTS = 5000
SAMPLE_SECONDS = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("guidellm", help="the program")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with Server("--scheduler-streams-max", str(options.streams)) as server:
        prompts, report = Path(server.data, "prompts.jsonl"), Path(server.data, "report.json")
        prompts.write_text(
            "".join(json.dumps({"prompt": f"Tell me about number {i}.", "output_tokens_count": TOKENS}) + "\n" for i in range(PROMPTS))
        )
        command = [
            options.guidellm, "run", "--disable-console",
            "--backend", f"kind=openai_http,target={server.url},model={MODEL}",
            "--profile", f"kind=concurrent,streams={options.streams}",
            "--constraint", f"kind=max_duration,seconds={options.seconds}",
            "--data", f"kind=json_file,path={prompts}",
            "--output", f"kind=json,path={report}",
        ]  # fmt: skip
        running = subprocess.Popen(
            command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        steps, before = [], server.seconds("engine_step")
        while running.poll() is None:
            time.sleep(SAMPLE_SECONDS)
            now = server.seconds("engine_step")
            if now[1] - before[1] > SAMPLE_SECONDS / 4:
                steps.append(mean(before, now))
            before = now
        if running.returncode != 0 or not steps:
            print(f"guidellm: exit {running.returncode}, {len(steps)} half seconds measured: FAIL; by hand: {' '.join(command)}")
            return 1
        step = statistics.median(steps) * 1e3
        measured = json.loads(report.read_text())["benchmarks"][0]["metrics"]
    requests, between = measured["request_totals"], measured["inter_token_latency_ms"]["successful"]
    worst = between["percentiles"]["p999"]
    good = requests["errored"] == 0 and requests["successful"] > 0 and worst <= 3 * step
    print(
        f"guidellm: {options.streams} streams for {options.seconds} s, {requests['successful']} answers of {TOKENS} tokens, {requests['errored']} errors,"
        f" inter-token p50 {between['median']:.1f} ms, p99.9 {worst:.1f} ms, {worst / step:.2f} steps of {step:.1f} ms (bar: 3),"
        f" first token p50 {measured['time_to_first_token_ms']['successful']['median']:.0f} ms: {'pass' if good else 'FAIL'}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
