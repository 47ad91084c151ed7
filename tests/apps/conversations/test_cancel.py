"""POST /api/v1/messages/{id}/cancel/"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from chatsphere.apps.conversations import streaming
from chatsphere.apps.conversations.models import Message
from chatsphere.apps.conversations.runs import Keeper, keeper
from chatsphere.apps.users.models import UsageRecord
from chatsphere.services.ai.prompts import build_messages, new_nonce
from chatsphere.services.ai.tokens import estimate_message_tokens, estimate_tokens
from tests.apps.conversations.world import Caller, ScriptedModel, parse, read_all, read_until, rows, wait_until
from tests.stubs.openai_stub import OpenAIStub, Settings, default_tokens, running_stub

pytestmark = pytest.mark.django_db(transaction=True)


async def begun(caller: Caller, chatbot: Any, model: ScriptedModel) -> tuple[str, Any, bytes]:
    model.gate = asyncio.Semaphore(1)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    start = await read_until(stream, "message.delta")
    return parse(start)[0][2]["message_id"], stream, start


async def test_it_stops_the_model_and_keeps_what_was_said(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    message_id, stream, start = await begun(caller, chatbot, model)
    response = await caller.post(f"/api/v1/messages/{message_id}/cancel/")
    assert response.status_code == 200
    message = response.json()["message"]
    assert (message["finish_reason"], message["content"]) == ("cancelled", "Spare chargers are kept ")
    assert model.was_closed
    events = parse(start + b"".join([piece async for piece in stream]))
    assert [name for _, name, _ in events][-1] == "message.completed"
    assert events[-1][2] == response.json()
    [line] = await rows(UsageRecord)
    sent = build_messages(model.prompts[0], nonce=new_nonce())
    assert line.prompt_tokens == estimate_message_tokens(each["content"] for each in sent)
    assert line.completion_tokens == estimate_tokens("Spare chargers are kept ")
    assert message["usage"]["total_tokens"] == line.prompt_tokens + line.completion_tokens


@pytest.fixture
def slow_provider(settings: Any) -> Iterator[OpenAIStub]:
    """Twenty tokens a second, for as long as anybody listens."""
    with running_stub(Settings(tokens=default_tokens(2_000), tokens_per_second=20)) as (stub, url):
        settings.CHAT_MODEL, settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = "openai:stub", url, "stub"
        yield stub


@pytest.mark.parametrize(("where", "seconds"), [("here", 0.5), ("in another process", 2.5)])
async def test_it_hangs_up_on_the_provider(
    caller: Caller, chatbot: Any, slow_provider: OpenAIStub, monkeypatch: pytest.MonkeyPatch, where: str, seconds: float
) -> None:
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    start = await read_until(stream, "message.delta")
    [run] = keeper().runs.values()
    if where != "here":
        monkeypatch.setattr(streaming, "keeper", Keeper)
    cancelled_at = time.monotonic()
    response = await caller.post(f"/api/v1/messages/{run.turn.answer_id}/cancel/")
    await wait_until(lambda: slow_provider.hung_up)
    took = slow_provider.hung_up[0] - cancelled_at
    print(f"\nCANCEL | {where} | the provider's connection was closed after {took * 1000:.0f} ms")
    assert 0 < took < seconds
    events = parse(start + b"".join([piece async for piece in stream]))
    said = "".join(data["text"] for _, name, data in events if name == "message.delta")
    [stored] = await rows(Message, role="assistant")
    [line] = await rows(UsageRecord)
    assert said == stored.content == response.json()["message"]["content"] == events[-1][2]["message"]["content"]
    assert (stored.state, line.completion_tokens) == ("cancelled", estimate_tokens(said))
    sent = [message["content"] for message in slow_provider.requests[-1]["messages"]]
    assert line.prompt_tokens == estimate_message_tokens(sent)


async def test_a_client_that_leaves_does_not_hang_up_on_the_provider(
    caller: Caller, chatbot: Any, slow_provider: OpenAIStub
) -> None:
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    await read_until(stream, "message.delta")
    await stream.aclose()
    await asyncio.sleep(0.3)
    assert not slow_provider.hung_up


async def test_it_reaches_a_run_in_another_process(
    caller: Caller, chatbot: Any, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id, stream, _start = await begun(caller, chatbot, model)
    [run] = keeper().runs.values()
    monkeypatch.setattr(streaming, "keeper", Keeper)  # the process that is asked has no runs
    response = await caller.post(f"/api/v1/messages/{message_id}/cancel/")
    assert response.status_code == 200
    assert response.json()["message"]["finish_reason"] == "cancelled"
    assert orjson.loads(orjson.dumps(run.result)) == response.json()
    assert [piece async for piece in stream]


async def test_an_answer_that_has_ended_stays_as_it_is(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    answer = (await caller.ask(chatbot)).json()
    response = await caller.post(f"/api/v1/messages/{answer['message']['id']}/cancel/")
    assert response.status_code == 200
    assert response.json() == answer


@pytest.mark.parametrize("turns_before", [0, 3, 9, 27])
async def test_whoever_is_first_there_is_one_end(
    caller: Caller, chatbot: Any, model: ScriptedModel, turns_before: int
) -> None:
    """Cancels at many moments around the end of an answer."""
    model.gate = asyncio.Semaphore(3)
    stream = (await caller.ask_streamed(chatbot)).streaming_content
    start = await read_until(stream, "message.citation")
    [run] = keeper().runs.values()
    model.release()
    for _ in range(turns_before):
        await asyncio.sleep(0)
    run.cancel()
    events = parse(start + b"".join([piece async for piece in stream]))
    ends = [data for _, name, data in events if name in ("message.completed", "error")]
    assert len(ends) == 1
    [stored] = await rows(Message, role="assistant")
    assert stored.state in ("complete", "cancelled")
    assert ends[0]["message"]["finish_reason"] == stored.finish_reason
    assert ends[0]["message"]["content"] == stored.content
    assert len(await rows(UsageRecord)) == 1


async def test_strangers_cannot(caller: Caller, stranger: Caller, chatbot: Any, model: ScriptedModel) -> None:
    message_id, stream, _start = await begun(caller, chatbot, model)
    assert (await stranger.post(f"/api/v1/messages/{message_id}/cancel/")).status_code == 404
    model.release(10)
    assert parse(b"".join([piece async for piece in stream]))[-1][2]["message"]["finish_reason"] == "stop"


async def test_a_regenerated_answer_is_a_branch(caller: Caller, chatbot: Any, model: ScriptedModel) -> None:
    first = (await caller.ask(chatbot)).json()
    model.pieces = ("In locker B-17 [1].",)
    response = await caller.post(f"/api/v1/messages/{first['message']['id']}/regenerate/", {"stream": True})
    second = parse(await read_all(response))[-1][2]
    assert second["conversation_id"] == first["conversation_id"]
    question, one, other = await rows(Message)
    assert (one.parent_id, other.parent_id) == (question.pk, question.pk)
    assert model.prompts[-1].question == question.content
    assert model.prompts[-1].history == ()
