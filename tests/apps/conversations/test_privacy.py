"""Export and erasure of a visitor; retention; what is left afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from chatsphere.apps.conversations import privacy, retention
from chatsphere.apps.conversations.event_store import _key
from chatsphere.apps.conversations.forgetting import STREAM_KEY
from chatsphere.apps.conversations.models import Citation, Conversation, Erasure, Feedback, Message, Trace, Visitor
from chatsphere.apps.conversations.models import PrivacyRequest as Request
from chatsphere.apps.users.actions import create_key
from chatsphere.apps.users.ledger import Usage, record_usage
from chatsphere.apps.users.models import AuditEvent, UsageRecord
from chatsphere.apps.webhooks.models import Event
from chatsphere.core.identifiers import new_id
from chatsphere.core.models import IdempotencyRecord
from chatsphere.core.redis_clients import sync_client

pytestmark = pytest.mark.django_db
CANARY = "canary-7f3e"
PATH = "/api/v1/privacy/visitors/{}/{}/"


def history(chatbot: Any, external_id: str = "ada", *, is_verified: bool = True, text: str = CANARY) -> Conversation:
    """Something in every place where a visitor leaves traces."""
    own = {"workspace_id": chatbot.workspace_id}
    below = {**own, "chatbot_id": chatbot.pk}
    visitor = Visitor.objects.filter(**below, external_id=external_id, is_verified=is_verified).first()
    visitor = visitor or Visitor.objects.create(
        **below, external_id=external_id, is_verified=is_verified, name=text, attributes={"note": text}
    )
    talk: Conversation = Conversation.objects.create(**below, visitor=visitor, title=text)
    asked = Message.objects.create(**below, conversation=talk, role="user", content=f"Who is {text}?")
    answer = Message.objects.create(
        **below, conversation=talk, parent=asked, role="assistant", content=f"It is {text}."
    )
    ids = {name: new_id() for name in ("source_id", "document_id", "chunk_id")}
    Citation.objects.create(**own, message=answer, index=1, quote=text, char_start=0, char_end=1, **ids)
    Feedback.objects.create(**own, message=answer, rating="up", comment=text)
    Trace.objects.create(**own, message=answer, data={"search_text": text})
    record_usage(
        Usage(workspace_id=chatbot.workspace_id, kind="chat", request_key=str(answer.pk), visitor_id=visitor.pk,
              conversation_id=talk.pk, message_id=answer.pk, cost_micros=7)
    )  # fmt: skip
    Event.objects.create(
        **own, type="message.feedback", chatbot_id=chatbot.pk, object_id=answer.pk, fanned_out_at=timezone.now(),
        payload={"conversation_id": str(talk.pk), "comment": text},
    )  # fmt: skip
    now = timezone.now()
    IdempotencyRecord.objects.create(
        owner=f"{chatbot.workspace_id.hex}:person:x", key=str(talk.pk), fingerprint=b"", status=200,
        body=json.dumps({"conversation_id": str(talk.pk), "text": text}), locked_until=now, expires_at=now,
    )  # fmt: skip
    sync_client().xadd(_key(answer.pk), {"f": text})
    return talk


def everything(workspace_id: Any) -> str:
    """Every row of every table, as text, but for the encrypted ones, which are read in clear."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if not name.startswith("django_")]
        parts = []
        for name in tables:
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(name)} t")
            parts += [row[0] for row in cursor.fetchall()]
    parts += IdempotencyRecord.objects.values_list("body", flat=True)
    parts += Request.objects.values_list("external_id", flat=True)
    parts += Request.objects.values_list("result", flat=True)
    return "\n".join(parts)


def ask(client: Any, kind: str, external_id: str = "ada") -> Any:
    answer = client.post(PATH.format(external_id, kind))
    assert answer.status_code == 202, answer.content
    assert answer.json()["state"] == "queued"
    privacy.run_privacy_request(answer.json()["id"])
    return client.get(f"/api/v1/privacy/requests/{answer.json()['id']}/").json()


def test_an_erased_visitor_is_nowhere_any_more(
    alice: Any, chatbot: Any, client_of: Any, django_capture_on_commit_callbacks: Any
) -> None:
    talks = [history(chatbot), history(chatbot), history(chatbot, is_verified=False)]
    kept = history(chatbot, "bob", text="bobs-canary")
    with django_capture_on_commit_callbacks(execute=True):
        receipt = ask(client_of(alice), "erase")

    assert receipt["state"] == "succeeded"
    assert receipt["counts"] == {
        "visitors": 2, "conversations": 3, "messages": 6, "citations": 3, "feedback": 3, "traces": 3,
        "ledger_lines": 3, "webhook_events": 3, "repeated_answers": 3,
    }  # fmt: skip
    left = everything(chatbot.workspace_id)
    assert CANARY not in left
    assert "bobs-canary" in left
    assert [talk.pk for talk in Conversation.objects.all()] == [kept.pk]
    streams = sync_client().keys("chatsphere:run:*")
    assert len(streams) == 1
    erased = Erasure.objects.filter(reason="visitor")
    assert {pk for row in erased for pk in row.conversation_ids} == {talk.pk for talk in talks}
    assert {day for row in erased for day in row.days} == {timezone.now().date()}


def test_the_ledger_keeps_the_money_and_forgets_the_person(alice: Any, chatbot: Any, client_of: Any) -> None:
    history(chatbot)
    ask(client_of(alice), "erase")

    [line] = UsageRecord.objects.all()
    assert (line.cost_micros, line.visitor_id, line.conversation_id, line.message_id) == (7, None, None, None)


def test_receipt_and_trail_do_not_name_the_visitor(alice: Any, chatbot: Any, client_of: Any) -> None:
    history(chatbot, "ada-lovelace@example.com", text="x")
    receipt = ask(client_of(alice), "erase", "ada-lovelace@example.com")

    assert "lovelace" not in everything(chatbot.workspace_id)
    assert receipt["subject"] == privacy.subject_hash(chatbot.workspace_id, "ada-lovelace@example.com").hex()
    actions = AuditEvent.objects.filter(object_type="privacy_request").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["privacy.erase_requested", "privacy.erased"]


def test_an_export_holds_all_of_it_once_and_for_seven_days(alice: Any, chatbot: Any, client_of: Any) -> None:
    client = client_of(alice)
    history(chatbot)
    history(chatbot, "bob", text="bobs-canary")
    receipt = ask(client, "export")
    download = f"/api/v1/privacy/requests/{receipt['id']}/download/"

    answer = client.get(download)
    data = answer.json()
    [visitor] = data["visitors"]
    [talk] = visitor["conversations"]
    said = talk["messages"][1]
    assert "attachment" in answer["Content-Disposition"]
    assert (visitor["name"], visitor["is_verified"], talk["messages"][0]["content"]) == (
        CANARY,
        True,
        f"Who is {CANARY}?",
    )
    assert (said["citations"][0]["quote"], said["feedback"]["comment"], said["searched_for"]) == (CANARY,) * 3
    assert "bobs-canary" not in answer.content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT result FROM conversations_privacyrequest")
        assert CANARY not in str(cursor.fetchall())  # encrypted

    Request.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(download).status_code == 404
    privacy.sweep()
    assert Request.objects.get().result == ""


def test_unknown_visitors_get_the_same_receipt(alice: Any, chatbot: Any, client_of: Any) -> None:
    receipt = ask(client_of(alice), "erase", "nobody/at all")

    assert (receipt["state"], receipt["counts"]) == ("succeeded", {})


def test_nobody_erases_or_reads_in_another_workspace(alice: Any, charlie: Any, chatbot: Any, client_of: Any) -> None:
    history(chatbot)
    mine, his = client_of(alice), client_of(charlie)
    receipt = ask(mine, "export")

    assert ask(his, "erase")["counts"] == {}
    assert Visitor.objects.count() == 1
    for path in (f"requests/{receipt['id']}/", f"requests/{receipt['id']}/download/"):
        assert his.get(f"/api/v1/privacy/{path}").status_code == 404
    assert his.get("/api/v1/privacy/requests/").json()["results"][0]["kind"] == "erase"


def test_editors_and_keys_without_the_scope_may_not(
    alice: Any, bob: Any, chatbot: Any, client_of: Any, api_client: Any
) -> None:
    key = create_key(workspace_id=chatbot.workspace_id, created_by=None, name="k", scopes=["conversations:write"])
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")

    assert client_of(bob).post(PATH.format("ada", "erase")).status_code == 403
    assert api_client.post(PATH.format("ada", "erase")).status_code == 403


def test_a_key_of_some_chatbots_erases_among_them_only(alice: Any, chatbot: Any, api_client: Any) -> None:
    from chatsphere.apps.chatbots.models import Chatbot

    other = Chatbot.objects.create(workspace_id=chatbot.workspace_id, name="Other", slug="other")
    history(chatbot)
    history(other)
    key = create_key(
        workspace_id=chatbot.workspace_id, created_by=None, name="k", scopes=["privacy:write"], chatbot_ids=[other.pk]
    )
    api_client.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")

    assert ask(api_client, "erase")["counts"]["visitors"] == 1
    assert list(Visitor.objects.values_list("chatbot_id", flat=True)) == [chatbot.pk]


def test_a_worker_that_died_is_followed_by_another(alice: Any, chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    history(chatbot)
    row = privacy.request_privacy(workspace_id=chatbot.workspace_id, kind="erase", external_id="ada", chatbot_ids=None)
    whole = privacy._erase_rest
    monkeypatch.setattr(privacy, "_erase_rest", lambda *_: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        privacy.run_privacy_request(row.pk)
    monkeypatch.setattr(privacy, "_erase_rest", whole)
    Request.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    privacy.run_privacy_request(row.pk)

    row.refresh_from_db()
    assert (row.state, row.counts["conversations"], row.counts["visitors"]) == ("succeeded", 1, 1)


def test_the_ledger_still_refuses_every_other_change(chatbot: Any) -> None:
    from django.db import DatabaseError, transaction

    history(chatbot)
    forbidden = (
        {"cost_micros": 0},
        {"visitor_id": new_id()},
        {"visitor_id": None},
        {"cost_micros": 0, "visitor_id": None},
    )
    for columns in forbidden:
        with pytest.raises(DatabaseError), transaction.atomic():
            UsageRecord.objects.update(**columns)


def test_each_retention_period_takes_what_is_older_and_nothing_else(
    alice: Any, chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CONVERSATIONS_AT_ONCE", 2)
    workspace = alice.default_workspace
    old = [history(chatbot, f"v{number}", text="old") for number in range(5)]
    long_ago = timezone.now() - timedelta(days=40)
    Conversation.objects.update(last_message_at=long_ago)
    Visitor.objects.update(last_seen_at=long_ago)
    Trace.objects.update(created_at=long_ago)
    Event.objects.update(occurred_at=long_ago)
    young = history(chatbot, "new", text="new")

    assert retention.apply_retention() == {}  # nothing is wanted
    workspace.keep_traces_days = workspace.keep_deliveries_days = 30
    workspace.save()
    assert retention.apply_retention() == {"traces": 5, "webhook_events": 5}
    workspace.keep_conversations_days = 30
    workspace.save()
    gone = retention.apply_retention()

    assert (gone["conversations"], gone["messages"], gone["visitors"]) == (len(old), 10, 5)
    assert [talk.pk for talk in Conversation.objects.all()] == [young.pk]
    assert (Trace.objects.count(), Event.objects.count(), Visitor.objects.count()) == (1, 1, 1)
    assert AuditEvent.objects.filter(action="retention.applied", workspace_id=workspace.pk).count() == 2
    assert retention.apply_retention() == {}


def test_the_names_of_streams_are_those_of_the_event_store() -> None:
    some = new_id()
    assert STREAM_KEY.format(some) == _key(some)
