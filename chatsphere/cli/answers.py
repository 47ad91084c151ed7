"""How an answer looks in a terminal: text as it comes, then what it cites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from chatsphere.cli.client import Event, Failure


def print_answer(console: Console, events: Iterator[Event]) -> Mapping[str, Any]:
    """Print a streamed answer while it comes; returns the completed answer object. Raises Failure on an error event."""
    for event in events:
        if event.name == "message.delta":
            console.print(Text(str(event.data["text"])), end="")
        elif event.name == "error":
            console.print()
            raise Failure(str(event.data["message"]))
        elif event.name == "message.completed":
            console.print()
            return event.data
    raise Failure("The stream ended before the answer was complete. Ask again.")


def print_citations(console: Console, message: Mapping[str, Any]) -> None:
    """One line a citation: number, title, page, quote."""
    for citation in message["citations"]:
        place = citation["title"] or citation["url"] or citation["document_id"]
        page = f", page {citation['page']}" if citation.get("page") else ""
        console.print(Text(f"  [{citation['index']}] {place}{page}: ", style="bold"), end="")
        console.print(Text(f"“{one_line(citation['quote'])}”", style="dim"))


def one_line(text: str, most: int = 240) -> str:
    """Text on one line, shortened in the middle of nothing important."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
