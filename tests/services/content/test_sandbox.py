"""Whatever a file does to its reader, the worker goes on and its owner gets a sentence."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import patch

import pytest

from chatsphere.services.content.extract import child, extract, sandbox
from chatsphere.services.content.extract.wire import document_from_json, document_to_json
from chatsphere.services.content.limits import MEGABYTE, Limits
from chatsphere.services.errors import ContentError, EncryptedDocument
from chatsphere.services.types import ExtractedDocument
from tests.services.content.samples import docx, paragraph, pdf, shared


@pytest.fixture(autouse=True)
def servers() -> Iterator[None]:
    yield
    sandbox.close_servers()


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_text("<html><h1>Title</h1><p>Some words of the page.</p><table><tr><td>1<td>2</table>")
    return path


def read_under(limits: Limits, body: str) -> dict[str, str]:
    """What the server answers when the child runs ``body`` instead of a reader."""
    scope = {"os": os, "signal": signal, "time": time}

    def instead(*_: object, **__: object) -> None:
        exec(body, scope)

    request = {
        "path": "x",
        "name": "x",
        "hint": None,
        "main_text_only": False,
        "member": "",
        "pages": None,
        "media_type": "",
    }
    with patch.object(child, "read_document", instead):
        answer: dict[str, str] = json.loads(child._read_in_fork(request, limits))
    return answer


def test_both_ways_read_the_same(page: Path) -> None:
    assert sandbox.extract_in_child(page, name="page.html") == extract(page, name="page.html")


def test_html_in_markdown_is_read_by_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser in C reads it, so it must not be read in the worker."""
    asked: list[str] = []
    ask = sandbox._POOL.read

    def read(request: Mapping[str, Any], limits: Limits) -> ExtractedDocument:
        asked.append(request["name"])
        return ask(request, limits)

    monkeypatch.setattr(sandbox._POOL, "read", read)
    table = b"# Prices\n\n<table><tr><td>Tea</td><td>3</td></tr></table>\n"
    assert "Tea" in sandbox.extract_in_child(table, name="a", media_type="text/markdown").text
    assert (
        sandbox.extract_in_child(b"# Prices\n\nTea: 3\n", name="b", media_type="text/markdown").text
        == "# Prices\n\nTea: 3\n"
    )
    assert asked == ["a"]


def test_bytes_are_what_the_caller_says_they_are() -> None:
    read = sandbox.extract_in_child(
        b"%PDF-1.4 is how such a file begins.", name="notes.json", media_type="text/markdown"
    )
    assert (read.media_type, read.text) == ("text/markdown", "%PDF-1.4 is how such a file begins.")


def test_documents_survive_the_wire() -> None:
    document = extract(pdf([[(72.0, 90.0, 20.0, "Héading")], [(72.0, 90.0, 10.0, "Text")]]), name="a.pdf")
    read = document_from_json(json.loads(document_to_json(document)))
    assert read.text == document.text
    assert read.blocks == document.blocks
    assert read.page_starts == document.page_starts


def test_a_reader_in_a_loop_is_stopped() -> None:
    begin = time.monotonic()
    answer = read_under(Limits(wall_seconds=0.5), "while True: time.sleep(1)")
    assert answer["error"] == "LimitExceeded"
    assert "longer than 0.5 seconds" in answer["message"]
    assert time.monotonic() - begin < 3


def test_a_reader_that_computes_too_long_is_stopped() -> None:
    answer = read_under(Limits(cpu_seconds=1, wall_seconds=30), "while True: pass")
    assert answer["error"] == "LimitExceeded"


def test_a_reader_that_wants_too_much_memory_is_stopped() -> None:
    answer = read_under(Limits(memory_bytes=512 * MEGABYTE), "x = bytearray(1 << 30)")
    assert answer["error"] == "LimitExceeded"
    assert "memory" in answer["message"]


@pytest.mark.parametrize(
    "body", ["os.kill(os.getpid(), signal.SIGSEGV)", "os._exit(3)", "raise KeyError('x')", "raise SystemExit"]
)
def test_a_reader_that_crashes_is_a_damaged_document(body: str) -> None:
    answer = read_under(Limits(), body)
    assert answer["error"] == "BrokenDocument"
    assert "damaged" in answer["message"]


def test_a_reader_that_nests_too_deeply_is_refused() -> None:
    # The fork is of the test process, whose own size must not be what stops it.
    answer = read_under(Limits(memory_bytes=1 << 40), "def f(): f()\nf()")
    assert answer["error"] == "LimitExceeded"


def test_grandchildren_end_with_the_reader() -> None:
    begin = time.monotonic()
    read_under(Limits(wall_seconds=0.5), "os.fork() or os.fork()\nwhile True: time.sleep(1)")
    assert time.monotonic() - begin < 3


def test_readers_know_no_secrets(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    sandbox.extract_in_child(page, name="page.html")
    (server,) = sandbox._POOL._idle
    environment = Path(f"/proc/{server._process.pid}/environ").read_bytes()
    assert b"secret" not in environment


def test_a_dead_server_is_replaced(page: Path) -> None:
    sandbox.extract_in_child(page, name="page.html")
    (server,) = sandbox._POOL._idle
    server._process.kill()
    server._process.wait()
    assert sandbox.extract_in_child(page, name="page.html").title == "Title"


def test_threads_read_at_the_same_time(page: Path) -> None:
    titles: list[str] = []
    threads = [
        Thread(target=lambda: titles.append(sandbox.extract_in_child(page, name="p.html").title)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert titles == ["Title"] * 4


def test_a_forked_process_uses_servers_of_its_own(page: Path) -> None:
    sandbox.extract_in_child(page, name="page.html")
    pid = os.fork()
    if pid == 0:
        ok = False
        try:
            ok = sandbox.extract_in_child(page, name="page.html").title == "Title"
            sandbox.close_servers()
        finally:
            os._exit(0 if ok else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert sandbox.extract_in_child(page, name="page.html").title == "Title"


def test_a_warm_server_costs_milliseconds(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(docx(paragraph("Some words.")))
    sandbox.extract_in_child(path, name="a.docx")
    seconds = []
    for _ in range(10):
        begin = time.perf_counter()
        sandbox.extract_in_child(path, name="a.docx")
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.1


def outcome(path: Path) -> ExtractedDocument | ContentError:
    try:
        return sandbox.extract_in_child(path, name=path.name)
    except ContentError as error:
        return error


def test_hostile_files_end_as_their_manifest_says() -> None:
    folder = shared("nasty_a")
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").open()]
    for row in (row for row in rows if row["kind"] != "big"):
        begin = time.monotonic()
        found = outcome(folder / row["file"])
        assert time.monotonic() - begin < 30, row["file"]
        if isinstance(found, ContentError):
            assert found.message.endswith("."), row["file"]
            assert row["kind"] != "encrypted" or isinstance(found, EncryptedDocument), (row["file"], found.message)
            assert row["kind"] != "encoding", row["file"]
        else:
            assert row["kind"] != "encrypted" or "attachment" in row["file"], row["file"]
            assert row["kind"] != "bomb" or len(found.text) < 1_000, row["file"]
            assert row["kind"] != "encoding" or "\ufffd" not in found.text, row["file"]


@pytest.mark.slow
def test_big_files_are_read_whole() -> None:
    folder = shared("nasty_a") / "files" / "big"
    for path in folder.iterdir():
        assert len(sandbox.extract_in_child(path, name=path.name).text) > 500_000


def test_a_pdf_is_not_held_in_memory_whole(tmp_path: Path) -> None:
    """Twice as large as a file may be that is, by what stands behind its end."""
    path = tmp_path / "large.pdf"
    path.write_bytes(pdf([[(72, 72, 12, "A large one.")]]))
    with path.open("ab") as file:
        file.truncate(2 * Limits().max_bytes)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "A large one." in sandbox.extract_in_child(path, name="large.pdf").text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - own < 50 * 1024
