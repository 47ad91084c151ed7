"""kill -9 of real Celery workers in the middle of training: every source becomes ready, no chunk twice, none missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.db.models import Count
from redis import Redis

from chatsphere.apps.training import actions
from chatsphere.apps.training.actions import NewSource
from chatsphere.apps.training.models import DocumentVersion, Placement, Run, TrainingSource
from chatsphere.apps.training.reconcile import reconcile
from chatsphere.apps.webhooks.models import Event
from chatsphere.embedded.redis import RedisServer
from tests.apps.training.world import make_chatbot, says, stored

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]

DOCUMENTS = 120
PARTS = 12


def text(number: int) -> str:
    """A document whose parts are its own, but for one that all share."""
    words = " ".join(["filler"] * 90)
    parts = [f"## Part {n}\n\nDocument{number} part{n} speaks of topic{number}x{n}. {words}." for n in range(PARTS)]
    return "\n\n".join([f"# Document {number}", *parts, f"# Shared\n\n## Notice\n\nThe same everywhere. {words}."])


@contextmanager
def celery(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery process of its own, on the test database; gone at the end whatever happened."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = os.environ | {"DATABASE_URL": url, "MEDIA_ROOT": str(folder / "media")}
    command = [sys.executable, "-m", "celery", "-A", "chatsphere.config.celery", *arguments]
    with (folder / f"{arguments[0]}.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of the process and all its children."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def worker(folder: Path) -> Any:
    return celery(folder, "worker", "-Q", "ingest,default", "-c", "2", "--without-gossip", "--without-mingle")


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, list(
            TrainingSource.objects.values_list("status").annotate(Count("pk")).order_by()
        )
        time.sleep(0.05)


def ready() -> int:
    return TrainingSource.objects.filter(status="ready").count()


def test_every_source_becomes_ready_though_its_workers_are_killed(alice: Any, settings: Any, tmp_path: Path) -> None:
    chatbot = make_chatbot(alice)
    for start in range(0, DOCUMENTS, 20):
        new = [
            NewSource(source_type="text", name=f"Document {number}", options={"content": text(number)})
            for number in range(start, start + 20)
        ]
        actions.add_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, new=new, created_by=None)
    with celery(tmp_path, "beat", "-s", str(tmp_path / "schedule")):
        for goal in (5, 30, 60):
            with worker(tmp_path) as process:
                wait_until(lambda goal=goal: ready() >= goal, 60)  # type: ignore[misc]
                kill(process)
        assert ready() < DOCUMENTS
        with worker(tmp_path):
            wait_until(lambda: ready() == DOCUMENTS, 120)
    assert not Run.objects.exclude(state="succeeded").exists()
    assert DocumentVersion.objects.count() == DOCUMENTS
    per_version = set(Placement.objects.values("document_version").annotate(n=Count("pk")).values_list("n", flat=True))
    assert len(per_version) == 1
    [each] = per_version
    counts = stored(chatbot)
    assert counts["places"] == DOCUMENTS * each
    assert counts["texts"] == counts["words"] == counts["vectors"]
    assert Placement.objects.values("document_version", "chunk").distinct().count() == counts["places"]
    assert Event.objects.filter(type="source.ready").count() == DOCUMENTS
    assert reconcile().is_clean
    assert says(chatbot, "topic77x5", "topic77x5")


def queue_documents(chatbot: Any, count: int) -> None:
    for start in range(0, count, 20):
        new = [
            NewSource(source_type="text", name=f"Document {number}", options={"content": text(number)})
            for number in range(start, start + 20)
        ]
        actions.add_sources(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, new=new, created_by=None)


def assert_nothing_lost_nothing_twice(chatbot: Any, count: int) -> None:
    assert not Run.objects.exclude(state="succeeded").exists()
    assert DocumentVersion.objects.count() == count
    counts = stored(chatbot)
    assert counts["places"] == Placement.objects.values("document_version", "chunk").distinct().count()
    assert counts["texts"] == counts["words"] == counts["vectors"]
    assert Event.objects.filter(type="source.ready").count() == count
    assert reconcile().is_clean


@contextmanager
def own_redis(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """A Redis that may be killed: the other tests use theirs."""
    server = RedisServer(folder)
    server.start()
    monkeypatch.setenv("REDIS_URL", server.url)
    try:
        yield server
    finally:
        server.stop()


def test_training_goes_on_though_redis_is_emptied_and_killed(
    alice: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chatbot = make_chatbot(alice)
    queue_documents(chatbot, 60)  # their hints go to the other Redis: these workers never hear of them
    with (
        own_redis(tmp_path / "redis", monkeypatch) as redis,
        celery(tmp_path, "beat", "-s", str(tmp_path / "schedule")),
        worker(tmp_path),
    ):
        wait_until(lambda: ready() >= 5, 90)
        client = Redis.from_url(redis.url)
        client.flushall()
        queue_documents(chatbot, 40)
        client.shutdown(nosave=True)
        time.sleep(2)
        redis.start()
        wait_until(lambda: ready() == 100, 180)
    assert_nothing_lost_nothing_twice(chatbot, 100)


def test_training_goes_on_though_postgresql_ends_every_connection(alice: Any, settings: Any, tmp_path: Path) -> None:
    """What a restart of PostgreSQL is for those who work with it: every connection breaks, transactions are rolled back."""
    chatbot = make_chatbot(alice)
    queue_documents(chatbot, 100)
    with celery(tmp_path, "beat", "-s", str(tmp_path / "schedule")), worker(tmp_path):
        for goal in (5, 30, 60):
            wait_until(lambda goal=goal: ready() >= goal, 90)  # type: ignore[misc]
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        wait_until(lambda: ready() == 100, 180)
    assert_nothing_lost_nothing_twice(chatbot, 100)
