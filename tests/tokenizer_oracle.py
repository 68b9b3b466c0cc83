#!/usr/bin/env python3
"""Aim: token ids equal those of the `tokenizers` library on megabytes of mixed text, and character classes on every code point.

Text of many scripts, code, emoji, digits, blanks of all kinds, random characters and control spellings is made from a seed
and put through both, as plain text and with control spellings recognised; the first difference is printed with its
neighbourhood. Then every code point is classified by both. Uses V4's tokenizer (scripts/fetch_tokenizer makes it) and krill's.
Exit codes: 0 equal, 1 different, 77 the library or V4's file could not be had.

  scripts/oracle tokenizer [--build DIRECTORY] [--megabytes N] [--seed S]
"""
# requires: tokenizers==0.23.3
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent

RANGES = {
    "ascii": [(0x20, 0x7e)],
    "latin": [(0xa1, 0x24f), (0x61, 0x7a)],
    "marks": [(0x300, 0x36f), (0x61, 0x7a), (0x1ab0, 0x1aff), (0x20d0, 0x20ff)],
    "greek": [(0x370, 0x3ff), (0x1f00, 0x1fff)],
    "cyrillic": [(0x400, 0x52f)],
    "armenian, hebrew, arabic": [(0x531, 0x587), (0x591, 0x5f4), (0x600, 0x6ff), (0x750, 0x77f), (0xfb1d, 0xfdff)],
    "indic": [(0x900, 0xdff)],
    "south-east asia": [(0xe00, 0xeff), (0xf00, 0xfff), (0x1000, 0x109f), (0x1780, 0x17ff), (0x1800, 0x18af)],
    "georgian, ethiopic, cherokee": [(0x10a0, 0x10ff), (0x1200, 0x139f), (0x13a0, 0x13ff)],
    "hangul": [(0x1100, 0x11ff), (0xac00, 0xd7a3)],
    "kana": [(0x3040, 0x30ff), (0x31f0, 0x31ff), (0xff61, 0xff9f)],
    "han": [(0x4e00, 0x9fa5)],
    "han, edges": [(0x3400, 0x4dbf), (0x9f90, 0x9fff), (0x20000, 0x2a6df), (0x2ebf0, 0x2ee5d), (0x3000, 0x3040)],
    "symbols": [(0x2000, 0x27bf), (0x2900, 0x2bff), (0x3000, 0x303f), (0xff00, 0xff20)],
    "emoji": [(0x1f300, 0x1faff), (0x1f1e6, 0x1f1ff), (0x1f3fb, 0x1f3ff), (0x200d, 0x200d), (0xfe0f, 0xfe0f)],
    "mathematics": [(0x1d400, 0x1d7ff), (0x2200, 0x22ff)],
    "newer": [(0x1c80, 0x1c8f), (0x10d40, 0x10d8f), (0x11380, 0x113ff), (0x11f00, 0x11f5f), (0x16d40, 0x16d7f), (0x1cc00, 0x1ceb3)],
    "anything": [(0x1, 0x10ffff)],
    "controls": [(0x1, 0x1f), (0x7f, 0x9f), (0x180e, 0x180e), (0x200b, 0x200f), (0xfeff, 0xfeff)],
}
BLANKS = [" ", " ", " ", "  ", "    ", "\n", "\n\n", "\t", "\r\n", "\r", " \n", "\n  ", "\u00a0", "\u3000", "\u2009", "\u2028", "\u0085", "\v", "\f",
          "\u180e", "\u1680", "\u202f", "\u205f", "\u200b"]
WORDS = ("the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she "
         "there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could "
         "these two may first then do any like my now over such our man me even most made after also did many off before must well back through years "
         "don't I'll we've it's they're Zürich naïve café smørrebrød résumé HTTPServer snake_case camelCase x86_64 e.g. i.e.").split()
CODE = ["def f(x):\n    return x ** 2\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\n", "#include <vector>\n", "std::vector<std::string> v{};",
        "SELECT * FROM t WHERE id = 42;", "<div class=\"x\">&nbsp;</div>", "{\"k\": [1, 2.5e-3, null], \"b\": true}", "// ---- TODO(x) ----\n", "a?.b ?? c",
        "fn main() -> Result<(), Box<dyn Error>> {}", "\\frac{a}{b}^{2}", "$HOME/.local/bin:$PATH", "=== !== <= >= ->", "0x7fff_ffff", "'''doc'''", "```sh\n",
        "if err != nil {\n\t\treturn err\n\t}\n", "https://example.org/a/b?c=d&e=%20f#g", "user@example.org"]


def character(rng, ranges):
    first, last = rng.choice(ranges)
    code = rng.randint(first, last)
    return "\ufffd" if 0xd800 <= code < 0xe000 else chr(code)


def stretch(rng, spellings):
    """A few words, a run of one script, a line of code ..."""
    kind = rng.random()
    if kind < 0.30:
        return "".join(rng.choice(WORDS) + rng.choice([" ", " ", " ", ", ", ". ", "! ", "-", "\n", ""]) for _ in range(rng.randint(1, 12)))
    if kind < 0.42:
        return rng.choice(CODE)
    if kind < 0.52:
        return str(rng.randint(0, 10 ** rng.randint(1, 20))) + rng.choice(["", ".", ",", "%", " ", "٣", "²", "Ⅷ"])
    if kind < 0.62:
        return "".join(rng.choice(BLANKS) for _ in range(rng.randint(1, 5)))
    if kind < 0.66:
        return rng.choice(spellings)[: rng.choice([3, 8, 100, 100])]
    ranges = RANGES[rng.choice(list(RANGES))]
    text = "".join(character(rng, ranges) for _ in range(rng.randint(1, 15)))
    return text + rng.choice(["", "", " ", "\n"])


def make_text(seed, size, spellings):
    rng = random.Random(seed)
    parts, length = [], 0
    while length < size:
        parts.append(stretch(rng, spellings))
        length += len(parts[-1].encode())
    return "".join(parts)


def ours(program, model, text, special):
    command = [program, "tokenize", "--model", model] + (["--special"] if special else [])
    done = subprocess.run(command, input=text.encode(), capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.decode().strip()}")
    return json.loads(done.stdout)


def report(what, library, got, expected):
    """Where two id lists part, and the text there."""
    at = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
    before = library.decode(expected[max(0, at - 8):at], skip_special_tokens=False)
    print(f"DIFFERENT ({what}): {len(got)} ids against {len(expected)}, first at {at}: {got[at:at + 8]} against {expected[at:at + 8]}")
    print(f"  behind {before!r}: {library.decode(got[at:at + 8], skip_special_tokens=False)!r} against "
          f"{library.decode(expected[at:at + 8], skip_special_tokens=False)!r}")
    return False


def compare(program, folder, name, path, args):
    with_special = Tokenizer.from_file(str(path))
    file = json.loads(path.read_text())
    spellings = [entry["content"] for entry in file["added_tokens"][:3] + file["added_tokens"][-40:]] + ["<｜User｜>", "<think>", "</think>", "<｜DSML｜"]
    plain_path = folder / f"{name}.json"
    plain_path.write_text(json.dumps({**file, "added_tokens": []}))
    plain = Tokenizer.from_file(str(plain_path))
    text = make_text(args.seed, int(args.megabytes * 1e6), spellings)
    good = True
    for what, library, special in [(f"{name}, plain", plain, False), (f"{name}, control tokens", with_special, True)]:
        start = time.monotonic()
        got = ours(program, path, text, special)
        middle = time.monotonic()
        expected = library.encode(text, add_special_tokens=False).ids
        end = time.monotonic()
        equal = got == expected or report(what, with_special, got, expected)
        print(f"{what}: {len(text.encode())} bytes, {len(expected)} ids, {'equal' if equal else 'DIFFERENT'} (seed {args.seed}; "
              f"ours {middle - start:.2f} s with start and load, library {end - middle:.2f} s)")
        good &= equal
    return good


def alphabet():
    """The characters that stand for the bytes 0 to 255 (GPT-2)."""
    beyond = iter(range(0x100, 0x200))
    return [chr(b) if 0x21 <= b <= 0x7e or (b >= 0xa1 and b != 0xad) else chr(next(beyond)) for b in range(256)]


def seam_model():
    """Single bytes, and one merge of each byte with a NUL after it: a NUL stands alone exactly behind a piece's end."""
    letters = alphabet()
    vocab = {letter: byte for byte, letter in enumerate(letters)}
    vocab.update({letter + letters[0]: 256 + byte for byte, letter in enumerate(letters)})
    return {"type": "BPE", "vocab": vocab, "merges": [[letter, letters[0]] for letter in letters]}


def compare_classes(program, folder):
    """Every code point as "~X" NUL, split by "~CLASS": the NUL merges with X unless X is in the class."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    assigned = [*range(1, 0xd800), *range(0xe000, 0x34000), *range(0xe0000, 0xe1000), 0xf0000, 0x10ffff]  # the rest has no class
    points = [chr(c) for c in assigned]
    # The library slows down with the length of a text; no piece and no merge crosses from one point to the next.
    chunks = ["".join("~" + point + "\0" for point in points[i:i + 2048]) for i in range(0, len(points), 2048)]
    good = True
    for name in [r"\p{L}", r"\p{M}", r"\p{N}", r"\p{P}", r"\p{S}", r"\p{Lu}", r"\p{Ll}", r"\p{Lt}", r"\p{Lm}", r"\p{Lo}", r"\d", r"\D", r"\s", r"\S",
                 r"[^\s\p{L}\p{N}]", r"[\S\n]", r"\P{L}", r"\p{^N}", "."]:
        path = folder / "classes.json"
        path.write_text(json.dumps({"version": "1.0", "added_tokens": [], "decoder": byte_level, "model": seam_model(), "pre_tokenizer": {
            "type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": "~" + name}, "behavior": "Isolated", "invert": False},
                byte_level]}}))
        library = Tokenizer.from_file(str(path))
        expected = [id_ for encoding in library.encode_batch(chunks, add_special_tokens=False) for id_ in encoding.ids]
        got = ours(program, path, "".join(chunks), False)
        if got != expected:
            good = report(f"class {name}", library, got, expected)
    print(f"19 character classes on every code point that can have one: {'equal' if good else 'DIFFERENT'}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=2, help="text per tokenizer (2)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--baleen", type=pathlib.Path, default=ROOT / "build/release/baleen")
    args = parser.parse_args()
    if not args.baleen.exists():
        sys.exit(f"{args.baleen} is not there; scripts/build makes it")
    v4 = ROOT / "build/tokenizer-v4/tokenizer.json"
    if not v4.exists():
        subprocess.run([sys.executable, ROOT / "scripts/fetch_tokenizer"])
    if not v4.exists():
        print("*** NOT CHECKED: V4's tokenizer could not be fetched", file=sys.stderr)
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        results = [compare(args.baleen, folder, "v4", v4, args), compare(args.baleen, folder, "krill", ROOT / "models/krill/tokenizer.json", args),
                   compare_classes(args.baleen, folder)]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
