"""POST /api/v1/chatbots/{id}/sources/ and its batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from chatsphere.apps.training.models import Run, TrainingSource
from chatsphere.apps.users.models import Flag
from tests.apps.training.world import unknown_id

pytestmark = pytest.mark.django_db(transaction=True)


def url(chatbot: Any, more: str = "") -> str:
    return f"/api/v1/chatbots/{getattr(chatbot, 'pk', chatbot)}/sources/{more}"


def upload(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


@pytest.fixture
def client(alice: Any, client_of: Any) -> Any:
    return client_of(alice)


def test_a_text_is_accepted_and_queued(client: Any, chatbot: Any) -> None:
    answer = client.post(url(chatbot), {"source_type": "text", "name": "Fees", "content": "# Fees\n\nA card is free."})
    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert body["status"] == "queued"
    assert body["processed"] is False
    assert body["searchable"] == "none"
    assert body["error"] is None
    assert body["progress"] == {"done": 0, "total": 0, "unit": "chunks"}
    assert body["chatbot"] == str(chatbot.pk)
    assert Run.objects.get().source_id == TrainingSource.objects.get().pk


def test_a_text_without_a_name_is_named_by_its_first_line(client: Any, chatbot: Any) -> None:
    answer = client.post(url(chatbot), {"source_type": "text", "content": "\n# Opening hours\n\nAt ten."})
    assert answer.json()["name"] == "Opening hours"


def test_pairs_are_accepted(client: Any, chatbot: Any) -> None:
    pairs = [{"question": "Who?", "answer": "Nobody."}]
    answer = client.post(url(chatbot), {"source_type": "qa", "name": "FAQ", "pairs": pairs})
    assert answer.status_code == 202
    assert TrainingSource.objects.get().options == {"pairs": pairs}


def test_one_file_makes_one_source(client: Any, chatbot: Any) -> None:
    answer = client.post(
        url(chatbot), {"source_type": "file", "file": upload("guide.md", b"# Guide\n\nText.")}, format="multipart"
    )
    assert answer.status_code == 202, answer.content
    assert answer.json()["name"] == "guide.md"
    assert answer.json()["bytes"] == 14
    assert answer.json()["media_type"] == "text/markdown"


def test_several_files_make_several_sources(client: Any, chatbot: Any) -> None:
    files = [upload("a.md", b"# A\n\nText."), upload("b.txt", b"Text.")]
    answer = client.post(url(chatbot), {"file": files}, format="multipart")
    assert answer.status_code == 202, answer.content
    assert [each["name"] for each in answer.json()] == ["a.md", "b.txt"]
    assert Run.objects.count() == 2


def test_a_file_may_be_named_and_tagged(client: Any, chatbot: Any) -> None:
    form = {"file": upload("fees.txt", b"Four euros."), "name": "inner/fees.txt", "access_tags": ["staff", "board"]}
    answer = client.post(url(chatbot), form, format="multipart")
    assert answer.json()["name"] == "inner/fees.txt"
    assert answer.json()["access_tags"] == ["staff", "board"]


def test_the_storage_key_is_not_the_file_name(client: Any, chatbot: Any, settings: Any) -> None:
    client.post(url(chatbot), {"file": upload("../../evil.md", b"# E\n\nText.")}, format="multipart")
    [path] = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    source = TrainingSource.objects.get()
    assert path.name == str(source.pk)
    assert "evil" not in source.file.name


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "source_type"),
        ({"source_type": "magic"}, "source_type"),
        ({"source_type": "text"}, "content"),
        ({"source_type": "text", "content": ""}, "content"),
        ({"source_type": "text", "content": "x", "pairs": [{"question": "a", "answer": "b"}]}, "pairs"),
        ({"source_type": "qa"}, "pairs"),
        ({"source_type": "qa", "pairs": []}, "pairs"),
        ({"source_type": "text", "content": " \n\t "}, "content"),
        ({"source_type": "qa", "pairs": [{"question": "a"}]}, "pairs.0.answer"),
        ({"source_type": "file"}, "file"),
        ({"source_type": "url"}, "url"),
        ({"source_type": "text", "content": "x", "url": "https://example.com/"}, "url"),
        ({"source_type": "text", "content": "x", "colour": "red"}, "colour"),
        ({"source_type": "text", "content": "x", "refresh": "hourly"}, "refresh"),
        ({"source_type": "text", "content": "x", "access_tags": ["y" * 101]}, "access_tags.0"),
        ({"source_type": "text", "content": "x", "status": "ready"}, "status"),
    ],
)
def test_what_is_wrong_is_named(client: Any, chatbot: Any, body: dict[str, Any], field: str) -> None:
    answer = client.post(url(chatbot), body)
    assert answer.status_code == 422, answer.content
    assert field in answer.json()["error"]["fields"], answer.json()
    assert not TrainingSource.objects.exists()


def test_a_file_of_an_unknown_kind_is_415(client: Any, chatbot: Any) -> None:
    data = b"\x7fELF\x02\x01\x01" + bytes(100)
    answer = client.post(url(chatbot), {"file": upload("guide.md", data)}, format="multipart")
    assert answer.status_code == 415
    assert answer.json()["error"]["type"] == "unsupported_format"


def test_an_empty_file_is_422(client: Any, chatbot: Any) -> None:
    answer = client.post(url(chatbot), {"file": upload("a.txt", b"")}, format="multipart")
    assert answer.status_code == 422
    assert any(name.startswith("file") for name in answer.json()["error"]["fields"])


@pytest.mark.parametrize("nothing", ["", "\n", " \t\n\n"])
def test_a_text_that_says_nothing_is_422(client: Any, chatbot: Any, nothing: str) -> None:
    answer = client.post(url(chatbot), {"source_type": "text", "content": nothing})
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["content"])


def test_parts_that_are_no_files_are_422(client: Any, chatbot: Any) -> None:
    answer = client.post(url(chatbot), {"source_type": "file", "file": [""] * 11}, format="multipart")
    assert answer.status_code == 422
    assert "not a file" in answer.json()["error"]["fields"]["file.10"][0]
    assert client.post(url(chatbot), {"file": [""] * 11}, format="json").status_code == 422
    assert not TrainingSource.objects.exists()


def test_too_many_files_are_told_how_many_may_come(client: Any, chatbot: Any, settings: Any) -> None:
    files = [upload(f"{number}.txt", b"Text.") for number in range(settings.MAX_UPLOAD_FILES + 1)]
    answer = client.post(url(chatbot), {"source_type": "file", "file": files}, format="multipart")
    assert (answer.status_code, "20 files" in answer.json()["error"]["message"]) == (413, True)


def test_a_file_over_the_limit_is_413_and_leaves_nothing(client: Any, chatbot: Any, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 2_000
    answer = client.post(url(chatbot), {"file": upload("a.txt", b"word " * 1_000)}, format="multipart")
    assert answer.status_code == 413, answer.content
    assert not TrainingSource.objects.exists()
    assert not list(Path(settings.MEDIA_ROOT).rglob("*"))


def test_one_bad_file_refuses_all_of_the_call(client: Any, chatbot: Any, settings: Any) -> None:
    files = [upload("a.md", b"# A\n\nText."), upload("b.bin", b"\x7fELF\x02\x01\x01" + bytes(100))]
    assert client.post(url(chatbot), {"file": files}, format="multipart").status_code == 415
    assert not TrainingSource.objects.exists()
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_a_batch_is_accepted_whole(client: Any, chatbot: Any) -> None:
    sources = [{"source_type": "text", "name": f"T{n}", "content": f"Text {n}."} for n in range(100)]
    answer = client.post(url(chatbot, "batch/"), {"sources": sources})
    assert answer.status_code == 202, answer.content
    assert [each["name"] for each in answer.json()] == [f"T{n}" for n in range(100)]


def test_a_batch_of_101_or_with_one_mistake_is_refused_whole(client: Any, chatbot: Any) -> None:
    text = {"source_type": "text", "content": "x"}
    assert client.post(url(chatbot, "batch/"), {"sources": [text] * 101}).status_code == 422
    answer = client.post(url(chatbot, "batch/"), {"sources": [text, {"source_type": "text"}]})
    assert "sources.1.content" in answer.json()["error"]["fields"]
    assert not TrainingSource.objects.exists()


def test_a_stranger_and_an_unknown_chatbot_are_404(client_of: Any, charlie: Any, client: Any, chatbot: Any) -> None:
    body = {"source_type": "text", "content": "x"}
    assert client_of(charlie).post(url(chatbot), body).status_code == 404
    assert client.post(url(unknown_id()), body).status_code == 404
    type(chatbot).objects.filter(pk=chatbot.pk).update(deleted_at="2026-01-01T00:00Z")
    assert client.post(url(chatbot), body).status_code == 404
    assert client.get(url(chatbot)).status_code == 404


def test_a_team_mate_may_add_and_nobody_may_not(client_of: Any, bob: Any, api_client: Any, chatbot: Any) -> None:
    body = {"source_type": "text", "content": "x"}
    assert client_of(bob).post(url(chatbot), body).status_code == 202
    assert api_client.post(url(chatbot), body).status_code == 401


def test_a_request_succeeds_when_redis_is_away(client: Any, chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from celery import current_app
    from kombu.exceptions import OperationalError

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(current_app._get_current_object(), "send_task", away)
    monkeypatch.setattr("chatsphere.core.hints._quiet_until", 0.0)
    answer = client.post(url(chatbot), {"source_type": "text", "content": "Text."})
    assert answer.status_code == 202
    assert Run.objects.get().state == "queued"


def test_web_sources_are_refused_while_crawling_is_off_and_texts_are_not(client: Any, chatbot: Any) -> None:
    Flag.objects.create(name="crawling", everyone=False)
    refused = client.post(url(chatbot), {"source_type": "url", "url": "https://example.com/"})
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "crawling_off")
    text = {"source_type": "text", "name": "Fees", "content": "Four euros."}
    assert client.post(url(chatbot), text).status_code == 202
