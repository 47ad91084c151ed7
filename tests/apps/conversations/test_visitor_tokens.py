"""Signed visitor tokens: who the visitor is, said by the customer's server."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from chatsphere.apps.chatbots import identity
from chatsphere.apps.chatbots.models import IdentitySecret
from chatsphere.apps.conversations.models import Conversation, Visitor
from chatsphere.apps.users.actions import create_key
from chatsphere.apps.users.credentials import authenticate
from tests.apps.conversations.world import Caller, ScriptedModel, change, make_chatbot, rows

pytestmark = pytest.mark.django_db(transaction=True)


def make_secret(chatbot: Any, overlap: timedelta = timedelta(0)) -> str:
    new = identity.create_secret(
        workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, overlap=overlap, created_by=None
    )
    return new.secret


def sign(secret: str, chatbot: Any, sub: Any = "ada", *, algorithm: str = "HS256", **claims: Any) -> str:
    given = {"sub": sub, "aud": str(chatbot.pk), "exp": int(time.time()) + 600, **claims}
    return jwt.encode({name: value for name, value in given.items() if value is not None}, secret, algorithm=algorithm)


def make_key(chatbot: Any, kind: str = "publishable") -> str:
    scopes = ["chat"] if kind == "publishable" else ["chat", "conversations:read", "conversations:write"]
    return create_key(
        workspace_id=chatbot.workspace_id,
        created_by=None,
        name=kind,
        kind=kind,
        scopes=scopes,
        chatbot_ids=[chatbot.pk] if kind == "publishable" else None,
    ).secret


@pytest.fixture
def secret(chatbot: Any) -> str:
    return make_secret(chatbot)


@pytest.fixture
def page(chatbot: Any) -> Caller:
    return Caller(make_key(chatbot))


@pytest.fixture
def server(chatbot: Any) -> Caller:
    return Caller(make_key(chatbot, "secret"))


async def _ask(caller: Caller, chatbot: Any, token: str | None, **more: Any) -> Any:
    headers = {} if token is None else {"X-Visitor-Token": token}
    body = {"message": "Where are the spare chargers kept?", **more}
    return await caller.post(f"/api/v1/chatbots/{chatbot.pk}/chat/", body, **headers)


async def test_a_verified_visitor_reads_their_own_conversation_and_nobody_else_does(
    page: Caller, chatbot: Any, secret: str, model: ScriptedModel
) -> None:
    ada, bob = sign(secret, chatbot), sign(secret, chatbot, "bob")
    begun = (await _ask(page, chatbot, ada)).json()["conversation_id"]
    path = f"/api/v1/conversations/{begun}/"
    for end in ("", "messages/", "events/"):
        assert (await page.get(f"{path}{end}", **{"X-Visitor-Token": ada})).status_code == 200, end
        assert (await page.get(f"{path}{end}", **{"X-Visitor-Token": bob})).status_code == 404, end
        assert (await page.get(f"{path}{end}")).status_code == 404, end
    assert (await page.post(f"{path}handoff/", **{"X-Visitor-Token": bob})).status_code == 404
    assert (await page.post(f"{path}handoff/")).status_code == 404
    assert (await page.post(f"{path}handoff/", **{"X-Visitor-Token": ada})).json()["state"] == "handoff"


async def test_where_visitors_must_be_verified_a_page_alone_reads_nothing(
    page: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    begun = (await _ask(page, chatbot, None)).json()["conversation_id"]
    await change(chatbot, configuration={"verified_visitors_only": True})
    for end in ("", "messages/", "events/"):
        assert (await page.get(f"/api/v1/conversations/{begun}/{end}")).status_code == 401, end


async def test_the_visitor_is_who_the_token_says(page: Caller, chatbot: Any, secret: str, model: ScriptedModel) -> None:
    token = sign(secret, chatbot, name="Ada", email="ada@example.com", attributes={"team": ["blue", "red"]})

    answer = await _ask(page, chatbot, token)

    assert answer.status_code == 200, answer.content
    [visitor] = await rows(Visitor)
    assert (visitor.external_id, visitor.name, visitor.email, visitor.is_verified) == (
        "ada",
        "Ada",
        "ada@example.com",
        True,
    )
    assert visitor.attributes == {"team": ["blue", "red"]}


def _none_algorithm(secret: str, chatbot: Any) -> str:
    return jwt.encode({"sub": "ada", "aud": str(chatbot.pk), "exp": int(time.time()) + 600}, None, algorithm="none")


BAD = {
    "another secret": lambda s, c: sign("cs_id_" + "x" * 43, c),
    "another algorithm": lambda s, c: sign(s, c, algorithm="HS512"),
    "no algorithm": _none_algorithm,
    "expired": lambda s, c: sign(s, c, exp=int(time.time()) - 60),
    "too long a life": lambda s, c: sign(s, c, exp=int(time.time()) + 90_000),
    "an endless life": lambda s, c: sign(s, c, exp=10**18),
    "no end": lambda s, c: sign(s, c, exp=None),
    "no subject": lambda s, c: sign(s, c, sub=None),
    "an empty subject": lambda s, c: sign(s, c, sub=" "),
    "NUL in the subject": lambda s, c: sign(s, c, sub="a\x00b"),
    "a long subject": lambda s, c: sign(s, c, sub="a" * 201),
    "no audience": lambda s, c: sign(s, c, aud=None),
    "many audiences": lambda s, c: sign(s, c, aud=[str(c.pk)]),
    "another audience": lambda s, c: sign(s, c, aud="01990000-0000-7000-8000-000000000000"),
    "not yet good": lambda s, c: sign(s, c, nbf=int(time.time()) + 600),
    "attributes that are no texts": lambda s, c: sign(s, c, attributes={"level": 3}),
    "too many attributes": lambda s, c: sign(s, c, attributes={str(n): "x" for n in range(51)}),
    "attributes that are a list": lambda s, c: sign(s, c, attributes=["x"]),
    "no token at all": lambda s, c: "",
    "rubbish": lambda s, c: "a.b.c",
    "a long text": lambda s, c: "a" * 20_000,
    "a changed payload": lambda s, c: ".".join(
        [sign(s, c).split(".")[0], sign("y" * 43, c, sub="bob").split(".")[1], sign(s, c).split(".")[2]]
    ),
}


async def test_every_bad_token_is_401_with_either_kind_of_key_at_every_door(
    page: Caller, server: Caller, chatbot: Any, secret: str, model: ScriptedModel, settings: Any
) -> None:
    settings.RATE_LIMITS_ENABLED = False  # so many bad tokens of one address are too many soon
    outcomes = {}
    for kind, make in BAD.items():
        header = {"X-Visitor-Token": make(secret, chatbot)}
        answers = [
            await _ask(page, chatbot, header["X-Visitor-Token"]),
            await _ask(server, chatbot, header["X-Visitor-Token"]),
            await server.get("/api/v1/conversations/", **header),
            await page.post("/v1/chat/completions", {"model": "help", "messages": []}, **header),
        ]
        outcomes[kind] = [answer.status_code for answer in answers]

    assert {kind: codes for kind, codes in outcomes.items() if codes != [401] * 4} == {}
    assert await rows(Conversation) == []


async def test_a_token_stands_beside_a_key_only(
    caller: Caller, chatbot: Any, secret: str, model: ScriptedModel
) -> None:
    token = sign(secret, chatbot)
    alone = Caller("")
    alone._headers = {}  # no credential at all

    assert (await _ask(caller, chatbot, token)).status_code == 401
    assert (await _ask(alone, chatbot, token)).status_code == 401


async def test_a_token_of_another_chatbot_or_workspace_is_401(
    alice: Any, charlie: Any, page: Caller, server: Caller, chatbot: Any, model: ScriptedModel
) -> None:
    other = await sync_to_async(make_chatbot)(alice.default_workspace, slug="other")
    foreign = await sync_to_async(make_chatbot)(charlie.default_workspace, slug="foreign")
    others = sign(await sync_to_async(make_secret)(other), other)
    foreigns = sign(await sync_to_async(make_secret)(foreign), foreign)

    assert (await _ask(page, chatbot, others)).status_code == 401
    assert (await _ask(server, chatbot, foreigns)).status_code == 401
    assert (await _ask(server, chatbot, others)).status_code == 404  # good, but it narrows the key to the other chatbot
    assert (await _ask(server, other, others)).status_code == 200


async def test_a_page_cannot_claim_a_verified_visitor(
    page: Caller, chatbot: Any, secret: str, model: ScriptedModel
) -> None:
    mine = (await _ask(page, chatbot, sign(secret, chatbot))).json()

    claimed = (await _ask(page, chatbot, None, visitor={"external_id": "ada", "name": "Eve"})).json()
    intruding = await _ask(page, chatbot, None, conversation_id=mine["conversation_id"])

    assert intruding.status_code == 404
    found = await rows(Visitor)
    assert [(row.external_id, row.name, row.is_verified) for row in found] == [("ada", "", True), ("ada", "Eve", False)]
    [conversation] = await rows(Conversation, pk=claimed["conversation_id"])
    assert conversation.visitor_id == found[1].pk


async def test_the_body_names_nobody_else(page: Caller, chatbot: Any, secret: str, model: ScriptedModel) -> None:
    token = sign(secret, chatbot)

    assert (await _ask(page, chatbot, token, visitor={"external_id": "bob"})).status_code == 422
    assert (await _ask(page, chatbot, token, visitor={"external_id": "ada"})).status_code == 200


async def test_a_visitor_reaches_their_own_conversations_only(
    page: Caller, server: Caller, chatbot: Any, secret: str, model: ScriptedModel
) -> None:
    ada, bob = sign(secret, chatbot), sign(secret, chatbot, sub="bob")
    own = (await _ask(page, chatbot, ada)).json()
    anonymous = (await _ask(page, chatbot, None)).json()
    ids = {"conversation": own["conversation_id"], "message": own["message"]["id"]}

    async def outcomes(caller: Caller, token: str | None) -> list[int]:
        header = {} if token is None else {"X-Visitor-Token": token}
        events = await caller.get(f"/api/v1/messages/{ids['message']}/events/", **header)
        answers = [
            await _ask(caller, chatbot, token, conversation_id=ids["conversation"]),
            events,
            await caller.post(f"/api/v1/messages/{ids['message']}/cancel/", **header),
            await caller.post(f"/api/v1/messages/{ids['message']}/regenerate/", **header),
            await caller.post(f"/api/v1/messages/{ids['message']}/feedback/", {"rating": "up"}, **header),
        ]
        if events.status_code == 200:
            events.close()
        return [answer.status_code for answer in answers]

    assert await outcomes(page, ada) == [200] * 5
    assert await outcomes(page, bob) == [404] * 5
    assert await outcomes(page, None) == [404] * 5
    assert await outcomes(server, bob) == [404] * 5
    assert (await _ask(page, chatbot, ada, conversation_id=anonymous["conversation_id"])).status_code == 404
    for token, count in ((ada, 1), (bob, 0)):
        listed = (await server.get("/api/v1/conversations/", **{"X-Visitor-Token": token})).json()["results"]
        assert len(listed) == count


async def test_where_verified_visitors_only_are_wanted_a_page_needs_the_token(
    page: Caller, server: Caller, chatbot: Any, secret: str, model: ScriptedModel
) -> None:
    await change(chatbot, configuration={"verified_visitors_only": True})

    refused = [
        await _ask(page, chatbot, None),
        await page.post(f"/api/v1/chatbots/{chatbot.pk}/search/", {"query": "chargers"}),
        await page.post("/v1/chat/completions", {"model": "help", "messages": [{"role": "user", "content": "Hi?"}]}),
    ]

    assert [answer.status_code for answer in refused] == [401] * 3
    assert refused[0].json()["error"]["type"] == "visitor_token_required"
    assert (await _ask(page, chatbot, sign(secret, chatbot))).status_code == 200
    assert (await _ask(server, chatbot, None)).status_code == 200


def test_secrets_overlap_end_and_are_revoked(alice: Any, chatbot: Any, client_of: Any) -> None:
    client, path = client_of(alice), f"/api/v1/chatbots/{chatbot.pk}/identity-secrets/"
    key = f"Bearer {make_key(chatbot)}"
    first = client.post(path, {}, format="json").json()
    second = client.post(path, {"overlap_seconds": 3600}, format="json").json()
    tokens = [sign(each["secret"], chatbot) for each in (first, second)]

    assert [authenticate(key, visitor_token=token) is not None for token in tokens] == [True, True]
    assert client.get(path).json()["results"][0].keys() == {"id", "last_four", "created_by", "created_at", "expires_at"}
    IdentitySecret.objects.filter(pk=first["id"]).update(expires_at=timezone.now())
    assert client.delete(f"{path}{second['id']}/").status_code == 204
    assert client.delete(f"{path}{second['id']}/").status_code == 404
    refused = [client_of(alice) for _ in tokens]
    for each, token in zip(refused, tokens, strict=True):
        each.credentials(HTTP_AUTHORIZATION=key, HTTP_X_VISITOR_TOKEN=token)
    asked = [each.post(f"/api/v1/messages/{chatbot.pk}/feedback/", {"rating": "up"}).status_code for each in refused]
    assert asked == [401, 401]


def test_the_secret_stands_encrypted_in_the_database(chatbot: Any) -> None:
    from django.db import connection

    secret = make_secret(chatbot)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM chatbots_identitysecret")
        [(stored,)] = cursor.fetchall()

    assert secret not in stored
    assert IdentitySecret.objects.get().secret == secret


def test_editors_do_not_make_secrets_and_five_at_once_are_enough(
    alice: Any, bob: Any, chatbot: Any, client_of: Any
) -> None:
    path = f"/api/v1/chatbots/{chatbot.pk}/identity-secrets/"

    made = [client_of(alice).post(path, {"overlap_seconds": 600}, format="json").status_code for _ in range(6)]

    assert made == [201] * 5 + [409]
    assert client_of(bob).get(path).status_code == 403
