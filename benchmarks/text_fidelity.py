"""How faithfully the readers give back what documents say, and what becomes of hostile files.

    python -m benchmarks.text_fidelity [format …]        files of formats_a with a known-good text
    python -m benchmarks.text_fidelity --pages           main text of web pages, htmltext_a
    python -m benchmarks.text_fidelity --hostile         outcome of each file of nasty_a, read in the limited child

F1 is over words, as bags; order is the share of words in common order (longest matching blocks), for texts up to 6,000 words.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from statistics import fmean

from chatsphere.services.content.extract import extract
from chatsphere.services.content.extract.sandbox import extract_in_child
from chatsphere.services.errors import ContentError

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
_ORDER_WORDS = 6_000


@dataclass(frozen=True, slots=True)
class Row:
    format: str
    file: str
    characters: int
    f1: float | None  # None without a known-good text
    order: float | None
    seconds: float
    outcome: str


def measure(folder: Path, formats: Collection[str] = ()) -> Iterator[Row]:
    for line in (folder / "manifest.jsonl").open():
        row = json.loads(line)
        if row["format"] != "gold" and (not formats or row["format"] in formats):
            gold = (folder / row["gold_text"]).read_text() if row.get("gold_text") else None
            yield _read(folder / row["file"], row["format"], gold)


def _read(path: Path, format_name: str, gold: str | None) -> Row:
    begin = time.process_time()
    text, outcome = "", "text"
    try:
        text = extract(path, name=path.name).text
    except ContentError as error:
        outcome = f"{type(error).__name__}: {error.message}"
    seconds = time.process_time() - begin
    f1 = order = None
    if gold is not None:
        expected, found = _words(gold), _words(text)
        f1 = _f1(found, expected)
        if max(len(expected), len(found)) <= _ORDER_WORDS:
            order = SequenceMatcher(None, expected, found, autojunk=False).ratio()
    return Row(format_name, path.name, len(text), f1, order, seconds, outcome)


def _words(text: str) -> list[str]:
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = html.unescape(re.sub(r"\]\([^)]*\)", "]", text)).replace("\\_", "_")
    return [word.lower() for word in re.findall(r"\w+", text)]


def _f1(found: list[str], expected: list[str]) -> float:
    common = sum((Counter(found) & Counter(expected)).values())
    return 2 * common / max(len(found) + len(expected), 1)


def print_formats(formats: Collection[str]) -> None:
    means: dict[str, list[float]] = defaultdict(list)
    print("| format | file | characters | F1 | order | CPU s | outcome |\n|---|---|---|---|---|---|---|")
    for row in measure(DATA / "formats_a", formats):
        f1, order = (f"{value:.3f}" if value is not None else "–" for value in (row.f1, row.order))
        print(
            f"| {row.format} | {row.file} | {row.characters} | {f1} | {order} | {row.seconds:.2f} | {row.outcome[:90]} |"
        )
        if row.f1 is not None:
            means[row.format].append(row.f1)
    print("\n| format | files | mean F1 |\n|---|---|---|")
    for name, scores in sorted(means.items()):
        print(f"| {name} | {len(scores)} | {fmean(scores):.3f} |")


def print_pages() -> None:
    folder = DATA / "htmltext_a"
    precision: list[float] = []
    recall: list[float] = []
    grams_precision: list[float] = []
    grams_recall: list[float] = []
    for line in (folder / "manifest.jsonl").open():
        row = json.loads(line)
        try:
            page = gzip.decompress((folder / row["file"]).read_bytes())
            text = extract(page, name="page.html", media_type_hint="text/html", main_text_only=True).text
        except ContentError:
            text = ""
        text = re.sub(r"^#+ |^\| --- .*$|^- ", "", text, flags=re.MULTILINE)
        found, expected = re.findall(r"\w+", text), re.findall(r"\w+", row["gold_text"])
        for size, precisions, recalls in ((1, precision, recall), (4, grams_precision, grams_recall)):
            a, b = Counter(_grams(found, size)), Counter(_grams(expected, size))
            common = sum((a & b).values())
            precisions.append(common / max(sum(a.values()), 1))
            recalls.append(common / max(sum(b.values()), 1))
    print("| measure | precision | recall | F1 |\n|---|---|---|---|")
    for name, ps, rs in (("words", precision, recall), ("4-grams", grams_precision, grams_recall)):
        p, r = fmean(ps), fmean(rs)
        print(f"| {name} | {p:.3f} | {r:.3f} | {2 * p * r / (p + r):.3f} |")


def _grams(words: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[index : index + size]) for index in range(max(len(words) - size + 1, 0))]


def print_hostile() -> None:
    print("| kind | file | expected | outcome | s |\n|---|---|---|---|---|")
    folder = DATA / "nasty_a"
    for line in (folder / "manifest.jsonl").open():
        row = json.loads(line)
        begin = time.monotonic()
        try:
            document = extract_in_child(folder / row["file"], name=row["file"])
            outcome = f"{len(document.text):,} characters{' (partial)' if document.is_partial else ''}"
        except ContentError as error:
            outcome = f"{error.type}: {error.message}"
        seconds = time.monotonic() - begin
        print(f"| {row['kind']} | {Path(row['file']).name} | {row['expect']} | {outcome} | {seconds:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("formats", nargs="*")
    parser.add_argument("--pages", action="store_true")
    parser.add_argument("--hostile", action="store_true")
    arguments = parser.parse_args()
    if arguments.pages:
        print_pages()
    elif arguments.hostile:
        print_hostile()
    else:
        print_formats(arguments.formats)


if __name__ == "__main__":
    main()
