"""Reading, changing and deleting sources over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatsphere.apps.training.models import DocumentVersion, Run, TrainingSource
from chatsphere.apps.webhooks.models import Event
from tests.apps.training.world import GUIDE, NOTHING, found, make_source, says, stored, trained, unknown_id, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(alice: Any, client_of: Any) -> Any:
    return client_of(alice)


def of(source: Any, more: str = "") -> str:
    return f"/api/v1/sources/{source.pk}/{more}"


def test_the_list_is_newest_first_and_can_be_filtered(client: Any, chatbot: Any) -> None:
    first = trained(chatbot)
    second = make_source(chatbot, source_type="qa", options={"pairs": [{"question": "a", "answer": "b"}]})
    path = f"/api/v1/chatbots/{chatbot.pk}/sources/"
    assert [each["id"] for each in client.get(path).json()["results"]] == [str(second.pk), str(first.pk)]
    assert [each["id"] for each in client.get(path, {"status": "ready"}).json()["results"]] == [str(first.pk)]
    assert [each["id"] for each in client.get(path, {"source_type": "qa"}).json()["results"]] == [str(second.pk)]
    assert client.get(path, {"status": "magic"}).status_code == 422
    assert client.get(path, {"fields": "id,status"}).json()["results"][0] == {"id": str(second.pk), "status": "queued"}


def test_the_list_costs_the_same_for_any_number_of_sources(client: Any, chatbot: Any) -> None:
    path = f"/api/v1/chatbots/{chatbot.pk}/sources/"
    counts = []
    for _ in range(2):
        make_source(chatbot)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(path)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4


def test_a_source_shows_what_can_be_edited_and_its_etag(client: Any, chatbot: Any) -> None:
    source = trained(chatbot)
    answer = client.get(of(source))
    assert answer.json()["content"] == GUIDE
    assert answer.json()["pairs"] is None
    assert answer.json()["processed"] is True
    assert answer.headers["ETag"]


def test_a_name_and_tags_are_changed_without_training(client: Any, chatbot: Any) -> None:
    source = trained(chatbot)
    answer = client.patch(of(source), {"name": "Rules", "access_tags": ["staff"], "refresh": "weekly"})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["name"], answer.json()["access_tags"]) == ("Rules", ["staff"])
    assert answer.json()["status"] == "ready"
    assert Run.objects.count() == 1
    source.refresh_from_db()
    assert source.next_refresh_at is not None


def test_new_content_is_trained_and_replaces_the_old(client: Any, chatbot: Any) -> None:
    source = trained(chatbot)
    answer = client.patch(of(source), {"content": GUIDE.replace("four euros", "nine euros")})
    assert answer.json()["status"] == "queued"
    assert says(chatbot, "lost card", "four euros")
    work()
    assert says(chatbot, "lost card", "nine euros")
    assert client.get(of(source)).json()["status"] == "ready"


def test_content_of_another_type_and_server_fields_are_refused(client: Any, chatbot: Any) -> None:
    source = trained(chatbot)
    assert client.patch(of(source), {"pairs": [{"question": "a", "answer": "b"}]}).status_code == 422
    assert client.patch(of(source), {"status": "ready"}).status_code == 422
    assert client.patch(of(source), {"source_type": "file"}).status_code == 422


def test_a_lost_update_is_412(client: Any, chatbot: Any) -> None:
    source = trained(chatbot)
    etag = client.get(of(source)).headers["ETag"]
    assert client.patch(of(source), {"name": "One"}, headers={"If-Match": etag}).status_code == 200
    assert client.patch(of(source), {"name": "Two"}, headers={"If-Match": etag}).status_code == 412


def test_a_deleted_source_is_gone_with_all_it_brought(client: Any, chatbot: Any, settings: Any) -> None:
    source = trained(
        chatbot, source_type="file", name="guide.md", options={}, file=ContentFile(GUIDE.encode(), name="guide.md")
    )
    assert says(chatbot, "lost card", "four euros")
    assert client.delete(of(source)).status_code == 204
    assert not found(chatbot, "lost card")
    assert stored(chatbot) == NOTHING
    assert not DocumentVersion.objects.exists()
    assert not Run.objects.exists()
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert client.get(of(source)).status_code == 404
    assert client.delete(of(source)).status_code == 404
    assert Event.objects.get(type="source.deleted").object_id == source.pk


def test_a_batch_is_deleted_and_tells_what_was_not_there(client: Any, charlie: Any, chatbot: Any) -> None:
    first, second, kept = trained(chatbot), make_source(chatbot), make_source(chatbot, "Other text.")
    path = f"/api/v1/chatbots/{chatbot.pk}/sources/batch-delete/"
    answer = client.post(path, {"ids": [str(first.pk), str(second.pk), str(unknown_id())]})
    assert answer.status_code == 200, answer.content
    assert set(answer.json()["deleted"]) == {str(first.pk), str(second.pk)}
    assert answer.json()["not_found"] == [str(unknown_id())]
    assert list(TrainingSource.objects.values_list("pk", flat=True)) == [kept.pk]
    assert stored(chatbot) == NOTHING


def test_a_sync_is_queued_once(client: Any, chatbot: Any) -> None:
    source = trained(chatbot)
    answer = client.post(of(source, "sync/"))
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    again = client.post(of(source, "sync/"))
    assert (again.status_code, again.json()["error"]["type"]) == (409, "already_running")
    work()
    runs = client.get(of(source, "runs/")).json()["results"]
    assert [each["kind"] for each in runs] == ["sync", "train"]
    assert runs[0]["state"] == "succeeded"
    detail = client.get(f"/api/v1/runs/{runs[0]['id']}/").json()
    assert detail["steps"]["read"]["items"] == 1
    assert detail["chunks_embedded"] == 0


def test_a_dry_run_says_what_would_change_and_changes_nothing(client: Any, chatbot: Any) -> None:
    source = trained(chatbot)
    same = client.post(of(source, "sync/?dry_run=true"))
    assert (same.status_code, same.json()["would_change"], same.json()["unchanged"]) == (200, False, 1)
    TrainingSource.objects.filter(pk=source.pk).update(options={"content": "New."})
    assert client.post(of(source, "sync/?dry_run=true")).json()["changed"] == 1
    assert Run.objects.count() == 1


def test_an_open_run_is_cancelled_and_a_closed_one_is_409(client: Any, chatbot: Any) -> None:
    source = make_source(chatbot)
    answer = client.post(of(source, "cancel/"))
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert client.post(of(source, "cancel/")).status_code == 409
    work()
    assert stored(chatbot) == NOTHING


def test_documents_and_chunks_lead_to_their_place_in_the_text(client: Any, chatbot: Any) -> None:
    source = trained(chatbot)
    [document] = client.get(of(source, "documents/")).json()["results"]
    assert document["title"] == "Guide to the Lindenau library"
    assert "text" not in document
    text = client.get(f"/api/v1/documents/{document['id']}/").json()["text"]
    chunks = client.get(of(source, "chunks/"), {"limit": 100}).json()["results"]
    assert len(chunks) == source.chunks_count
    for chunk in chunks:
        assert text[chunk["char_start"] : chunk["char_end"]] == chunk["text"]
        assert chunk["document"] == document["id"]
    assert [chunk["ordinal"] for chunk in chunks] == list(range(len(chunks)))


def test_a_stranger_finds_nothing(client_of: Any, charlie: Any, chatbot: Any) -> None:
    source = trained(chatbot)
    client = client_of(charlie)
    document, run = source.documents.get(), source.runs.get()
    for path in ("", "documents/", "chunks/", "runs/"):
        assert client.get(of(source, path)).status_code == 404, path
    assert client.get(f"/api/v1/documents/{document.pk}/").status_code == 404
    assert client.get(f"/api/v1/runs/{run.pk}/").status_code == 404
    assert client.patch(of(source), {"name": "x"}).status_code == 404
    assert client.delete(of(source)).status_code == 404
    assert client.post(of(source, "sync/")).status_code == 404
    assert client.post(of(source, "cancel/")).status_code == 404
    path = f"/api/v1/chatbots/{chatbot.pk}/sources/batch-delete/"
    assert client.post(path, {"ids": [str(source.pk)]}).status_code == 404
    assert TrainingSource.objects.filter(pk=source.pk).exists()


def test_an_id_of_another_chatbot_is_not_deleted_in_a_batch(client: Any, alice: Any, chatbot: Any) -> None:
    from tests.apps.training.world import make_chatbot

    other = make_source(make_chatbot(alice, "Other"))
    path = f"/api/v1/chatbots/{chatbot.pk}/sources/batch-delete/"
    assert client.post(path, {"ids": [str(other.pk)]}).json() == {"deleted": [], "not_found": [str(other.pk)]}


def test_sources_of_a_deleted_chatbot_are_404(client: Any, chatbot: Any) -> None:
    source = trained(chatbot)
    document = source.documents.get()
    type(chatbot).objects.filter(pk=chatbot.pk).update(deleted_at="2026-01-01T00:00Z")
    assert client.get(of(source)).status_code == 404
    assert client.get(f"/api/v1/documents/{document.pk}/").status_code == 404
