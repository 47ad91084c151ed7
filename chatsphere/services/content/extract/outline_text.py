"""reStructuredText, AsciiDoc and Org: the text stays as it was written; headings, lists, tables and code are recognised.

These markups are meant to be read as they are, so their source is what is shown and quoted, as with Markdown. Directives and
comments are left where they stand when they hold text, and belong to no block when they do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chatsphere.services.content.clean import clean_verbatim
from chatsphere.services.content.extract.encoding import decode, noted
from chatsphere.services.content.extract.source import Source
from chatsphere.services.types import Block, BlockKind, ExtractedDocument, Link

_RST_RULE = re.compile(r"([=\-~^\"'`#*+:._<>])\1{2,}[ \t]*$")
_ADOC_HEADING = re.compile(r"(={1,6})[ \t]+(\S.*)$")
_ORG_HEADING = re.compile(r"(\*{1,6})[ \t]+(\S.*)$")
_LINE_HEADINGS = {"text/asciidoc": _ADOC_HEADING, "text/x-org": _ORG_HEADING}
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\*{2,5}|\.{1,5}|#\.|\d{1,4}[.)]|\(\d{1,4}\))[ \t]+\S")
_TABLE_LINE = re.compile(r"[ \t]*(?:\||\+[-=+]{2,}|={2,}(?: +={2,})+)")
_HEADER_RULE = re.compile(r"\|-[-+|]*\Z|\+=[=+]*\Z|={2,}(?: +={2,})+\Z")  # of Org, of grid and of simple tables
_URL = re.compile(r"https?://[^\s<>\[\]|\"'`]*[^\s<>\[\]|\"'`.,;:!?)]")
_MAX_LINKS = 5_000
_SILENT = {
    "text/x-rst": re.compile(r"\.\.(?:[ \t]|$)|:[\w-]+:[ \t]*\S*$"),
    "text/asciidoc": re.compile(r"//|:[\w!-]+:|\[[^\]]*\]$|\.\w|include::|image::?\S"),
    "text/x-org": re.compile(r"#\+|#[ \t]|:[A-Z]+:"),
}


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """Lines between blank ones: their texts and where each begins."""

    lines: list[str]
    starts: list[int]


Heading = Callable[[_Paragraph], tuple[int, int] | None]  # lines that the heading takes, its level


def read(source: Source) -> ExtractedDocument:
    """Linear time. The title is the first heading."""
    decoded, encoding = decode(source.data, declared=source.charset)
    clean = clean_verbatim(decoded)
    blocks = tuple(_blocks(clean.text, source.media_type))
    first = next((block for block in blocks if block.kind is BlockKind.HEADING), None)
    return ExtractedDocument(
        text=clean.text,
        blocks=blocks,
        title=_heading_words(clean.text[first.char_start : first.char_end]) if first else "",
        media_type=source.media_type,
        links=tuple(Link(url, url) for url in dict.fromkeys(_URL.findall(clean.text[:1_000_000])))[:_MAX_LINKS],
        report={**noted(encoding, source.charset), "hidden_characters_removed": clean.hidden_removed},
    )


def _heading_words(source: str) -> str:
    lines = [line for line in source.split("\n") if not _RST_RULE.match(line.strip())]
    return re.sub(r"^[=*]+[ \t]+", "", lines[0].strip()) if lines else ""


def _blocks(text: str, media_type: str) -> Iterator[Block]:
    heading = _headings(media_type)
    silent = _SILENT[media_type]
    for paragraph in _paragraphs(text, _LINE_HEADINGS.get(media_type)):
        lines, starts = paragraph.lines, paragraph.starts
        found = heading(paragraph)
        if found:
            count, level = found
            yield _block(BlockKind.HEADING, lines[:count], starts[:count], level)
            lines, starts = lines[count:], starts[count:]
        while lines and silent.match(lines[0].strip()):
            lines, starts = lines[1:], starts[1:]
        if lines and any(character.isalnum() for line in lines for character in line):
            yield _block(_kind(lines), lines, starts)


def _block(kind: BlockKind, lines: list[str], starts: list[int], level: int = 0) -> Block:
    start = starts[0] + len(lines[0]) - len(lines[0].lstrip())
    end = starts[-1] + len(lines[-1].rstrip())
    count = _header_lines(lines) if kind is BlockKind.TABLE else 0
    return Block(kind, start, end, level, None, starts[count] if 0 < count < len(lines) else None)


def _header_lines(lines: list[str]) -> int:
    """How many lines of a table are its header: up to the rule below it, in AsciiDoc its first row; 0 when it has none."""
    if lines[0].lstrip().startswith("|==="):
        return 2
    rules = [number for number, line in enumerate(lines) if _HEADER_RULE.match(line.strip())]
    if lines[0].lstrip().startswith("="):
        return rules[1] + 1 if len(rules) > 2 else 0
    return rules[0] + 1 if rules else 0


def _kind(lines: list[str]) -> BlockKind:
    if _TABLE_LINE.match(lines[0]):
        return BlockKind.TABLE
    if _ITEM.match(lines[0]):
        return BlockKind.LIST
    return BlockKind.CODE if all(line.startswith(("    ", "\t")) for line in lines) else BlockKind.PARAGRAPH


def _paragraphs(text: str, alone: re.Pattern[str] | None) -> Iterator[_Paragraph]:
    """Runs of lines between blank ones; a line that matches ``alone`` is a run of its own."""
    lines: list[str] = []
    starts: list[int] = []
    position = 0
    for line in text.split("\n"):
        is_alone = alone is not None and bool(alone.match(line))
        if lines and (is_alone or not line.strip()):
            yield _Paragraph(lines, starts)
            lines, starts = [], []
        if is_alone:
            yield _Paragraph([line], [position])
        elif line.strip():
            lines.append(line)
            starts.append(position)
        position += len(line) + 1
    if lines:
        yield _Paragraph(lines, starts)


def _headings(media_type: str) -> Heading:
    if media_type == "text/x-rst":
        return _RstHeadings()
    pattern = _LINE_HEADINGS[media_type]

    def heading(paragraph: _Paragraph) -> tuple[int, int] | None:
        match = pattern.match(paragraph.lines[0])
        return (1, len(match[1])) if match else None

    return heading


class _RstHeadings:
    """Levels in the order in which the document first uses a style of rule, as the format prescribes."""

    def __init__(self) -> None:
        self._styles: list[str] = []

    def __call__(self, paragraph: _Paragraph) -> tuple[int, int] | None:
        lines = [line.rstrip() for line in paragraph.lines[:3]]
        if len(lines) >= 3 and _RST_RULE.match(lines[0]) and lines[2] == lines[0]:
            return 3, self._level(f"over{lines[0][0]}")
        is_ruled = len(lines) >= 2 and bool(_RST_RULE.match(lines[1])) and not _RST_RULE.match(lines[0])
        if is_ruled and len(lines[1]) >= len(lines[0]) * 0.8 and not lines[0].startswith((" ", "|", "+")):
            return 2, self._level(lines[1][0])
        return None

    def _level(self, style: str) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return min(self._styles.index(style) + 1, 6)
