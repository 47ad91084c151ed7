"""How fast documents become searchable, as a user sees it: a running platform, uploads over HTTP, everything until it is found.

    python -m benchmarks.ingest [--parts pages company edit deletion nasty] [--company 40] [--most 200]

``pages``: the longest pages of awsdocs_a, one file a request and then twenty, embedded by a local OpenAI-compatible stub with
1,536 dimensions: seconds until all are found by words and by meaning too, CPU seconds a megabyte (the platform's processes and PostgreSQL), peak memory (PSS), deletion, and where
the workers' time went. ``company``: documentation, a handbook, reports as PDF and office files with the embedded model, beside a plain
LangChain script with the same model. ``edit``: one paragraph of a large text. ``deletion``: of a source of 10,000 chunks. ``nasty``:
how each hostile file ends. A part that fails is reported and the others go on; the reconciler looks at the database at the end. All of it takes about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import psutil

from benchmarks.ingest_material import company, long_document, nasty, pages_of, real_pages
from benchmarks.ingest_peers import run_langchain
from benchmarks.process_meter import Meter, roles_of
from chatsphere.embedded.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[1]
ENDED = {"ready", "partial", "failed", "cancelled"}
PATIENCE = 600.0  # seconds for all documents of a part
SCOPES = ["chatbots:read", "chatbots:write", "sources:read", "sources:write", "chat"]


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


def wait_for(url: str, path: str, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx2.get(url + path, trust_env=False).status_code < 500:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{url}{path} did not answer within {seconds:.0f} s")


def account(url: str) -> tuple[httpx2.Client, str]:
    """A client with the API key of a new workspace, which lives as long as the part takes, and the path of a new chatbot's sources."""
    http = httpx2.Client(base_url=url, trust_env=False, timeout=120)
    email = f"{os.urandom(6).hex()}@example.com"
    made = http.post("/api/v1/auth/register/", json={"email": email, "password": "a-Long-Passphrase-9"})
    made.raise_for_status()
    signed_in = {"Authorization": f"Bearer {made.json()['access']}"}
    key = http.post("/api/v1/api-keys/", json={"name": "Benchmark", "scopes": SCOPES}, headers=signed_in)
    key.raise_for_status()
    http.headers["Authorization"] = f"Bearer {key.json()['secret']}"
    chatbot = http.post("/api/v1/chatbots/", json={"name": "Benchmark"})
    chatbot.raise_for_status()
    return http, f"/api/v1/chatbots/{chatbot.json()['id']}/sources/"


def upload(http: httpx2.Client, path: str, files: Sequence[Path]) -> list[str]:
    """Of files that are refused at the door, as empty ones and unknown types are, nothing; several in one request stand or fall together."""
    parts = [("file", (file.name, file.read_bytes())) for file in files]
    answer = http.post(path, data={"source_type": "file"}, files=parts)
    if answer.status_code in (415, 422):
        return []
    answer.raise_for_status()
    added = answer.json()
    return [str(row["id"]) for row in (added if isinstance(added, list) else [added])]


def sources(http: httpx2.Client, path: str, fields: str = "") -> list[dict[str, Any]]:
    found, following = [], f"{path}?limit=100&fields={fields}" if fields else f"{path}?limit=100"
    while following:
        page = http.get(following).json()
        found += page["results"]
        following = page["next"]
    return found


def wait_until_found(http: httpx2.Client, path: str, since: float, patience: float = PATIENCE) -> dict[str, float]:
    """Seconds from ``since`` until every source is found by words, and until nothing is left to do. Gives up after ``patience``."""
    seconds: dict[str, float] = {}
    checks: dict[str, Callable[[dict[str, Any]], bool]] = {
        "text_s": lambda source: source["searchable"] != "none" or source["status"] in ENDED,
        "full_s": lambda source: source["status"] in ENDED,
    }
    while len(seconds) < len(checks):
        rows = sources(http, path, "status,searchable")
        for name, check in checks.items():
            if name not in seconds and all(map(check, rows)):
                seconds[name] = round(time.monotonic() - since, 2)
        if time.monotonic() - since > patience:
            raise TimeoutError(f"not all sources ended: {Counter(row['status'] for row in rows)}")
        time.sleep(0.4)  # looking costs the platform computing, too
    return seconds


def steps(http: httpx2.Client, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for row in rows:
        for run in http.get(f"/api/v1/sources/{row['id']}/runs/").json()["results"]:
            total.update({name: figures.get("seconds", 0.0) for name, figures in run["steps"].items()})
    return {name: round(value, 2) for name, value in total.items()}


def measure(
    url: str, new_meter: Callable[[], Meter], files: Sequence[Path], uploads: int, a_request: int = 1
) -> dict[str, Any]:
    """``uploads`` requests at once, of ``a_request`` files each."""
    http, path = account(url)
    size = sum(file.stat().st_size for file in files) / 1e6
    with new_meter() as meter:
        requests = [files[start : start + a_request] for start in range(0, len(files), a_request)]
        begun = time.monotonic()
        with ThreadPoolExecutor(min(uploads, len(requests))) as threads:
            ids = [each for several in threads.map(lambda part: upload(http, path, part), requests) for each in several]
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
        "cpu_ms_per_mb_of": {role: round(used / size * 1e3) for role, used in meter.used_by_role.most_common()},
        "peak_mb": round(meter.peak / 1e6),
        "worker_seconds_by_step": steps(http, rows),
        "load_average": os.getloadavg()[0],
    }
    begun = time.monotonic()
    for start in range(0, len(ids), 100):
        http.post(f"{path}batch-delete/", json={"ids": ids[start : start + 100]}).raise_for_status()
    return report | {"delete_s": round(time.monotonic() - begun, 2)}


def corpora(url: str, new_meter: Callable[[], Meter], folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """A company's files with the embedded model, and a plain script over the same files with the same model after it."""
    files = sorted(path for path in company(folder / "company", options.company).rglob("*") if path.is_file())
    report = measure(url, new_meter, files, options.uploads)
    return report | {"langchain": run_langchain(folder / "company")}


def an_edit(url: str) -> dict[str, Any]:
    """One paragraph of the largest text changes: what is embedded, and when the new answer is given."""
    http, path = account(url)
    text = "\n\n".join(page["text"] for page in pages_of("awsdocs_a"))[:900_000]
    body = {"source_type": "text", "name": "Large", "content": text}
    source = post(http, path, body)
    wait_until_found(http, path, time.monotonic())
    middle = text.index("\n\n", len(text) // 2)
    new = f"{text[:middle]}\n\nThe zanzibar quokka takes its tea at a quarter past four.{text[middle:]}"
    begun = time.monotonic()
    http.patch(f"/api/v1/sources/{source}/", json={"content": new}).raise_for_status()
    while "zanzibar" not in found_text(http, path, "zanzibar quokka"):
        time.sleep(0.05)
    seconds = round(time.monotonic() - begun, 2)
    wait_until_found(http, path, begun)
    run = http.get(f"/api/v1/sources/{source}/runs/").json()["results"][0]
    counts = {name: run[name] for name in ("chunks_embedded", "chunks_reused")}
    return {"megabytes": round(len(text) / 1e6, 2), **counts, "answered_after_s": seconds}


def a_deletion(url: str, chunks: int) -> dict[str, Any]:
    """A large source is deleted: when the first search does not find it any more."""
    http, path = account(url)
    answer = http.post(path, data={"source_type": "file"}, files=[("file", ("long.md", long_document(chunks)))])
    answer.raise_for_status()
    wait_until_found(http, path, time.monotonic())
    [row] = sources(http, path)
    assert found_text(http, path, "bucket policy")
    begun = time.monotonic()
    http.delete(f"/api/v1/sources/{row['id']}/").raise_for_status()
    returned = time.monotonic()
    while found_text(http, path, "bucket policy"):
        time.sleep(0.005)
    gone = time.monotonic()
    return {
        "chunks": row["chunks_count"],
        "answer_ms": round((returned - begun) * 1000),
        "gone_from_searches_ms": round((gone - begun) * 1000),
    }


def hostile(url: str) -> list[dict[str, str]]:
    """How each hostile file ends."""
    http, path = account(url)
    rows = []
    for row, file in nasty():
        answer = http.post(path, data={"source_type": "file"}, files=[("file", (file.name, file.read_bytes()))])
        name = row["file"].removeprefix("files/")
        if answer.status_code == 202:
            rows.append({"file": name, "kind": row["kind"], "id": answer.json()["id"]})
        else:
            problem = answer.json()["error"]
            messages = [each for several in (problem.get("fields") or {}).values() for each in several]
            rows.append(
                {
                    "file": name,
                    "kind": row["kind"],
                    "outcome": "refused",
                    "reason": " ".join(messages) or problem["message"],
                }
            )
    wait_until_found(http, path, time.monotonic())
    ended = {source["id"]: source for source in sources(http, path)}
    for outcome in rows:
        if source := ended.get(outcome.pop("id", "")):
            reason = (source["error"] or {}).get("message") or " ".join(source["warnings"])[:120]
            outcome |= {"outcome": source["status"], "reason": reason}
    return rows


def post(http: httpx2.Client, path: str, body: dict[str, Any]) -> str:
    answer = http.post(path, json=body)
    answer.raise_for_status()
    return str(answer.json()["id"])


def found_text(http: httpx2.Client, path: str, query: str) -> str:
    answer = http.post(path.replace("/sources/", "/search/"), json={"query": query})
    answer.raise_for_status()
    return " ".join(result["text"] for result in answer.json()["results"])


def orphans(database_url: str) -> str:
    """What the reconciler says of the whole database."""
    environment = os.environ | {"DATABASE_URL": database_url}
    command = [sys.executable, "manage.py", "reconcile"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return "clean" if done.returncode == 0 else (done.stdout + done.stderr)[-600:]


@contextmanager
def platform(
    folder: Path,
    embedder: str,
    more: Mapping[str, str] = {},
) -> Iterator[tuple[str, list[psutil.Process], str]]:
    """A running platform on a PostgreSQL that can be looked into: its address, its root processes, the database."""
    port, stub_port = free_port(), free_port()
    server = PostgresServer(folder / "postgres")
    server.start()
    environment = {"RATE_LIMITS_ENABLED": "false", "DATABASE_URL": server.url, **more}
    if embedder == "stub":
        environment |= {
            "EMBEDDING_MODEL": "openai:text-embedding-3-small",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{stub_port}/v1",
            "OPENAI_API_KEY": "stub",
        }
    stub = [sys.executable, "-m", "tests.stubs.openai_stub", "--port", str(stub_port)]
    program = str(Path(sys.executable).with_name("chatsphere"))
    up = [program, "up", "--port", str(port), "--data-dir", str(folder / "data")]
    try:
        with running(stub, {}, folder / "stub.log"), running(up, environment, folder / "up.log") as root:
            wait_for(f"http://127.0.0.1:{port}", "/readyz")
            postmaster = int((folder / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
            yield f"http://127.0.0.1:{port}", [root, psutil.Process(postmaster)], server.url
    finally:
        server.stop()


SETTLED = 3.0  # seconds in which a worker forgets what the last deletion left
A_REQUEST = 20  # files, when several are sent together
PARTS = ("pages", "company", "edit", "deletion", "nasty")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--most", type=int, default=200, help="pages of the stub run")
    parser.add_argument("--company", type=int, default=12, help="files of each kind of the company run; 400 for all")
    parser.add_argument("--chunks", type=int, default=10_000, help="of the source that is deleted")
    parser.add_argument("--uploads", type=int, default=4, help="at once")
    options = parser.parse_args()
    failures = 0
    for embedder, parts in (("stub", {"pages", "deletion", "nasty"}), ("local", {"company", "edit"})):
        if parts & set(options.parts):
            with tempfile.TemporaryDirectory(prefix="chatsphere-bench-") as name:
                wanted = [part for part in PARTS if part in parts & set(options.parts)]
                failures += run_parts(Path(name), embedder, wanted, options)
    if failures:
        raise SystemExit(f"{failures} of {len(options.parts)} parts failed.")


def run_parts(folder: Path, embedder: str, parts: Sequence[str], options: argparse.Namespace) -> int:
    """How many parts failed: the others are measured all the same."""
    failures = 0
    with platform(folder, embedder) as (url, roots, database):
        new_meter = partial(Meter, roots, partial(roles_of, folder / "data", database))
        for part in parts:
            print(f"--- {part} ({embedder})", flush=True)
            begun = time.monotonic()
            try:
                run_part(part, url, new_meter, folder, options)
            except Exception:  # noqa: BLE001 - whatever it was, it is shown, and the next part is another matter
                failures += 1
                traceback.print_exc(limit=-3, file=sys.stdout)
            print(f"{'part took':24} {time.monotonic() - begun:.0f} s", flush=True)
        time.sleep(SETTLED)
        print(f"reconciler: {orphans(database)}", flush=True)
    return failures


def run_part(part: str, url: str, new_meter: Callable[[], Meter], folder: Path, options: argparse.Namespace) -> None:
    if part == "pages":
        files = sorted(real_pages(folder / "pages", options.most).iterdir())
        show(measure(url, new_meter, files, options.uploads))
        time.sleep(SETTLED)  # what the deletion left is not of what comes next
        print(f"the same, {A_REQUEST} files a request", flush=True)
        show(measure(url, new_meter, files, options.uploads, A_REQUEST))
    elif part == "company":
        show(corpora(url, new_meter, folder, options))
    elif part == "edit":
        show(an_edit(url))
    elif part == "deletion":
        show(a_deletion(url, options.chunks))
    else:
        for row in hostile(url):
            print(f"{row['outcome']:9} {row['kind']:14} {row['file']:60} {row['reason']}", flush=True)


def show(report: dict[str, Any]) -> None:
    for name, value in report.items():
        print(f"{name:24} {value}", flush=True)


if __name__ == "__main__":
    main()
