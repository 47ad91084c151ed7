"""HTML: the whole content of an uploaded file, or the main text of a web page (``Source.main_text_only``).

Both ways the result comes from one walk over a tree of HTML elements. For main text, trafilatura first decides which elements
belong to it. Scripts, styles, form controls and everything that a browser does not show are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from chatsphere.services.content.extract.accordions import open_accordions
from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.encoding import decode, noted
from chatsphere.services.content.extract.page_signs import (
    BY_SCRIPT,
    LITTLE,
    NOT_FOUND,
    SHORT,
    is_written_by_script,
    names_no_page,
)
from chatsphere.services.content.extract.source import Source
from chatsphere.services.errors import BrokenDocument, EmptyDocument
from chatsphere.services.types import ExtractedDocument

Element = Any  # an lxml element; the stubs know HTML elements only in part

_DECLARED_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:;|$)|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)",
    re.IGNORECASE,
)
_SKIPPED = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "head",
        "nav",
        "button",
        "select",
        "option",
        "input",
        "textarea",
        "svg",
        "canvas",
        "iframe",
        "object",
        "embed",
        "audio",
        "video",
        "map",
        "datalist",
        "dialog",
        "math-error",
        "title",
        "meta",
        "link",
    ]
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "menu",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
        "caption",
    ]
)
_BLOCKS_IN_CELLS = ("table", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote")
_WIDE_SPAN = 50  # columns or rows that one cell may claim


def read(source: Source) -> ExtractedDocument:
    """Cost: some 5 MB of HTML a second; main text alone some 2 MB a second."""
    declared = _DECLARED_CHARSET.search(source.data[:4096])
    charset = source.charset or (declared[1].decode("ascii") if declared else "")
    text, encoding = decode(source.data, declared=charset)
    builder = DocumentBuilder(source.limits)
    builder.note(noted(encoding, charset))
    tree = parse_html(text)
    builder.title = _title(tree)
    builder.language = _language(tree)
    for each in list(tree.iter("noscript")):
        each.drop_tree()  # it speaks to browsers without scripts, and mostly of them
    by_script, is_lost = is_written_by_script(tree), names_no_page(tree, builder.title)
    open_accordions(tree)
    _drop_page_footers(tree)
    if source.main_text_only:
        _drop_hidden(tree)
        visible = _visible_characters(tree)
        _add_main_text(tree, builder)
        builder.note({"boilerplate_share": round(max(1 - builder.length / visible, 0.0), 3) if visible else 0.0})
    else:
        add_html(tree, builder)
    if by_script and builder.length < LITTLE:
        builder.warn(BY_SCRIPT, is_partial=True)
    if is_lost and builder.length < SHORT:
        builder.warn(NOT_FOUND)
    return builder.build(media_type=source.media_type)


def _drop_hidden(tree: Element) -> None:
    """What no reader of the page sees; the choice of the main text would not know."""
    for each in list(tree.iter()):
        if isinstance(each.tag, str) and each.tag not in ("html", "body") and _is_hidden(each):
            parent = each.getparent()
            if parent is not None:
                each.drop_tree()


def _visible_characters(tree: Element) -> int:
    texts = tree.xpath(
        "//body//text()[not(ancestor::script or ancestor::style or ancestor::template or ancestor::noscript)]"
    )
    return sum(len(text.strip()) for text in texts)


def parse_html(text: str) -> Element:
    """The tree of a page, however broken. Raises EmptyDocument when there is no element at all."""
    try:
        return lxml_html.document_fromstring(_XML_DECLARATION.sub("", text).replace("\x00", ""))
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise EmptyDocument("No text was found in this page.") from error
    except ValueError as error:
        raise BrokenDocument("This page cannot be read: its markup is damaged.") from error


def add_html(tree: Element, builder: DocumentBuilder) -> None:
    """Add everything that a reader of the page sees, in document order."""
    _Walker(builder).walk(tree)


def _title(tree: Element) -> str:
    for path in ("//head/title", "//title", "//h1"):
        found = tree.xpath(f"string(({path})[1])").strip()
        if found:
            return str(found)
    return ""


def _language(tree: Element) -> str:
    declared = (tree.get("lang") or "").strip()
    return declared.split("-")[0].lower() if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*", declared) else ""


# --- what stands below every page ---

_PAGE_FOOTERS = "//footer[not(ancestor::main or ancestor::article or ancestor::section or ancestor::blockquote)] | //*[@role='contentinfo']"
_PARTS_OF_A_PAGE = "self::p or self::div or self::small or self::span or self::li or self::td or self::center"
_COPYRIGHT = re.compile(
    r"(?:©|(?:\(c\)|copyright)(?: ©| \(c\))?(?= ?\d{4}))[^.]{0,80}(?:\.[^.]{0,60}){0,2}", re.IGNORECASE
)
_LONGEST_COPYRIGHT = 160


def _drop_page_footers(tree: Element) -> None:
    """Without the footer of the page and its copyright line, which stand on every page and answer nothing; a page that is nothing else keeps them."""
    said = len("".join(tree.text_content().split()))
    doomed = [node for node in tree.xpath(_PAGE_FOOTERS) if _is_in_body(node)]
    doomed += [node for node in tree.xpath(f"//body//*[{_PARTS_OF_A_PAGE}]") if _is_copyright(node)]
    left_out = sum(len("".join(node.text_content().split())) for node in doomed)
    if left_out < said:
        for node in doomed:
            if node.getparent() is not None:
                node.drop_tree()


def _is_in_body(node: Element) -> bool:
    return str(node.tag) not in ("html", "body")


def _is_copyright(node: Element) -> bool:
    text = "".join(node.itertext())
    return len(text) <= _LONGEST_COPYRIGHT and _COPYRIGHT.fullmatch(" ".join(text.split())) is not None


# --- the main text of a page ---


def _add_main_text(tree: Element, builder: DocumentBuilder) -> None:
    whole = len(" ".join(tree.text_content().split())) or 1
    trafilatura = import_module("trafilatura")  # slow to import: only for web pages
    document: Any = trafilatura.bare_extraction(
        tree,
        include_comments=False,
        include_tables=True,
        include_links=True,
        include_formatting=True,
        with_metadata=False,
    )
    if document is None or document.body is None:
        raise EmptyDocument("No main text was found in this page.")
    body = document.body
    if _is_flat(body) and _has_parts(tree):
        _add_short_page(tree, builder)
        return
    etree.strip_tags(body, etree.Comment, etree.ProcessingInstruction)
    for element in body.iter():
        _to_html(element)
    add_html(body, builder)
    builder.note({"boilerplate_share": round(max(0.0, 1 - builder.length / whole), 3)})


def _is_flat(body: Element) -> bool:
    """trafilatura found no main text, and gives all words of the page in one paragraph, the menu's first."""
    return len(body) == 1 and body[0].tag == "p" and not len(body[0])


def _has_parts(tree: Element) -> bool:
    return len(list(islice(tree.iter("h1", "h2", "h3", "h4", "p", "li", "dt", "td"), 2))) == 2


def _add_short_page(tree: Element, builder: DocumentBuilder) -> None:
    """A page of a few words, as its reader sees it, without what stands around it on each page of the site."""
    for each in tree.xpath(
        "//*[self::header or self::footer or self::aside][not(ancestor::main or ancestor::article)]"
    ):
        if each.getparent() is not None:
            each.drop_tree()
    add_html(tree, builder)


_HTML_NAMES = {
    "list": "ul",
    "item": "li",
    "row": "tr",
    "quote": "blockquote",
    "ref": "a",
    "lb": "br",
    "hi": "span",
    "del": "s",
}


def _to_html(element: Element) -> None:
    """trafilatura names elements as TEI does; the walk knows HTML."""
    if element.tag == "head":
        level = element.get("rend", "h2")
        element.tag = level if re.fullmatch("h[1-6]", level) else "h2"
    elif element.tag == "cell":
        element.tag = "th" if element.get("role") == "head" else "td"
    elif element.tag == "ref":
        element.tag = "a"
        element.set("href", element.get("target", ""))
    elif element.tag == "list" and element.get("rend") == "ol":
        element.tag = "ol"
    elif element.tag == "code" and "\n" in (element.text or ""):
        element.tag = "pre"
    else:
        element.tag = _HTML_NAMES.get(element.tag, element.tag)


# --- the walk ---


class _Walker:
    """Inline text gathers in a buffer; every block that begins or ends closes it as a paragraph."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._inline: list[str] = []

    def walk(self, root: Element) -> None:
        self._flow(root)
        self._flush()

    def _flow(self, element: Element) -> None:
        self._inline.append(_squeezed(element.text))
        for child in element:
            if not _is_skipped(child):
                self._child(child)
            self._inline.append(_squeezed(child.tail))

    def _child(self, child: Element) -> None:
        tag = child.tag
        if tag == "br":
            self._inline.append("\n")
        elif tag in _BLOCKS:
            self._flush()
            self._block(child, tag)
            self._flush()
        else:
            if tag == "a":
                self._builder.link("".join(child.itertext()), child.get("href") or "")
            self._flow(child)

    def _block(self, element: Element, tag: str) -> None:
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._note_links(element)
            self._builder.heading(_visible_text(element), int(tag[1]))
        elif tag in ("ul", "ol", "menu") and element.find("li") is not None:
            self._list(element)
        elif tag == "table":
            self._table(element)
        elif tag == "pre":
            self._builder.code("".join(element.itertext()))
        elif tag == "blockquote" and not any(
            child.tag in _BLOCKS and child.tag != "p" for child in element.iter() if child is not element
        ):
            self._note_links(element)
            self._builder.quote(_block_text(element))
        elif tag == "dl":
            self._definitions(element)
        else:
            self._flow(element)

    def _flush(self) -> None:
        text = "".join(self._inline)
        self._inline.clear()
        if text and not text.isspace():
            self._builder.paragraph(text)

    def _note_links(self, element: Element) -> None:
        for link in element.iter("a"):
            self._builder.link("".join(link.itertext()), link.get("href") or "")

    def _list(self, element: Element) -> None:
        if any(child.tag in _BLOCKS_IN_CELLS for child in element.iter()):
            self._flow(element)  # a list that lays out a page
            return
        self._note_links(element)
        self._builder.list_items(list(_list_items(element, 0)))

    def _definitions(self, element: Element) -> None:
        for child in element:
            if child.tag == "dt":
                self._flow(child)
                self._inline.append(" " if _visible_text(child).endswith((":", "?", "？", "!", ".")) else ": ")
            elif not _is_skipped(child):
                self._flow(child)
                self._flush()

    def _table(self, table: Element) -> None:
        caption = table.find("caption")
        if _is_layout(table):
            self._flow(table)
            return
        if caption is not None:
            self._builder.paragraph(_visible_text(caption))
        self._note_links(table)
        rows, header_rows = _grid(table)
        self._builder.table(rows, header_rows=header_rows)


def _is_skipped(element: Element) -> bool:
    tag = element.tag
    if not isinstance(tag, str) or tag in _SKIPPED:
        return True
    return _is_hidden(element)


def _is_hidden(element: Element) -> bool:
    if not element.attrib:
        return False
    if "hidden" in element.attrib or element.get("aria-hidden") == "true":
        return True
    style = element.get("style")
    return bool(style) and bool(_HIDDEN_STYLE.search(style))


def _squeezed(text: str | None) -> str:
    """As a browser shows it: white space is one space."""
    if not text:
        return ""
    inner = " ".join(text.split())
    return f"{' ' if text[:1].isspace() else ''}{inner}{' ' if inner and text[-1:].isspace() else ''}"


def _visible_text(element: Element) -> str:
    return " ".join("".join(_visible_parts(element)).split())


def _block_text(element: Element) -> str:
    """Visible text with a line break where an inner block or ``<br>`` begins or ends."""
    return "".join(_visible_parts(element)).strip()


def _visible_parts(element: Element) -> Iterator[str]:
    yield _squeezed(element.text)
    for child in element:
        if not _is_skipped(child):
            is_block = child.tag in _BLOCKS or child.tag == "br"
            if is_block:
                yield "\n"
            yield from _visible_parts(child)
            if is_block and child.tag != "br":
                yield "\n"
        yield _squeezed(child.tail)


def _list_items(element: Element, depth: int) -> Iterator[tuple[int, str, str]]:
    number = 0
    for child in element:
        if child.tag in ("ul", "ol", "menu"):  # a list directly in a list: invalid and common
            yield from _list_items(child, depth + 1)
        elif not _is_skipped(child):
            number += 1
            marker = f"{number}." if element.tag == "ol" else "-"
            inner = [node for node in child.iter("ul", "ol", "menu") if node is not child]
            nested = [node for node in inner if not any(ancestor in inner for ancestor in node.iterancestors())]
            yield depth, marker, _text_outside(child, nested)
            for node in nested:
                yield from _list_items(node, depth + 1)


def _text_outside(element: Element, excluded: list[Element]) -> str:
    if not excluded:
        return _block_text(element)
    parts = [_squeezed(element.text)]
    for child in element:
        if child not in excluded and not _is_skipped(child):
            parts.append(("\n" if child.tag in _BLOCKS else "") + _text_outside(child, excluded))
        parts.append(_squeezed(child.tail))
    return "".join(parts).strip()


# --- tables ---


def _is_layout(table: Element) -> bool:
    """A table that places things on the page, and one with a single row or column of long texts, holds no data."""
    if table.get("role") in ("presentation", "none"):
        return True
    if any(node.tag in _BLOCKS_IN_CELLS for node in table.iter() if node is not table):
        return True
    rows = [len(row.findall("td")) + len(row.findall("th")) for row in table.iter("tr")]
    return not rows or (max(rows) <= 1 and table.find(".//th") is None)


def _grid(table: Element) -> tuple[list[list[str]], int]:
    """Cells by row and column, spans filled in, and how many rows are header."""
    rows: list[list[str]] = []
    pending: dict[int, tuple[int, str]] = {}  # column → rows still to fill, text
    header_rows = 0
    for row in table.iter("tr"):
        cells = [cell for cell in row if cell.tag in ("td", "th") and not _is_skipped(cell)]
        rows.append(_grid_row(cells, pending))
        is_header = bool(cells) and (all(cell.tag == "th" for cell in cells) or row.getparent().tag == "thead")
        if is_header and header_rows == len(rows) - 1:
            header_rows += 1
    return rows, max(header_rows, 1)


def _grid_row(cells: list[Element], pending: dict[int, tuple[int, str]]) -> list[str]:
    line: list[str] = []

    def fill_pending() -> None:
        while len(line) in pending:
            left, text = pending.pop(len(line))
            if left > 1:
                pending[len(line)] = (left - 1, text)
            line.append(text)

    for cell in cells:
        fill_pending()
        text = _visible_text(cell)
        height = _span(cell.get("rowspan"))
        for index in range(_span(cell.get("colspan"))):
            if height > 1:
                pending[len(line)] = (height - 1, text if not index else "")
            line.append(text if not index else "")
    fill_pending()
    return line


def _span(value: str | None) -> int:
    return min(max(int(value), 1), _WIDE_SPAN) if value and value.strip().isdigit() else 1
