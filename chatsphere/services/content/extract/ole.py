"""OLE containers: Outlook messages, workbooks of Excel before 2007, and what cannot be read: old Word and PowerPoint, files under a password."""

from __future__ import annotations

import re

from chatsphere.services.content.extract import msg, xls
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import EncryptedDocument, UnsupportedFormat
from chatsphere.services.types import ExtractedDocument

_WORKBOOK_PASSWORD = re.compile(
    rb"\x09\x08[\x08\x10]\x00\x00[\x05\x06].{4,20}?\x2f\x00[\x04\x06-\xff][\x00-\x02]", re.DOTALL
)
_KINDS = (
    ("WordDocument", "an old Word document (.doc). Save it as .docx"),
    ("PowerPoint Document", "an old PowerPoint presentation (.ppt). Save it as .pptx"),
)


def read(source: Source) -> ExtractedDocument:
    """Cost: see ``msg`` and ``xls``. Of other kinds it says whether the file is encrypted, or which format it has and what to save it as."""
    if _is_encrypted(source.data):
        raise EncryptedDocument
    if _has_stream(source.data, "__properties_version1.0"):
        return msg.read(source)
    for stream, kind in _KINDS:
        if _has_stream(source.data, stream):
            raise UnsupportedFormat(f"This is {kind} and upload it again.")
    if _has_stream(source.data, "Workbook") or _has_stream(source.data, "Book"):
        return xls.read(source)
    raise UnsupportedFormat("This file is an old office document that cannot be read. Save it in a current format.")


def _is_encrypted(data: bytes) -> bool:
    """A package inside the container, a presentation's mark, or a workbook whose first record after its start is a password's."""
    has_mark = _has_stream(data, "EncryptedPackage") or _has_stream(data, "EncryptedSummary")
    return has_mark or _WORKBOOK_PASSWORD.search(data) is not None


def _has_stream(data: bytes, name: str) -> bool:
    return name.encode("utf-16-le") in data
