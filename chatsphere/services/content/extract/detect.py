"""Which kind of file this is, by its bytes; the name decides only between kinds of text."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePath

from chatsphere.services.content.extract.encoding import decode
from chatsphere.services.errors import UnsupportedFormat

HEAD = 8192  # bytes that tell the kind
_OFFICE = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"
OLE = "application/x-ole-storage"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"{\\rtf", "application/rtf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ\x90", "application/x-executable"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"%!PS", "application/postscript"),
)
# Letters that a text may begin with too: only a NUL near them tells the difference.
_LETTER_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"BM", "image/bmp"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
)
_OFFICE_PARTS = (
    ("word/", f"{_OFFICE}.wordprocessingml.document"),
    ("xl/", f"{_OFFICE}.spreadsheetml.sheet"),
    ("ppt/", f"{_OFFICE}.presentationml.presentation"),
)
_OFFICE_MARKS = frozenset({"[Content_Types].xml", "word/document.xml", "xl/workbook.xml", "ppt/presentation.xml"})
_MIMETYPES = {
    "application/epub+zip",
    f"{_ODF}.text",
    f"{_ODF}.spreadsheet",
    f"{_ODF}.presentation",
}
_BY_EXTENSION = {
    ".md": "text/markdown", ".markdown": "text/markdown", ".mdx": "text/markdown", ".mkd": "text/markdown",
    ".html": "text/html", ".htm": "text/html", ".xhtml": "text/html",
    ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".tab": "text/tab-separated-values",
    ".json": "application/json", ".jsonl": "application/x-ndjson", ".ndjson": "application/x-ndjson",
    ".eml": "message/rfc822", ".mbox": "application/mbox",
    ".srt": "application/x-subrip", ".vtt": "text/vtt",
    ".rst": "text/x-rst", ".adoc": "text/asciidoc", ".asciidoc": "text/asciidoc", ".org": "text/x-org",
    ".xml": "application/xml", ".nxml": "application/xml",
}  # fmt: skip
_HINTS = frozenset(_BY_EXTENSION.values())
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_HTML_TAG = re.compile(r"<(?:p|div|span|table|a|h[1-6]|ul|br|meta|title)\b[^>]*>", re.IGNORECASE)
_XML = re.compile(r"\s*<\?xml\b|\s*<[A-Za-z_][\w.:-]*(?:\s+xmlns\b)")
_MAIL = re.compile(r"(?:(?:[A-Za-z][A-Za-z0-9-]*):[^\n]*\n(?:[ \t][^\n]*\n)*){2,}")
_MAIL_FIELDS = re.compile(
    r"^(?:from|to|subject|date|message-id|received|mime-version|return-path|delivered-to):", re.I | re.M
)
_MBOX = re.compile(r"From \S+.*\d{4}[^\n]*\n[A-Za-z-]+:")
_ODD = re.compile("[\x00-\x07\x0e-\x1a\x1c-\x1f]")  # not in text, even old terminal text
_SRT = re.compile(r"\s*\d+[ \t]*\n\d{1,2}:\d{2}:\d{2}[,.]\d{1,3}[ \t]*-->")
_MARKDOWN_SIGNS = re.compile(
    r"^#{1,6} \S|^```|^ {0,3}\|?[ \t]*:?-{2,}:?[ \t]*\||\[[^\]\n]+\]\([^)\n]+\)|^[-*] \[[ x]\] |\*\*\S[^*\n]*\*\*",
    re.MULTILINE,
)


def detect_media_type(data: bytes, *, name: str = "", hint: str | None = None) -> str:
    """The media type of these bytes. Raises UnsupportedFormat for what is neither text nor a known container.

    Looks at the first 8 KB, and at the directory of a ZIP. Text without a mark of its own takes the type that the name's
    ending or the hint gives, if that is a kind of text; else it is Markdown when it looks like it, or plain text.
    """
    return _binary_type(data) or _text_type(data, name, hint)


def _binary_type(data: bytes) -> str:
    head = data[:HEAD]
    if begins_a_pdf(head):
        return "application/pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _container_type(data)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    start = head.lstrip() if head[:1].isspace() else head
    magics = (*_MAGIC, *_LETTER_MAGIC) if b"\x00" in start[:32] else _MAGIC
    return next((media_type for magic, media_type in magics if start.startswith(magic)), "")


def begins_a_pdf(head: bytes) -> bool:
    """The mark may follow up to a kilobyte of other bytes; a text that only speaks of it holds no PDF object."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-"):
        return True
    return b"%PDF-" in head[:1024] and (b"\x00" in head or re.search(rb"\d+ \d+ obj\b", head) is not None)


def _container_type(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            declared = archive.read("mimetype")[:100].decode("ascii", "replace").strip() if _is_small(archive) else ""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return _truncated_container(data)
    if declared in _MIMETYPES:
        return declared
    if not _OFFICE_MARKS.isdisjoint(names):  # a folder `word/` alone makes no office file
        for prefix, media_type in _OFFICE_PARTS:
            if any(name.startswith(prefix) for name in names):
                return media_type
    return "application/zip"


def _is_small(archive: zipfile.ZipFile) -> bool:
    try:
        return archive.getinfo("mimetype").file_size < 200
    except KeyError:
        return False


def _truncated_container(data: bytes) -> str:
    """A ZIP whose directory is gone: by the names that still stand in it, so that the right reader can say it is damaged."""
    is_office = any(mark.encode() in data for mark in _OFFICE_MARKS)
    for prefix, media_type in _OFFICE_PARTS:
        if is_office and prefix.encode() in data:
            return media_type
    return "application/zip"


def _text_type(data: bytes, name: str, hint: str | None) -> str:
    text, _ = decode(data[:HEAD] if len(data) <= HEAD else _whole_characters(data[:HEAD]))
    if _is_binary(text):
        raise UnsupportedFormat(
            "This file is neither text nor a document format that can be read. Save it as PDF, DOCX or text first."
        )
    by_name = _BY_EXTENSION.get(PurePath(name.lower()).suffix, "")
    declared = (hint or "").split(";")[0].strip().lower()
    return (
        _by_content(text, by_name)
        or by_name
        or (declared if declared in _HINTS else "")
        or _plain_or_markdown(text, name)
    )


def _whole_characters(head: bytes) -> bytes:
    """The head of a longer file, without a UTF-8 sequence that the cut broke."""
    for cut in range(1, 4):
        if head[-cut] & 0xC0 == 0xC0:
            return head[:-cut]
    return head


def _is_binary(text: str) -> bool:
    odd = len(_ODD.findall(text))
    return odd > max(len(text) * 0.02, 2)


def _by_content(text: str, by_name: str) -> str:
    """Types that carry their own mark. Markdown may begin with HTML and mail headers may stand in notes: there the name wins."""
    if text.lstrip("\ufeff").startswith("WEBVTT"):
        return "text/vtt"
    if _SRT.match(text):
        return "application/x-subrip"
    if by_name == "text/markdown":
        return ""
    if _HTML.match(text):
        return "text/html"
    if _MBOX.match(text):
        return "application/mbox"
    head = _MAIL.match(text)
    if head and len(_MAIL_FIELDS.findall(head[0])) >= 2:
        return "message/rfc822"
    if _XML.match(text):
        return by_name if by_name in ("text/html", "application/xml") else "application/xml"
    return ""


def _plain_or_markdown(text: str, name: str) -> str:
    if len(_HTML_TAG.findall(text)) >= 3 and text.lstrip().startswith("<"):
        return "text/html"
    if PurePath(name.lower()).suffix in ("", ".text") and len(_MARKDOWN_SIGNS.findall(text)) >= 2:
        return "text/markdown"
    return "text/plain"
