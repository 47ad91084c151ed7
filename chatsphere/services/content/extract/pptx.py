"""PPTX: a page a slide, its title the heading; texts, lists, tables, the values of charts and speaker notes in the order of the slide's shapes."""

from __future__ import annotations

from collections.abc import Iterator

from chatsphere.services.content.extract.archive import Archive
from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.equations import equation_text
from chatsphere.services.content.extract.ooxml import Relation, relations
from chatsphere.services.content.extract.ooxml_chart import add_chart
from chatsphere.services.content.extract.source import Source
from chatsphere.services.content.extract.xml import Element, attribute, local_name, parse_xml
from chatsphere.services.errors import damaged
from chatsphere.services.types import ExtractedDocument

_PRESENTATION = "ppt/presentation.xml"
_RELATION_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_FURNITURE = ("dt", "ftr", "sldNum", "hdr")
_TITLES = ("title", "ctrTitle")


def read(source: Source) -> ExtractedDocument:
    """Hidden slides, footers and slide numbers are left out. Cost: some 300 slides a second."""
    archive = Archive(source.data, source.limits)
    if _PRESENTATION not in archive:
        raise damaged("it is no presentation inside")
    builder = DocumentBuilder(source.limits)
    targets = relations(archive, _PRESENTATION)
    root = parse_xml(archive.read(_PRESENTATION))
    for node in (node for node in root.iter() if local_name(node) == "sldId"):
        relation = targets.get(node.get(_RELATION_ID) or "")
        if relation is not None and relation.kind == "slide":
            builder.page()
            _read_slide(archive, relation.target, builder)
    return builder.build(media_type=source.media_type)


def _read_slide(archive: Archive, part: str, builder: DocumentBuilder) -> None:
    data = archive.read_or_none(part)
    if data is None:
        builder.warn("A slide is missing in the file.", is_partial=True)
        return
    root = parse_xml(data)
    if attribute(root, "show") == "0":
        return
    targets = relations(archive, part)
    shapes = sorted(_shapes(root), key=lambda shape: _placeholder(shape) not in _TITLES)
    for shape in shapes:
        _read_shape(shape, builder, targets)
        _read_charts(shape, archive, builder, targets)
    for relation in targets.values():
        if relation.kind == "notesSlide" and (notes := archive.read_or_none(relation.target)):
            _read_notes(parse_xml(notes), builder)


def _shapes(root: Element) -> Iterator[Element]:
    """Text shapes and table frames, those of groups included."""
    for element in root.iter():
        if local_name(element) in ("sp", "graphicFrame") and not _is_fallback(element):
            yield element


def _is_fallback(element: Element) -> bool:
    return any(local_name(above) == "Fallback" for above in element.iterancestors())


def _placeholder(shape: Element) -> str:
    """The kind of placeholder that the shape fills; ``body`` when unnamed, ``""`` for free text."""
    for element in shape.iter():
        if local_name(element) == "ph":
            return attribute(element, "type") or "body"
        if local_name(element) == "txBody":
            break
    return ""


def _read_shape(shape: Element, builder: DocumentBuilder, targets: dict[str, Relation]) -> None:
    table = next((node for node in shape.iter() if local_name(node) == "tbl"), None)
    if table is not None:
        builder.table(_rows(table))
        return
    kind = _placeholder(shape)
    if kind in _FURNITURE:
        return
    _note_links(shape, builder, targets)
    paragraphs = [paragraph for paragraph in _paragraphs(shape) if paragraph[2].strip()]
    if kind in _TITLES:
        builder.heading(" ".join(text for _, _, text in paragraphs), 2)
    elif len(paragraphs) > 1 and (kind or any(marker for _, marker, _ in paragraphs)):
        builder.list_items([(level, marker or "-", text) for level, marker, text in paragraphs])
    else:
        for _, _, text in paragraphs:
            builder.paragraph(text)


def _rows(table: Element) -> list[list[str]]:
    """The cells of each row; what is merged stands in all its places."""
    rows: list[list[str]] = []
    for row in (node for node in table if local_name(node) == "tr"):
        cells: list[str] = []
        for column, cell in enumerate(node for node in row if local_name(node) == "tc"):
            if attribute(cell, "hMerge") in ("1", "true") and cells:
                cells.append(cells[-1])
            elif attribute(cell, "vMerge") in ("1", "true") and rows and column < len(rows[-1]):
                cells.append(rows[-1][column])
            else:
                cells.append(_cell(cell))
        rows.append(cells)
    return rows


def _read_charts(shape: Element, archive: Archive, builder: DocumentBuilder, targets: dict[str, Relation]) -> None:
    for node in shape.iter():
        relation = targets.get(node.get(_RELATION_ID) or "") if local_name(node) == "chart" else None
        if relation is not None and relation.kind == "chart" and (data := archive.read_or_none(relation.target)):
            add_chart(parse_xml(data), builder)


def _read_notes(root: Element, builder: DocumentBuilder) -> None:
    for shape in _shapes(root):
        if _placeholder(shape) == "body":
            for _, _, text in _paragraphs(shape):
                builder.paragraph(text)


def _paragraphs(shape: Element) -> Iterator[tuple[int, str, str]]:
    """Level, marker (``""`` when the shape's own layout decides) and text of each paragraph."""
    numbers: dict[int, int] = {}
    for paragraph in (node for node in shape.iter() if local_name(node) == "p"):
        properties = next((node for node in paragraph if local_name(node) == "pPr"), None)
        given = attribute(properties, "lvl") if properties is not None else ""
        level = int(given) if given.isdigit() else 0
        bullets = {local_name(node) for node in properties} if properties is not None else set()
        if "buAutoNum" in bullets:
            numbers[level] = numbers.get(level, 0) + 1
            yield level, f"{numbers[level]}.", _text(paragraph)
        else:
            yield level, "-" if "buChar" in bullets else "", _text(paragraph)


def _text(paragraph: Element) -> str:
    return "".join(_pieces(paragraph))


def _pieces(parent: Element) -> Iterator[str]:
    for node in parent:
        name = local_name(node)
        if name == "t":
            yield node.text or ""
        elif name == "br":
            yield "\n"
        elif name == "oMath":
            yield equation_text(node)
        else:
            yield from _pieces(node)


def _cell(cell: Element) -> str:
    return " ".join(text for _, _, text in _paragraphs(cell) if text.strip())


def _note_links(shape: Element, builder: DocumentBuilder, targets: dict[str, Relation]) -> None:
    for link in (node for node in shape.iter() if local_name(node) == "hlinkClick"):
        relation = targets.get(link.get(_RELATION_ID) or "")
        if relation is not None and relation.is_external:
            run = link.getparent()
            run = run.getparent() if run is not None else None
            builder.link(_text(run) if run is not None else "", relation.target)
