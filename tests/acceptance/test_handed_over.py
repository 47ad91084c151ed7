"""A worker is asked to stop in the middle of one long document: another one finishes it, at once, without loss and without doubles."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.acceptance.deployment import Deployment, Person, deployment, join

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
STOPS_WITHIN = 8.0  # seconds: what `chatsphere up` gives a worker, the shortest of all grace times
GOES_ON_WITHIN = 5.0
LARGE = 17_000_000  # bytes: a text that is trained in parts
_RUN = "SELECT state, fence, crashes, attempt, progress_total FROM training_run"
_ONCE = {
    "places": "SELECT count(*) - count(DISTINCT (document_version_id, ordinal)) FROM training_placement",
    "documents": "SELECT count(*) - count(DISTINCT key) FROM training_document",
    "versions": "SELECT count(*) - count(DISTINCT document_id) FROM training_documentversion",
    "vectors": "SELECT (SELECT count(*) FROM training_embedding) - count(*) FROM training_chunktext",
    "words": "SELECT (SELECT count(*) FROM training_chunkterms) - count(*) FROM training_chunktext",
    "finished runs": "SELECT count(*) - 1 FROM training_run WHERE state = 'succeeded'",
    "events": "SELECT count(*) - 1 FROM webhooks_event WHERE type = 'source.ready'",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Deployment]:
    with deployment(tmp_path, WORKER_CONCURRENCY="1", MAX_UPLOAD_BYTES="50000000") as made_up:
        made_up.start_web()
        made_up.start("worker", "default")
        made_up.start("beat")
        yield made_up


def ask(house: Deployment, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(house.postgres.url) as connection:
        return connection.execute(statement.encode()).fetchall()


def wait_until(house: Deployment, statement: str, seconds: float) -> float:
    """Until a statement gives a row; how long it took."""
    begun = time.monotonic()
    while not ask(house, statement):
        assert time.monotonic() - begun < seconds, (ask(house, _RUN), logs(house))
        time.sleep(0.1)
    return time.monotonic() - begun


def logs(house: Deployment) -> str:
    return "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in house.folder.glob("worker*.log"))


def start_worker(house: Deployment) -> subprocess.Popen[bytes]:
    """It has made the process that trains."""
    worker = house.start("worker", "ingest")
    deadline = time.monotonic() + 60
    while not psutil.Process(worker.pid).children():
        assert time.monotonic() < deadline, logs(house)
        time.sleep(0.1)
    return worker


def upload(person: Person, name: str, text: str) -> None:
    with person.client() as http:
        files = [("file", (name, text.encode()))]
        path = f"/api/v1/chatbots/{person.chatbot}/sources/"
        http.post(path, data={"source_type": "file"}, files=files, timeout=120).raise_for_status()


def long_text() -> str:
    line = "Line {0} of the long document speaks of topic{0} and of nothing else, in some {1} words."
    lines, size = [], 0
    while size < LARGE:
        lines.append(line.format(len(lines), 7 + len(lines) % 90) + " filler" * (len(lines) % 5))
        size += len(lines[-1]) + 2
    return "\n\n".join(lines)


def stop(worker: subprocess.Popen[bytes]) -> float:
    """Seconds until it has ended by itself."""
    begun = time.monotonic()
    worker.terminate()
    worker.wait(60)
    return time.monotonic() - begun


def test_another_worker_finishes_what_a_stopping_one_hands_over(house: Deployment) -> None:
    text = long_text()
    first = start_worker(house)
    person = join(f"http://127.0.0.1:{next(iter(house.web))}", trains=False)
    upload(person, "long.txt", text)
    wait_until(house, "SELECT FROM training_document OFFSET 1", 200)
    worker = first
    for turn in range(2):  # the second one is asked to stop, too, and hands over to the third
        successor = start_worker(house)
        [(state, fence, *_)] = ask(house, _RUN)
        assert state == "running"
        stopped = stop(worker)
        went_on = wait_until(house, f"SELECT FROM training_run WHERE state = 'running' AND fence > {fence}", 60)
        print(f"turn {turn}: stopped after {stopped:.1f} s, taken up {went_on:.1f} s later")
        assert worker.returncode == 0
        assert stopped < STOPS_WITHIN
        assert went_on < GOES_ON_WITHIN
        worker = successor
    wait_until(house, "SELECT FROM training_run WHERE state = 'succeeded'", 600)
    assert_whole(house, text)


def assert_whole(house: Deployment, text: str) -> None:
    assert ask(house, "SELECT crashes, attempt FROM training_run") == [(0, 1)]
    assert {name: ask(house, statement)[0][0] for name, statement in _ONCE.items()} == dict.fromkeys(_ONCE, 0)
    parts = ask(
        house,
        "SELECT version.text FROM training_document AS document"
        " JOIN training_documentversion AS version ON version.id = document.current_version_id ORDER BY document.key",
    )
    assert len(parts) > 4
    assert "".join(part for (part,) in parts).split() == text.split()
    assert ask(house, "SELECT count(*) FROM training_placement") == ask(
        house, "SELECT chunks_count FROM training_trainingsource"
    )
    command = [sys.executable, "manage.py", "reconcile"]
    done = subprocess.run(command, cwd=ROOT, env=house.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
