"""Files too large for one piece are trained part by part, in memory that does not grow with them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.base import ContentFile, File
from django.db import connection

from chatsphere.apps.training import actions, large, material
from chatsphere.apps.training.models import Document, DocumentVersion, Placement, Run, TrainingSource
from chatsphere.apps.training.reconcile import reconcile
from chatsphere.services.content.extract.text_parts import Part, text_parts
from chatsphere.services.errors import LimitExceeded
from tests.apps.training.world import make_source, says, work

pytestmark = pytest.mark.django_db(transaction=True)


def pdf_of(pages: int, *, blank: int = 0) -> bytes:
    """A PDF with a line of text on each page but the first ``blank`` ones, written by hand."""
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(pages))
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>"]
    resources = f"/Resources << /Font << /F1 {3 + 2 * pages} 0 R >> >>"
    for number in range(pages):
        stream = (
            ""
            if number < blank
            else f"BT /F1 12 Tf 72 720 Td (Page {number + 1} speaks of topic{number + 1} and of nothing else.) Tj ET"
        )
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {4 + 2 * number} 0 R {resources} >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode()
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}"
    return data + f"{table}trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF".encode()


def trained_file(chatbot: Any, name: str, media_type: str, data: bytes) -> TrainingSource:
    file = ContentFile(data, name=name)
    source = make_source(chatbot, name=name, source_type="file", options={}, file=file, media_type=media_type)
    work()
    source.refresh_from_db()
    return source


def paragraphs(count: int) -> bytes:
    return "\n\n".join(f"Paragraph {number} speaks of topic{number} — äöü." for number in range(count)).encode()


def test_the_parts_of_a_text_are_the_text_and_end_after_paragraphs(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(paragraphs(200))
    parts = list(text_parts(path, 1000))
    stretches = [path.read_bytes()[part.start : part.end] for part in parts]
    assert b"".join(stretches) == path.read_bytes()
    assert len(parts) > 8
    assert all(stretch.endswith(b"\n\n") for stretch in stretches[:-1])


def test_a_text_without_breaks_is_parted_between_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("ä€😀" * 500, encoding="utf-8")
    stretches = [path.read_bytes()[part.start : part.end].decode() for part in text_parts(path, 100)]
    assert "".join(stretches) == "ä€😀" * 500


def test_a_text_is_not_parted_inside_a_block_of_code(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    block = "Words before it.\n\n```bash\necho one\n\necho two\n\necho three\n```\n\n"
    path.write_text(block * 40)
    stretches = [path.read_bytes()[part.start : part.end].decode() for part in text_parts(path, 200)]
    assert "".join(stretches) == block * 40
    assert all(stretch.count("```") % 2 == 0 for stretch in stretches)


def test_utf_16_is_not_parted(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text", encoding="utf-16")
    with pytest.raises(LimitExceeded):
        list(text_parts(path))


def test_a_large_text_becomes_documents_that_are_all_found(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE_TEXT", 1000)
    monkeypatch.setattr(large, "text_parts", lambda path, start: text_parts(path, 4000, start))
    monkeypatch.setattr("chatsphere.apps.training.pipeline.SLICE_SECONDS", -1.0)  # make room after each part
    source = trained_file(chatbot, "big.txt", "text/plain", paragraphs(300) + b"\n" * 9000)
    assert (source.status, source.searchable, source.warnings) == ("ready", "full", [])
    assert source.documents_count == Document.objects.count() > 3
    for number in (0, 150, 299):
        assert says(chatbot, f"topic{number}", f"topic{number} ")
    assert Run.objects.get().attempt == 1
    assert reconcile().is_clean


def test_the_next_slice_goes_on_behind_the_last_part(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither looks for the ends of earlier parts nor reads the file to know its digest again."""
    starts: list[int] = []
    digests: list[Path] = []

    def parts(path: Path, start: int) -> Iterator[Part]:
        starts.append(start)
        return text_parts(path, 4000, start)

    def digest(path: Path) -> bytes:
        digests.append(path)
        return hashlib.sha256(path.read_bytes()).digest()

    monkeypatch.setattr(large, "LARGE_TEXT", 1000)
    monkeypatch.setattr(large, "text_parts", parts)
    monkeypatch.setattr(material, "_digest", digest)
    monkeypatch.setattr("chatsphere.apps.training.pipeline.SLICE_SECONDS", -1.0)
    data = paragraphs(300)
    source = trained_file(chatbot, "big.txt", "text/plain", data)
    assert (source.status, bytes(source.content_hash)) == ("ready", hashlib.sha256(data).digest())
    assert len(digests) == 1
    assert starts == [0, *(starts[0] + part.end for part in text_parts(Path(source.file.path), 4000))]
    assert len(starts) == source.documents_count + 1


def test_a_text_that_was_trained_as_a_whole_is_replaced_by_its_parts(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = trained_file(chatbot, "big.txt", "text/plain", paragraphs(300))
    monkeypatch.setattr(large, "LARGE_TEXT", 1000)
    for size in (2000, 4000):  # smaller parts, then larger and fewer ones
        monkeypatch.setattr(large, "text_parts", lambda path, start, size=size: text_parts(path, size, start))
        actions.sync_source(source=source)
        work()
        source.refresh_from_db()
        parts = list(text_parts(Path(source.file.path), size))
        assert source.status == "ready", source.error_message
        assert sorted(Document.objects.values_list("key", flat=True)) == [
            f"part {number:05}" for number in range(1, len(parts) + 1)
        ]
    assert says(chatbot, "topic150", "topic150 ")
    assert reconcile().is_clean


def test_people_are_not_told_where_a_worker_goes_on(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch, alice: Any, client_of: Any
) -> None:
    monkeypatch.setattr(large, "LARGE_TEXT", 1000)
    trained_file(chatbot, "big.txt", "text/plain", paragraphs(300))
    run = Run.objects.get()
    assert run.steps["_place"]
    shown = client_of(alice).get(f"/api/v1/runs/{run.pk}/").json()
    assert set(shown["steps"]) == set(run.steps) - {"_place"}


def test_a_large_pdf_is_read_by_ranges_and_keeps_its_page_numbers(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "PAGES_A_PART", 3)
    source = trained_file(chatbot, "big.pdf", "application/pdf", pdf_of(8))
    assert (source.status, source.documents_count) == ("ready", 3), source.error_message
    assert sorted(Document.objects.values_list("key", flat=True)) == ["", "pages 4-6", "pages 7-9"]
    pages = {place.page: place.chunk.text for place in Placement.objects.select_related("chunk")}
    assert all(f"topic{page} " in text for page, text in pages.items())
    assert max(pages) >= 7


def test_a_pdf_whose_first_pages_hold_no_text_is_read_from_where_it_begins(
    chatbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "PAGES_A_PART", 3)
    monkeypatch.setattr("chatsphere.apps.training.pipeline.SLICE_SECONDS", -1.0)  # make room after each part
    source = trained_file(chatbot, "big.pdf", "application/pdf", pdf_of(8, blank=4))
    assert (source.status, source.documents_count) == ("partial", 2), source.error_message
    assert source.warnings == ["pages 1-3: No text was found in this document."]
    assert sorted(Document.objects.values_list("key", flat=True)) == ["pages 4-6", "pages 7-9"]
    assert says(chatbot, "topic6", "topic6 ")
    assert reconcile().is_clean


def test_a_pdf_without_any_text_fails(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "PAGES_A_PART", 3)
    source = trained_file(chatbot, "big.pdf", "application/pdf", pdf_of(7, blank=7))
    assert (source.status, source.error_type) == ("failed", "empty")


def test_a_small_pdf_is_one_document(chatbot: Any) -> None:
    source = trained_file(chatbot, "small.pdf", "application/pdf", pdf_of(2))
    assert (source.status, source.documents_count) == ("ready", 1)
    assert Document.objects.get().key == ""


_MEASURED = """
import resource, sys, time, django
django.setup()
from chatsphere.apps.training import worker
from chatsphere.services.content.extract.sandbox import close_servers
from chatsphere.services.content.language import detect_language
detect_language("The model of languages is loaded before anything is measured.")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
peaks = []
while worker.work_until(time.monotonic() + 20):
    peaks.append((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
print("grew by MB, every 20 s:", *peaks, file=sys.stderr)
close_servers()  # only children that have ended are counted
own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(before // 1024, own // 1024, children // 1024)
"""


def train_measured(source: TrainingSource) -> tuple[int, int]:
    """Train in a process of its own; the megabytes by which it grew, and those of its largest child."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    media = str(Path(source.file.path).parents[len(Path(str(source.file.name)).parents) - 1])
    environment = os.environ | {"DATABASE_URL": url, "MEDIA_ROOT": media, "LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED], env=environment, capture_output=True, text=True, timeout=3000, check=True
    )
    print(done.stderr.strip().rpartition("\n")[2])
    before, own, children = map(int, done.stdout.split()[-3:])
    source.refresh_from_db()
    return own - before, children


def queued_file(chatbot: Any, tmp_path: Path, name: str, media_type: str) -> TrainingSource:
    with (tmp_path / name).open("rb") as data:
        return make_source(
            chatbot, name=name, source_type="file", options={}, file=File(data, name=name), media_type=media_type
        )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_does_not_grow_with_a_text(chatbot: Any, tmp_path: Path) -> None:
    """``LARGE_TEXT_MB`` makes it larger than the 40 MB of the default."""
    with (tmp_path / "big.txt").open("wb") as file:
        for number in range(int(os.environ.get("LARGE_TEXT_MB", "40"))):
            lines = (f"Line {number}-{line} speaks of topic{number}x{line}. " + "word " * 60 for line in range(3000))
            file.write("\n\n".join(lines).encode())
    source = queued_file(chatbot, tmp_path, "big.txt", "text/plain")
    grown, _ = train_measured(source)
    print(f"text of {source.bytes >> 20} MB, {source.chunks_count} chunks: grew by {grown} MB")
    assert source.status == "ready", source.error_message
    assert grown < 250


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_does_not_grow_with_a_pdf(chatbot: Any, tmp_path: Path) -> None:
    (tmp_path / "big.pdf").write_bytes(pdf_of(5000))
    source = queued_file(chatbot, tmp_path, "big.pdf", "application/pdf")
    grown, children = train_measured(source)
    print(f"PDF of 5,000 pages, {source.chunks_count} chunks: grew by {grown} MB, children {children} MB")
    assert source.status == "ready", source.error_message
    assert source.documents_count == 20
    assert grown < 250
    assert children < 500


MANUAL = "# Manual\n\n## Pumps\n\n" + "\n\n".join(f"Step {n} of the pumps turns valve{n} a little." for n in range(120))


def contexts(chatbot: Any) -> dict[str, list[str]]:
    """Heading paths by the documents' keys; the first chunk of each."""
    first = Placement.objects.filter(ordinal=0).select_related("document_version__document")
    return {place.document_version.document.key: place.heading_path for place in first}


def test_a_part_stands_under_the_headings_above_it(chatbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE_TEXT", 1000)
    monkeypatch.setattr(large, "text_parts", lambda path, start: text_parts(path, 2000, start))
    monkeypatch.setattr("chatsphere.apps.training.pipeline.SLICE_SECONDS", -1.0)  # each part in a slice of its own
    data = f"{MANUAL}\n\n## Fans\n\n" + "\n\n".join(f"Fan {n} has blade{n} and nothing else." for n in range(120))
    source = trained_file(chatbot, "manual.md", "text/markdown", data.encode())
    assert source.status == "ready", source.error_message
    paths = list(dict(sorted(contexts(chatbot).items())).values())
    assert len(paths) > 3
    assert set(map(tuple, paths[1:])) == {("Manual", "Pumps"), ("Manual", "Fans")}
    assert paths[-1] == ["Manual", "Fans"]

    before = set(DocumentVersion.objects.values_list("pk", flat=True))
    actions.sync_source(source=source, is_forced=False)
    work()
    assert set(DocumentVersion.objects.values_list("pk", flat=True)) == before, "the same parts are not read again"
    source.file.save("manual.md", ContentFile(data.replace("## Pumps", "## Pipes").encode()))
    actions.sync_source(source=source)
    work()
    assert list(dict(sorted(contexts(chatbot).items())).values())[1] == ["Manual", "Pipes"]
    assert reconcile().is_clean
