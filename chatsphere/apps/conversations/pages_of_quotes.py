"""On which page of its document a quote stands: a passage may begin on one page and end on the next, and is found by the first."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from chatsphere.apps.conversations.neighbours import Reader
from chatsphere.core.async_database import read_rows
from chatsphere.services.sql import statements
from chatsphere.services.types import SearchHit


async def with_pages(passages: Sequence[SearchHit], reader: Reader) -> tuple[SearchHit, ...]:
    """The passages with the places at which a page ends inside them. One query when any of them stands on a page, else none."""
    if all(hit.page is None for hit in passages):
        return tuple(passages)
    parameters = {
        "workspace_id": reader.workspace_id,
        "chatbot_id": reader.chatbot_id,
        "document_ids": [hit.document_id for hit in passages],
        "starts": [hit.char_start for hit in passages],
        "ends": [hit.char_end for hit in passages],
    }
    found = list(passages)
    for row in await read_rows(statements("chatsphere.apps.conversations")["pages_within"], parameters):
        place = row["rank"] - 1
        found[place] = replace(found[place], page=row["page"], page_breaks=tuple(row["breaks"]))
    return tuple(found)


def page_at(passage: SearchHit, char_start: int) -> int | None:
    """The page on which this place of the passage stands."""
    return None if passage.page is None else passage.page + bisect_right(passage.page_breaks, char_start)
