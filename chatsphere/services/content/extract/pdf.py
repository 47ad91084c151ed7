"""PDF by PDFium: words with their places, then reading order, paragraphs, headings and tables from the layout.

Removed: running headers and footers, page numbers, text outside the page or too small to see. A page that shows pictures but
has no text is a scan: it is read by OCR where an engine is installed, else it is named in the warnings and makes the document partial.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from chatsphere.services.content.extract import page_tables
from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.ocr import PictureReader
from chatsphere.services.content.extract.page_layout import Row, Word, zones
from chatsphere.services.content.extract.page_links import page_links
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import EncryptedDocument, LimitExceeded, damaged
from chatsphere.services.types import ExtractedDocument

_LINE_END_HYPHENS = "\x02\ufffe"
_HYPHENS = f"{_LINE_END_HYPHENS}\xad"
_SPACES = frozenset(" \t\r\n\x0b\x0c\xa0\u2002\u2003\u2009\u200a\u3000\x00")
_SENTENCE_END = re.compile(r"[.!?:;。！？]['\"”’)\]]*\Z")
_BULLET = re.compile(r"(?:[•◦▪●○■➢✓·\uf0b7\uf0a7\uf0d8‣⁃]|[–\-*](?=\s))\s*")
_NUMBERED = re.compile(r"\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})[.)]\s+(?=\S)")
_PAGE_NUMBER = re.compile(
    r"(?:page|seite|página|p\.)?\s*[-–|]?\s*(?:\d{1,4}|[ivxl]{1,6})\s*[-–|]?(?:\s*(?:of|/|von|de)\s*\d{1,4})?\Z", re.I
)
_NUMBER = re.compile(r"\d{1,15}")
_LEADERS = re.compile(r"[._·…]{5,}")  # dots that lead to a page number, lines to write on
_BOLD = re.compile(rb"bold|black|heavy|demi", re.IGNORECASE)
_NO_HEADING = re.compile(r"[☐☒☑□■✓]|\A\(.*\)\Z|\A\W*\Z")
_MIN_HEIGHT = 1.5  # points: smaller text cannot be read
_OCR_SCALE = 300 / 72
_OCR_PIXELS = 12_000_000
_LITTLE = 1_500  # characters of a form that only says that it cannot be shown
_XFA = (
    "This PDF is a form that only Adobe's programs can show (XFA), so little or nothing of it was read. "
    "Open it there, print it to a new PDF and upload that."
)
_EDGE_ROWS = 3  # rows at the top and bottom of a page that may be running headers or footers


@dataclass(slots=True)
class _Page:
    rows_by_zone: list[list[Row]]
    height: float
    is_scan: bool = False
    read_by_ocr: list[str] = field(default_factory=list)  # paragraphs of a scan
    links: list[tuple[str, str]] = field(default_factory=list)  # words and address


@dataclass(slots=True)
class _Styles:
    """What sizes mean in this document."""

    levels: dict[float, int] = field(default_factory=dict)  # rounded height → heading level

    def level_of(self, height: float) -> int:
        return self.levels.get(_rounded(height), 0)


def read(source: Source) -> ExtractedDocument:
    """Cost: some 50 pages a second; memory: the layout of all pages, some 0.2 MB a page."""
    pdf = _open(source)
    try:
        if len(pdf) > source.limits.max_pages:
            raise LimitExceeded(f"This PDF has {len(pdf):,} pages; {source.limits.max_pages:,} are allowed.")
        builder = DocumentBuilder(source.limits)
        builder.title = _title(pdf)
        pictures = PictureReader(source.limits)
        first, last = source.pages or (0, len(pdf))
        form_type = pdf.get_formtype()
        has_form = form_type != pdfium_c.FORMTYPE_NONE
        pages = [_read_page(pdf, index, pictures, has_form=has_form) for index in range(first, min(last, len(pdf)))]
        builder.note({"boilerplate_share": _remove_running_lines(pages)})
        _Composer(builder, _styles(pages), _outline(pdf), _vocabulary(pages)).compose(pages)
        _report(builder, pages, form_type)
        document = builder.build(media_type=source.media_type)
        return document if source.pages is None else _numbered(document, first, len(pdf))
    finally:
        pdf.close()


def _numbered(document: ExtractedDocument, first: int, pages: int) -> ExtractedDocument:
    """A part of a PDF keeps the page numbers of the whole: the pages before it are empty and stand at its beginning."""
    blocks = tuple(replace(block, page=block.page + first if block.page else None) for block in document.blocks)
    starts = (0,) * first + document.page_starts
    return replace(document, blocks=blocks, page_starts=starts, report={**document.report, "pages_in_file": pages})


def _open(source: Source) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(source.path or source.data)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
            raise EncryptedDocument from error
        raise damaged("it cannot be opened as a PDF") from error


def _title(pdf: pdfium.PdfDocument) -> str:
    title = str(pdf.get_metadata_value("Title") or "").strip()
    is_name_of_file = re.search(
        r"\.(?:docx?|pdf|xlsx?|pptx?|indd|tex|dvi|html?)\Z|^(?:microsoft word|untitled)", title, re.I
    )
    return "" if is_name_of_file or not re.search(r"[^\W\d_]{3}", title) else title


def _outline(pdf: pdfium.PdfDocument) -> dict[str, int]:
    """Bookmarks: their text, without spaces and in small letters, and their level from 1."""
    found: dict[str, int] = {}
    try:
        for bookmark in pdf.get_toc(max_depth=6):
            found.setdefault(_key(bookmark.get_title()), bookmark.level + 1)
            if len(found) > 5_000:
                break
    except pdfium.PdfiumError:
        return {}
    return found


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


# --- a page's words ---


def _read_page(pdf: pdfium.PdfDocument, index: int, pictures: PictureReader, *, has_form: bool) -> _Page:
    """A page that PDFium cannot load is empty, like a scan without text."""
    try:
        page = pdf[index]
        links = page_links(pdf, page)
        page = _filled_in(pdf, page, index) if has_form else page
    except pdfium.PdfiumError:
        return _Page([], 0.0, is_scan=True)
    try:
        groups = _words(page)
        rows = [list(zone.rows) for words in groups for zone in zones(words)]
        is_scan = sum(len(word.text) for words in groups for word in words) < 20 and _has_picture(page)
        text = pictures.paragraphs(_picture(page)) if is_scan and pictures.can_read else []
        return _Page(rows, page.get_height(), is_scan and not text, text, links)
    finally:
        page.close()


def _filled_in(pdf: pdfium.PdfDocument, page: pdfium.PdfPage, index: int) -> pdfium.PdfPage:
    """The page with what was written into the fields of its form, but without its links."""
    if pdfium_c.FPDFPage_Flatten(page.raw, pdfium_c.FLAT_NORMALDISPLAY) != pdfium_c.FLATTEN_SUCCESS:
        return page
    page.close()
    return pdf[index]


def _picture(page: pdfium.PdfPage) -> bytes:
    """The page as a grey PNM file of 300 dots an inch, or of fewer where it is very large."""
    width, height = page.get_size()
    scale = min(_OCR_SCALE, math.sqrt(_OCR_PIXELS / max(width * height, 1.0)))
    bitmap = page.render(scale=scale, grayscale=True)
    rows: np.ndarray[Any, Any] = bitmap.to_numpy().reshape(bitmap.height, bitmap.width)
    return b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + rows.tobytes()


def _has_picture(page: pdfium.PdfPage) -> bool:
    return any(True for _ in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=3))


def _words(page: pdfium.PdfPage) -> list[list[Word]]:
    try:
        text_page = page.get_textpage()
    except pdfium.PdfiumError:
        return []
    try:
        return _PageReader(page, text_page).words()
    finally:
        text_page.close()


class _PageReader:
    """Asks PDFium for the characters of a page, and for the places of the first and last one of each word."""

    def __init__(self, page: pdfium.PdfPage, text_page: pdfium.PdfTextPage) -> None:
        self._raw = text_page.raw
        self._box = page.get_bbox()
        self._rect = pdfium_c.FS_RECTF()
        self._reference = ctypes.byref(self._rect)
        self._name = ctypes.create_string_buffer(128)

    def words(self) -> list[list[Word]]:
        """The page's words, those that stand upright together, then those turned otherwise (stamps, axes)."""
        by_turn: dict[int, list[Word]] = {}
        for text, start, end in self._word_spans():
            turn = round(pdfium_c.FPDFText_GetCharAngle(self._raw, start) / 1.5708) % 4
            word = self._word(text, start, end, turn)
            if word is not None:
                by_turn.setdefault(turn, []).append(word)
        return sorted(by_turn.values(), key=len, reverse=True)

    def _word_spans(self) -> Iterator[tuple[str, int, int]]:
        get = pdfium_c.FPDFText_GetUnicode
        letters: list[str] = []
        raw, start = self._raw, 0
        for index in range(pdfium_c.FPDFText_CountChars(raw)):
            code = get(raw, index)
            letter = _character(code)
            if letter in _SPACES:
                if letters:
                    yield "".join(letters), start, index - 1
                    letters = []
                continue
            if not letters:
                start = index
            letters.append(letter)
            if letter in _LINE_END_HYPHENS:  # PDFium writes on with the next line's first letter
                yield "".join(letters), start, max(index - 1, start)
                letters = []
        if letters:
            yield "".join(letters), start, pdfium_c.FPDFText_CountChars(raw) - 1

    def _word(self, text: str, start: int, end: int, turn: int) -> Word | None:
        text = _LEADERS.sub("", text)
        first = self._place(start) if text else None
        last = self._place(end) if end > start else first
        if first is None or last is None:
            return None
        left, bottom = min(first[0], last[0]), min(first[1], last[1])
        right, top = max(first[2], last[2]), max(first[3], last[3])
        page_left, page_bottom, page_right, page_top = self._box
        if right < page_left or left > page_right or top < page_bottom or bottom > page_top:
            return None
        placed = _turned(left, bottom, right, top, turn, self._box)
        if placed[3] - placed[1] < _MIN_HEIGHT:
            return None
        return Word(text, *placed, is_bold=self._is_bold(start))

    def _is_bold(self, index: int) -> bool:
        """By the font's name; weights that fonts declare are often wrong."""
        size = pdfium_c.FPDFText_GetFontInfo(self._raw, index, self._name, len(self._name), None)
        return size > 0 and bool(_BOLD.search(self._name.value))

    def _place(self, index: int) -> tuple[float, float, float, float] | None:
        if not pdfium_c.FPDFText_GetLooseCharBox(self._raw, index, self._reference):
            return None
        rect = self._rect
        return rect.left, rect.bottom, rect.right, rect.top


def _character(code: int) -> str:
    if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
        return "\ufffd"
    return chr(code)


def _turned(
    left: float, bottom: float, right: float, top: float, turn: int, box: Sequence[float]
) -> tuple[float, float, float, float]:
    """Left, top, right, bottom with y downwards, as seen when the text stands upright."""
    page_left, page_bottom, page_right, page_top = box
    if turn == 1:  # clockwise, as PDFium counts: read from top to bottom
        return page_top - top, page_right - right, page_top - bottom, page_right - left
    if turn == 2:
        return page_right - right, bottom - page_bottom, page_right - left, top - page_bottom
    if turn == 3:
        return bottom - page_bottom, left - page_left, top - page_bottom, right - page_left
    return left - page_left, page_top - top, right - page_left, page_top - bottom


# --- running headers and footers ---


def _remove_running_lines(pages: Sequence[_Page]) -> float:
    """Lines at a page's edge that come back on at least three pages and a fifth of them, and page numbers.

    Numbers in them may count the pages; where they say something else on each page (a price, an invoice number) the line is content. A page
    on which nothing else would be left keeps its lines: there they are the content, too. Returns their share of the text.
    """
    before = _characters(pages)
    edges = [_edge_rows(page) for page in pages]
    running = _running_lines(edges, needed=max(3, len(pages) // 5))
    for page, rows in zip(pages, edges, strict=True):
        doomed = {id(row) for row in rows if id(row) in running or _PAGE_NUMBER.match(row.text)}
        kept = [[row for row in zone if id(row) not in doomed] for zone in page.rows_by_zone]
        if any(kept):
            page.rows_by_zone = [zone for zone in kept if zone]
    return round(1 - _characters(pages) / before, 3) if before else 0.0


def _characters(pages: Sequence[_Page]) -> int:
    return sum(len(row.text) for page in pages for zone in page.rows_by_zone for row in zone)


def _edge_rows(page: _Page) -> list[Row]:
    """The rows at the top and bottom that lie in the margins, or stand apart from the rest (where footers follow the text)."""
    rows = sorted((row for zone in page.rows_by_zone for row in zone), key=lambda row: row.top)
    top = rows[: max(_apart(rows), sum(row.bottom < page.height * 0.15 for row in rows[:_EDGE_ROWS]))]
    rest = rows[len(top) :]
    bottom = max(_apart(rest[::-1]), sum(row.top > page.height * 0.8 for row in rest[-_EDGE_ROWS:]))
    return top + rest[len(rest) - bottom :]


def _apart(rows: Sequence[Row]) -> int:
    """How many rows, from the first on, come before the first gap; 0 without a gap among the first few."""
    for index, (row, following) in enumerate(pairwise(rows[: _EDGE_ROWS + 1])):
        gap = max(following.top - row.bottom, row.top - following.bottom)
        if gap > 1.5 * row.height:
            return index + 1
    return 0


def _running_lines(edges: Sequence[Sequence[Row]], *, needed: int) -> set[int]:
    """The ids of rows that come back on ``needed`` pages, word for word or with numbers that count pages or mostly stay."""
    alike: dict[str, list[tuple[int, Row]]] = {}
    for page, rows in enumerate(edges):
        for row in rows:
            alike.setdefault(_NUMBER.sub("#", row.text.lower()), []).append((page, row))
    found: set[int] = set()
    for group in alike.values():
        if len({page for page, _ in group}) >= needed:
            found |= {id(row) for row in _without_content(group, needed)}
    return found


def _without_content(group: Sequence[tuple[int, Row]], needed: int) -> list[Row]:
    texts = Counter(row.text for _, row in group)
    numbers = [[(int(number), page) for number in _NUMBER.findall(row.text)] for page, row in group]
    if all(_counts_pages(column) for column in zip(*numbers, strict=True)):
        return [row for _, row in group]
    return [row for _, row in group if texts[row.text] >= needed]


def _counts_pages(column: Sequence[tuple[int, int]]) -> bool:
    """Whether these numbers, each with its page, mostly are the same or rise with the pages."""
    values, steps = Counter(value for value, _ in column), Counter(value - page for value, page in column)
    return max(values.most_common(1)[0][1], steps.most_common(1)[0][1]) * 2 > len(column)


# --- sizes ---


def _rounded(height: float) -> float:
    return round(height * 2) / 2


def _styles(pages: Sequence[_Page]) -> _Styles:
    """The commonest size is the body's; the larger ones, largest first, are headings.

    Sizes of the first page alone belong to a title or cover: the largest is a main heading, the others are the least of all, so
    that what stands on a cover is not above the whole document.
    """
    weights: Counter[float] = Counter()
    found_on: dict[float, set[int]] = {}
    for number, page in enumerate(pages):
        for row in (row for zone in page.rows_by_zone for row in zone):
            weights[_rounded(row.height)] += len(row.text)
            found_on.setdefault(_rounded(row.height), set()).add(number)
    body = weights.most_common(1)[0][0] if weights else 10.0
    total = sum(weights.values())
    larger = sorted((size for size in weights if size >= body * 1.12 and weights[size] < total * 0.2), reverse=True)
    cover = [size for size in larger if found_on[size] == {0} and size != larger[0]] if len(pages) > 2 else []
    return _Styles({**_levels([size for size in larger if size not in cover]), **dict.fromkeys(cover, 6)})


def _levels(sizes: Sequence[float]) -> dict[float, int]:
    """Sizes from the largest down; those within six per cent of each other share a level."""
    levels: dict[float, int] = {}
    level, last = 0, float("inf")
    for size in sizes:
        if size < last * 0.94:
            level, last = level + 1, size
        levels[size] = min(level, 5)
    return levels


# --- composing ---


class _Composer:
    def __init__(
        self, builder: DocumentBuilder, styles: _Styles, outline: dict[str, int], vocabulary: frozenset[str]
    ) -> None:
        self._builder = builder
        self._vocabulary = vocabulary
        self._styles = styles
        self._outline = outline
        self._bold_level = min(max((level for level in styles.levels.values() if level < 6), default=0) + 1, 6)

    def compose(self, pages: Sequence[_Page]) -> None:
        for page in pages:
            self._builder.page()
            for words, address in page.links:
                self._builder.link(words, address)
            for paragraph in page.read_by_ocr:
                self._builder.paragraph(paragraph)
            for zone in page.rows_by_zone:
                for is_table, rows in page_tables.parts(zone):
                    if is_table:
                        self._table(rows)
                    else:
                        self._text(rows)

    def _table(self, rows: list[Row]) -> None:
        cells = page_tables.grid(rows)
        headers = 0
        while headers < min(len(cells) - 1, 3) and not cells[headers][0]:
            headers += 1
        self._builder.table(cells, header_rows=headers or 1)

    def _text(self, rows: list[Row]) -> None:
        items: list[str] = []
        for paragraph in _paragraphs(rows):
            text = _joined(paragraph, self._vocabulary)
            level = self._level(paragraph, text)
            bullet = None if level else _BULLET.match(text) or _NUMBERED.match(text)
            if not bullet and items:
                self._list(items)
                items = []
            if level:
                self._builder.heading(text, level)
            elif bullet:
                items.append(text)
            else:
                self._builder.paragraph(text)
        self._list(items)

    def _list(self, items: list[str]) -> None:
        entries = []
        for item in items:
            if bullet := _BULLET.match(item):
                entries.append((0, "-", item[bullet.end() :]))
            else:
                marker, _, text = item.partition(" ")
                entries.append((0, marker, text))
        if entries:
            self._builder.list_items(entries)

    def _level(self, rows: Sequence[Row], text: str) -> int:
        if len(text) > 200 or len(rows) > 4 or _NO_HEADING.search(text) or not re.search(r"[^\W\d_]{2}", text):
            return 0
        if known := self._outline.get(_key(text)):
            return known
        height = max(row.height for row in rows)
        level = self._styles.level_of(height)
        if level and len(text) <= 160:
            return level
        is_bold = all(segment.is_bold for row in rows for segment in row.segments)
        is_short = len(text) <= 90 and len(rows) <= 2 and not text.rstrip().endswith((".", ",", ";"))
        return self._bold_level if is_bold and is_short else 0


def _paragraphs(rows: Sequence[Row]) -> Iterator[list[Row]]:
    paragraph: list[Row] = []
    left = min(row.left for row in rows)
    for index, row in enumerate(rows):
        right = max(near.right for near in rows[max(index - 4, 0) : index + 4])
        if paragraph and _begins_paragraph(paragraph[-1], row, left, right):
            yield paragraph
            paragraph = []
        paragraph.append(row)
    if paragraph:
        yield paragraph


def _begins_paragraph(above: Row, row: Row, left: float, right: float) -> bool:
    height = min(row.height, above.height)
    if abs(_rounded(row.height) - _rounded(above.height)) > 0.12 * height:
        return True
    if row.top - above.bottom > 0.62 * height or row.top < above.top:
        return True
    if _BULLET.match(row.text) or (_NUMBERED.match(row.text) and _SENTENCE_END.search(above.text)):
        return True
    first = row.segments[0].words[0]
    if above.right + (first.right - first.left) + 2 * height < right and not above.text.endswith(("-", ",")):
        return True  # the line was ended on purpose: the next word had room
    if _is_bold(above) != _is_bold(row) and (_is_bold(above) or len(row.text) < 90):
        return not above.text.endswith((",", "-")) and above.right < right - 3 * height
    is_indented = row.left > above.left + 0.8 * height and abs(above.left - left) < height
    return is_indented and bool(_SENTENCE_END.search(above.text))


def _is_bold(row: Row) -> bool:
    return all(segment.is_bold for segment in row.segments)


def _vocabulary(pages: Sequence[_Page]) -> frozenset[str]:
    """The document's words, in small letters: they tell how a word parted at the end of a line is written."""
    words = (word for page in pages for zone in page.rows_by_zone for row in zone for word in row.text.split())
    return frozenset(word.strip(".,;:()[]!?\"'“”").lower() for word in words)


def _joined(rows: Sequence[Row], vocabulary: frozenset[str]) -> str:
    """The lines as one text; a word parted by a hyphen at the end of a line is put together."""
    text = ""
    for row in rows:
        line = row.text
        if text and (text[-1] in _HYPHENS or (line[:1].islower() and re.search(r"[^\W\d_]{2}-\Z", text))):
            text = text[:-1] + _hyphen_between(text[:-1], line, vocabulary) + line
        else:
            text = f"{text} {line}" if text else line
    return re.sub(f"[{_HYPHENS}](?=\\s|\\Z)", "-", text)


def _hyphen_between(before: str, after: str, vocabulary: frozenset[str]) -> str:
    """``-`` where the word is written with one elsewhere, or where both halves are words of the document; else nothing."""
    first = re.search(r"[^\W_]*\Z", before)
    second = re.match(r"[^\W_]*", after)
    left, right = (first[0].lower() if first else ""), (second[0].lower() if second else "")
    if f"{left}{right}" in vocabulary:
        return ""
    both_words = len(left) > 2 and len(right) > 2 and left in vocabulary and right in vocabulary
    return "-" if f"{left}-{right}" in vocabulary or both_words or not left else ""


def _report(builder: DocumentBuilder, pages: Sequence[_Page], form_type: int) -> None:
    if form_type == pdfium_c.FORMTYPE_XFA_FULL and _characters(pages) < _LITTLE:
        builder.warn(_XFA, is_partial=True)
    scans = [number for number, page in enumerate(pages, 1) if page.is_scan]
    builder.note({"unreadable_pages": scans[:1000], "unreadable_page_share": round(len(scans) / max(len(pages), 1), 3)})
    read = [number for number, page in enumerate(pages, 1) if page.read_by_ocr]
    if read:
        builder.note({"ocr_pages": read[:1000]})
    if scans:
        what = f"Page {scans[0]} is a picture" if len(scans) == 1 else f"Pages {_ranges(scans)} are pictures"
        advice = "Upload a version with text, or ask the operator to install text recognition (the extra `ocr`)."
        builder.warn(f"{what} without text and could not be read. {advice}", is_partial=True)


def _ranges(numbers: Sequence[int]) -> str:
    """``1, 3–5, 8``; at most 20 ranges are named."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    named = [str(first) if first == last else f"{first}–{last}" for first, last in ranges[:20]]
    return ", ".join(named) + (" and more" if len(ranges) > 20 else "")
