"""PATCH /api/v1/sources/{id}/ with a file: the same source says what the new file says."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from chatsphere.apps.training import uploads
from chatsphere.apps.training.models import Document, Run, TrainingSource
from chatsphere.apps.users.models import AuditEvent
from chatsphere.services.content.limits import Limits
from tests.apps.training.test_archives import packed
from tests.apps.training.world import found, make_source, unknown_id, work

pytestmark = pytest.mark.django_db(transaction=True)

FOURTEEN = b"# Returns\n\nPurchases are taken back within fourteen days."
THIRTY = b"# Returns\n\nPurchases are taken back within thirty days."


@pytest.fixture
def client(alice: Any, client_of: Any) -> Any:
    return client_of(alice)


def add(client: Any, chatbot: Any, data: bytes = FOURTEEN, name: str = "returns.md") -> str:
    form = {"file": SimpleUploadedFile(name, data), "name": "Returns"}
    answer = client.post(f"/api/v1/chatbots/{chatbot.pk}/sources/", form, format="multipart")
    assert answer.status_code == 202, answer.content
    return str(answer.json()["id"])


def replace(client: Any, source: Any, data: bytes = THIRTY, name: str = "new.md", **more: Any) -> Any:
    form = {"file": SimpleUploadedFile(name, data), **more}
    return client.patch(f"/api/v1/sources/{source}/", form, format="multipart")


def says(chatbot: Any) -> str:
    return " ".join(hit.text for hit in found(chatbot, "how long are purchases taken back"))


def test_the_new_file_answers_in_the_place_of_the_old_one(client: Any, chatbot: Any) -> None:
    source = add(client, chatbot)
    work()
    before = TrainingSource.objects.get(pk=source)
    answer = replace(client, source)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["status"], answer.json()["name"], answer.json()["bytes"]) == (
        "queued",
        "Returns",
        len(THIRTY),
    )
    assert "fourteen" in says(chatbot)  # until the new one is ready
    work()
    after = TrainingSource.objects.get(pk=source)
    assert (after.status, after.searchable, after.documents.count()) == ("ready", "full", 1)
    assert "thirty" in says(chatbot)
    assert "fourteen" not in says(chatbot)
    assert not before.file.storage.exists(str(before.file.name))
    assert after.file.read() == THIRTY
    assert list(Run.objects.order_by("created_at").values_list("kind", flat=True)) == ["train", "sync"]
    assert AuditEvent.objects.filter(action="source.changed").get().details["fields"] == ["file"]


def test_the_same_file_again_embeds_nothing(client: Any, chatbot: Any) -> None:
    source = add(client, chatbot)
    work()
    assert replace(client, source, FOURTEEN).status_code == 200
    work()
    run = Run.objects.latest("created_at")
    assert (run.state, run.chunks_embedded) == ("succeeded", 0)


@pytest.mark.parametrize("is_archive_first", [True, False])
def test_an_archive_and_a_file_take_each_others_place(client: Any, chatbot: Any, is_archive_first: bool) -> None:
    archive = packed({"a.md": FOURTEEN, "b.md": b"# Fees\n\nA card is free."})
    first, second = (archive, THIRTY) if is_archive_first else (THIRTY, archive)
    source = add(client, chatbot, first, "all.zip" if is_archive_first else "returns.md")
    work()
    assert replace(client, source, second).status_code == 200
    work()
    keys = ["a.md", "b.md"] if not is_archive_first else [""]
    assert sorted(Document.objects.values_list("key", flat=True)) == keys
    assert ("thirty" in says(chatbot), "fourteen" in says(chatbot)) == (is_archive_first, not is_archive_first)


def test_a_file_that_is_not_in_the_new_archive_is_gone(client: Any, chatbot: Any) -> None:
    source = add(client, chatbot, packed({"a.md": FOURTEEN, "b.md": b"# Fees\n\nA card is free."}), "all.zip")
    work()
    replace(client, source, packed({"b.md": b"# Fees\n\nA card is free.", "c.md": THIRTY}), "all.zip")
    work()
    assert sorted(Document.objects.values_list("key", flat=True)) == ["b.md", "c.md"]
    assert "fourteen" not in says(chatbot)


def test_a_run_that_reads_the_old_file_is_cancelled(client: Any, chatbot: Any) -> None:
    source = add(client, chatbot)
    assert replace(client, source).status_code == 200
    work()
    assert list(Run.objects.order_by("created_at").values_list("state", flat=True)) == ["cancelled", "succeeded"]
    assert ("thirty" in says(chatbot), "fourteen" in says(chatbot)) == (True, False)


def test_name_and_tags_may_come_along(client: Any, chatbot: Any) -> None:
    source = add(client, chatbot)
    answer = replace(client, source, name="new.md", access_tags=["staff"]).json()
    assert answer["access_tags"] == ["staff"]
    form = {"file": SimpleUploadedFile("x.md", THIRTY), "name": "Returns 2027"}
    assert client.patch(f"/api/v1/sources/{source}/", form, format="multipart").json()["name"] == "Returns 2027"


def test_what_cannot_be_read_changes_nothing(client: Any, chatbot: Any) -> None:
    source = add(client, chatbot)
    work()
    stored = TrainingSource.objects.get(pk=source).file.name
    answer = replace(client, source, b"\x7fELF\x00\x00\x01" * 20, "tool.bin")
    assert answer.status_code == 415
    assert "tool.bin" in answer.json()["error"]["message"]
    assert client.patch(f"/api/v1/sources/{source}/", {"name": "x"}, format="multipart").status_code == 422
    after = TrainingSource.objects.get(pk=source)
    assert (after.status, after.file.name) == ("ready", stored)
    assert "fourteen" in says(chatbot)


def test_only_files_have_a_file(client: Any, chatbot: Any) -> None:
    source = make_source(chatbot)
    answer = replace(client, source.pk)
    assert answer.status_code == 422
    assert "file" in answer.json()["error"]["fields"]


def test_an_old_etag_changes_nothing(client: Any, chatbot: Any) -> None:
    source = add(client, chatbot)
    form = {"file": SimpleUploadedFile("x.md", THIRTY)}
    answer = client.patch(f"/api/v1/sources/{source}/", form, format="multipart", HTTP_IF_MATCH='"old"')
    assert answer.status_code == 412
    folder = TrainingSource.objects.get(pk=source)
    assert folder.file.read() == FOURTEEN


def test_a_file_of_another_workspace_is_not_there(client_of: Any, client: Any, charlie: Any, chatbot: Any) -> None:
    source = add(client, chatbot)
    assert replace(client_of(charlie), source).status_code == 404
    assert replace(client, unknown_id()).status_code == 404


def test_types_that_are_read_whole_have_a_limit_of_their_own(
    client: Any, chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever MAX_UPLOAD_BYTES allows: it is told at once, not after the upload."""
    monkeypatch.setattr(uploads, "DEFAULT_LIMITS", Limits(max_bytes=100))
    table = b"name,price\n" + b"tea,3\n" * 50
    form = {"file": SimpleUploadedFile("prices.csv", table)}
    with override_settings(MAX_UPLOAD_BYTES=10_000):
        answer = client.post(f"/api/v1/chatbots/{chatbot.pk}/sources/", form, format="multipart")
        assert answer.status_code == 413
        assert "prices.csv" in answer.json()["error"]["message"]
        form = {"file": SimpleUploadedFile("long.txt", b"Words and words.\n" * 50)}
        assert client.post(f"/api/v1/chatbots/{chatbot.pk}/sources/", form, format="multipart").status_code == 202
