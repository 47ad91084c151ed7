"""What a run outlives: a client that walks away, a process that dies, a row that somebody else has ended."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import orjson
import pytest
from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application
from django.utils import timezone

from chatsphere.apps.conversations import event_store, runs
from chatsphere.apps.conversations.models import Conversation, Message, Visitor
from chatsphere.apps.conversations.runs import keeper
from chatsphere.apps.conversations.sweep import close_abandoned
from chatsphere.apps.conversations.tasks import sweep_answers
from chatsphere.apps.users.models import QuotaCounter, UsageRecord
from chatsphere.core.lifespan import Lifespan
from tests.apps.conversations.world import Caller, ScriptedModel, change, parse, read_all, read_until, rows, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_client_that_walks_away_does_not_stop_the_answer(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    model.gate = asyncio.Semaphore(1)
    gone, sent = asyncio.Event(), []
    body = orjson.dumps({"message": "Where are the spare chargers kept?", "stream": True})
    incoming = iter([{"type": "http.request", "body": body}])

    async def receive() -> Any:
        for event in incoming:
            return event
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(event: Any) -> None:
        sent.append(event)

    path = f"/api/v1/chatbots/{chatbot.pk}/chat/"
    headers = [
        (b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
        (b"authorization", f"Bearer {caller.token}".encode()),
    ]  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("localhost", 80), "scheme": "http", "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    connection = asyncio.create_task(get_asgi_application()(scope, receive, send))
    await wait_until(lambda: any(b"message.delta" in event.get("body", b"") for event in sent))
    gone.set()
    await connection
    assert not any(b"message.completed" in event.get("body", b"") for event in sent)
    model.release(10)
    [run] = keeper().runs.values()
    await run.ended()
    [stored] = await rows(Message, role="assistant")
    assert (stored.state, stored.content) == ("complete", "Spare chargers are kept in locker B-17 [1].")


async def test_partial_text_and_lease_are_written_every_second(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    await read_until(stream, "message.delta")
    began = time.monotonic()
    while True:
        [row] = await rows(Message, role="assistant")
        if row.content or time.monotonic() - began > 3:
            break
        await asyncio.sleep(0.05)
    assert row.content == "Spare chargers are kept"
    assert time.monotonic() - began < 1.5
    assert row.lease_until > timezone.now() + timedelta(seconds=15)
    assert row.state == "pending"


async def test_what_a_dead_process_left_is_closed_by_the_sweep(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    start = await read_until(stream, "message.delta")
    message_id = parse(start)[0][2]["message_id"]
    die()
    [row] = await rows(Message, role="assistant")
    await change(
        row, content="Spare chargers are kept", last_event=3, lease_until=timezone.now() - timedelta(seconds=1)
    )
    coming_back = asyncio.create_task(read_events(caller, message_id, after=3))
    await asyncio.sleep(0.1)
    assert await sync_to_async(close_abandoned)() == 1
    await sync_to_async(sweep_answers)()
    [row] = await rows(Message, role="assistant")
    assert (row.state, row.error_type, row.content) == ("failed", "interrupted", "Spare chargers are kept")
    events = parse(await asyncio.wait_for(coming_back, 10))
    assert [(number, name) for number, name, _ in events] == [(4, "error")]
    assert events[0][2]["type"] == "interrupted"
    again = await caller.get(f"/api/v1/messages/{message_id}/events/", **{"Last-Event-ID": str(events[0][0])})
    assert again.status_code == 204
    assert len(await rows(UsageRecord)) == 1
    assert {(counter.used, counter.reserved) for counter in await rows(QuotaCounter)} == {(1, 0)}


async def test_the_line_of_a_dead_run_says_who_asked_where_and_what_answered(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    model.gate = asyncio.Semaphore(1)
    response = await caller.ask_streamed(chatbot, visitor={"external_id": "v-1"})
    await read_until(response.streaming_content, "message.delta")
    row = await kept_row()
    die()
    await change(row, lease_until=timezone.now() - timedelta(seconds=1))
    assert await sync_to_async(close_abandoned)() == 1
    [line] = await rows(UsageRecord)
    [row] = await rows(Message, role="assistant")
    [visitor] = await rows(Visitor)
    [conversation] = await rows(Conversation)
    assert (line.channel, line.model, line.visitor_id) == ("api", "scripted:test", visitor.pk)
    assert (line.user_id, line.api_key_id) == (conversation.user_id, None)
    assert line.user_id is not None
    assert line.prompt_tokens == row.prompt_tokens > 0
    assert line.completion_tokens == row.completion_tokens > 0
    assert line.first_token_ms == row.first_token_ms is not None


async def kept_row() -> Any:
    """The answer's row, when its first words stand in it."""
    for _ in range(60):
        [row] = await rows(Message, role="assistant")
        if row.content:
            return row
        await asyncio.sleep(0.05)
    raise AssertionError("the first words were never written")


async def test_texts_are_written_while_redis_does_not_answer(
    caller: Caller, chatbot: Any, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(_batches: Any) -> list[Any]:
        await asyncio.sleep(20)
        return []

    monkeypatch.setattr(event_store, "write", hangs)
    model.gate = asyncio.Semaphore(1)
    await read_until((await caller.ask_streamed(chatbot)).streaming_content, "message.delta")
    assert (await kept_row()).content == "Spare chargers are kept"
    monkeypatch.undo()
    model.release(10)


async def test_one_bad_look_does_not_end_the_watch_over_all_runs(
    caller: Caller, chatbot: Any, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [0]

    async def fails_once(batches: Any) -> list[event_store.Fate]:
        looks[0] += 1
        if looks[0] == 1:
            raise ValueError("once")
        return [event_store.Fate.STORED for _batch in batches]

    monkeypatch.setattr(event_store, "write", fails_once)
    model.gate = asyncio.Semaphore(1)
    await read_until((await caller.ask_streamed(chatbot)).streaming_content, "message.delta")
    await wait_until(lambda: looks[0] > 1)
    model.release(10)


async def test_the_end_of_a_dead_run_follows_on_what_its_reader_saw_last(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    message_id = parse(await read_until(stream, "message.delta"))[0][2]["message_id"]
    die()
    [row] = await rows(Message, role="assistant")
    await change(row, last_event=3, lease_until=timezone.now() - timedelta(seconds=1))
    assert await sync_to_async(close_abandoned)() == 1
    ends = [parse(await read_events(caller, message_id, after=seen))[-1] for seen in (7, 7, 2)]
    assert [(number, name) for number, name, _ in ends] == [(8, "error")] * 3
    done = await caller.get(f"/api/v1/messages/{message_id}/events/", **{"Last-Event-ID": "8"})
    assert done.status_code == 204


def die() -> None:
    """What kill -9 leaves of the runs of this process."""
    assert keeper()._tasks
    for task in keeper()._tasks:
        task.cancel()
    for run in keeper().runs.values():
        run._life.cancel()
    runs._keepers.clear()


async def read_events(caller: Caller, message_id: str, *, after: int) -> bytes:
    return await read_all(await caller.get(f"/api/v1/messages/{message_id}/events/", **{"Last-Event-ID": str(after)}))


async def test_a_run_whose_row_was_ended_meanwhile_tells_the_rows_end(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    start = await read_until(stream, "message.delta")
    [row] = await rows(Message, role="assistant")
    await change(row, lease_until=timezone.now() - timedelta(seconds=1))
    assert await sync_to_async(close_abandoned)() == 1
    model.release(10)
    events = parse(start + b"".join([piece async for piece in stream]))
    assert [name for _, name, _ in events if name in ("error", "message.completed")] == ["error"]
    assert events[-1][2]["type"] == "interrupted"
    [row] = await rows(Message, role="assistant")
    assert len(await rows(UsageRecord)) == bool(row.content)  # what had been stored when it was closed is booked, once


async def test_the_sweep_leaves_the_living_alone(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    await read_until(stream, "message.delta")
    assert await sync_to_async(close_abandoned)() == 0


async def test_a_process_that_ends_lets_its_runs_finish(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    start = await read_until(stream, "message.delta")
    asyncio.get_running_loop().call_later(0.2, model.release, 10)
    await keeper().close(grace_seconds=5)
    events = parse(start + b"".join([piece async for piece in stream]))
    assert events[-1][2]["message"]["finish_reason"] == "stop"


async def test_a_process_that_ends_closes_what_takes_too_long(
    caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    start = await read_until(stream, "message.delta")
    await keeper().close(grace_seconds=0.1)
    events = parse(start + b"".join([piece async for piece in stream]))
    assert (events[-1][1], events[-1][2]["type"]) == ("error", "interrupted")
    [row] = await rows(Message, role="assistant")
    assert (row.state, row.content) == ("failed", "Spare chargers are kept ")


async def test_the_servers_goodbye_reaches_the_runs(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    start = await read_until(stream, "message.delta")
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.get_running_loop().call_later(0.2, model.release, 10)
    await Lifespan(get_asgi_application())({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    events = parse(start + b"".join([piece async for piece in stream]))
    assert events[-1][2]["message"]["finish_reason"] == "stop"


async def test_a_suspended_workspace_loses_its_open_streams(
    caller: Caller, chatbot: Any, alice: Any, model: ScriptedModel
) -> None:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    start = await read_until(stream, "message.delta")
    await change(alice.default_workspace, is_suspended=True)
    began = time.monotonic()
    events = parse(start + b"".join([piece async for piece in stream]))
    assert time.monotonic() - began < 5.5
    assert "message.completed" not in [name for _, name, _ in events]
    assert model.was_closed
    [run] = keeper().runs.values()
    await run.ended()
    [row] = await rows(Message, role="assistant")
    assert (row.state, row.error_type) == ("failed", "unauthenticated")
