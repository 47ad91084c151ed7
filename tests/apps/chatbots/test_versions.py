"""/api/v1/chatbots/{id}/versions/, publish and rollback."""

from __future__ import annotations

from typing import Any

import pytest

from chatsphere.apps.chatbots.models import ChatbotVersion
from chatsphere.apps.webhooks.models import Event

pytestmark = pytest.mark.django_db


def test_a_version_freezes_every_key_under_the_next_number(
    alice: Any, alices_chatbot: Any, client_of: Any, url: Any
) -> None:
    client = client_of(alice)
    client.patch(url(alices_chatbot), {"configuration": {"top_k": 3}})

    first = client.post(url(alices_chatbot, "versions/"), {"note": "before the sale"})
    client.patch(url(alices_chatbot), {"configuration": {"top_k": 9}})
    second = client.post(url(alices_chatbot, "versions/"))

    assert (first.status_code, first.json()["number"], second.json()["number"]) == (201, 1, 2)
    assert (first.json()["note"], first.json()["created_by"]) == ("before the sale", str(alice.pk))
    rows = client.get(url(alices_chatbot, "versions/")).json()["results"]
    assert [(row["number"], row["configuration"]["top_k"], row["is_published"]) for row in rows] == [
        (2, 9, False),
        (1, 3, False),
    ]
    assert ChatbotVersion.objects.get(number=1).configuration["temperature"] == 0.2


def test_publishing_lets_a_version_answer_and_is_announced_once(
    alice: Any, alices_chatbot: Any, client_of: Any, url: Any
) -> None:
    client = client_of(alice)
    client.post(url(alices_chatbot, "versions/"))

    answers = [client.post(url(alices_chatbot, "versions/1/publish/")) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].json()["is_published"] is True
    assert client.get(url(alices_chatbot)).json()["published_version"] == 1
    event = Event.objects.in_workspace(alice.default_workspace_id).get(type="chatbot.published")
    assert event.payload["version"] == 1


def test_rolling_back_also_takes_the_configuration_back(
    alice: Any, alices_chatbot: Any, client_of: Any, url: Any
) -> None:
    client = client_of(alice)
    client.patch(url(alices_chatbot), {"configuration": {"top_k": 3}})
    client.post(url(alices_chatbot, "versions/"))
    client.patch(url(alices_chatbot), {"configuration": {"top_k": 9}})
    client.post(url(alices_chatbot, "versions/"))
    client.post(url(alices_chatbot, "versions/2/publish/"))

    assert client.post(url(alices_chatbot, "versions/1/rollback/")).status_code == 200

    body = client.get(url(alices_chatbot)).json()
    assert (body["published_version"], body["configuration"]["top_k"]) == (1, 3)


@pytest.mark.parametrize("number", ["3", "0", "99999999999999999999", "9" * 5000])
def test_a_number_that_is_not_there_is_not_found(
    alice: Any, alices_chatbot: Any, client_of: Any, url: Any, number: str
) -> None:
    for verb in ("publish", "rollback"):
        assert client_of(alice).post(url(alices_chatbot, f"versions/{number}/{verb}/")).status_code == 404


def test_a_version_cannot_be_changed_or_deleted(alice: Any, alices_chatbot: Any, client_of: Any, url: Any) -> None:
    client = client_of(alice)
    client.post(url(alices_chatbot, "versions/"))

    for method in ("patch", "put", "delete"):
        assert getattr(client, method)(url(alices_chatbot, "versions/"), {}).status_code == 405
        assert getattr(client, method)(url(alices_chatbot, "versions/1/publish/"), {}).status_code == 405


def test_a_stranger_finds_no_versions(charlie: Any, alices_chatbot: Any, client_of: Any, url: Any) -> None:
    client = client_of(charlie)

    assert client.get(url(alices_chatbot, "versions/")).status_code == 404
    assert client.post(url(alices_chatbot, "versions/"), {}).status_code == 404
    assert client.post(url(alices_chatbot, "versions/1/publish/")).status_code == 404
