"""Readers at another process when Redis loses what it was told or refuses to hear it, with a Redis that really does so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg import OperationalError
from redis import Redis

from chatsphere.apps.conversations import event_store, followers, streaming
from chatsphere.apps.conversations.followers import follower
from chatsphere.apps.conversations.runs import Keeper, Run, keeper
from chatsphere.core.sse import frame, split_frames
from chatsphere.embedded.redis import RedisServer
from tests.apps.conversations.world import Caller, ScriptedModel, parse, read_all, read_until, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
PIECES = tuple(f"Charger {number} is kept in locker B-17 [1]. " for number in range(12))


class OwnRedis:
    """A Redis of this test alone."""

    def __init__(self, folder: Path) -> None:
        self.server = RedisServer(folder)
        self.server.start()
        self.client = Redis.from_url(self.server.url)

    def restart(self, *, as_it_was_saved: bool) -> None:
        """Killed and started again, empty or with what stood there at the last ``client.save``."""
        assert self.server._process is not None
        self.server._process.kill()
        self.server.stop()
        if not as_it_was_saved:
            (self.server._folder / "snapshot.rdb").unlink(missing_ok=True)
        self.server.start()

    def refuse(self, error: str) -> None:
        if error == "OOM":
            self.client.config_set("maxmemory-policy", "noeviction")
            self.client.config_set("maxmemory", "1")
        else:
            self.client.replicaof("127.0.0.1", "1")  # a master that nobody will find

    def take_again(self) -> None:
        self.client.config_set("maxmemory", "0")
        self.client.replicaof("NO", "ONE")

    def reads(self) -> int:
        calls: int = self.client.info("commandstats").get("cmdstat_xread", {}).get("calls", 0)
        return calls

    def has(self, run: Run) -> bool:
        return bool(self.client.exists(event_store._key(run.turn.answer_id)))


@pytest.fixture
def redis(tmp_path: Path, settings: Any) -> Iterator[OwnRedis]:
    made = OwnRedis(tmp_path / "redis")
    settings.REDIS_URL = made.server.url
    yield made
    made.client.close()
    made.server.stop()


class Reading:
    """An answer at the process that gives it, and a reader of it at another one."""

    def __init__(self, caller: Caller, model: ScriptedModel) -> None:
        self.caller, self.model = caller, model
        self.stream: Any = None
        self.begun = b""
        self.elsewhere: asyncio.Task[bytes] | None = None

    async def begin(self, chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
        self.model.pieces, self.model.gate = PIECES, asyncio.Semaphore(2)
        self.stream = (await self.caller.ask_streamed(chatbot)).streaming_content
        self.begun = await read_until(self.stream, "message.delta")
        [run] = keeper().runs.values()
        await wait_until(lambda: run.mirrored > 3)
        monkeypatch.setattr(streaming, "keeper", Keeper)  # the process that is asked has no runs
        self.elsewhere = asyncio.create_task(self.come_back(run, after=2))
        await asyncio.sleep(0.4)
        return run

    async def come_back(self, run: Run, *, after: int) -> bytes:
        path = f"/api/v1/messages/{run.turn.answer_id}/events/"
        return await read_all(await self.caller.get(path, **{"Last-Event-ID": str(after)}))

    async def say(self, run: Run, pieces: int) -> None:
        before = len(run.log.frames)
        self.model.release(pieces)
        await wait_until(lambda: len(run.log.frames) > before)
        await asyncio.sleep(0.4)  # two times to copy it

    async def check(self, run: Run) -> None:
        """Let it end: the one who read and one who comes afterwards have all of it, once."""
        self.model.release(len(PIECES))
        whole = self.begun + b"".join([piece async for piece in self.stream])
        numbers = [number for number, _name, _data in parse(whole)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) > len(PIECES)
        assert self.elsewhere is not None
        assert frames_of(await asyncio.wait_for(self.elsewhere, 15)) == frames_of(whole)[2:]
        assert frames_of(await self.come_back(run, after=0)) == frames_of(whole)


def frames_of(raw: bytes) -> list[bytes]:
    return [each for each in split_frames(raw) if not each.startswith(b":")]


@pytest.fixture
def reading(caller: Caller, model: ScriptedModel) -> Reading:
    return Reading(caller, model)


@pytest.mark.parametrize("state", ["empty", "older"])
async def test_a_redis_that_restarts_in_the_middle_of_an_answer(
    redis: OwnRedis, reading: Reading, chatbot: Any, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    run = await reading.begin(chatbot, monkeypatch)
    redis.client.save()
    await reading.say(run, 2)  # what the snapshot does not have
    redis.restart(as_it_was_saved=state == "older")
    await reading.say(run, 2)
    later = asyncio.create_task(reading.come_back(run, after=1))
    await asyncio.sleep(1.5)
    await reading.check(run)
    assert [number for number, _, _ in parse(await later)] == list(range(2, len(run.log.frames) + 1))


async def test_a_run_that_says_nothing_new_is_written_again_too(
    redis: OwnRedis, reading: Reading, chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await reading.begin(chatbot, monkeypatch)
    await wait_until(lambda: keeper()._server)
    redis.restart(as_it_was_saved=False)
    assert not redis.has(run)
    await wait_until(lambda: redis.has(run))
    await reading.check(run)


async def test_a_stream_that_was_evicted_is_written_again(
    redis: OwnRedis, reading: Reading, chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await reading.begin(chatbot, monkeypatch)
    redis.client.flushall()
    await reading.say(run, 2)
    assert redis.has(run)
    await reading.check(run)


@pytest.mark.parametrize("error", ["OOM", "READONLY"])
async def test_a_redis_that_refuses_to_write_for_a_while(
    redis: OwnRedis, reading: Reading, chatbot: Any, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    run = await reading.begin(chatbot, monkeypatch)
    redis.refuse(error)
    stood = run.mirrored
    await reading.say(run, 3)
    assert run.mirrored == stood  # nobody believes that it was written
    redis.take_again()
    await wait_until(lambda: run.mirrored > stood)
    await reading.check(run)


@pytest.mark.parametrize("stands", ["nothing", "a part without its beginning"])
async def test_a_reader_that_waits_asks_a_few_times_a_second(redis: OwnRedis, db: Any, stands: str) -> None:
    message_id = uuid4()
    if stands != "nothing":
        redis.client.xadd(event_store._key(message_id), {b"f": frame(7, "message.delta", {"text": "late"})}, id="7-0")
    log = follower().follow(message_id, uuid4())
    await asyncio.sleep(0.2)
    before = redis.reads()
    await asyncio.sleep(2)
    assert 2 <= redis.reads() - before <= 12
    assert not log.frames
    follower().unfollow(message_id)


async def test_what_comes_in_a_hurry_is_read_together(redis: OwnRedis, db: Any) -> None:
    message_id = uuid4()
    log = follower().follow(message_id, uuid4())
    for number in range(1, 201):
        entry = {b"f": frame(number, "message.delta", {"text": "."})}
        redis.client.xadd(event_store._key(message_id), entry, id=f"{number}-0")
        await asyncio.sleep(0.002)
    await wait_until(lambda: len(log.frames) == 200)
    assert redis.reads() <= 30
    follower().unfollow(message_id)


async def test_a_database_that_is_away_for_a_moment_ends_no_following(
    redis: OwnRedis, reading: Reading, chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await reading.begin(chatbot, monkeypatch)
    looks = []

    def away() -> Any:
        looks.append(1)
        raise OperationalError("away")

    with monkeypatch.context() as without:
        without.setattr(followers, "autocommit", away)
        await wait_until(lambda: looks)
    await reading.check(run)
