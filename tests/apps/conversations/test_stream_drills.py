"""Drills with real web processes: kill -9 of one during 50 streams, of Redis, a restart of PostgreSQL. What each client saw afterwards."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg.rows import dict_row

from benchmarks import chat
from chatsphere.core.sse import read_frame
from chatsphere.embedded.postgres import PostgresServer
from chatsphere.embedded.redis import RedisServer
from tests.stubs.openai_stub import Settings, default_tokens, running_stub

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
STREAMS = 50
TOKENS = default_tokens(300)
WHOLE = "".join(TOKENS)
TERMINAL = ("message.completed", "error")
OUTCOME = """
SELECT m.id::text, m.state, m.content, m.last_event,
       (SELECT count(*) FROM users_usagerecord u WHERE u.message_id = m.id) AS lines
FROM conversations_message m WHERE m.role = 'assistant'
"""
FRAME = re.compile(rb"id: \d+\nevent: [a-z.]+\ndata: [^\n]*\n\n")


@dataclass
class Seen:
    """What one client has had so far."""

    frames: list[tuple[int, str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    rest: bytes = b""
    connections: int = 0
    answer: str = ""

    @property
    def last(self) -> int:
        return self.frames[-1][0] if self.frames else 0

    @property
    def is_over(self) -> bool:
        return bool(self.frames) and self.frames[-1][1] in TERMINAL

    def feed(self, data: bytes) -> None:
        self.rest += data
        end = 0
        for found in FRAME.finditer(self.rest):
            self.frames.append(read_frame(found.group()))
            self.times.append(time.monotonic())
            end = found.end()
        self.rest = self.rest[end:]

    def text(self, until: float = float("inf")) -> str:
        """The words it had been told at a time."""
        told = zip(self.frames, self.times, strict=True)
        return "".join(data["text"] for (_n, event, data), at in told if event == "message.delta" and at <= until)


class World:
    """Two web processes on ports of their own, a beat of the sweep by hand, a slow provider."""

    def __init__(self, environment: dict[str, str], account: dict[str, str]) -> None:
        self.environment, self.account = environment, account
        self.ports = (9331, 9332)
        self.web: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, port: int) -> None:
        command = [
            str(Path(sys.executable).with_name("granian")), "--interface", "asgi", "--port", str(port), "--workers", "1", "--no-ws",
            "--log-level", "warning", "chatsphere.config.asgi:application",
        ]  # fmt: skip
        self.web[port] = subprocess.Popen(command, env=self.environment, start_new_session=True)
        chat._wait_for(port)

    def kill(self, port: int) -> None:
        process = self.web.pop(port)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def sweep(self) -> None:
        code = "import django; django.setup(); from chatsphere.apps.conversations.sweep import close_abandoned; close_abandoned()"
        subprocess.run([sys.executable, "-c", code], env=self.environment, check=True)

    def rows(self) -> dict[str, dict[str, Any]]:
        with psycopg.connect(self.environment["DATABASE_URL"], row_factory=dict_row) as database:
            return {row["id"]: row for row in database.execute(OUTCOME)}

    async def ask(self, port: int, seen: Seen) -> None:
        path = f"/api/v1/chatbots/{self.account['chatbot']}/chat/"
        await self._read(
            port,
            chat._post(port, path, '{"message": "Where does the heron live?", "stream": true}', self.account["key"]),
            seen,
        )

    async def come_back(self, port: int, seen: Seen) -> None:
        message = seen.frames[0][2]["message_id"]
        request = (
            f"GET /api/v1/messages/{message}/events/ HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {self.account['key']}\r\n"
            f"Last-Event-ID: {seen.last}\r\n\r\n"
        )
        await self._read(port, request.encode(), seen)

    async def _read(self, port: int, request: bytes, seen: Seen) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            seen.connections += 1
            writer.write(request.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
            seen.answer = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode()
            while data := await reader.read(65536):
                seen.feed(data)
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            pass  # cut off: the client comes back

    async def until_all_end(self, port: int, clients: list[Seen], *, seconds: float, sweeps: bool = False) -> None:
        deadline = time.monotonic() + seconds
        while (open_ones := [seen for seen in clients if not seen.is_over]) and time.monotonic() < deadline:
            if sweeps:
                await asyncio.to_thread(self.sweep)
            waiting = [asyncio.create_task(self.come_back(port, seen)) for seen in open_ones]
            await asyncio.wait(waiting, timeout=10)
            for task in waiting:
                task.cancel()
            await asyncio.sleep(0.2)


@pytest.fixture
def world() -> Iterator[World]:
    with (
        running_stub(Settings(tokens=TOKENS, tokens_per_second=25)) as (_stub, url),
        chat._servers() as given,
    ):
        environment = {**given, "OPENAI_BASE_URL": url, "EMBEDDING_MODEL": "hashing:256"}
        made = World(environment, chat._prepare(environment))
        for port in made.ports:
            made.start(port)
        try:
            yield made
        finally:
            for port in list(made.web):
                made.kill(port)


async def begin(world: World, port: int) -> tuple[list[Seen], list[asyncio.Task[None]]]:
    """Fifty streams that have all had their first words."""
    clients = [Seen() for _ in range(STREAMS)]
    reading = [asyncio.create_task(world.ask(port, seen)) for seen in clients]
    deadline = time.monotonic() + 120
    while not all(any(event == "message.delta" for _n, event, _d in seen.frames) for seen in clients):
        assert time.monotonic() < deadline, [(seen.answer, seen.rest[-200:], seen.frames[-1:]) for seen in clients]
        await asyncio.sleep(0.05)
    return clients, reading


def check(world: World, clients: list[Seen]) -> dict[str, int]:
    """Ids without gap or repeat, one terminal event each, what was said is stored and metered once; counts the ends."""
    stored = world.rows()
    ends: dict[str, int] = {}
    for seen in clients:
        assert [number for number, _, _ in seen.frames] == list(range(1, len(seen.frames) + 1))
        assert [event in TERMINAL for _, event, _ in seen.frames].count(True) == 1
        row = stored[seen.frames[0][2]["message_id"]]
        assert row["state"] != "pending"
        assert seen.text()  # every client had words before anything went wrong
        check_text(seen, row["content"])
        assert row["lines"] == 1
        ends[seen.frames[-1][1]] = ends.get(seen.frames[-1][1], 0) + 1
    return ends


def check_text(seen: Seen, content: str) -> None:
    """What was told, what the end says and what is stored is the provider's answer, word for word; of one that broke off its beginning."""
    _number, event, data = seen.frames[-1]
    if event == "message.completed":
        assert seen.text() == WHOLE
        assert data["message"]["content"] == WHOLE
        assert content == WHOLE
    else:  # how far the two may be apart says ``unsaved``
        assert content
        assert WHOLE.startswith(content)
        assert WHOLE.startswith(seen.text())


def tell(event: str, clients: list[Seen], since: float, more: str = "") -> None:
    """The drill's line for the table of docs/operations/streams.md."""
    ends = Counter(seen.frames[-1][2].get("type", seen.frames[-1][1]) for seen in clients)
    back = sum(seen.connections > 1 for seen in clients)
    last = max(seen.times[-1] for seen in clients) - since
    silence = max(_silence(seen, since) for seen in clients)
    print(f"\nSTREAMS | {event} | {back} of {len(clients)} came back | longest silence {silence:.1f} s | ends {dict(ends)}, "
          f"one each, the last after {last:.1f} s | one line each{more}")  # fmt: skip


def _silence(seen: Seen, since: float) -> float:
    """The longest time between two events of which the second came after a moment."""
    pairs = zip(seen.times, seen.times[1:], strict=False)
    return max((late - early for early, late in pairs if late > since), default=0.0)


def unsaved(world: World, clients: list[Seen], killed_at: float) -> float:
    """Of how many seconds before its end a process had told words that are not stored, at most."""
    stored = world.rows()
    return max(killed_at - _saved_until(seen, stored[seen.frames[0][2]["message_id"]]["content"]) for seen in clients)


def _saved_until(seen: Seen, content: str) -> float:
    return max(moment for moment in seen.times if content.startswith(seen.text(moment).rstrip()))


async def test_killing_a_web_process_costs_its_answers_their_end_and_nothing_else(world: World) -> None:
    clients, reading = await begin(world, world.ports[0])
    await asyncio.sleep(1.5)  # so that each has had words for longer than they may wait to be written
    killed_at = time.monotonic()
    world.kill(world.ports[0])
    await asyncio.wait(reading, timeout=20)
    ended = sum(seen.is_over for seen in clients)
    assert ended < STREAMS
    await world.until_all_end(world.ports[1], clients, seconds=120, sweeps=True)
    ends = check(world, clients)
    assert ends == {"error": STREAMS - ended, **({"message.completed": ended} if ended else {})}
    late = unsaved(world, [seen for seen in clients if seen.frames[-1][1] == "error"], killed_at)
    tell("kill -9 of the web process", clients, killed_at, f" | words of the last {late:.2f} s at most not stored")
    assert late <= 1.0


async def test_a_reader_goes_on_in_another_process(world: World) -> None:
    clients, reading = await begin(world, world.ports[0])
    gone_at = time.monotonic()
    for task in reading:
        task.cancel()
    await asyncio.wait(reading)
    await world.until_all_end(world.ports[1], clients, seconds=60)
    assert check(world, clients) == {"message.completed": STREAMS}
    tell("clients go on in another process", clients, gone_at)


async def test_losing_redis_disturbs_no_answer(world: World) -> None:
    clients, reading = await begin(world, world.ports[0])
    killed_at = time.monotonic()
    kill_redis(world)
    await asyncio.wait(reading, timeout=60)
    assert check(world, clients) == {"message.completed": STREAMS}
    tell("Redis killed, not back", clients, killed_at)


async def test_a_redis_that_comes_back_empty_loses_nothing_for_readers_in_another_process(world: World) -> None:
    clients, reading = await begin(world, world.ports[0])
    for task in reading:
        task.cancel()
    await asyncio.wait(reading)
    back = [asyncio.create_task(world.come_back(world.ports[1], seen)) for seen in clients]
    await asyncio.sleep(1)
    killed_at = time.monotonic()
    kill_redis(world)
    await asyncio.sleep(1)
    server = RedisServer(Path(_folder(world)) / "redis")
    server.start()
    try:
        assert server.url == world.environment["REDIS_URL"]
        await asyncio.wait(back, timeout=60)
        assert check(world, clients) == {"message.completed": STREAMS}
        tell("Redis killed, back and empty after 1 s", clients, killed_at)
    finally:
        server.stop()


def kill_redis(world: World) -> None:
    [pid] = [each.pid for each in psutil.process_iter() if _is_redis_of(each, _folder(world))]
    os.kill(pid, signal.SIGKILL)


def _is_redis_of(process: psutil.Process, folder: str) -> bool:
    try:
        return "redis-server" in process.name() and folder in " ".join([*process.cmdline(), process.cwd()])
    except psutil.Error:
        return False


def _folder(world: World) -> str:
    return str(Path(world.environment["CHATSPHERE_DATA_DIR"]).parent)


async def test_restarting_postgresql_disturbs_no_answer(world: World) -> None:
    clients, reading = await begin(world, world.ports[0])
    cluster = Path(_folder(world)) / "postgres" / "cluster"
    postmaster = int((cluster / "postmaster.pid").read_text().split()[0])
    server = PostgresServer(cluster.parent)
    stopped_at = time.monotonic()
    os.kill(postmaster, signal.SIGINT)
    while (cluster / "postmaster.pid").exists():  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    server.start()
    try:
        await asyncio.wait(reading, timeout=60)
        await world.until_all_end(world.ports[1], clients, seconds=60, sweeps=True)
        assert check(world, clients) == {"message.completed": STREAMS}
        tell("PostgreSQL restarted", clients, stopped_at)
    finally:
        server.stop()
