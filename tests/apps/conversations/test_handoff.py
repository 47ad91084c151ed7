"""Over to a person and back, as a visitor lives through it: with a page's key, at their own conversation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from chatsphere.apps.conversations import watching
from chatsphere.apps.conversations.models import Conversation, Message, News
from chatsphere.apps.conversations.sentences import SENTENCES
from chatsphere.apps.users.models import Session
from chatsphere.apps.webhooks.models import Event
from chatsphere.core.identifiers import new_id
from tests.apps.conversations.test_chat import publishable
from tests.apps.conversations.world import (
    Caller,
    ScriptedModel,
    change,
    make_chatbot,
    parse,
    read_all,
    read_until,
    rows,
)

pytestmark = pytest.mark.django_db(transaction=True)
WISH = "I want to talk to a human being please"
SHOP, EVIL = "https://shop.example.com", "https://evil.com"
EN = SENTENCES["en"]


@pytest.fixture
async def page(chatbot: Any, model: ScriptedModel) -> Caller:
    """The page of the chatbot, in a visitor's browser."""
    return Caller(await sync_to_async(publishable)(chatbot))


async def begun(page: Caller, chatbot: Any) -> str:
    conversation: str = (await page.ask(chatbot)).json()["conversation_id"]
    return f"/api/v1/conversations/{conversation}/"


def id_of(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


async def said(page: Caller, chatbot: Any, path: str, text: str) -> dict[str, Any]:
    answer = await page.ask(chatbot, text, conversation_id=id_of(path))
    assert answer.status_code == 200, answer.content
    message: dict[str, Any] = answer.json()["message"]
    return message


async def test_a_visitor_reads_what_a_person_writes(page: Caller, caller: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    before = (await page.get(f"{path}messages/")).json()["results"]
    assert (await page.post(f"{path}handoff/")).json()["state"] == "handoff"
    written = (await caller.post(f"{path}messages/", {"content": "Ada here."})).json()

    new = (await page.get(f"{path}messages/?after={before[-1]['id']}")).json()["results"]

    assert [(each["role"], each["content"]) for each in before] == [
        ("user", "Where are the spare chargers kept?"),
        ("assistant", "Spare chargers are kept in locker B-17 [1]."),
    ]
    assert before[1]["citations"][0]["quote"].startswith("Spare chargers")
    assert [(each["id"], each["role"], each["content"]) for each in new] == [(written["id"], "agent", "Ada here.")]


async def test_a_visitor_sees_nothing_of_the_inside(page: Caller, caller: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    await caller.post(f"{path}handoff/", {"reason": "angry", "summary": "Wants money back, be careful."})

    seen, messages = await page.get(path), await page.get(f"{path}messages/")

    assert seen.json()["state"] == "handoff"
    assert b"careful" not in seen.content + messages.content
    assert b"angry" not in seen.content + messages.content
    inside = {"usage", "model", "version", "unsupported", "feedback", "latency_ms"}
    assert not inside & set(messages.json()["results"][1])
    assert "handoff_summary" in (await caller.get(path)).json()


async def test_messages_come_in_pages(page: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    first = (await page.get(f"{path}messages/?limit=1")).json()
    second = (await page.get(first["next"].partition("testserver")[2])).json()
    assert [each["role"] for each in first["results"] + second["results"]] == ["user", "assistant"]


async def test_a_stream_carries_persons_words_and_the_state(page: Caller, caller: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    stream = (await page.get(f"{path}events/")).streaming_content
    assert (await anext(stream)).startswith(b":")
    await caller.post(f"{path}handoff/")
    await caller.post(f"{path}messages/", {"content": "Ada here."})
    await caller.post(f"{path}return/")

    told = parse(await read_until(stream, "conversation.returned"))
    await stream.aclose()

    assert [(number, name) for number, name, _data in told] == [
        (1, "conversation.handoff"), (2, "message.person"), (3, "conversation.returned"),
    ]  # fmt: skip
    assert told[1][2]["message"]["content"] == "Ada here."
    assert (told[0][2]["state"], told[2][2]["state"]) == ("handoff", "bot")
    assert (await page.get(path)).json()["last_event"] == 3


async def test_a_stream_goes_on_behind_the_last_event(page: Caller, caller: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    await caller.post(f"{path}handoff/")
    for text in ("One.", "Two."):
        await caller.post(f"{path}messages/", {"content": text})

    stream = (await page.get(f"{path}events/", **{"Last-Event-ID": "2"})).streaming_content
    told = parse(await read_until(stream, "message.person"))
    await stream.aclose()

    assert [(number, data["message"]["content"]) for number, _name, data in told] == [(3, "Two.")]


async def test_who_cannot_read_streams_waits_for_a_while(page: Caller, caller: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    await caller.post(f"{path}handoff/")
    there = await read_all(await page.get(f"{path}events/?wait=0"))
    nothing = await read_all(await page.get(f"{path}events/?wait=0", **{"Last-Event-ID": "1"}))
    later = asyncio.create_task(read_all(await page.get(f"{path}events/?wait=3", **{"Last-Event-ID": "1"})))
    await caller.post(f"{path}messages/", {"content": "Ada here."})

    assert [name for _number, name, _data in parse(there)] == ["conversation.handoff"]
    assert parse(nothing) == []
    assert [data["message"]["content"] for _number, _name, data in parse(await later)] == ["Ada here."]
    assert (await page.get(f"{path}events/?wait=901")).status_code == 422


async def test_several_readers_ask_the_database_once(
    page: Caller, caller: Caller, chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    look = watching.Watch._look

    async def counted(self: Any, followed: Any) -> None:
        looks.append(len(followed))
        await look(self, followed)

    monkeypatch.setattr(watching.Watch, "_look", counted)
    paths = [await begun(page, chatbot) for _ in range(2)]
    streams = [(await page.get(f"{path}events/")).streaming_content for path in (*paths, *paths)]
    for stream in streams:
        await anext(stream)
    waiting = [asyncio.create_task(read_until(stream, "conversation.handoff")) for stream in streams]
    for path in paths:
        await caller.post(f"{path}handoff/")
    await asyncio.gather(*waiting)
    for stream in streams:
        await stream.aclose()
    assert max(looks) == 2  # conversations, not readers


async def test_a_conversation_has_only_so_many_readers(
    page: Caller, chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_READERS", 1)
    path = await begun(page, chatbot)
    stream = (await page.get(f"{path}events/")).streaming_content
    await anext(stream)
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0.05)
    assert (await page.get(f"{path}events/")).status_code == 429
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_the_stream_of_a_deleted_conversation_ends(page: Caller, caller: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    stream = (await page.get(f"{path}events/")).streaming_content
    await anext(stream)
    reading = asyncio.create_task(_to_the_end(stream))
    await asyncio.sleep(0.05)
    await sync_to_async(Conversation.objects.all().delete)()
    assert await asyncio.wait_for(reading, 10) == b""
    assert (await page.get(f"{path}events/")).status_code == 404


async def _to_the_end(stream: Any) -> bytes:
    return b"".join([piece async for piece in stream])


async def test_a_revoked_key_reads_no_further(
    caller: Caller, chatbot: Any, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chatsphere.apps.conversations import streaming

    monkeypatch.setattr(streaming, "CHECK_SECONDS", 0.0)
    path = await begun(caller, chatbot)
    stream = (await caller.get(f"{path}events/")).streaming_content
    await sync_to_async(Session.objects.update)(ended_at=timezone.now())
    assert await asyncio.wait_for(_to_the_end(stream), 10) in (b"", b": connected\n\n")


async def test_others_find_nothing(page: Caller, stranger: Caller, chatbot: Any) -> None:
    """Another tenant, a page of another chatbot, and a page at a conversation that a server began."""
    path = await begun(page, chatbot)
    second = await sync_to_async(make_chatbot)(chatbot.workspace, name="Second", slug="second")
    other_page = Caller(await sync_to_async(publishable)(second))
    of_server = await sync_to_async(Conversation.objects.create)(
        workspace_id=chatbot.workspace_id, chatbot=chatbot, channel="api"
    )
    nowhere = f"/api/v1/conversations/{new_id()}/"
    cases = [(stranger, path), (other_page, path), (page, f"/api/v1/conversations/{of_server.pk}/"), (page, nowhere)]
    for who, where in cases:
        for end in ("", "messages/", "events/"):
            assert (await who.get(f"{where}{end}")).status_code == 404, (where, end)
        assert (await who.post(f"{where}handoff/")).status_code == 404, where
    assert not await rows(Conversation, state="handoff")


async def test_a_page_still_does_not_write_as_a_person_list_delete_or_return(page: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    await page.post(f"{path}handoff/")
    assert (await page.post(f"{path}messages/", {"content": "I am the boss."})).status_code == 403
    assert (await page.post(f"{path}return/")).status_code == 403
    assert (await page.get("/api/v1/conversations/")).status_code == 403
    assert not await rows(Message, role="agent")


async def test_only_the_chatbots_pages_may_do_so(page: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    await change(chatbot, configuration={"allowed_origins": [SHOP]})
    for end in ("", "messages/", "events/"):
        mine, other = await page.get(f"{path}{end}", Origin=SHOP), await page.get(f"{path}{end}", Origin=EVIL)
        assert (mine.status_code, mine.headers["Access-Control-Allow-Origin"]) == (200, SHOP), end
        assert (other.status_code, "Access-Control-Allow-Origin" in other.headers) == (403, False), end
    assert (await page.post(f"{path}handoff/", Origin=EVIL)).status_code == 403
    assert (await page.post(f"{path}handoff/", Origin=SHOP)).headers["Access-Control-Allow-Origin"] == SHOP


async def test_reading_has_a_limit_of_its_own_address(page: Caller, chatbot: Any, settings: Any) -> None:
    path = await begun(page, chatbot)
    settings.RATE_LIMITS = ("visitor_reads=2/60",)
    answers = [(await page.get(path)).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert (await page.get(f"{path}events/")).status_code == 429


async def test_it_is_announced(page: Caller, caller: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    await page.post(f"{path}handoff/", {"summary": "My parcel"})
    written = (await caller.post(f"{path}messages/", {"content": "Ada here."})).json()
    for _ in range(2):
        await caller.post(f"{path}return/")

    events = {each.type: each for each in await rows(Event)}
    handoff, person, back = (
        events[name] for name in ("conversation.handoff", "message.person", "conversation.returned")
    )
    assert (handoff.payload["reason"], handoff.payload["summary"]) == ("asked for a person", "My parcel")
    assert (str(person.object_id), person.payload["content"]) == (written["id"], "Ada here.")
    assert person.payload["conversation_id"] == back.payload["conversation_id"] == id_of(path)
    assert len(await rows(News)) == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_a_wish_is_met_with_an_offer_and_a_yes_hands_over(page: Caller, chatbot: Any, stream: bool) -> None:
    path = await begun(page, chatbot)
    offered = await said(page, chatbot, path, WISH)
    assert (offered["content"], offered["finish_reason"]) == (EN.offer, "handoff_offered")
    assert not await rows(Conversation, state="handoff")

    if stream:
        answer = await page.ask_streamed(chatbot, "Yes, please!", conversation_id=id_of(path))
        accepted = parse(await read_until(answer.streaming_content, "message.completed"))[-1][2]["message"]
    else:
        accepted = await said(page, chatbot, path, "Yes, please!")

    assert (accepted["content"], accepted["finish_reason"]) == (EN.handed_over, "handoff")
    [conversation] = await rows(Conversation, state="handoff")
    assert conversation.handoff_reason == "asked for a person"
    [event] = await rows(Event, type="conversation.handoff")
    assert event.payload["transcript"][-1]["content"] == "Yes, please!"


async def test_who_does_not_accept_goes_on_asking(page: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    await said(page, chatbot, path, WISH)
    answer = await said(page, chatbot, path, "Where are the spare chargers kept?")
    assert answer["finish_reason"] == "stop"
    assert (await said(page, chatbot, path, "Yes"))["finish_reason"] != "handoff"  # the offer was another turn


async def test_a_second_wish_accepts_the_offer(page: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    assert [(await said(page, chatbot, path, text))["finish_reason"] for text in (WISH, WISH)] == [
        "handoff_offered",
        "handoff",
    ]


async def test_a_chatbot_may_hand_over_at_once(page: Caller, chatbot: Any) -> None:
    await change(chatbot, configuration={"handoff": "direct"})
    answer = (await page.ask(chatbot, WISH)).json()
    assert answer["message"]["content"] == EN.handed_over
    [conversation] = await rows(Conversation, state="handoff")
    assert str(conversation.pk) == answer["conversation_id"]


async def test_a_chatbot_may_have_nobody_to_hand_over_to(page: Caller, caller: Caller, chatbot: Any) -> None:
    await change(chatbot, configuration={"handoff": "off"})
    path = await begun(page, chatbot)
    assert (await said(page, chatbot, path, WISH))["finish_reason"] in ("stop", "refused_no_context")
    refused = await page.post(f"{path}handoff/")
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "handoff_off")
    assert (await page.get(path)).json()["can_hand_off"] is False
    assert (await caller.post(f"{path}handoff/")).json()["state"] == "handoff"  # people of the workspace may


async def test_the_offer_is_made_in_the_language_of_the_wish(page: Caller, chatbot: Any) -> None:
    answer = await page.ask(chatbot, "Mensch bitte")
    assert answer.json()["message"]["content"] == SENTENCES["de"].offer
    path = f"/api/v1/conversations/{answer.json()['conversation_id']}/"
    assert (await said(page, chatbot, path, "Ja, gerne"))["finish_reason"] == "handoff"


async def test_while_a_person_writes_messages_are_passed_on(page: Caller, caller: Caller, chatbot: Any) -> None:
    path = await begun(page, chatbot)
    await page.post(f"{path}handoff/")
    assert (await said(page, chatbot, path, "Are you there?"))["content"] == EN.handed_over
    await caller.post(f"{path}messages/", {"content": "Yes, I am."})
    assert (await said(page, chatbot, path, "Where is my parcel?"))["content"] == EN.passed_on


async def test_after_the_return_the_chatbot_goes_on(
    page: Caller, caller: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    path = await begun(page, chatbot)
    await page.post(f"{path}handoff/")
    await caller.post(f"{path}messages/", {"content": "Ada here."})
    await caller.post(f"{path}return/")

    answer = await said(page, chatbot, path, "Where are the spare chargers kept?")

    assert answer["finish_reason"] == "stop"
    assert "Ada here." in [turn.text for turn in model.prompts[-1].history]
    assert (await page.get(path)).json()["state"] == "bot"


async def test_a_rehearsal_hands_nothing_over(caller: Caller, page: Caller, chatbot: Any) -> None:
    await change(chatbot, configuration={"handoff": "direct"})
    path = await begun(page, chatbot)
    [answer] = await rows(Message, role="assistant")
    await sync_to_async(Message.objects.filter(role="user").update)(content=WISH)
    replayed = await caller.post(f"/api/v1/messages/{answer.pk}/replay/")
    assert replayed.json()["replay"]["finish_reason"] == "handoff"
    assert (await page.get(path)).json()["state"] == "bot"
