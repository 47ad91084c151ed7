"""Readers of documents: one module a format, chosen by what the bytes are.

``extract`` reads in this process, ``sandbox.extract_in_child`` in a limited child process. Both give the same result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Final, cast

from chatsphere.services.content.extract.archive import Archive, Listing, list_members, readable_members
from chatsphere.services.content.extract.detect import HEAD, OLE, begins_a_pdf, detect_media_type
from chatsphere.services.content.extract.markdown import heading_title
from chatsphere.services.content.extract.source import Source
from chatsphere.services.content.language import detect_language
from chatsphere.services.content.limits import DEFAULT_LIMITS, Limits
from chatsphere.services.content.quality import quality_figures
from chatsphere.services.errors import EmptyDocument, LimitExceeded, UnsupportedFormat
from chatsphere.services.types import ExtractedDocument

Reader = Callable[[Source], ExtractedDocument]

_HERE = __name__
_OFFICE = "application/vnd.openxmlformats-officedocument"
MARKDOWN = "text/markdown"
PDF = "application/pdf"
ZIP = "application/zip"

# Media type → module of its reader (each has ``read``). Imported when first needed: a worker that sees no PDF loads no PDFium.
READERS: Mapping[str, str] = {
    "text/plain": f"{_HERE}.plain",
    MARKDOWN: f"{_HERE}.markdown",
    "text/html": f"{_HERE}.html",
    "application/xhtml+xml": f"{_HERE}.html",
    PDF: f"{_HERE}.pdf",
    f"{_OFFICE}.wordprocessingml.document": f"{_HERE}.docx",
    f"{_OFFICE}.spreadsheetml.sheet": f"{_HERE}.xlsx",
    f"{_OFFICE}.presentationml.presentation": f"{_HERE}.pptx",
    OLE: f"{_HERE}.ole",
    ZIP: f"{_HERE}.zip",
    "application/vnd.oasis.opendocument.text": f"{_HERE}.opendocument",
    "application/vnd.oasis.opendocument.spreadsheet": f"{_HERE}.opendocument",
    "application/vnd.oasis.opendocument.presentation": f"{_HERE}.opendocument",
    "application/epub+zip": f"{_HERE}.epub",
    "application/rtf": f"{_HERE}.rtf",
    "text/csv": f"{_HERE}.csv",
    "text/tab-separated-values": f"{_HERE}.csv",
    "application/json": f"{_HERE}.json",
    "application/x-ndjson": f"{_HERE}.json",
    "message/rfc822": f"{_HERE}.mail",
    "application/mbox": f"{_HERE}.mail",
    "application/x-subrip": f"{_HERE}.subtitles",
    "text/vtt": f"{_HERE}.subtitles",
    "text/x-rst": f"{_HERE}.outline_text",
    "text/asciidoc": f"{_HERE}.outline_text",
    "text/x-org": f"{_HERE}.outline_text",
    "application/xml": f"{_HERE}.markup_xml",
    **{f"image/{kind}": f"{_HERE}.picture" for kind in ("png", "jpeg", "tiff", "webp", "gif", "bmp")},
}

# Read by our own linear code: safe outside the child process as long as no HTML stands in it that a parser in C would read.
SAFE_IN_PROCESS: Final = frozenset({"text/plain", MARKDOWN})
_HTML_TABLE = re.compile(rb"</table", re.IGNORECASE)


def extract(
    data: Path | bytes,
    *,
    name: str,
    media_type_hint: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    main_text_only: bool = False,
    member: str = "",
    media_type: str = "",
) -> ExtractedDocument:
    """Read a document in this process: pure, no network, bounded by ``limits`` except for memory and time. For what strangers send
    that is ``sandbox.extract_in_child``, which calls this only for what is ``is_safe_here``.

    The type is found from the bytes unless ``media_type`` says it; ``name`` and ``media_type_hint`` only choose among text formats. ``main_text_only`` leaves
    out a web page's navigation; ``member`` is the file to read in a ZIP (see ``members``). Raises a ContentError whose message its owner understands. Cost: see each reader.
    """
    document = read_document(
        data,
        name=name,
        media_type_hint=media_type_hint,
        limits=limits,
        main_text_only=main_text_only,
        member=member,
        media_type=media_type,
    )
    return finish(document)


def is_safe_here(content: bytes, media_type: str) -> bool:
    """Whether our own code alone reads this, so that it needs no child process. One pass over Markdown."""
    return media_type in SAFE_IN_PROCESS and not (media_type == MARKDOWN and _HTML_TABLE.search(content))


def read_document(
    data: Path | bytes,
    *,
    name: str,
    media_type_hint: str | None,
    limits: Limits,
    main_text_only: bool,
    member: str = "",
    pages: tuple[int, int] | None = None,
    media_type: str = "",
) -> ExtractedDocument:
    """``extract`` without its last step (language and quality report). Pages without text that others follow are an empty document."""
    path = data if isinstance(data, Path) and not member and is_pdf(data) else None
    content = beginning(path) if path else load(data, limits)
    if member:
        content, name, media_type_hint = Archive(content, limits).read(member), member, None
    if not content.strip():
        raise EmptyDocument("This file is empty.")
    media_type = media_type or detect_media_type(content, name=name, hint=media_type_hint)
    document = reader_of(media_type)(
        Source(content, name, media_type, limits, main_text_only, charset_of(media_type_hint), pages, path)
    )
    is_last = pages is None or pages[1] >= document.report.get("pages_in_file", 0)
    if not document.blocks and is_last:
        raise EmptyDocument(" ".join(["No text was found in this document.", *document.warnings]))
    return document


def finish(document: ExtractedDocument) -> ExtractedDocument:
    """Add what every format needs: the language, the quality report, and a title where headings give one.

    A PDF without a title of its own keeps none: its file's name tells more than the largest words of its cover.
    """
    title = document.title or ("" if document.media_type == PDF else heading_title(document.text, document.blocks))
    language = document.language or detect_language(document.text)
    return replace(document, title=title, language=language, report=quality_figures(document, language))


def members(data: Path | bytes, *, name: str, limits: Limits = DEFAULT_LIMITS) -> tuple[str, ...]:
    """The documents in a ZIP, by the names to give as ``member``; empty for a file that is itself one document.

    Only the archive's directory is read, so this is safe in any process. Raises ContentError for damaged or protected archives.
    """
    content = load(data, limits)
    return readable_members(content, limits) if detect_media_type(content, name=name) == ZIP else ()


def listing(path: Path, *, name: str, limits: Limits = DEFAULT_LIMITS) -> Listing | None:
    """The documents in a ZIP with what its directory tells of them; None for a file that is itself one document. Else as ``members``."""
    content = load(path, limits)
    return list_members(content, limits) if detect_media_type(content, name=name) == ZIP else None


def load(data: Path | bytes, limits: Limits) -> bytes:
    size = len(data) if isinstance(data, bytes) else data.stat().st_size
    if size > limits.max_bytes:
        raise LimitExceeded(f"This file has {size:,} bytes; {limits.max_bytes:,} are allowed.")
    return data if isinstance(data, bytes) else data.read_bytes()


def is_pdf(path: Path) -> bool:
    """Whether this file is a PDF, of whatever size: it is never read whole."""
    return begins_a_pdf(beginning(path))


def beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def reader_of(media_type: str) -> Reader:
    """Raises UnsupportedFormat for types without a reader."""
    module = READERS.get(media_type)
    if module is None:
        raise UnsupportedFormat(f"Files of the type {media_type} cannot be read yet. Convert it to PDF, DOCX or text.")
    return cast(Reader, import_module(module).read)


def charset_of(media_type: str | None) -> str:
    """The charset parameter of a Content-Type header, else ``""``."""
    _, _, parameters = (media_type or "").lower().partition("charset=")
    return parameters.split(";")[0].strip(" \"'")
