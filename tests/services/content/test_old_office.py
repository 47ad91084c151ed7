"""Outlook messages and old workbooks, whole and damaged; pictures with and without an OCR engine."""

from __future__ import annotations

import random
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatsphere.services.content.extract import extract, ocr
from chatsphere.services.content.extract.sandbox import extract_in_child
from chatsphere.services.errors import ContentError, EmptyDocument, UnsupportedFormat
from chatsphere.services.types import BlockKind

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
def files(shared_data: Path) -> Path:
    return shared_data / "formats_a/files"


def test_an_outlook_message_is_read_like_a_mail(files: Path) -> None:
    document = extract_in_child(files / "unstructured/fake-email.msg", name="fake-email.msg")
    assert (document.title, document.media_type) == ("Test Email", "application/vnd.ms-outlook")
    assert "From: Matthew Robinson" in document.text
    assert "Date: 2023-03-28 17:00 UTC" in document.text
    assert "Violets are blue" in document.text


def test_an_old_workbook_is_read_as_tables(files: Path) -> None:
    document = extract_in_child(files / "markitdown/test.xls", name="test.xls")
    assert document.text.startswith("## Sheet1")
    table = next(block for block in document.blocks if block.kind is BlockKind.TABLE)
    assert table.header_end is not None
    assert document.text[table.char_start :].startswith("| Alpha | Beta | Gamma | Delta |")
    assert document.report["tables"] >= 1


def test_hidden_rows_of_an_old_workbook_are_left_out(files: Path, tmp_path: Path) -> None:
    data = bytearray((files / "markitdown/test.xls").read_bytes())
    whole = extract_in_child(files / "markitdown/test.xls", name="test.xls").text
    record = data.index(b"\x08\x02\x10\x00\x02\x00")  # ROW, 16 bytes, of the third row
    data[record + 16] |= 0x20  # "hidden" of its options
    file = tmp_path / "hidden.xls"
    file.write_bytes(data)
    shown = extract_in_child(file, name="hidden.xls").text
    lines = whole.split("\n")
    gone = lines.index(next(line for line in lines if line.startswith("| Alpha"))) + 3  # header, rule, second row
    assert shown.split("\n") == [*lines[:gone], *lines[gone + 1 :]]


@pytest.mark.parametrize(
    ("path", "advice"),
    [("docling/doc/legacy_sample.doc", ".docx"), ("docling/ppt/legacy_sample.ppt", ".pptx")],
)
def test_old_documents_and_slides_say_what_to_save_them_as(files: Path, path: str, advice: str) -> None:
    with pytest.raises(UnsupportedFormat, match=f"Save it as {advice}"):
        extract_in_child(files / path, name=path.rsplit("/", 1)[-1])


@pytest.mark.parametrize("path", ["unstructured/fake-email.msg", "markitdown/test.xls"])
def test_damaged_ones_end_with_a_sentence(files: Path, path: str, tmp_path: Path) -> None:
    whole = bytearray((files / path).read_bytes())
    chance = random.Random(7)
    for number in range(8):
        broken = whole[: chance.randrange(len(whole) // 4, len(whole))] if number % 2 else bytearray(whole)
        for _ in range(60):
            broken[chance.randrange(600, len(broken))] = chance.randrange(256)
        file = tmp_path / f"{number}.bin"
        file.write_bytes(broken)
        assert _outcome(file, path.rsplit("/", 1)[-1]).endswith(".")


def _outcome(file: Path, name: str) -> str:
    try:
        return f"{len(extract_in_child(file, name=name).blocks)} blocks."
    except ContentError as error:
        return error.message


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in program for the engine; it answers what stands in its file ``answer``."""
    program = tmp_path / ocr.ENGINE
    program.write_text(f'#!/bin/sh\ncat > {tmp_path}/seen\necho "$@" > {tmp_path}/asked\ncat {tmp_path}/answer\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv(ocr.LANGUAGES, "eng")
    ocr._command.cache_clear()
    return tmp_path


@pytest.fixture(autouse=True)
def _forget_the_engine() -> Iterator[None]:
    ocr._command.cache_clear()
    yield
    ocr._command.cache_clear()


def test_without_an_engine_a_picture_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UnsupportedFormat, match="Tesseract"):
        extract(PNG, name="a.png")


def test_an_engine_that_is_switched_off_is_not_asked(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (engine / "answer").write_text("Hello")
    monkeypatch.setenv("OCR_LANGUAGES", "")
    with pytest.raises(UnsupportedFormat):
        extract(PNG, name="a.png")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff" + bytes(64), "image/jpeg"),
        (b"II*\x00" + bytes(64), "image/tiff"),
        (b"RIFF\x40\x00\x00\x00WEBPVP8 " + bytes(64), "image/webp"),
    ],
)
def test_the_text_of_a_picture_comes_in_paragraphs(engine: Path, data: bytes, media_type: str) -> None:
    (engine / "answer").write_text("Opening hours\n\nWe open at ten and we are clos-\ning at six.\n\n~ .\n\f")
    document = extract(data, name="a.bin")
    assert document.text == "Opening hours\n\nWe open at ten and we are closing at six."
    assert (document.media_type, document.report["ocr_pages"]) == (media_type, [1])
    assert (engine / "seen").read_bytes() == data
    assert "-l eng" in (engine / "asked").read_text()


def test_a_picture_of_nothing_is_empty(engine: Path) -> None:
    (engine / "answer").write_text("\n\f")
    with pytest.raises(EmptyDocument, match="picture"):
        extract(PNG, name="a.png")


def test_a_scanned_page_is_read_where_it_stands(engine: Path, files: Path) -> None:
    (engine / "answer").write_text("Comprehensive medical report")
    scan = files / "markitdown/MEDRPT-2024-PAT-3847_medical_report_scan.pdf"
    document = extract(scan, name="scan.pdf")
    assert document.text.count("Comprehensive medical report") == document.report["pages"]
    assert (document.is_partial, document.report["unreadable_pages"]) == (False, [])
    assert document.report["ocr_pages"] == list(range(1, document.report["pages"] + 1))
    assert (engine / "seen").read_bytes().startswith(b"P5 ")
