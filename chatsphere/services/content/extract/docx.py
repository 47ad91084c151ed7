"""DOCX: WordprocessingML read directly, in document order.

Kept: headings (with their numbers), lists with the markers that Word shows, tables with merged cells filled in, text boxes,
hyperlinks, inserted text, footnotes and endnotes (after the paragraph that refers to them), equations in one line (``equations``).
Left out: deleted and hidden text, comments, field codes, headers and footers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from chatsphere.services.content.extract.archive import Archive
from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.equations import equation_text
from chatsphere.services.content.extract.numbering import Numbering
from chatsphere.services.content.extract.source import Source
from chatsphere.services.content.extract.xml import Element, attribute, local_name, parse_xml
from chatsphere.services.errors import damaged
from chatsphere.services.types import ExtractedDocument

_MAIN = "word/document.xml"
_SKIPPED = frozenset(
    [
        "del",
        "moveFrom",
        "instrText",
        "delText",
        "delInstrText",
        "Fallback",
        "pPr",
        "rPr",
        "tblPr",
        "tblGrid",
        "sectPr",
        "sdtPr",
        "sdtEndPr",
        "commentRangeStart",
        "commentReference",
        "annotationRef",
        "footnoteRef",
        "endnoteRef",
    ]
)
_CONTAINERS = frozenset(
    ["sdt", "sdtContent", "customXml", "AlternateContent", "Choice", "ins", "moveTo", "body", "smartTag"]
)
_CODE_STYLE = re.compile(r"\b(?:source\s*)?code\b(?!\s*of)|preformatted|listing|macro text|plain text", re.IGNORECASE)
_QUOTE_STYLE = re.compile(r"\bquot", re.IGNORECASE)
_HEADING_STYLE = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop|rubrik|заголовок)\s*(\d)\Z", re.IGNORECASE)
_MONOSPACED = re.compile(r"courier|consolas|mono|menlo|monaco|lucida console", re.IGNORECASE)


@dataclass(slots=True)
class _Style:
    name: str
    based_on: str
    properties: Element | None


@dataclass(slots=True)
class _Paragraph:
    text: str
    style: str
    outline: int | None
    marker: str
    depth: int
    is_list: bool
    notes: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)


def read(source: Source) -> ExtractedDocument:
    """Cost: some 2 MB of unpacked XML a second; memory some ten times the unpacked XML."""
    archive = Archive(source.data, source.limits)
    main = _main_part(archive)
    root = parse_xml(archive.read(main))
    body = next((child for child in root.iter() if local_name(child) == "body"), None)
    if body is None:
        raise damaged("it is no Word document inside")
    builder = DocumentBuilder(source.limits)
    builder.title = _core_title(archive)
    _Reader(archive, builder, main.rpartition("/")[0]).read(body)
    return builder.build(media_type=source.media_type)


def _main_part(archive: Archive) -> str:
    if _MAIN in archive:
        return _MAIN
    candidates = [name for name in archive.names() if re.fullmatch(r"word/document\d*\.xml", name)]
    if not candidates:
        raise damaged("its main text is missing")
    return candidates[0]


def _core_title(archive: Archive) -> str:
    data = archive.read_or_none("docProps/core.xml")
    if not data:
        return ""
    for element in parse_xml(data).iter():
        if local_name(element) == "title":
            title = (element.text or "").strip()
            return "" if re.match(r"(?:microsoft word|untitled|document\d*\Z)", title, re.IGNORECASE) else title
    return ""


class _Reader:
    def __init__(self, archive: Archive, builder: DocumentBuilder, folder: str) -> None:
        self._builder = builder
        self._styles = _read_styles(archive.read_or_none(f"{folder}/styles.xml"))
        self._numbering = Numbering(archive.read_or_none(f"{folder}/numbering.xml"))
        self._targets = _read_targets(archive.read_or_none(f"{folder}/_rels/document.xml.rels"))
        self._notes = {
            kind: _read_notes(archive.read_or_none(f"{folder}/{kind}s.xml"), kind) for kind in ("footnote", "endnote")
        }
        self._items: list[tuple[int, str, str]] = []
        self._code: list[str] = []

    def read(self, body: Element) -> None:
        self._flow(body)
        self._close()

    def _flow(self, parent: Element) -> None:
        for child in _flow_children(parent):
            if local_name(child) == "p":
                self._paragraph(child)
            else:
                self._table(child)

    def _close(self) -> None:
        """End the list or code that is being gathered."""
        if self._items:
            self._builder.list_items(self._items)
            self._items = []
        if self._code:
            self._builder.code("\n".join(self._code))
            self._code = []

    # --- paragraphs ---

    def _paragraph(self, element: Element) -> None:
        paragraph = self._parse(element)
        if paragraph.text.strip():
            self._place(paragraph, element)
        elif self._code:
            self._code.append("")
        if paragraph.notes or paragraph.boxes:
            self._close()
        for note in paragraph.notes:
            self._builder.paragraph(note)
        for box in paragraph.boxes:
            self._flow(box)
            self._close()

    def _place(self, paragraph: _Paragraph, element: Element) -> None:
        level = self._heading_level(paragraph)
        text = f"{paragraph.marker} {paragraph.text}" if paragraph.marker and level else paragraph.text
        if level:
            self._close()
            self._builder.heading(text, level)
            if paragraph.style.lower() == "title" and not self._builder.title:
                self._builder.title = text
        elif _CODE_STYLE.search(paragraph.style) or (not paragraph.is_list and _is_monospaced(element)):
            if self._items:
                self._close()
            self._code.append(paragraph.text)
        elif paragraph.is_list:
            if self._code:
                self._close()
            self._items.append((paragraph.depth, paragraph.marker or "-", text))
        else:
            self._close()
            (self._builder.quote if _QUOTE_STYLE.search(paragraph.style) else self._builder.paragraph)(text)

    def _parse(self, element: Element) -> _Paragraph:
        properties = _child(element, "pPr")
        style_id = _value(_child(properties, "pStyle"))
        chain = list(self._style_chain(style_id))
        numbering = self._number_properties(properties, chain)
        marker, depth = self._numbering.next(*numbering) if numbering else ("", 0)
        paragraph = _Paragraph(
            text="",
            style=chain[0].name if chain else style_id,
            outline=self._outline(properties, chain),
            marker=marker,
            depth=depth,
            is_list=numbering is not None,
        )
        paragraph.text = "".join(self._inline(element, paragraph))
        return paragraph

    def _heading_level(self, paragraph: _Paragraph) -> int:
        if len(paragraph.text) > 400:
            return 0
        name = paragraph.style.lower()
        if name == "title":
            return 1
        if name == "subtitle":
            return 0
        if match := _HEADING_STYLE.match(name):
            return int(match[1])
        return paragraph.outline + 1 if paragraph.outline is not None and paragraph.outline < 9 else 0

    def _style_chain(self, style_id: str) -> Iterator[_Style]:
        seen = set()
        while style_id in self._styles and style_id not in seen:
            seen.add(style_id)
            style = self._styles[style_id]
            yield style
            style_id = style.based_on

    def _outline(self, properties: Element | None, chain: list[_Style]) -> int | None:
        for source in (properties, *(style.properties for style in chain)):
            value = _value(_child(source, "outlineLvl"))
            if value.isdigit():
                return int(value)
        return None

    def _number_properties(self, properties: Element | None, chain: list[_Style]) -> tuple[str, int] | None:
        """Which list the paragraph belongs to and how deep, from itself or its styles."""
        number, level = "", ""
        for source in (properties, *(style.properties for style in chain)):
            found = _child(source, "numPr")
            if found is not None:
                number = number or _value(_child(found, "numId"))
                level = level or _value(_child(found, "ilvl"))
        if not number or number == "0" or not self._numbering.knows(number):
            return None
        return number, int(level) if level.isdigit() else 0

    # --- text ---

    def _inline(self, parent: Element, paragraph: _Paragraph) -> Iterator[str]:
        for child in parent:
            name = local_name(child)
            if name in _SKIPPED:
                continue
            if name == "r":
                if not _is_hidden(child):
                    yield from self._inline(child, paragraph)
            elif name == "t":
                yield child.text or ""
            elif name in ("footnoteReference", "endnoteReference"):
                self._refer(child, name.removesuffix("Reference"), paragraph)
            elif name == "txbxContent":
                paragraph.boxes.append(child)
            elif name == "oMath":
                yield equation_text(child)
            elif name == "hyperlink":
                text = "".join(self._inline(child, paragraph))
                self._builder.link(text, self._targets.get(attribute(child, "id"), ""))
                yield text
            else:
                yield _symbol(child) if name == "sym" else _CHARACTERS.get(name, "")
                yield from self._inline(child, paragraph)

    def _refer(self, reference: Element, kind: str, paragraph: _Paragraph) -> None:
        note = self._notes[kind].pop(attribute(reference, "id"), None)
        if note is not None:
            inner = _Paragraph("", "", None, "", 0, is_list=False)
            text = " ".join("".join(self._inline(part, inner)) for part in note.iter() if local_name(part) == "p")
            if text.strip():
                paragraph.notes.append(text)

    # --- tables ---

    def _table(self, table: Element) -> None:
        self._close()
        rows = [row for row in _unwrapped(table) if local_name(row) == "tr"]
        cells = [[cell for cell in _unwrapped(row) if local_name(cell) == "tc"] for row in rows]
        if sum(map(len, cells)) == 1 or _is_layout(cells):
            for cell in (cell for row in cells for cell in row):
                self._flow(cell)
                self._close()
            return
        grid: list[list[str]] = []
        for row in cells:
            grid.append(self._grid_row(row, grid[-1] if grid else []))
        headers = 0
        while headers < len(rows) and _child(_child(rows[headers], "trPr"), "tblHeader") is not None:
            headers += 1
        self._builder.table(grid, header_rows=headers or 1)

    def _grid_row(self, cells: list[Element], above: list[str]) -> list[str]:
        """One row; a cell that continues the one above repeats its text, a wide one is followed by blanks."""
        line: list[str] = []
        for cell in cells:
            properties = _child(cell, "tcPr")
            merge = _child(properties, "vMerge")
            if merge is not None and _value(merge) != "restart" and len(line) < len(above):
                line.append(above[len(line)])
            else:
                line.append(self._cell_text(cell))
            span = _value(_child(properties, "gridSpan"))
            line += [""] * (min(int(span), 64) - 1 if span.isdigit() else 0)
        return line

    def _cell_text(self, cell: Element) -> str:
        parts = []
        for child in _flow_children(cell):
            if local_name(child) == "p":
                paragraph = self._parse(child)
                boxes = ("".join(self._inline(box, paragraph)) for box in list(paragraph.boxes))
                parts += [f"{paragraph.marker} {paragraph.text}".strip(), *boxes, *paragraph.notes]
            else:
                parts += [self._cell_text(inner) for inner in child.iter() if local_name(inner) == "tc"]
        return " ".join(part for part in parts if part.strip())


_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def _flow_children(parent: Element) -> Iterator[Element]:
    """Paragraphs and tables below, through the wrappers that Word puts around them."""
    for child in parent:
        name = local_name(child)
        if name in ("p", "tbl"):
            yield child
        elif name in _CONTAINERS:
            yield from _flow_children(child)


def _unwrapped(parent: Element) -> Iterator[Element]:
    for child in parent:
        if local_name(child) in _CONTAINERS:
            yield from _unwrapped(child)
        else:
            yield child


def _is_layout(cells: list[list[Element]]) -> bool:
    """A table in a single row or column whose cells hold several paragraphs or tables places text on the page."""
    if len(cells) > 1 and max(map(len, cells), default=0) > 1:
        return False
    return any(sum(1 for _ in _flow_children(cell)) > 3 for row in cells for cell in row)


def _is_hidden(run: Element) -> bool:
    vanish = _child(_child(run, "rPr"), "vanish")
    return vanish is not None and _value(vanish) not in ("0", "false", "off")


def _is_monospaced(paragraph: Element) -> bool:
    """Whether every run with text is set in a typewriter face."""
    found = False
    for run in paragraph.iter():
        if local_name(run) == "r" and any(local_name(child) == "t" and (child.text or "").strip() for child in run):
            fonts = _child(_child(run, "rPr"), "rFonts")
            if fonts is None or not _MONOSPACED.search(attribute(fonts, "ascii")):
                return False
            found = True
    return found


def _symbol(element: Element) -> str:
    code = attribute(element, "char")
    try:
        value = int(code, 16)
    except ValueError:
        return ""
    return "•" if 0xF000 <= value <= 0xF0FF else chr(value) if 32 <= value < 0xD800 else ""


def _child(element: Element | None, name: str) -> Element | None:
    if element is None:
        return None
    return next((child for child in element if local_name(child) == name), None)


def _value(element: Element | None) -> str:
    return "" if element is None else attribute(element, "val")


def _read_styles(data: bytes | None) -> dict[str, _Style]:
    if not data:
        return {}
    styles = {}
    for style in parse_xml(data):
        if local_name(style) == "style" and attribute(style, "type") == "paragraph":
            styles[attribute(style, "styleId")] = _Style(
                _value(_child(style, "name")), _value(_child(style, "basedOn")), _child(style, "pPr")
            )
    return styles


def _read_targets(data: bytes | None) -> dict[str, str]:
    if not data:
        return {}
    return {attribute(relation, "Id"): attribute(relation, "Target") for relation in parse_xml(data)}


def _read_notes(data: bytes | None, kind: str) -> dict[str, Element]:
    if not data:
        return {}
    notes = (note for note in parse_xml(data) if local_name(note) == kind)
    return {attribute(note, "id"): note for note in notes if attribute(note, "type") in ("", "normal")}
