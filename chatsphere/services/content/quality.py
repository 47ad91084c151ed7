"""The ingest quality figures of a document: what a person who trusts it would want to know."""

from __future__ import annotations

from typing import Any

from chatsphere.services.types import BlockKind, ExtractedDocument


def quality_figures(document: ExtractedDocument, language: str) -> dict[str, Any]:
    """Figures of any format, with those that its reader has noted over them.

    ``characters``, ``words``, ``language``, ``pages``, ``characters_per_page``, ``tables``, ``empty_tables``, ``links``,
    ``undecodable_characters``; readers add ``encoding``, ``hidden_characters_removed``, ``unreadable_pages`` (numbers) and their share,
    ``boilerplate_share`` (of the text: navigation, running headers). Linear time.
    """
    pages = len(document.page_starts)
    figures: dict[str, Any] = {
        "characters": len(document.text),
        "words": document.text.count(" ") + document.text.count("\n") + 1,
        "language": language,
        "pages": pages or None,
        "tables": sum(block.kind is BlockKind.TABLE for block in document.blocks),
        "empty_tables": 0,
        "links": len(document.links),
        "undecodable_characters": document.text.count("\ufffd"),
    }
    if pages:
        figures["characters_per_page"] = round(len(document.text) / pages)
    return {**figures, **document.report}
