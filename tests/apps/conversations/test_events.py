"""GET /api/v1/messages/{id}/events/: a stream goes on where it broke off, also in another process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from chatsphere.apps.conversations import event_store, streaming
from chatsphere.apps.conversations.followers import follower
from chatsphere.apps.conversations.runs import keeper
from chatsphere.apps.users.models import Session, Workspace
from chatsphere.core.sse import split_frames
from tests.apps.conversations.world import Caller, ScriptedModel, change, parse, read_all, read_until, rows, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


async def streamed(caller: Caller, chatbot: Any) -> tuple[str, bytes]:
    whole = await read_all(await caller.ask_streamed(chatbot))
    return parse(whole)[0][2]["message_id"], whole


def events_path(message_id: str) -> str:
    return f"/api/v1/messages/{message_id}/events/"


def behind(whole: bytes, number: int) -> bytes:
    return b"".join(split_frames(whole)[number:])


@pytest.mark.parametrize("where", ["in the same process", "in another process"])
async def test_it_goes_on_behind_each_event_with_the_same_bytes(
    caller: Caller, chatbot: Any, model: ScriptedModel, where: str
) -> None:
    message_id, whole = await streamed(caller, chatbot)
    if where == "in another process":
        await wait_until(lambda: all(run.mirrored == len(run.log.frames) for run in keeper().runs.values()))
        keeper().runs.clear()
    count = len(split_frames(whole))
    for number in range(count):
        response = await caller.get(events_path(message_id), **{"Last-Event-ID": str(number)})
        assert await read_all(response) == behind(whole, number), number
    assert (await caller.get(events_path(message_id), **{"Last-Event-ID": str(count)})).status_code == 204


async def test_a_living_stream_is_followed_from_another_process(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    begun = await read_until(stream, "message.delta")
    [run] = keeper().runs.values()
    elsewhere = follower().follow(run.turn.answer_id, run.turn.workspace_id)
    followed = asyncio.create_task(read_log(elsewhere, 2))
    await asyncio.sleep(0.4)
    model.release(10)
    rest = b"".join([piece async for piece in stream])
    assert await asyncio.wait_for(followed, 10) == behind(begun + rest, 2)


async def read_log(log: Any, after: int) -> bytes:
    return b"".join([piece async for piece in log.read(after) if not piece.startswith(b":")])


async def test_several_readers_see_the_same(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    model.gate = asyncio.Semaphore(0)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    begun = await read_until(stream, "retrieval.completed")
    message_id = parse(begun)[0][2]["message_id"]
    second = await caller.get(events_path(message_id))
    model.release(10)
    rest = b"".join([piece async for piece in stream])
    assert await read_all(second) == begun + rest


async def test_without_redis_the_end_comes_from_postgresql(
    caller: Caller, chatbot: Any, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*args: Any, **kwargs: Any) -> Any:
        raise RedisConnectionError("away")

    message_id, whole = await streamed(caller, chatbot)
    monkeypatch.setattr(event_store, "read", away)
    keeper().runs.clear()
    response = await caller.get(events_path(message_id), **{"Last-Event-ID": "3"})
    assert await read_all(response) == split_frames(whole)[-1]
    last = str(len(split_frames(whole)))
    assert (await caller.get(events_path(message_id), **{"Last-Event-ID": last})).status_code == 204


async def test_strangers_find_no_stream(caller: Caller, stranger: Caller, chatbot: Any, model: ScriptedModel) -> None:
    message_id, _whole = await streamed(caller, chatbot)
    assert (await stranger.get(events_path(message_id))).status_code == 404
    keeper().runs.clear()
    assert (await stranger.get(events_path(message_id))).status_code == 404


async def test_a_bad_last_event_id_is_400(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    message_id, _whole = await streamed(caller, chatbot)
    response = await caller.get(events_path(message_id), **{"Last-Event-ID": "seven"})
    assert response.status_code == 400


async def test_the_stream_of_a_deleted_chatbot_is_gone_at_once(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    message_id, _whole = await streamed(caller, chatbot)
    assert len(keeper().runs) == 1
    await change(chatbot, deleted_at=timezone.now())
    assert (await caller.get(events_path(message_id))).status_code == 404


@pytest.mark.parametrize("what", ["nothing", "the workspace is suspended", "the session has ended"])
@pytest.mark.parametrize("door", ["chat", "events", "openai"])
async def test_a_stream_ends_with_the_right_to_read_it(
    caller: Caller, chatbot: Any, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, what: str, door: str
) -> None:
    monkeypatch.setattr(streaming, "CHECK_SECONDS", 0.0)
    model.gate = asyncio.Semaphore(0)
    stream = await opened(caller, chatbot, door)
    await anext(stream)
    if what == "the workspace is suspended":
        await change((await rows(Workspace, pk=chatbot.workspace_id))[0], is_suspended=True)
    elif what == "the session has ended":
        await change((await rows(Session, user__email="alice@example.com"))[0], ended_at=timezone.now())
    model.release(10)
    rest = b"".join([piece async for piece in stream])
    assert (b"locker B-17" in rest) is (what == "nothing")
    [run] = keeper().runs.values()
    assert "locker B-17" in (await run.finished())["message"]["content"]


async def opened(caller: Caller, chatbot: Any, door: str) -> Any:
    """A stream, opened at one of the doors that give one."""
    if door == "openai":
        body = {
            "model": chatbot.slug,
            "stream": True,
            "messages": [{"role": "user", "content": "Where are the spare chargers kept?"}],
        }
        return aiter((await caller.post("/v1/chat/completions", body)).streaming_content)
    asked = aiter((await caller.ask_streamed(chatbot)).streaming_content)
    if door == "chat":
        return asked
    [run] = keeper().runs.values()
    return aiter((await caller.get(events_path(str(run.turn.answer_id)))).streaming_content)
