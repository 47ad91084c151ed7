"""A ZIP is a source of many documents; one file that cannot be read leaves the others alone."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.base import ContentFile

from chatsphere.apps.training import actions, archives, worker
from chatsphere.apps.training.models import Document, Run, TrainingSource
from chatsphere.apps.training.reconcile import reconcile
from chatsphere.services.content.extract.archive import list_members
from chatsphere.services.content.limits import Limits
from chatsphere.services.errors import EncryptedDocument
from tests.apps.training.world import make_source, says, stored, work

pytestmark = pytest.mark.django_db(transaction=True)

BROKEN_PDF = b"%PDF-1.7\nthis is no PDF at all"


def packed(files: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def add(chatbot: Any, data: bytes) -> TrainingSource:
    file = ContentFile(data, name="docs.zip")
    return make_source(
        chatbot, name="docs.zip", source_type="file", options={}, file=file, media_type="application/zip"
    )


def trained_zip(chatbot: Any, files: dict[str, bytes | str]) -> TrainingSource:
    source = add(chatbot, packed(files))
    work()
    source.refresh_from_db()
    return source


def test_each_file_is_a_document_that_is_found(chatbot: Any) -> None:
    source = trained_zip(
        chatbot, {"a/one.md": "# One\n\nAbout alpacas.", "two.txt": "About badgers.", "__MACOSX/x": "x"}
    )
    assert (source.status, source.searchable, source.documents_count, source.warnings) == ("ready", "full", 2, [])
    rows = Document.objects.order_by("key").values_list("key", "title", "media_type")
    assert list(rows) == [("a/one.md", "One", "text/markdown"), ("two.txt", "two.txt", "text/plain")]
    assert says(chatbot, "alpacas", "alpacas")
    assert says(chatbot, "badgers", "badgers")
    assert Run.objects.get().steps["archive"] == {"items": 2}


def test_chunks_are_listed_document_by_document(alice: Any, client_of: Any, chatbot: Any) -> None:
    sections = "\n\n".join(f"# Section {number}\n\n" + "Words of this section. " * 40 for number in range(4))
    source = trained_zip(chatbot, {"a.md": sections, "b.md": sections.replace("Words", "Phrases")})
    client = client_of(alice)
    listed, url = [], f"/api/v1/sources/{source.pk}/chunks/?limit=3"
    while url:
        page = client.get(url).json()
        listed += [(each["document"], each["ordinal"]) for each in page["results"]]
        url = page["next"]
    documents = list(dict.fromkeys(document for document, _ in listed))
    assert len(documents) == 2
    assert listed == [(each, ordinal) for each in documents for ordinal in range(len(listed) // 2)]


def test_files_that_cannot_be_read_make_the_source_partial_and_are_named(chatbot: Any) -> None:
    inner = packed({"x.txt": "x"})
    source = trained_zip(chatbot, {"good.md": "# Good\n\nText.", "bad.pdf": BROKEN_PDF, "inner.zip": inner})
    assert (source.status, source.documents_count) == ("partial", 1)
    assert [warning.split(":")[0] for warning in source.warnings] == ["bad.pdf", "inner.zip"]
    assert reconcile().is_clean


def test_an_archive_of_which_nothing_can_be_read_fails_with_a_reason(chatbot: Any) -> None:
    source = trained_zip(chatbot, {"bad.pdf": BROKEN_PDF})
    assert (source.status, source.error_type) == ("failed", "empty")
    assert "bad.pdf" in source.error_message


def test_an_archive_without_documents_fails_with_a_reason(chatbot: Any) -> None:
    source = trained_zip(chatbot, {"inner.zip": packed({"x.txt": "x"})})
    assert source.status == "failed"
    assert "Archives within archives" in source.error_message


def test_a_killed_workers_successor_goes_on_behind_the_files_that_are_done(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    target = archives.ArchiveTraining._target

    def noted(self: Any, material: Any) -> Any:
        read.append(material.key)
        return target(self, material)

    monkeypatch.setattr(archives.ArchiveTraining, "_target", noted)
    monkeypatch.setattr("chatsphere.apps.training.pipeline.SLICE_SECONDS", -1.0)  # make room after each file
    source = trained_zip(chatbot, {f"{number}.md": f"# Page {number}\n\ntopic{number}" for number in range(4)})
    assert (source.status, source.documents_count) == ("ready", 4)
    assert read == [f"{number}.md" for number in range(4)]
    assert stored(chatbot)["vectors"] == 4


def test_a_cancelled_archive_leaves_nothing(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = add(chatbot, packed({f"{number}.md": f"topic{number}" for number in range(3)}))
    finish = archives.ArchiveTraining._finish_member

    def finish_and_cancel(self: Any, *arguments: Any) -> None:
        finish(self, *arguments)
        if self.run.progress_total == 2:
            actions.cancel_source(source=source)

    monkeypatch.setattr(archives.ArchiveTraining, "_finish_member", finish_and_cancel)
    work()
    source.refresh_from_db()
    assert source.status == "cancelled"
    assert stored(chatbot) == {"texts": 0, "places": 0, "words": 0, "vectors": 0}
    assert reconcile().is_clean


def test_reading_an_archive_again_embeds_nothing(chatbot: Any) -> None:
    source = trained_zip(chatbot, {"a.md": "# One\n\nAbout alpacas.", "b.md": "About badgers."})
    actions.sync_source(source=source, is_forced=False)
    run = worker._claim()
    assert run is not None
    worker.do(run)
    run.refresh_from_db()
    assert (run.state, run.chunks_embedded) == ("succeeded", 0)


def test_an_archive_with_a_secret_in_it_is_refused() -> None:
    data = bytearray(packed({"a.txt": "A", "b.txt": "B"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(EncryptedDocument):
        list_members(bytes(data), Limits())
