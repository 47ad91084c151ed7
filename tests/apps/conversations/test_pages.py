"""Pages of other origins with a publishable key."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from tests.apps.conversations.test_chat import publishable
from tests.apps.conversations.world import Caller, ScriptedModel, change, read_all

pytestmark = pytest.mark.django_db(transaction=True)
SHOP, EVIL = "https://shop.example.com", "https://evil.com"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture
async def browser(chatbot: Any, model: ScriptedModel) -> Caller:
    await change(chatbot, configuration={"allowed_origins": [SHOP]})
    return Caller(await sync_to_async(publishable)(chatbot))


def _paths(chatbot: Any, message_id: str) -> list[tuple[str, Any]]:
    message = f"/api/v1/messages/{message_id}"
    return [
        (f"/api/v1/chatbots/{chatbot.pk}/chat/", {"message": "Where are the spare chargers kept?"}),
        (f"/api/v1/chatbots/{chatbot.pk}/search/", {"query": "chargers"}),
        (f"{message}/cancel/", {}),
        (f"{message}/feedback/", {"rating": "up"}),
        (f"{message}/regenerate/", {}),
    ]


async def test_the_chatbots_own_pages_read_all_that_is_for_them(browser: Caller, chatbot: Any) -> None:
    chat = f"/api/v1/chatbots/{chatbot.pk}/chat/"
    said = (await browser.post(chat, {"message": "Where are the chargers kept?"}, Origin=SHOP)).json()["message"]["id"]

    for path, body in _paths(chatbot, said):
        mine, other = await browser.post(path, body, Origin=SHOP), await browser.post(path, body, Origin=EVIL)
        assert (mine.status_code, mine.headers.get(ALLOW)) == (200, SHOP), path
        assert "Retry-After" in mine.headers["Access-Control-Expose-Headers"]
        assert ALLOW not in other.headers, path
    events = await browser.get(f"/api/v1/messages/{said}/events/", Origin=SHOP)
    assert events.headers[ALLOW] == SHOP


async def test_streams_and_errors_are_read_too(browser: Caller, chatbot: Any) -> None:
    path = f"/api/v1/chatbots/{chatbot.pk}/chat/"
    stream = await browser.post(path, {"message": "Where are the chargers kept?", "stream": True}, Origin=SHOP)
    assert stream.headers[ALLOW] == SHOP
    assert b"message.completed" in await read_all(stream)
    wrong = await browser.post(path, {}, Origin=SHOP)
    assert (wrong.status_code, wrong.headers[ALLOW]) == (422, SHOP)


async def test_a_page_reads_that_its_key_is_no_good(browser: Caller, chatbot: Any) -> None:
    good = browser.token
    for bad in (good[:-1] + ("A" if good[-1] != "A" else "B"), "cs_pk_nonsense", "nonsense"):
        caller = Caller(bad)
        for path, body in _paths(chatbot, str(chatbot.pk)):
            answer = await caller.post(path, body, Origin=EVIL)
            assert (answer.status_code, answer.headers.get(ALLOW)) == (401, EVIL), path
            assert answer.json()["error"]["code"] == 401
    everywhere_else = await Caller("nonsense").get("/api/v1/chatbots/", Origin=EVIL)
    assert everywhere_else.status_code == 401
    assert ALLOW not in everywhere_else.headers
    with_key = await browser.get(f"/api/v1/messages/{chatbot.pk}/events/", Origin=EVIL)
    assert (with_key.status_code, with_key.headers.get(ALLOW)) == (404, None)


async def test_a_repeated_answer_is_read_too(browser: Caller, chatbot: Any) -> None:
    path, body = f"/api/v1/chatbots/{chatbot.pk}/chat/", {"message": "Where are the chargers kept?"}
    headers = {"Origin": SHOP, "Idempotency-Key": "repeated-1"}
    answers = [await browser.post(path, body, **headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert [answer.headers[ALLOW] for answer in answers] == [SHOP, SHOP]


async def test_without_a_list_every_page_may_read_but_only_with_a_browsers_key(
    browser: Caller, caller: Caller, chatbot: Any
) -> None:
    await change(chatbot, configuration={})
    path, body = f"/api/v1/chatbots/{chatbot.pk}/search/", {"query": "chargers"}
    assert (await browser.post(path, body, Origin=EVIL)).headers[ALLOW] == EVIL
    secret = await caller.post(path, body, Origin=EVIL)
    assert secret.status_code == 200
    assert ALLOW not in secret.headers


async def test_any_page_may_ask_beforehand_where_pages_may_come(chatbot: Any) -> None:
    asks = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
    answer = await AsyncClient().options(f"/api/v1/chatbots/{chatbot.pk}/chat/", headers=asks)
    assert (answer.status_code, answer.headers[ALLOW]) == (204, EVIL)
    elsewhere = await AsyncClient().options(f"/api/v1/chatbots/{chatbot.pk}/", headers=asks)
    assert ALLOW not in elsewhere.headers


def test_a_server_without_async_answers_alike(chatbot: Any) -> None:
    type(chatbot).objects.filter(pk=chatbot.pk).update(configuration={"allowed_origins": [SHOP]})
    key = {"Authorization": f"Bearer {publishable(chatbot)}"}
    path = "/api/v1/messages/00000000-0000-0000-0000-000000000000/feedback/"
    answers = [Client().post(path, headers={**key, "Origin": origin}) for origin in (SHOP, EVIL)]
    assert [answer.headers.get(ALLOW) for answer in answers] == [SHOP, None]
