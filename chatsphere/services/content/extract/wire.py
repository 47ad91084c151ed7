"""How documents travel from the reading child to the worker: JSON with the blocks as arrays of numbers."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import orjson

from chatsphere.services.types import Block, BlockKind, ExtractedDocument, Link

HEADER = struct.Struct("!Q")  # length of what follows

_KINDS = tuple(BlockKind)


def document_to_json(document: ExtractedDocument) -> bytes:
    blocks = [(_KINDS.index(b.kind), b.char_start, b.char_end, b.level, b.page, b.header_end) for b in document.blocks]
    return orjson.dumps(
        {
            "text": document.text,
            "blocks": blocks,
            "title": document.title,
            "language": document.language,
            "media_type": document.media_type,
            "page_starts": document.page_starts,
            "links": [(link.text, link.url) for link in document.links],
            "warnings": document.warnings,
            "is_partial": document.is_partial,
            "report": document.report,
        }
    )


def document_from_json(content: Mapping[str, Any]) -> ExtractedDocument:
    blocks = (
        Block(_KINDS[kind], start, end, level, page, header)
        for kind, start, end, level, page, header in content["blocks"]
    )
    return ExtractedDocument(
        text=content["text"],
        blocks=tuple(blocks),
        title=content["title"],
        language=content["language"],
        media_type=content["media_type"],
        page_starts=tuple(content["page_starts"]),
        links=tuple(Link(text, url) for text, url in content["links"]),
        warnings=tuple(content["warnings"]),
        is_partial=content["is_partial"],
        report=content["report"],
    )
