"""Composes the Markdown-like text of a document and remembers where its parts lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chatsphere.services.content.clean import clean_composed, clean_line
from chatsphere.services.content.limits import Limits
from chatsphere.services.errors import LimitExceeded
from chatsphere.services.types import Block, BlockKind, ExtractedDocument, Link

_MAX_LINKS = 5_000


class DocumentBuilder:
    """Takes a document's parts in reading order; each becomes a block, with a blank line between blocks.

    What is added is cleaned (``clean_composed``); parts that are blank after that leave no trace. Text is not escaped: a star
    in the original is a star in the text, so that quotes stay quotes.
    """

    def __init__(self, limits: Limits) -> None:
        self.title = ""
        self.language = ""
        self.is_partial = False
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._page_starts: list[int] = []
        self._links: dict[tuple[str, str], None] = {}
        self._warnings: list[str] = []
        self._report: dict[str, Any] = {"hidden_characters_removed": 0, "empty_tables": 0}

    def page(self) -> None:
        """The next part begins a new page."""
        self._page_starts.append(self._length + (2 if self._parts else 0))

    def heading(self, text: str, level: int) -> None:
        line = self._line(text)
        level = min(max(level, 1), 6)
        if line:
            self._add(BlockKind.HEADING, f"{'#' * level} {line}", level=level)

    def paragraph(self, text: str) -> None:
        """White space inside is kept to single spaces; line breaks stay."""
        self._add(BlockKind.PARAGRAPH, self._lines(text))

    def quote(self, text: str) -> None:
        lines = self._lines(text)
        if lines:
            self._add(BlockKind.QUOTE, "\n".join(f"> {line}" for line in lines.split("\n")))

    def code(self, text: str) -> None:
        cleaned = clean_composed(text)
        self._count_hidden(cleaned.hidden_removed)
        body = cleaned.text.strip("\n").rstrip()
        if body.strip():
            fence = "```"
            while fence in body:
                fence += "`"
            self._add(BlockKind.CODE, f"{fence}\n{body}\n{fence}")

    def list_items(self, items: Sequence[tuple[int, str, str]]) -> None:
        """One list; each item is its depth (0 is outermost), its marker (``-``, ``1.``) and its text."""
        lines = []
        for depth, marker, text in items:
            indent = "  " * min(max(depth, 0), 8)
            body = self._lines(text).replace("\n", "\n" + indent + "  ")
            if body:
                lines.append(f"{indent}{marker or '-'} {body}")
        self._add(BlockKind.LIST, "\n".join(lines))

    def table(self, rows: Sequence[Sequence[str]], *, header_rows: int = 1) -> None:
        """Rows of cells as a Markdown table, padded to equal width; the first ``header_rows`` rows are its header.

        Columns and rows that are blank throughout are dropped. A table of one column becomes a list, one of one cell a paragraph.
        """
        cells = [[self._line(cell) for cell in row] for row in rows]
        cells = _without_blank_lines(cells)
        if not cells:
            self._report["empty_tables"] += 1
        elif len(cells[0]) == 1:
            self._single_column([row[0] for row in cells])
        else:
            self._add_table(cells, header_rows)

    def append(self, document: ExtractedDocument, *, below: int) -> None:
        """All of another document. Its headings stand below that level; its pages are not told apart any more."""
        for block in document.blocks:
            text = document.text[block.char_start : block.char_end]
            if block.kind is BlockKind.HEADING:
                self.heading(text.split("\n", 1)[0].strip("# \t"), below + max(block.level, 1))
            else:
                header = None if block.header_end is None else block.header_end - block.char_start
                self._add(block.kind, text, header=header)
        for link in document.links:
            self.link(link.text, link.url)
        for sentence in document.warnings:
            self.warn(sentence, is_partial=document.is_partial)

    def link(self, text: str, url: str) -> None:
        line, url = self._line(text), url.strip()
        if url and not url.startswith(("#", "javascript:", "data:")) and len(self._links) < _MAX_LINKS:
            self._links[(line[:500], url[:2000])] = None

    def warn(self, sentence: str, *, is_partial: bool = False) -> None:
        self._warnings.append(sentence)
        self.is_partial = self.is_partial or is_partial

    def note(self, figures: Mapping[str, Any]) -> None:
        """Figures for the quality report."""
        self._report.update(figures)

    @property
    def length(self) -> int:
        return self._length

    @property
    def warnings(self) -> int:
        """How many there are so far."""
        return len(self._warnings)

    def build(self, *, media_type: str) -> ExtractedDocument:
        return ExtractedDocument(
            text="".join(self._parts),
            blocks=tuple(self._blocks),
            title=self._line(self.title)[:500],
            language=self.language,
            media_type=media_type,
            page_starts=tuple(min(start, self._length) for start in self._page_starts),
            links=tuple(Link(text, url) for text, url in self._links),
            warnings=tuple(self._warnings),
            is_partial=self.is_partial,
            report=self._report,
        )

    def _single_column(self, cells: list[str]) -> None:
        if len(cells) == 1:
            self.paragraph(cells[0])
        else:
            self.list_items([(0, "-", cell) for cell in cells])

    def _add_table(self, cells: list[list[str]], header_rows: int) -> None:
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
        header_rows = min(max(header_rows, 1), len(lines) - 1) if len(lines) > 1 else 1
        lines.insert(header_rows, "|" + " --- |" * len(cells[0]))
        header = sum(len(line) + 1 for line in lines[: header_rows + 1])
        self._add(BlockKind.TABLE, "\n".join(lines), header=header)

    def _add(self, kind: BlockKind, text: str, *, level: int = 0, header: int | None = None) -> None:
        if not text:
            return
        if self._parts:
            self._push("\n\n")
        start = self._length
        self._push(text)
        page = len(self._page_starts) or None
        header_end = None if header is None else min(start + header, self._length)
        self._blocks.append(Block(kind, start, self._length, level, page, header_end))

    def _push(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        if self._length > self._limits.max_chars:
            raise LimitExceeded(f"This document holds more than {self._limits.max_chars:,} characters of text.")

    def _line(self, text: str) -> str:
        if text.isascii() and text.isprintable():
            return " ".join(text.split())
        return clean_line(text)

    def _lines(self, text: str) -> str:
        if text.isascii() and text.isprintable():
            return " ".join(text.split())
        cleaned = clean_composed(text)
        self._count_hidden(cleaned.hidden_removed)
        lines = (" ".join(line.split()) for line in cleaned.text.split("\n"))
        return "\n".join(line for line in lines if line)

    def _count_hidden(self, count: int) -> None:
        self._report["hidden_characters_removed"] += count


def _without_blank_lines(rows: list[list[str]]) -> list[list[str]]:
    width = max((len(row) for row in rows), default=0)
    padded = [row + [""] * (width - len(row)) for row in rows if any(row)]
    columns = [index for index in range(width) if any(row[index] for row in padded)]
    return [[row[index] for index in columns] for row in padded]
