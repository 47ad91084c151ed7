"""The whole stack over its life, as a user drives it. Each start takes seconds, so all but one drill are slow tests."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from chatsphere.embedded import services
from chatsphere.embedded.data_folder import DataFolder
from chatsphere.embedded.errors import StackError
from chatsphere.embedded.lifecycle import DEFAULT_EMBEDDING_MODEL
from chatsphere.embedded.stack import Stack
from tests.embedded.conftest import permissions_of_parents

ALL = {"postgres", "redis", "web", "worker", "worker-default", "beat"}
MakeStack = Callable[[Path], Stack]

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture
def make_stack(free_port: Callable[[], int]) -> Iterator[MakeStack]:
    """Stacks without an embedder, ended at the latest after the test."""
    stacks: list[Stack] = []
    foreign = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "CHATSPHERE_ENV", "CHATSPHERE_DATA_DIR")
    environ = {name: value for name, value in os.environ.items() if name not in foreign}

    def make(data_dir: Path) -> Stack:
        stacks.append(Stack(data_dir, port=free_port(), environ={**environ, "EMBEDDING_MODEL": "hashing:256"}))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.stop()


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def register(stack: Stack, email: str) -> int:
    body = json.dumps({"email": email, "password": "a-long-pass-42"}).encode()
    url = f"{stack.url}/api/v1/auth/register/"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def is_answering(stack: Stack) -> bool:
    try:
        return status(f"{stack.url}/readyz") == 200
    except OSError:
        return False


def test_it_comes_up_ready_ends_in_order_and_leaves_nothing_running(folder: Path, make_stack: MakeStack) -> None:
    data_dir = folder / "only-for-me" / "data"
    data_dir.parent.mkdir(mode=0o700)
    before = permissions_of_parents(data_dir)
    stack = make_stack(data_dir)
    stack.start()
    stack.wait_ready()
    pids = stack.pids()
    assert status(f"{stack.url}/readyz") == 200
    assert set(pids) == ALL
    with pytest.raises(StackError, match="is in use by the ChatSphere at"):
        DataFolder(data_dir).open("http://elsewhere")
    began = time.monotonic()
    stack.stop()
    assert time.monotonic() - began < 30
    assert not any(psutil.pid_exists(pid) for pid in pids.values())
    assert permissions_of_parents(data_dir) == before
    lines = stack.log_file.read_text()
    assert "is killed" not in lines
    assert "database system is shut down" in lines
    assert not (data_dir / "postgres" / "cluster" / "postmaster.pid").exists()


def test_every_queue_has_a_worker(settings: Any) -> None:
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    served = [service.run.args[0] for service in (services.worker(), services.worker_default())]  # type: ignore[union-attr]
    assert sorted(served) == sorted({settings.CELERY_TASK_DEFAULT_QUEUE, *routed})


def test_a_stack_that_ends_early_says_its_last_words(folder: Path, free_port: Callable[[], int]) -> None:
    stack = Stack(folder / "data", port=free_port(), environ={**os.environ, "WEB_CONCURRENCY": "1"})
    stack.start()
    assert stack.pid is not None
    os.kill(stack.pid, signal.SIGKILL)
    with pytest.raises(StackError, match="The stack ended before it was ready, without a word; see"):
        stack.wait_ready(30)
    stack.stop()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_after_kill_9_of_the_supervisor_the_next_start_carries_on(folder: Path, make_stack: MakeStack) -> None:
    first = make_stack(folder / "data")
    first.start()
    first.wait_ready()
    assert register(first, "kept@example.com") == 201
    pids = first.pids()
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    second = make_stack(folder / "data")
    second.start()
    second.wait_ready()
    assert not any(psutil.pid_exists(pid) and _is_same(pid, second) for pid in pids.values())
    assert register(second, "kept@example.com") == 422
    second.stop()
    assert "database system is shut down" in second.log_file.read_text()


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", sorted(ALL))
def test_a_killed_child_comes_back(name: str, folder: Path, make_stack: MakeStack) -> None:
    stack = make_stack(folder / "data")
    stack.start()
    stack.wait_ready()
    killed = stack.pids()[name]
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: stack.pids().get(name, killed) != killed, 20, f"{name} did not come back")
    # /readyz keeps its answer for a moment, and a database that recovers is a 503: what counts is that work goes on.
    wait_for(lambda: is_answering(stack) and register(stack, "after@example.com") == 201, 40, "no recovery")
    stack.stop()
    assert f"{name} ended (killed by SIGKILL)" in stack.log_file.read_text()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_stacks_run_side_by_side(folder: Path, make_stack: MakeStack) -> None:
    stacks = [make_stack(folder / name) for name in ("one", "two")]
    for stack in stacks:
        stack.start()
    for stack in stacks:
        stack.wait_ready()
    assert [register(stack, "same@example.com") for stack in stacks] == [201, 201]
    stacks[0].stop()
    assert is_answering(stacks[1])


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_servers_of_the_operator_are_used_instead(
    folder: Path, free_port: Callable[[], int], pg: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatsphere.embedded.postgres import PostgresServer
    from chatsphere.embedded.redis import RedisServer

    postgres, redis = PostgresServer(pg), RedisServer(folder / "redis")
    postgres.start()
    redis.start()
    foreign = ("DJANGO_SETTINGS_MODULE", "CHATSPHERE_ENV", "CHATSPHERE_DATA_DIR")
    environ = {name: value for name, value in os.environ.items() if name not in foreign}
    environ |= {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "EMBEDDING_MODEL": "hashing:256"}
    with Stack(folder / "data", port=free_port(), environ=environ) as stack:
        assert set(stack.pids()) == {"web", "worker", "worker-default", "beat"}
        assert register(stack, "own@example.com") == 201
    redis.stop()
    postgres.stop()
    assert not (folder / "data" / "postgres").exists()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_local_embedder_runs_while_a_chatbot_needs_it_though_the_deployment_moved_on(
    folder: Path, make_stack: MakeStack
) -> None:
    first = make_stack(folder / "data")
    first.start()
    first.wait_ready()
    assert "embedder" not in first.pids()
    account = httpx2.post(
        f"{first.url}/api/v1/auth/register/", json={"email": "old@example.com", "password": "a-long-pass-42"}
    )
    made = httpx2.post(
        f"{first.url}/api/v1/chatbots/",
        json={"name": "Old", "configuration": {"embedding_model": DEFAULT_EMBEDDING_MODEL}},
        headers={"Authorization": f"Bearer {account.json()['access']}"},
    )
    assert made.status_code == 201, made.text
    first.stop()
    second = make_stack(folder / "data")
    second.start()
    second.wait_ready()
    assert "embedder" in second.pids()
    second.stop()
    assert f"Chatbots still use {DEFAULT_EMBEDDING_MODEL}" in second.log_file.read_text()


def _is_same(pid: int, stack: Stack) -> bool:
    return pid not in stack.pids().values()
