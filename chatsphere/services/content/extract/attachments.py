"""Files that are attached to a message: read by the readers of such files, each below a heading with its name."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import PurePath
from typing import Final

from chatsphere.services.content.extract import read_document
from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.detect import detect_media_type
from chatsphere.services.content.limits import Limits
from chatsphere.services.errors import ContentError, UnsupportedFormat

_MOST: Final = 50  # of one message
_MOST_WARNINGS: Final = 20  # of one document
_NOTHING_TO_READ: Final = frozenset({".p7s", ".asc", ".sig", ".ics", ".vcf", ".dat"})  # signatures, dates, cards


def add_attachments(
    files: Iterable[tuple[str, bytes]], builder: DocumentBuilder, limits: Limits, *, level: int
) -> None:
    """Add the text of files, given by name and content, with headings of that level. What cannot be read makes the document partial, with the reason.

    Pictures and signatures are passed over: most are logos. Cost: that of the readers, within the limits of the process.
    """
    files = iter(files)
    for name, data in islice(files, _MOST):
        if PurePath(name.lower()).suffix in _NOTHING_TO_READ or not data.strip():
            continue
        try:
            _add(name, data, builder, limits, level)
        except ContentError as error:
            if builder.warnings < _MOST_WARNINGS:
                builder.warn(f"The attachment {name} was left out: {error.message}", is_partial=True)
    if next(files, None) is not None:
        builder.warn(f"Only the first {_MOST} attachments of a message were read.", is_partial=True)


def _add(name: str, data: bytes, builder: DocumentBuilder, limits: Limits, level: int) -> None:
    media_type = detect_media_type(data, name=name)
    if media_type.startswith("image/"):
        return
    if media_type in ("message/rfc822", "application/mbox", "application/x-ole-storage"):
        raise UnsupportedFormat("Upload it by itself.")
    document = read_document(data, name=name, media_type_hint=None, limits=limits, main_text_only=False)
    builder.heading(name, level)
    builder.append(document, below=level)
