"""OLE containers: office files under a password, and the binary formats of Office before 2007."""

from __future__ import annotations

from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import EncryptedDocument, UnsupportedFormat
from chatsphere.services.types import ExtractedDocument

_KINDS = (
    ("WordDocument", "an old Word document (.doc). Save it as .docx"),
    ("Workbook", "an old Excel workbook (.xls). Save it as .xlsx"),
    ("PowerPoint Document", "an old PowerPoint presentation (.ppt). Save it as .pptx"),
    ("__properties_version1.0", "an Outlook message (.msg). Save it as .eml"),
)


def read(source: Source) -> ExtractedDocument:
    """Never succeeds: says whether the file is encrypted, or which format it has and what to save it as."""
    if _has_stream(source.data, "EncryptedPackage"):
        raise EncryptedDocument
    for stream, kind in _KINDS:
        if _has_stream(source.data, stream):
            raise UnsupportedFormat(f"This is {kind} and upload it again.")
    raise UnsupportedFormat("This file is an old office document that cannot be read. Save it in a current format.")


def _has_stream(data: bytes, name: str) -> bool:
    return name.encode("utf-16-le") in data
