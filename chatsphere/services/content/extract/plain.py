"""Plain text: paragraphs are what blank lines part; form feeds are page breaks. The text stays as it was written."""

from __future__ import annotations

import re

from chatsphere.services.content.clean import clean_verbatim
from chatsphere.services.content.extract.encoding import decode, noted
from chatsphere.services.content.extract.source import Source
from chatsphere.services.types import Block, BlockKind, ExtractedDocument, Link

_PARAGRAPH = re.compile(r"[^\s\f](?:[^\n\f]+|\n(?![^\S\n\f]*(?:\n|\f|\Z)))*")
_URL = re.compile(r"https?://[^\s<>\"'()\[\]{}]+[^\s<>\"'()\[\]{}.,;:!?]")
_MAX_LINKS = 5_000


def read(source: Source) -> ExtractedDocument:
    """Blocks are paragraphs. Linear time: one pass, one copy of the text."""
    decoded, encoding = decode(source.data, declared=source.charset)
    clean = clean_verbatim(decoded)
    page_starts = page_offsets(clean.text)
    return ExtractedDocument(
        text=clean.text,
        blocks=tuple(paragraphs(clean.text, page_starts)),
        media_type=source.media_type,
        page_starts=page_starts,
        links=tuple(Link(url, url) for url in dict.fromkeys(_URL.findall(clean.text[:1_000_000])))[:_MAX_LINKS],
        report={**noted(encoding, source.charset), "hidden_characters_removed": clean.hidden_removed},
    )


def page_offsets(text: str) -> tuple[int, ...]:
    """Where pages begin in text with form feeds; empty without any."""
    if "\f" not in text.strip("\f"):
        return ()
    return (0, *(match.end() for match in re.finditer("\f", text) if text[match.end() :].strip()))


def paragraphs(text: str, page_starts: tuple[int, ...] = ()) -> list[Block]:
    blocks = []
    page = 0
    for match in _PARAGRAPH.finditer(text):
        start, end = match.span()
        while page < len(page_starts) and page_starts[page] <= start:
            page += 1
        end = start + len(text[start:end].rstrip())
        blocks.append(Block(BlockKind.PARAGRAPH, start, end, page=page or None))
    return blocks
