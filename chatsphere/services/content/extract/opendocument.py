"""ODT, ODS, ODP: OpenDocument's text, sheets and slides, all from ``content.xml``."""

from __future__ import annotations

from collections.abc import Iterator

from chatsphere.services.content.extract.archive import Archive
from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.source import Source
from chatsphere.services.content.extract.xml import Element, attribute, local_name, parse_xml
from chatsphere.services.errors import EncryptedDocument, damaged
from chatsphere.services.types import ExtractedDocument

_SKIPPED = ("tracked-changes", "annotation", "annotation-end", "forms", "sequence-decls", "settings", "note-citation")
_MAX_REPEATS = 1_000


def read(source: Source) -> ExtractedDocument:
    """Pages are sheets or slides. Deleted text, comments and forms are left out. Cost: some 2 MB of unpacked XML a second."""
    archive = Archive(source.data, source.limits)
    if b"encryption-data" in (archive.read_or_none("META-INF/manifest.xml") or b""):
        raise EncryptedDocument
    root = parse_xml(archive.read("content.xml"))
    body = next((node for node in root.iter() if local_name(node) == "body"), None)
    if body is None:
        raise damaged("it has no text")
    builder = DocumentBuilder(source.limits)
    builder.title = _meta_title(archive)
    _flow(body, builder)
    return builder.build(media_type=source.media_type)


def _meta_title(archive: Archive) -> str:
    data = archive.read_or_none("meta.xml")
    return next((node.text or "" for node in parse_xml(data).iter() if local_name(node) == "title"), "") if data else ""


def _flow(parent: Element, builder: DocumentBuilder) -> None:
    for child in parent:
        name = local_name(child)
        if name == "h":
            level = attribute(child, "outline-level")
            builder.heading(_text(child, builder), int(level) if level.isdigit() else 1)
        elif name == "p":
            builder.paragraph(_text(child, builder))
            for box in child.iter():
                if local_name(box) == "text-box":
                    _flow(box, builder)
        elif name == "list":
            builder.list_items(list(_items(child, 0, builder)))
        elif name == "table":
            _table(child, builder)
        elif name == "page":
            builder.page()
            _slide(child, builder)
        elif name not in _SKIPPED:
            _flow(child, builder)


def _slide(page: Element, builder: DocumentBuilder) -> None:
    """Titles first; speaker notes last."""
    frames = [node for node in page if local_name(node) != "notes"]
    titles = [node for node in frames if attribute(node, "class") == "title"]
    for frame in titles:
        builder.heading(" ".join(_text(node, builder) for node in frame.iter() if local_name(node) == "p"), 2)
    for frame in frames:
        if frame not in titles and attribute(frame, "class") not in ("page-number", "footer", "date-time", "header"):
            _flow(frame, builder)
    for notes in (node for node in page if local_name(node) == "notes"):
        for frame in notes:
            if attribute(frame, "class") == "notes":
                _flow(frame, builder)


def _items(element: Element, depth: int, builder: DocumentBuilder) -> Iterator[tuple[int, str, str]]:
    for item in element:
        if local_name(item) not in ("list-item", "list-header"):
            continue
        texts = [_text(node, builder) for node in item if local_name(node) in ("p", "h")]
        yield depth, "-", "\n".join(texts)
        for node in item:
            if local_name(node) == "list":
                yield from _items(node, depth + 1, builder)


def _table(table: Element, builder: DocumentBuilder) -> None:
    rows = [_cells(row, builder) for row in _rows(table)]
    if attribute(table, "name") and _is_sheet(table):
        builder.page()
        if any(any(row) for row in rows):
            builder.heading(attribute(table, "name"), 2)
    builder.table(rows)


def _is_sheet(table: Element) -> bool:
    parent = table.getparent()
    return parent is not None and local_name(parent) == "spreadsheet"


def _rows(table: Element) -> Iterator[Element]:
    for node in table:
        name = local_name(node)
        if name == "table-row":
            yield node
        elif name in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(node)


def _cells(row: Element, builder: DocumentBuilder) -> list[str]:
    """A row's texts; cells repeated to the edge of the sheet are blank and dropped."""
    cells: list[str] = []
    for cell in row:
        if local_name(cell) not in ("table-cell", "covered-table-cell"):
            continue
        text = " ".join(_text(node, builder) for node in cell.iter() if local_name(node) in ("p", "h"))
        repeats = attribute(cell, "number-columns-repeated")
        count = int(repeats) if repeats.isdigit() else 1
        if text or count < _MAX_REPEATS:
            cells += [text] * min(count, _MAX_REPEATS)
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _text(element: Element, builder: DocumentBuilder) -> str:
    return "".join(_parts(element, builder))


def _parts(element: Element, builder: DocumentBuilder) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        name = local_name(child)
        if name == "s":
            yield " "
        elif name == "tab":
            yield "\t"
        elif name == "line-break":
            yield "\n"
        elif name == "a":
            text = "".join(_parts(child, builder))
            builder.link(text, attribute(child, "href"))
            yield text
        elif name and name not in _SKIPPED and name != "text-box":
            yield from _parts(child, builder)
        yield child.tail or ""
