"""What a source gives to read: its documents, one at a time, as bytes or as a file on this machine."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.storage import Storage

from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.training.questions import question_document
from chatsphere.services.content.extract import MARKDOWN
from chatsphere.services.content.extract.sandbox import extract_in_child
from chatsphere.services.errors import BrokenDocument
from chatsphere.services.types import ExtractedDocument

_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One document to be read. ``digest`` is SHA-256 of its bytes; ``key`` tells the documents of a source apart."""

    key: str
    name: str
    uri: str
    digest: bytes
    size: int
    content: bytes | Path | Mapping[str, Any]  # text, a file, or pairs of questions and answers
    member: str = ""  # the file to read in an archive
    pages: tuple[int, int] | None = None  # of a PDF, counted from 0, the last one not included
    span: tuple[int, int] | None = None  # of a text, in bytes
    media_type: str = ""

    def read(self) -> ExtractedDocument:
        """The structured text, read in a limited child process. Raises a ContentError with a sentence for the owner.

        What was sent as text is Markdown, whatever it is called and whatever file it looks like.
        """
        if isinstance(self.content, Path) and self.span is not None:
            return extract_in_child(_bytes(self.content, *self.span), name=self.name, media_type=self.media_type)
        if isinstance(self.content, Path):
            return extract_in_child(self.content, name=self.name, member=self.member, pages=self.pages)
        if isinstance(self.content, bytes):
            return extract_in_child(self.content, name=self.name, media_type=MARKDOWN)
        return question_document(self.content["pairs"])


@contextmanager
def open_material(source: TrainingSource, *, digest: bytes = b"") -> Iterator[Material]:
    """What to read of a source of one document; a file that lies in a remote storage is on this machine while the block runs.

    ``digest``: of a file, when it is known already; else all of it is read.
    """
    if source.source_type == TrainingSource.Type.FILE:
        with _local_file(source) as path:
            yield _material(source, path, digest or _digest(path), path.stat().st_size)
    elif source.source_type == TrainingSource.Type.QA:
        raw = _raw(source.options)
        yield _material(source, source.options, hashlib.sha256(raw).digest(), len(raw))
    else:
        raw = _raw(source.options)
        yield _material(source, raw, hashlib.sha256(raw).digest(), len(raw))


def stored_size(options: Mapping[str, Any]) -> int:
    """Bytes of what a client wrote itself, as they count in the quota; 0 for sources that come from files and the web."""
    return len(_raw(options)) if "pairs" in options or "content" in options else 0


def _raw(options: Mapping[str, Any]) -> bytes:
    if "pairs" in options:
        return repr([(pair["question"], pair["answer"]) for pair in options["pairs"]]).encode()
    return str(options["content"]).encode()


def _material(source: TrainingSource, content: bytes | Path | Mapping[str, Any], digest: bytes, size: int) -> Material:
    return Material(key="", name=source.name, uri=source.uri, digest=digest, size=size, content=content)


@contextmanager
def _local_file(source: TrainingSource) -> Iterator[Path]:
    storage: Storage = source.file.storage
    name = str(source.file.name)
    try:
        yield Path(storage.path(name))
    except NotImplementedError:
        with tempfile.NamedTemporaryFile(prefix="chatsphere-") as copy:
            with _opened(storage, name) as original:
                shutil.copyfileobj(original, copy, _BLOCK)
            copy.flush()
            yield Path(copy.name)


def _opened(storage: Storage, name: str) -> Any:
    try:
        return storage.open(name)
    except FileNotFoundError:
        raise _lost() from None


def _lost() -> BrokenDocument:
    return BrokenDocument("The uploaded file is not in the storage any more. Upload it again.")


def _bytes(path: Path, start: int, end: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except FileNotFoundError:
        raise _lost() from None
