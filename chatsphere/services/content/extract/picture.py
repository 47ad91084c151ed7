"""Pictures: their text, where an OCR engine is installed."""

from __future__ import annotations

from typing import Final

from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.ocr import PictureReader
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import EmptyDocument, UnsupportedFormat
from chatsphere.services.types import ExtractedDocument

_NO_ENGINE: Final = "This is a picture. Pictures are read where the operator has installed the Tesseract engine; else upload their text."


def read(source: Source) -> ExtractedDocument:
    """Cost: some seconds a picture. Raises UnsupportedFormat without an engine."""
    reader = PictureReader(source.limits)
    if not reader.can_read:
        raise UnsupportedFormat(_NO_ENGINE)
    builder = DocumentBuilder(source.limits)
    for paragraph in reader.paragraphs(source.data):
        builder.paragraph(paragraph)
    builder.note({"ocr_pages": [1]})
    if not builder.length:
        raise EmptyDocument("No text was found in this picture.")
    return builder.build(media_type=source.media_type)
