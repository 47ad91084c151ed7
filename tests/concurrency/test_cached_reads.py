"""Cached reads are never stale after a write, and never cross a line between two credentials or workspaces."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, transaction

from chatsphere.apps.chatbots.actions import create_chatbot, create_version, publish_version
from chatsphere.apps.chatbots.models import Chatbot
from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.users.actions import create_key, revoke_key
from chatsphere.apps.users.models import Plan, Workspace
from chatsphere.core.response_cache import ResponseCache, responses

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/api/v1/chatbots/"


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    responses.clear()


@pytest.fixture
def chatbot(alice: Any) -> Chatbot:
    Plan.objects.update(chatbots=None)
    return create_chatbot(workspace_id=alice.default_workspace_id, name="First")


def _names(answer: Any) -> list[str]:
    return [row["name"] for row in answer.json()["results"]]


def test_the_second_read_is_a_hit_with_the_same_answer(chatbot: Chatbot, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    first, second = client.get(LIST), client.get(LIST)

    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("miss", "hit")
    assert first.json() == second.json()
    assert second.headers["Content-Type"] == "application/json"
    assert second.headers["RateLimit"]


def test_a_hit_keeps_the_etag(chatbot: Chatbot, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    path = f"{LIST}{chatbot.pk}/"

    assert client.get(path).headers["ETag"] == client.get(path).headers["ETag"]


def test_each_kind_of_write_is_seen_by_the_next_read(chatbot: Chatbot, alice: Any, client_of: Any) -> None:
    client, below = client_of(alice), {"workspace_id": chatbot.workspace_id, "chatbot": chatbot}
    seen = [client.get(LIST).json()]

    client.patch(f"{LIST}{chatbot.pk}/", {"name": "Renamed"})
    seen.append(client.get(LIST).json())
    source = TrainingSource.objects.create(**below, source_type="text", name="x")
    seen.append(client.get(LIST).json())
    source.delete()
    seen.append(client.get(LIST).json())
    version = create_version(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk)
    publish_version(workspace_id=chatbot.workspace_id, chatbot_id=chatbot.pk, number=version.number)
    seen.append(client.get(LIST).json())
    client.delete(f"{LIST}{chatbot.pk}/")
    seen.append(client.get(LIST).json())

    assert all(before != after for before, after in pairwise(seen))
    assert seen[-1]["results"] == []


def test_a_write_that_is_rolled_back_leaves_the_cache_as_it_is(chatbot: Chatbot, alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    client.get(LIST)

    with transaction.atomic():
        Chatbot.objects.filter(pk=chatbot.pk).update(name="Never")
        transaction.set_rollback(True)

    answer = client.get(LIST)
    assert (answer.headers["X-Cache"], _names(answer)) == ("hit", ["First"])


def test_saving_an_old_reading_of_the_workspace_does_not_bring_an_old_answer_back(
    chatbot: Chatbot, alice: Any, client_of: Any
) -> None:
    client, old = client_of(alice), Workspace.objects.get(pk=chatbot.workspace_id)
    client.get(LIST)
    client.patch(f"{LIST}{chatbot.pk}/", {"name": "Renamed"})

    old.save()

    assert _names(client.get(LIST)) == ["Renamed"]


def test_a_revoked_key_gets_nothing_from_the_cache(chatbot: Chatbot, alice: Any, api_client: Any) -> None:
    made = create_key(workspace_id=chatbot.workspace_id, created_by=alice.pk, name="k", scopes=["chatbots:read"])
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {made.secret}")
    assert [api_client.get(LIST).status_code for _ in range(2)] == [200, 200]

    revoke_key(workspace_id=chatbot.workspace_id, key_id=made.key.pk)

    assert api_client.get(LIST).status_code == 401


def test_a_stranger_and_a_bound_key_have_answers_of_their_own(
    chatbot: Chatbot, alice: Any, charlie: Any, client_of: Any, api_client: Any
) -> None:
    other = create_chatbot(workspace_id=chatbot.workspace_id, name="Second")
    bound = create_key(
        workspace_id=chatbot.workspace_id,
        created_by=alice.pk,
        name="bound",
        scopes=["chatbots:read"],
        chatbot_ids=[other.pk],
    )
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {bound.secret}")

    for _round in range(2):
        assert _names(client_of(alice).get(LIST)) == ["Second", "First"]
        assert _names(client_of(charlie).get(LIST)) == []
        assert _names(api_client.get(LIST)) == ["Second"]


def test_readers_who_read_while_others_write_never_see_less_than_they_have_written(
    chatbot: Chatbot, alice: Any, client_of: Any
) -> None:
    clients = [client_of(alice) for _ in range(4)]

    def write_and_read(number: int) -> list[bool]:
        try:
            return [_is_seen(clients[number], f"{number}-{step}") for step in range(5)]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(write_and_read, range(4)))

    assert outcomes == [[True] * 5] * 4


def _is_seen(client: Any, name: str) -> bool:
    client.post(LIST, {"name": name})
    client.get(f"{LIST}?limit=100")
    return name in _names(client.get(f"{LIST}?limit=100"))


def test_the_cache_stays_within_its_size() -> None:
    from django.http import HttpResponse

    cache = ResponseCache(capacity=1_000)
    for number in range(100):
        cache.put(number, HttpResponse(b"x" * 100))

    assert cache.get(99) is not None
    assert cache.get(0) is None
    assert sum(cache.get(number) is not None for number in range(100)) == 10
