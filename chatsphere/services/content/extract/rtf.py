"""RTF: text and paragraphs, table rows, and nothing of its looks. A single pass over the tokens, linear time."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import LimitExceeded
from chatsphere.services.types import ExtractedDocument

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
_SKIPPED_GROUPS = frozenset(
    (
        b"fonttbl colortbl stylesheet info pict object header headerl headerr headerf footer footerl footerr footerf "
        b"listtable listoverridetable rsidtbl generator themedata colorschememapping datastore latentstyles xmlnstbl "
        b"fldinst annotation atnid atnauthor atrfstart atrfend bkmkstart bkmkend filetbl revtbl nonshppict"
    ).split()
)
_CHARACTERS = {
    b"tab": "\t", b"line": "\n", b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘", b"rquote": "’",
    b"ldblquote": "“", b"rdblquote": "”", b"emspace": " ", b"enspace": " ",
}  # fmt: skip
_MAX_DEPTH = 1_000


@dataclass(slots=True)
class _Group:
    is_skipped: bool = False
    skip_after_unicode: int = 1
    is_hidden: bool = False


@dataclass(slots=True)
class _State:
    builder: DocumentBuilder
    codec: str = "cp1252"
    groups: list[_Group] = field(default_factory=lambda: [_Group()])
    text: list[str] = field(default_factory=list)
    pending: bytearray = field(default_factory=bytearray)  # bytes of the code page, not yet decoded
    cells: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    to_skip: int = 0  # fallback characters after a \\u
    level: int = 0  # outline level of the paragraph, 0 for none
    in_table: bool = False


def read(source: Source) -> ExtractedDocument:
    """Cost: some 3 MB a second."""
    state = _State(DocumentBuilder(source.limits))
    for match in _TOKEN.finditer(source.data):
        word, number, hexa, symbol, brace, text = match.groups()
        if brace:
            _brace(state, brace)
        elif word:
            _word(state, word, int(number) if number else None)
        elif not state.groups[-1].is_skipped:
            _character(state, hexa, symbol, text)
        elif symbol == b"*":
            state.groups[-1].is_skipped = True
    _end_paragraph(state)
    _end_table(state)
    return state.builder.build(media_type=source.media_type)


def _brace(state: _State, brace: bytes) -> None:
    if brace == b"{":
        above = state.groups[-1]
        state.groups.append(_Group(above.is_skipped, above.skip_after_unicode, above.is_hidden))
        if len(state.groups) > _MAX_DEPTH:
            raise LimitExceeded(f"This document is nested more than {_MAX_DEPTH} levels deep.")
    elif len(state.groups) > 1:
        state.groups.pop()


def _character(state: _State, hexa: bytes | None, symbol: bytes | None, text: bytes | None) -> None:
    if hexa:
        if state.to_skip:
            state.to_skip -= 1
        else:
            state.pending.append(int(hexa, 16))
    elif symbol:
        if symbol == b"*":
            state.groups[-1].is_skipped = True
        elif symbol in b"\\{}":
            _add(state, symbol.decode())
        elif symbol == b"~":
            _add(state, " ")
        elif symbol == b"_":
            _add(state, "-")
    elif text:
        skipped = min(state.to_skip, len(text))
        state.to_skip -= skipped
        _flush_bytes(state)
        _add(state, text[skipped:].decode(state.codec, "replace"))


def _word(state: _State, word: bytes, number: int | None) -> None:
    group = state.groups[-1]
    if word in _SKIPPED_GROUPS:
        group.is_skipped = True
    elif word == b"ansicpg" and number is not None:
        state.codec = _codec(number)
    elif word == b"uc":
        group.skip_after_unicode = number or 0
    elif word == b"v":
        group.is_hidden = number != 0
    elif not group.is_skipped:
        _text_word(state, word, number)


def _text_word(state: _State, word: bytes, number: int | None) -> None:
    if word == b"u" and number is not None:
        _flush_bytes(state)
        code = number % 65536
        _add(state, chr(code))
        state.to_skip = state.groups[-1].skip_after_unicode
    elif word in (b"par", b"sect", b"page"):
        if state.in_table:
            _add(state, "\n")
        else:
            _end_paragraph(state)
    elif word == b"pard":
        state.level, state.in_table = 0, False
    elif word == b"intbl":
        state.in_table = True
    elif word == b"outlinelevel" and number is not None and number < 9:
        state.level = number + 1
    elif word == b"cell":
        state.cells.append(_taken(state))
    elif word == b"row":
        state.rows.append(state.cells)
        state.cells = []
    elif word in _CHARACTERS:
        _flush_bytes(state)
        _add(state, _CHARACTERS[word])


def _add(state: _State, text: str) -> None:
    if not state.groups[-1].is_hidden:
        _flush_bytes(state)
        state.text.append(text)


def _flush_bytes(state: _State) -> None:
    if state.pending:
        data = bytes(state.pending)
        state.pending.clear()
        if not state.groups[-1].is_hidden:
            state.text.append(data.decode(state.codec, "replace"))


def _taken(state: _State) -> str:
    _flush_bytes(state)
    text = "".join(state.text)
    state.text.clear()
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _end_paragraph(state: _State) -> None:
    text = _taken(state)
    if not text.strip():
        return
    _end_table(state)
    if state.level:
        state.builder.heading(text, state.level)
    elif match := re.match(r"\s*[•·\uf0b7\u2022]\s*", text):
        state.builder.list_items([(0, "-", text[match.end() :])])
    else:
        state.builder.paragraph(text)


def _end_table(state: _State) -> None:
    if state.rows:
        state.builder.table(state.rows)
        state.rows = []


def _codec(code_page: int) -> str:
    name = {65001: "utf-8", 10000: "mac-roman", 932: "cp932", 936: "gbk", 949: "cp949", 950: "cp950"}.get(
        code_page, f"cp{code_page}"
    )
    try:
        codecs.lookup(name)
    except LookupError:
        return "cp1252"
    return name
