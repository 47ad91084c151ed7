"""How fast documents become searchable, as a user sees it: a running platform, uploads over HTTP, everything until it is found.

    python -m benchmarks.ingest [--documents FOLDER] [--most 200] [--embedder local|stub] [--uploads 4]

Without a folder it takes the longest pages of ``../shared/data/awsdocs_a``, a company's real product documentation in Markdown.
Starts ``chatsphere up`` in a folder of its own. ``stub`` embeds by a local OpenAI-compatible stub with 1,536 dimensions, ``local`` with
the embedded model. Prints one JSON object: seconds until all are found by words and by meaning too, CPU seconds a megabyte (all
processes of the platform), peak memory (PSS), seconds to delete everything by batches, and where the workers' time went.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil

AWS_DOCS = Path(__file__).resolve().parents[2] / "shared" / "data" / "awsdocs_a" / "docs.jsonl"
ENDED = {"ready", "partial", "failed", "cancelled"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=out, stderr=out)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_for(url: str, path: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx2.get(url + path, trust_env=False).status_code < 500:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{url}{path} did not answer within {seconds:.0f} s")


class Meter:
    """CPU and memory of a process tree, children that ended included as far as they were seen."""

    def __init__(self, root: psutil.Process) -> None:
        self._root = root
        self._cpu: dict[tuple[int, float], float] = {}
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Meter:
        self.look()
        self._before = self.cpu
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.look()

    @property
    def cpu(self) -> float:
        return sum(self._cpu.values())

    @property
    def used(self) -> float:
        return self.cpu - self._before

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            self.look()

    def look(self) -> None:
        memory = 0
        for process in [self._root, *self._root.children(recursive=True)]:
            try:
                times = process.cpu_times()
                self._cpu[process.pid, process.create_time()] = times.user + times.system
                memory += process.memory_full_info().pss
            except psutil.Error:
                continue
        self.peak = max(self.peak, memory)


def account(url: str) -> tuple[httpx2.Client, str]:
    """A signed-in client and the path of a new chatbot's sources."""
    http = httpx2.Client(base_url=url, trust_env=False, timeout=120)
    email = f"{os.urandom(6).hex()}@example.com"
    made = http.post("/api/v1/auth/register/", json={"email": email, "password": "a-Long-Passphrase-9"})
    made.raise_for_status()
    http.headers["Authorization"] = f"Bearer {made.json()['access']}"
    chatbot = http.post("/api/v1/chatbots/", json={"name": "Benchmark"})
    chatbot.raise_for_status()
    return http, f"/api/v1/chatbots/{chatbot.json()['id']}/sources/"


def upload(http: httpx2.Client, path: str, file: Path) -> str:
    answer = http.post(path, data={"source_type": "file"}, files=[("file", (file.name, file.read_bytes()))])
    answer.raise_for_status()
    return str(answer.json()["id"])


def sources(http: httpx2.Client, path: str) -> list[dict[str, Any]]:
    found, following = [], f"{path}?limit=100"
    while following:
        page = http.get(following).json()
        found += page["results"]
        following = page["next"]
    return found


def wait_until_found(http: httpx2.Client, path: str, since: float) -> dict[str, float]:
    """Seconds from ``since`` until every source is found by words, and until nothing is left to do."""
    seconds: dict[str, float] = {}
    checks: dict[str, Callable[[dict[str, Any]], bool]] = {
        "text_s": lambda source: source["searchable"] != "none" or source["status"] in ENDED,
        "full_s": lambda source: source["status"] in ENDED,
    }
    while len(seconds) < len(checks):
        rows = sources(http, path)
        for name, check in checks.items():
            if name not in seconds and all(map(check, rows)):
                seconds[name] = round(time.monotonic() - since, 2)
        time.sleep(0.2)
    return seconds


def steps(http: httpx2.Client, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for row in rows:
        for run in http.get(f"/api/v1/sources/{row['id']}/runs/").json()["results"]:
            total.update({name: figures.get("seconds", 0.0) for name, figures in run["steps"].items()})
    return {name: round(value, 2) for name, value in total.items()}


def measure(url: str, root: psutil.Process, files: Sequence[Path], uploads: int) -> dict[str, Any]:
    http, path = account(url)
    size = sum(file.stat().st_size for file in files) / 1e6
    with Meter(root) as meter:
        begun = time.monotonic()
        with ThreadPoolExecutor(uploads) as threads:
            ids = list(threads.map(lambda file: upload(http, path, file), files))
        uploaded = time.monotonic() - begun
        found = wait_until_found(http, path, begun)
    rows = sources(http, path)
    chunks = sum(row["chunks_count"] for row in rows)
    report = {
        "documents": len(files),
        "megabytes": round(size, 2),
        "chunks": chunks,
        "states": dict(Counter(row["status"] for row in rows)),
        "uploaded_s": round(uploaded, 2),
        **found,
        "documents_per_s": round(len(files) / found["full_s"], 1),
        "chunks_per_s": round(chunks / found["full_s"], 1),
        "cpu_s_per_mb": round(meter.used / size, 2),
        "peak_mb": round(meter.peak / 1e6),
        "worker_seconds_by_step": steps(http, rows),
        "load_average": os.getloadavg()[0],
    }
    begun = time.monotonic()
    for start in range(0, len(ids), 100):
        http.post(f"{path}batch-delete/", json={"ids": ids[start : start + 100]}).raise_for_status()
    return report | {"delete_s": round(time.monotonic() - begun, 2)}


def real_pages(folder: Path, most: int) -> Path:
    """The longest pages of the shared data's documentation, one file each."""
    if not AWS_DOCS.exists():
        raise SystemExit(f"{AWS_DOCS} is not there: name a folder with --documents")
    with AWS_DOCS.open(encoding="utf-8") as lines:
        pages = [json.loads(line) for line in lines]
    pages.sort(key=lambda page: len(page["text"]), reverse=True)
    folder.mkdir()
    for number, page in enumerate(pages[:most]):
        (folder / f"{number:04}.md").write_text(page["text"], encoding="utf-8")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--documents", type=Path, help="folder of files; real documentation of the shared data otherwise"
    )
    parser.add_argument("--most", type=int, default=200)
    parser.add_argument("--embedder", choices=("local", "stub"), default="stub")
    parser.add_argument("--uploads", type=int, default=4)
    options = parser.parse_args()
    port, stub_port = free_port(), free_port()
    environment = {"RATE_LIMITS_ENABLED": "false"}
    with tempfile.TemporaryDirectory(prefix="chatsphere-bench-") as name:
        folder = Path(name)
        documents = options.documents or real_pages(folder / "pages", options.most)
        files = sorted(path for path in documents.rglob("*") if path.is_file())[: options.most]
        if options.embedder == "stub":
            environment |= {
                "EMBEDDING_MODEL": "openai:text-embedding-3-small",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{stub_port}/v1",
                "OPENAI_API_KEY": "stub",
            }
        stub = [sys.executable, "-m", "tests.stubs.openai_stub", "--port", str(stub_port)]
        up = [
            str(Path(sys.executable).with_name("chatsphere")),
            "up",
            "--port",
            str(port),
            "--data-dir",
            str(folder / "data"),
        ]
        with running(stub, {}, folder / "stub.log"), running(up, environment, folder / "up.log") as root:
            wait_for(f"http://127.0.0.1:{port}", "/readyz")
            report = measure(f"http://127.0.0.1:{port}", root, files, options.uploads)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
