"""Markdown, read line by line: the text stays as it was written, blocks are spans of it.

The block rules are those of CommonMark with tables (GitHub's), simplified where a difference would not change a chunk: the
inside of list items and block quotes is not parsed again. Front matter and link definitions belong to no block. Comments are
taken out of the text, since whoever reads the rendered page does not see them; tables of HTML become those of Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import NamedTuple

from chatsphere.services.content.clean import clean_verbatim
from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.encoding import decode, noted
from chatsphere.services.content.extract.html import add_html, parse_html
from chatsphere.services.content.extract.source import Source
from chatsphere.services.types import Block, BlockKind, ExtractedDocument, Link

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_ITEM = re.compile(r"( {0,3})([-*+]|\d{1,9}[.)])(?:[ \t]+\S|[ \t]*$)")
_DELIMITER_ROW = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_DEFINITION = re.compile(r" {0,3}\[([^\]\n]+)\]:[ \t]*<?(\S+?)>?(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^)]*\)))?[ \t]*$")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HTML_TABLE = re.compile(r"^ {0,3}<table\b[^<]*(?:<(?!/?table\b)[^<]*)*</table>", re.IGNORECASE | re.MULTILINE)
_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?\n)?\1[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_LINK = re.compile(
    r"(?<!!)\[((?:[^\[\]]++|\[[^\[\]]*+\])*+)\]\([ \t]*<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?[^()\n]*\)"
)
_ANCHOR = re.compile(r"<a\s[^>]*>|</a>", re.IGNORECASE)
_EMPHASIS = re.compile(r"(\*\*|__|`)(.+?)\1")
_MAX_LINKS = 5_000


class _Line(NamedTuple):  # there are as many as lines: made five times as fast as a frozen dataclass
    start: int
    text: str  # without its newline
    first: str  # its first character that is no white space: tells most kinds of blocks apart; none of a blank line

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def read(source: Source) -> ExtractedDocument:
    """Linear time. The title is front matter's, else the first heading of level 1, else the first heading."""
    decoded, encoding = decode(source.data, declared=source.charset)
    clean = clean_verbatim(decoded)
    text = with_tables(without_comments(clean.text), source)
    front = _FRONT_MATTER.match(text)
    blocks = tuple(parse_blocks(text, start=front.end() if front else 0))
    return ExtractedDocument(
        text=text,
        blocks=blocks,
        title=(_front_title(front[2] or "") if front else "") or heading_title(text, blocks),
        media_type=source.media_type,
        links=tuple(find_links(text)),
        report={**noted(encoding, source.charset), "hidden_characters_removed": clean.hidden_removed},
    )


def without_comments(text: str) -> str:
    """The text without ``<!-- comments -->``, which stay where they are code."""
    return _outside_code(text, lambda part: _COMMENT.sub("", part)) if "<!--" in text else text


def with_tables(text: str, source: Source) -> str:
    """The text with its HTML tables written as Markdown, but for those around others; code stays as it is. Linear time."""
    if "</table>" not in text.lower():
        return text

    def rendered(match: re.Match[str]) -> str:
        builder = DocumentBuilder(source.limits)
        add_html(parse_html(match[0]), builder)
        table = builder.build(media_type=source.media_type).text
        return f"\n{table}\n" if table else ""

    return _outside_code(text, lambda part: _HTML_TABLE.sub(rendered, part))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    parts, position = [], 0
    for fence in _FENCED.finditer(text):
        parts += [change(text[position : fence.start()]), fence[0]]
        position = fence.end()
    return "".join([*parts, change(text[position:])])


def heading_title(text: str, blocks: tuple[Block, ...]) -> str:
    headings = [block for block in blocks[:200] if block.kind is BlockKind.HEADING]
    best = next((block for block in headings if block.level == 1), headings[0] if headings else None)
    return heading_text(text[best.char_start : best.char_end]) if best else ""


def heading_text(source: str) -> str:
    """What a heading says: without its marks, anchors, emphasis and link targets."""
    line = source.strip().split("\n", 1)[0]
    line = re.sub(r"^#{1,6}\s*|\s+#+\s*$", "", line)
    line = _EMPHASIS.sub(itemgetter(2), _LINK.sub(itemgetter(1), _ANCHOR.sub("", line)))
    return re.sub(r"\\([^\w\s])", r"\1", line).strip(" *_")


def find_links(text: str) -> Iterator[Link]:
    if "](" not in text:
        return
    seen: set[tuple[str, str]] = set()
    for match in _LINK.finditer(text):
        key = (match[1].strip()[:500], match[2])
        if match[2] and not match[2].startswith("#") and key not in seen and len(seen) < _MAX_LINKS:
            seen.add(key)
            yield Link(*key)


def parse_blocks(text: str, *, start: int = 0) -> Iterator[Block]:
    """The blocks from ``start`` on, in order, without overlap."""
    return _Parser(text, start).blocks()


def _front_title(front: str) -> str:
    match = _FRONT_TITLE.search(front)
    return match[1].strip("\"'") if match else ""


def _split_lines(text: str, start: int) -> list[_Line]:
    lines = []
    for line in text[start:].split("\n"):
        lines.append(_Line(start, line, line.lstrip()[:1]))
        start += len(line) + 1
    return lines


class _Parser:
    """Each ``_take_*`` method is asked at the line where it stands, and either takes lines and gives their block or declines."""

    def __init__(self, text: str, start: int) -> None:
        self._lines = _split_lines(text, start)
        self._at = 0

    def blocks(self) -> Iterator[Block]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line.first or _is_rule(line) or (line.first == "[" and _DEFINITION.match(line.text)):
                self._at += 1
            else:
                yield self._take_block(line)

    def _take_block(self, line: _Line) -> Block:
        if line.first == "#" and (match := _ATX.match(line.text)):
            return self._block(BlockKind.HEADING, 1, level=len(match[1]))
        if line.first in "`~" and (match := _FENCE.match(line.text)):
            return self._take_fence(match[1])
        if line.text.startswith(("    ", "\t")):
            return self._take_indented()
        if (line.first in "-*+" or line.first.isdecimal()) and _ITEM.match(line.text):
            return self._take_list()
        if line.first == ">":
            return self._take_quote()
        if self._is_table_at(self._at):
            return self._take_table()
        return self._take_paragraph()

    def _block(self, kind: BlockKind, count: int, *, level: int = 0, header: int = 0) -> Block:
        """The block of the next ``count`` lines, blank ones at its end left out; ``header`` of them are a table's header."""
        taken = self._lines[self._at : self._at + count]
        self._at += count
        while not taken[-1].first:
            taken.pop()
        end = taken[-1].start + len(taken[-1].text.rstrip())
        first = taken[0]
        indent = 0 if kind is BlockKind.CODE else len(first.text) - len(first.text.lstrip())
        header_end = min(taken[header - 1].end + 1, end) if header else None
        return Block(kind, first.start + indent, end, level, None, header_end)

    def _take_fence(self, fence: str) -> Block:
        closing = re.compile(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$")
        count = 1
        for line in self._lines[self._at + 1 :]:
            count += 1
            if closing.match(line.text):
                break
        return self._block(BlockKind.CODE, count)

    def _take_indented(self) -> Block:
        count = 0
        for line in self._rest():
            if line.first and not line.text.startswith(("    ", "\t")):
                break
            count += 1
        return self._block(BlockKind.CODE, count)

    def _take_list(self) -> Block:
        """Items, what is indented below them, and lazy continuation lines; a blank line ends it before unindented text."""
        count, after_blank, fence = 0, False, ""
        for line in self._rest():
            stripped = line.text.strip()
            if fence:
                fence = "" if stripped.startswith(fence) else fence
            elif not stripped:
                after_blank = True
            elif (
                (after_blank and not (line.text.startswith(("  ", "\t")) or _ITEM.match(line.text)))
                or (line.first == "#" and _ATX.match(line.text))
                or (count and _is_rule(line))
            ):
                break
            else:
                after_blank = False
                if stripped.startswith(("```", "~~~")):
                    if not line.text.startswith(("  ", "\t")):
                        break
                    fence = stripped[:3]
            count += 1
        return self._block(BlockKind.LIST, max(count, 1))

    def _take_quote(self) -> Block:
        count = 0
        for line in self._rest():
            if not line.first or (line.first != ">" and self._interrupts(line)):
                break
            count += 1
        return self._block(BlockKind.QUOTE, count)

    def _is_table_at(self, index: int) -> bool:
        if index + 1 >= len(self._lines) or "|" not in self._lines[index].text:
            return False
        below = self._lines[index + 1].text
        return "|" in below and bool(_DELIMITER_ROW.match(below))

    def _take_table(self) -> Block:
        count = 0
        for line in self._rest():
            if not line.first or (count > 1 and "|" not in line.text and self._interrupts(line)):
                break
            count += 1
        return self._block(BlockKind.TABLE, count, header=2)

    def _take_paragraph(self) -> Block:
        count = 0
        for index, line in enumerate(self._rest(), self._at):
            if not line.first:
                break
            if count and line.first in "=-" and _SETEXT.match(line.text):
                return self._block(BlockKind.HEADING, count + 1, level=1 if line.first == "=" else 2)
            if count and (self._interrupts(line) or self._is_table_at(index)):
                break
            count += 1
        return self._block(BlockKind.PARAGRAPH, count)

    def _rest(self) -> Iterator[_Line]:
        for index in range(self._at, len(self._lines)):
            yield self._lines[index]

    @staticmethod
    def _interrupts(line: _Line) -> bool:
        """Whether a paragraph ends before this line without a blank one."""
        text = line.text
        if line.first not in "#`~>*-+_1":
            return False
        item = _ITEM.match(text)
        starts_list = (
            bool(item) and text.strip() not in "-*+" and (item[2] in "-*+" or item[2][:-1] == "1") if item else False
        )
        return bool(_ATX.match(text) or _FENCE.match(text)) or _is_rule(line) or line.first == ">" or starts_list


def _is_rule(line: _Line) -> bool:
    return line.first in "*-_" and _RULE.match(line.text) is not None
