"""MSG, messages saved by Outlook: properties in the streams of an OLE container (Microsoft's MS-OXMSG)."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import olefile

from chatsphere.services.content.extract.attachments import add_attachments
from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.encoding import decode
from chatsphere.services.content.extract.html import add_html, parse_html
from chatsphere.services.content.extract.mail import add_plain_text
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import EmptyDocument, LimitExceeded, damaged
from chatsphere.services.types import ExtractedDocument

MEDIA_TYPE: Final = "application/vnd.ms-outlook"
_UNICODE, _BYTES, _BINARY = "001F", "001E", "0102"  # property types
_SUBJECT, _BODY, _HTML = "0037", "1000", "1013"
_SENDER, _SENDER_ADDRESS, _TO, _CC = "0C1A", "5D01", "0E04", "0E03"
_DATA: Final = "3701"
_FILE_NAMES: Final = ("3707", "3704", "3001")
_SENT: Final = 0x00390040  # when it was submitted, as a FILETIME
_HEADER_OF_PROPERTIES: Final = 32
_ZERO_DAY: Final = datetime(1601, 1, 1, tzinfo=UTC)
_MOST_ATTACHMENTS: Final = 500


def read(source: Source) -> ExtractedDocument:
    """Subject as heading, who wrote to whom and when, then the text, and that of what is attached."""
    try:
        with olefile.OleFileIO(io.BytesIO(source.data)) as container:
            return _Message(container, source).read()
    except (OSError, struct.error, IndexError, ValueError, TypeError) as error:
        raise damaged("it cannot be read as an Outlook message") from error


class _Message:
    def __init__(self, container: Any, source: Source) -> None:
        self._container = container
        self._source = source
        self._left = source.limits.max_expanded_bytes

    def read(self) -> ExtractedDocument:
        builder = DocumentBuilder(self._source.limits)
        builder.title = self._text(_SUBJECT)
        builder.heading(builder.title or "Message", 1)
        fields = {"From": self._sender(), "To": self._text(_TO), "Cc": self._text(_CC), "Date": self._sent()}
        builder.paragraph("\n".join(f"{name}: {value}" for name, value in fields.items() if value))
        self._add_body(builder)
        files = self._attachments()
        if files:
            builder.paragraph("Attachments: " + ", ".join(name for name, _ in files))
        contents = ((name, self._stream(f"{folder}/__substg1.0_{_DATA}{_BINARY}")) for name, folder in files)
        add_attachments(contents, builder, self._source.limits, level=2)
        return builder.build(media_type=MEDIA_TYPE)

    def _add_body(self, builder: DocumentBuilder) -> None:
        text = self._text(_BODY)
        if text.strip():
            add_plain_text(text, builder)
            return
        html = self._stream(f"__substg1.0_{_HTML}{_BINARY}")
        markup = decode(html)[0] if html else self._text(_HTML)
        if markup.strip():
            try:
                add_html(parse_html(markup), builder)
            except EmptyDocument:
                return

    def _sender(self) -> str:
        name, address = self._text(_SENDER), self._text(_SENDER_ADDRESS)
        return f"{name} <{address}>" if name and address and name != address else name or address

    def _sent(self) -> str:
        """Properties of fixed length are rows of 16 bytes: tag, flags, value."""
        data = self._stream("__properties_version1.0")
        for at in range(_HEADER_OF_PROPERTIES, len(data) - 15, 16):
            tag, _flags, value = struct.unpack_from("<IIQ", data, at)
            if tag == _SENT:
                return (_ZERO_DAY + timedelta(microseconds=value // 10)).strftime("%Y-%m-%d %H:%M UTC")
        return ""

    def _attachments(self) -> list[tuple[str, str]]:
        """Names, and the folders in which they lie."""
        folders = {entry[0] for entry in self._container.listdir() if entry[0].startswith("__attach_version1.0")}
        if len(folders) > _MOST_ATTACHMENTS:
            raise LimitExceeded(f"This message has more than {_MOST_ATTACHMENTS} attachments.")
        named = (
            (next((name for code in _FILE_NAMES if (name := self._text(code, f"{folder}/"))), ""), folder)
            for folder in sorted(folders)
        )
        return [(name, folder) for name, folder in named if name]

    def _text(self, code: str, folder: str = "") -> str:
        wide = self._stream(f"{folder}__substg1.0_{code}{_UNICODE}")
        text = wide.decode("utf-16-le", "replace") if wide else ""
        if not text:
            narrow = self._stream(f"{folder}__substg1.0_{code}{_BYTES}")
            text = decode(narrow)[0] if narrow else ""
        return text.rstrip("\x00")

    def _stream(self, path: str) -> bytes:
        if not self._container.exists(path):
            return b""
        with self._container.openstream(path) as stream:
            data: bytes = stream.read(self._left)
        self._left -= len(data)
        return data
