"""Whether memory grows with a file: peaks of the process that trains, of the one that reads and of the one that takes the upload.

    python -m benchmarks.ingest_memory [--megabytes 20 80] [--pages 500 2000] [--dimensions 64]

Each file is uploaded to a running platform with hashed vectors, alone, and measured until it is ready: megabytes of its own that the largest
process of each kind held at once (USS: what would be free without it). Remembered words and pieces fill up over the first 80 MB of text, as there are two processes that train; what grows
after that is a mistake. A worker that starts has 120 MB for a moment, before it forks. 20 MB take half a minute on two cores of one's own, 500 pages ten seconds.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import psutil
import psycopg

from benchmarks.ingest import account, platform, sources, wait_until_found
from benchmarks.ingest_material import pages_of

PATIENCE = 7200.0  # seconds for one file
LINES_A_PAGE = 40
_READER = "extract.child"
KINDS = ("worker", "reader", "web", "worker-default", "postgres")


class Peaks:
    """The most memory of its own that a process of each kind held, looked at three times a second."""

    def __init__(self, roots: Sequence[psutil.Process]) -> None:
        self._roots = roots
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.megabytes: Counter[str] = Counter()

    def __enter__(self) -> Peaks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.3):
            for process in [child for root in self._roots for child in root.children(recursive=True)]:
                try:
                    kind = "reader" if any(_READER in part for part in process.cmdline()) else process.name()
                    held = round(process.memory_full_info().uss / 1e6)
                except psutil.Error:
                    continue
                self.megabytes[kind] = max(self.megabytes[kind], held)


def text_of(path: Path, megabytes: int) -> None:
    """Real pages again and again, each line with a number of its own, so that no chunk is like another."""
    pages = pages_of("awsdocs_a")
    written, number = 0, 0
    with path.open("wb") as file:
        while written < megabytes * 1_000_000:
            lines = pages[number % len(pages)]["text"].splitlines()
            body = "\n".join(_numbered(line, f"{number}.{place}") for place, line in enumerate(lines))
            written += file.write(f"{body}\n\n".encode())
            number += 1


def _numbered(line: str, number: str) -> str:
    """A fence stays one: with more behind it, it would open a block of code that nothing closes."""
    return f"{line} {number}" if line.strip() and not line.lstrip().startswith("```") else line


def pdf_of(path: Path, pages: int) -> None:
    """Pages of 40 lines each, written one by one."""
    places: list[int] = []
    with path.open("wb") as file:
        file.write(b"%PDF-1.4\n")
        kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(pages))
        heads = [
            "<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
        for head in heads:
            _write_object(file, places, head)
        for number in range(pages):
            resources = "/Resources << /Font << /F1 3 0 R >> >>"
            content = f"/Contents {5 + 2 * number} 0 R"
            _write_object(
                file, places, f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {content} {resources} >>"
            )
            _write_object(file, places, _page(number))
        begin = file.tell()
        rows = "".join(f"{place:010} 00000 n \n" for place in places)
        file.write(f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{rows}".encode())
        file.write(f"trailer << /Size {len(places) + 1} /Root 1 0 R >>\nstartxref\n{begin}\n%%EOF".encode())


def _write_object(file: Any, places: list[int], content: str) -> None:
    places.append(file.tell())
    file.write(f"{len(places)} 0 obj\n{content}\nendobj\n".encode())


def _page(number: int) -> str:
    lines = (
        f"({number}.{line} Line {line} of page {number} tells of the lake and its {line + 2} boats.) Tj T*"
        for line in range(LINES_A_PAGE)
    )
    stream = f"BT /F1 10 Tf 14 TL 60 740 Td {' '.join(lines)} ET"
    return f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"


def train(url: str, roots: Sequence[psutil.Process], file: Path) -> None:
    """Prints figures of one file, and of its deletion."""
    http, path = account(url)
    http.timeout = httpx2.Timeout(600.0)
    with Peaks(roots) as peaks:
        begun = time.monotonic()
        with file.open("rb") as content:
            http.post(path, data={"source_type": "file"}, files=[("file", (file.name, content))]).raise_for_status()
        wait_until_found(http, path, begun, patience=PATIENCE)
        seconds = time.monotonic() - begun
    [row] = sources(http, path)
    held = {f"{kind}_mb": peaks.megabytes[kind] for kind in KINDS}
    figures = {
        "file": file.name,
        "megabytes": round(file.stat().st_size / 1e6),
        "state": row["status"],
        "chunks": row["chunks_count"],
        "seconds": round(seconds),
        **held,
    }
    print(figures, flush=True)
    with Peaks(roots) as peaks:
        begun = time.monotonic()
        http.delete(f"/api/v1/sources/{row['id']}/").raise_for_status()
        print({"deleted_seconds": round(time.monotonic() - begun, 1), "web_mb": peaks.megabytes["web"]}, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="*", default=[20, 80], help="of texts")
    parser.add_argument("--pages", type=int, nargs="*", default=[500, 2000], help="of PDFs")
    parser.add_argument("--dimensions", type=int, default=64, help="of the hashed vectors")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the platform is stopped, too
    more = {"EMBEDDING_MODEL": f"hashing:{options.dimensions}", "MAX_UPLOAD_BYTES": "2000000000"}
    with tempfile.TemporaryDirectory(prefix="chatsphere-bench-") as name:
        folder = Path(name)
        with platform(folder, "local", more) as (url, roots, database):
            with psycopg.connect(database) as connection:  # the free plan has room for 500 MB
                connection.execute("UPDATE users_plan SET storage_bytes = NULL")
            for size in options.megabytes:
                text_of(folder / f"{size}.md", size)
                train(url, roots, folder / f"{size}.md")
            for pages in options.pages:
                pdf_of(folder / f"{pages}-pages.pdf", pages)
                train(url, roots, folder / f"{pages}-pages.pdf")


if __name__ == "__main__":
    main()
