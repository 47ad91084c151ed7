"""The files that bench-ingest trains on, taken from the shared data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pages_of(name: str) -> list[dict[str, Any]]:
    """The documents of a data set, the longest first."""
    file = DATA / name / "docs.jsonl"
    if not file.exists():
        raise SystemExit(f"{file} is not there: this benchmark reads the shared data beside the checkout.")
    with file.open(encoding="utf-8") as lines:
        pages = [json.loads(line) for line in lines]
    return sorted(pages, key=lambda page: len(page["text"]), reverse=True)


def real_pages(folder: Path, most: int, name: str = "awsdocs_a") -> Path:
    """The longest pages of a data set, one Markdown file each."""
    folder.mkdir(parents=True)
    for number, page in enumerate(pages_of(name)[:most]):
        (folder / f"{name}-{number:04}.md").write_text(page["text"], encoding="utf-8")
    return folder


def company(folder: Path, most: int) -> Path:
    """What a company has: documentation, a handbook, reports as PDF, office files; ``most`` of each kind, spread evenly."""
    real_pages(folder / "awsdocs_a", most)
    real_pages(folder / "handbook_18f", most, "handbook_18f")
    for name, pattern in (("sec10q_a", "pdf/*.pdf"), ("formats_a", "files/**/*")):
        files = sorted(each for each in (DATA / name).glob(pattern) if each.is_file() and ".gold." not in each.name)
        count = min(most if name == "formats_a" else max(1, most // 20), len(files))
        (folder / name).mkdir()
        for number in range(count):
            file = files[number * len(files) // count]
            shutil.copyfile(file, folder / name / f"{number:04}-{file.name}")
    return folder


def nasty() -> list[tuple[dict[str, Any], Path]]:
    """Hostile files with their rows of the manifest, the very big ones left out."""
    with (DATA / "nasty_a" / "manifest.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [(row, DATA / "nasty_a" / row["file"]) for row in rows if row["kind"] != "big"]


def long_document(chunks: int) -> bytes:
    """Real pages in one Markdown file of about so many chunks."""
    text, size = [], 0
    for page in pages_of("awsdocs_a"):
        text.append(page["text"])
        size += len(page["text"])
        if size > chunks * 630:
            break
    return "\n\n".join(text).encode()
