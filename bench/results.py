"""Speeds of one machine kept as JSON, and the plots of the docs drawn from them. Needs a built baleen and python3 alone.

    python3 bench/results.py run NAME --model DIR [--depths 0,1024,...]    measures and writes bench/results/NAME.json, in about six minutes
    python3 bench/results.py plot                                           draws docs/figures/*.svg from every file there
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results"
FIGURES = ROOT / "docs/figures"
DEPTHS = "0,1024,8192,32768,131072,1048448"
BATCHES = "1,2,4,8,16"
PROMPTS = "512,2048"
SLICES = "0,131072"

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 40, 48
COLOURS = ("#1f6feb", "#d1570c", "#1a7f37", "#8250df")


def machine() -> dict:
    info = Path("/proc/cpuinfo").read_text()
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return {
        "cpu": re.search(r"model name\s*: (.*)", info)[1],
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory[1]) / 2**20),
    }


def bench(baleen: str, *arguments: str) -> dict:
    print("baleen bench", *arguments, file=sys.stderr)
    return json.loads(subprocess.run([baleen, "bench", "--json", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout)


def run(options: argparse.Namespace) -> None:
    model = ["--model", options.model]
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    record = {
        "machine": machine(),
        "date": datetime.date.today().isoformat(),
        "commit": commit,
        "model": Path(options.model).name,
        "depth": bench(options.baleen, *model, "--fill", "random", "--test", f"decode:{options.depths}", "--extrapolate", "flash", "--extrapolate", "pro"),
        "batch": bench(options.baleen, *model, "--test", f"batch:{BATCHES}"),
        "prefill": bench(options.baleen, *model, "--test", f"prefill:{PROMPTS}"),
        "slice": bench(options.baleen, *model, "--fill", "random", "--operations", "--test", f"slice:{SLICES}"),
        "kernels": bench(options.baleen, "--kernels"),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{options.name}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(path.relative_to(ROOT))


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def ticks(top: float) -> list[float]:
    """Four to eight round values from 0 to `top` or a little above."""
    step = next(s * 10**e for e in range(-3, 6) for s in (1, 2, 5) if top / (s * 10**e) <= 6)
    return [step * i for i in range(int(top / step + 1.999))]


def short(value: float) -> str:
    if value >= 1 << 20 or 0 <= (1 << 20) - value < 4096:
        return "1M"
    return f"{value / 1024:g}k" if value >= 1024 else f"{value:g}"


def chart(title: str, across: str, up: str, labels: list[str], series: dict[str, list[tuple[int, float]]]) -> str:
    """Lines over evenly spaced labels; a point is (index of its label, value)."""
    marks = ticks(max(value for points in series.values() for _, value in points) * (1 + 0.08 * len(series)))  # room for their names
    x = lambda index: LEFT + (WIDTH - LEFT - RIGHT) * (index + 0.5) / len(labels)  # noqa: E731
    y = lambda value: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / marks[-1]  # noqa: E731
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{escape(title)}</text>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="16" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 {HEIGHT / 2})">{escape(up)}</text>',
    ]
    for mark in marks:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(mark):.1f}" y2="{y(mark):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:g}</text>')
    for index, label in enumerate(labels):
        out.append(f'<text x="{x(index):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(label)}</text>')
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x(index):.1f},{y(value):.1f}" for index, value in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x(index):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>' for index, value in points]
        out.append(f'<text x="{WIDTH - RIGHT}" y="{TOP + 4 + 16 * number}" text-anchor="end" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*out, "</svg>", ""])


def named(record: dict) -> str:
    return f"{record['machine']['cpu']}, {record['machine']['cpus']} CPUs"


def plot() -> None:
    records = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    if not records:
        raise SystemExit(f"no results in {RESULTS}: bench/results.py run NAME --model DIR")
    FIGURES.mkdir(parents=True, exist_ok=True)

    def lines(part: str, key: str, value) -> tuple[list[str], dict]:
        found = sorted({row[key] for record in records for row in record[part]["results"]})
        series = {named(record): [(found.index(row[key]), value(row)) for row in record[part]["results"]] for record in records}
        return [short(position) for position in found], series

    labels, series = lines("depth", "depth", lambda row: row["tok_s"])
    for record in records:
        for model in ("flash", "pro"):
            points = [(labels.index(short(row["depth"])), row["tok_s"]) for row in record["depth"]["extrapolated"] if row["model"] == model]
            series[f"{named(record)}: V4-{model.capitalize()}, extrapolated"] = points
    (FIGURES / "decode_depth.svg").write_text(chart(f"Decode of {records[0]['model']} over depth", "tokens before it", "tokens a second", labels, series))
    labels, series = lines("batch", "batch", lambda row: row["tok_s"])
    (FIGURES / "decode_batch.svg").write_text(chart(f"Decode of {records[0]['model']} over batch", "sequences together", "tokens a second, all together", labels, series))
    print(*(path.relative_to(ROOT) for path in sorted(FIGURES.glob("*.svg"))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="measure this machine")
    runs.add_argument("name", help="of the file, such as epyc-zen4-2")
    runs.add_argument("--model", required=True, help="directory of a flash-6l checkpoint (baleen synth)")
    runs.add_argument("--depths", default=DEPTHS)
    runs.add_argument("--baleen", default=os.environ.get("BALEEN", str(ROOT / "build/release/baleen")))
    commands.add_parser("plot", help="draw the figures of the docs")
    options = parser.parse_args()
    run(options) if options.command == "run" else plot()


if __name__ == "__main__":
    main()
