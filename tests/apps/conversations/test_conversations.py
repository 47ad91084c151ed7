"""/api/v1/conversations/ and what hangs on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chatsphere.apps.conversations.models import Citation, Conversation, Feedback, Message, Trace, Visitor
from chatsphere.apps.webhooks.models import Event
from chatsphere.core.identifiers import new_id

pytestmark = pytest.mark.django_db

URL = "/api/v1/conversations/"


@pytest.fixture
def bot(alice: Any) -> Any:
    from chatsphere.apps.chatbots.models import Chatbot

    return Chatbot.objects.create(workspace=alice.default_workspace, name="Help", slug="help")


def talk(bot: Any, *, visitor: str = "", finish_reason: str = "stop", **columns: Any) -> tuple[Any, Any]:
    """A conversation with a question and an answer that cites something."""
    owner = {"workspace_id": bot.workspace_id}
    who = Visitor.objects.create(**owner, chatbot=bot, external_id=visitor) if visitor else None
    conversation = Conversation.objects.create(**owner, chatbot=bot, visitor=who, messages_count=2, **columns)
    shared = {**owner, "chatbot": bot, "conversation": conversation}
    question = Message.objects.create(**shared, role="user", content="Where?")
    answer = Message.objects.create(
        **shared, role="assistant", content="There [1].", parent=question, finish_reason=finish_reason
    )
    Citation.objects.create(
        **owner, message=answer, index=1, source_id=new_id(), document_id=new_id(), chunk_id=new_id(), quote="There",
        char_start=0, char_end=5,
    )  # fmt: skip
    Trace.objects.create(**owner, message=answer, data={"search_text": "Where?", "candidates": [], "timings": {}})
    return conversation, answer


def test_the_list_shows_newest_first_in_few_queries(alice: Any, bot: Any, client_of: Callable[[Any], Any]) -> None:
    made = [str(talk(bot, visitor=f"v-{n}")[0].pk) for n in range(5)]
    client = client_of(alice)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        results = client.get(URL).json()["results"]
    assert [row["id"] for row in results] == made[::-1]
    assert results[0]["visitor"]["external_id"] == "v-4"
    assert len(queries) <= 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("channel=widget", {"widget"}),
        ("visitor=zoe", {"zoe"}),
        ("has_feedback=true", {"rated"}),
        ("unanswered=true", {"refused"}),
        ("has_feedback=false&unanswered=false&channel=api", {"zoe", "old"}),
        ("until={yesterday}", {"old"}),
        ("since={yesterday}&channel=widget", {"widget"}),
    ],
)
def test_each_filter_narrows_the_list(
    alice: Any, bot: Any, client_of: Callable[[Any], Any], query: str, expected: set[str]
) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    names = {
        talk(bot, channel="widget")[0].pk: "widget",
        talk(bot, visitor="zoe")[0].pk: "zoe",
        talk(bot, finish_reason="refused_no_context")[0].pk: "refused",
    }
    rated, answer = talk(bot)
    names[rated.pk] = "rated"
    Feedback.objects.create(workspace_id=bot.workspace_id, message=answer, rating="up")
    old, _answer = talk(bot)
    names[old.pk] = "old"
    Conversation.objects.filter(pk=old.pk).update(created_at=yesterday - timedelta(days=1))
    text = query.format(yesterday=yesterday.strftime("%Y-%m-%dT%H:%M:%SZ"))
    results = client_of(alice).get(f"{URL}?{text}").json()["results"]
    assert {names[type(rated.pk)(row["id"])] for row in results} == expected


def test_a_senseless_filter_is_422(alice: Any, client_of: Callable[[Any], Any]) -> None:
    assert client_of(alice).get(f"{URL}?since=soon").status_code == 422


def test_messages_come_oldest_first_with_all_that_belongs_to_them(
    alice: Any, bot: Any, client_of: Callable[[Any], Any]
) -> None:
    conversation, answer = talk(bot)
    question, reply = client_of(alice).get(f"{URL}{conversation.pk}/messages/").json()["results"]
    assert (question["role"], reply["role"]) == ("user", "assistant")
    assert reply["parent"] == question["id"]
    assert reply["citations"][0]["quote"] == "There"
    assert reply["usage"]["total_tokens"] == 0
    assert reply["id"] == str(answer.pk)


def test_deleting_takes_all_of_it_along(alice: Any, bot: Any, client_of: Callable[[Any], Any]) -> None:
    conversation, _answer = talk(bot)
    kept, _other = talk(bot)
    assert client_of(alice).delete(f"{URL}{conversation.pk}/").status_code == 204
    assert [row.pk for row in Conversation.objects.all()] == [kept.pk]
    assert {row.conversation_id for row in Message.objects.all()} == {kept.pk}
    assert Citation.objects.count() == 1
    assert Trace.objects.count() == 1


def test_a_rating_can_be_changed_and_is_announced(alice: Any, bot: Any, client_of: Callable[[Any], Any]) -> None:
    _conversation, answer = talk(bot)
    client, url = client_of(alice), f"/api/v1/messages/{answer.pk}/feedback/"
    assert client.post(url, {"rating": "up"}).status_code == 200
    assert client.post(url, {"rating": "down", "comment": "Wrong shelf."}).json()["rating"] == "down"
    assert Feedback.objects.get().comment == "Wrong shelf."
    assert Event.objects.filter(type="message.feedback").count() == 2
    assert client.post(url, {"rating": "sideways"}).status_code == 422
    assert client.post(f"/api/v1/messages/{answer.parent_id}/feedback/", {"rating": "up"}).status_code == 409


def test_the_trace_tells_how_an_answer_came_about(alice: Any, bot: Any, client_of: Callable[[Any], Any]) -> None:
    _conversation, answer = talk(bot)
    trace = client_of(alice).get(f"/api/v1/messages/{answer.pk}/trace/").json()
    assert (trace["question"], trace["search_text"]) == ("Where?", "Where?")
    assert client_of(alice).get(f"/api/v1/messages/{answer.parent_id}/trace/").status_code == 404


def test_a_conversation_goes_to_a_person_and_back(alice: Any, bot: Any, client_of: Callable[[Any], Any]) -> None:
    conversation, _answer = talk(bot)
    client = client_of(alice)
    for _ in range(2):
        assert client.post(f"{URL}{conversation.pk}/handoff/").json()["state"] == "handoff"
    assert Event.objects.filter(type="conversation.handoff").count() == 1
    assert client.post(f"{URL}{conversation.pk}/return/").json()["state"] == "bot"


def test_strangers_and_nobody_see_nothing(
    alice: Any, charlie: Any, bot: Any, api_client: Any, client_of: Callable[[Any], Any]
) -> None:
    conversation, answer = talk(bot)
    stranger = client_of(charlie)
    assert stranger.get(URL).json()["results"] == []
    for path in (
        f"{URL}{conversation.pk}/",
        f"{URL}{conversation.pk}/messages/",
        f"/api/v1/messages/{answer.pk}/trace/",
    ):
        assert stranger.get(path).status_code == 404
        assert api_client.get(path).status_code == 401
    assert stranger.delete(f"{URL}{conversation.pk}/").status_code == 404
    assert stranger.post(f"/api/v1/messages/{answer.pk}/feedback/", {"rating": "up"}).status_code == 404
    assert Conversation.objects.count() == 1
