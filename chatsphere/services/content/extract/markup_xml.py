"""XML of no format in particular: feeds, articles (JATS, DocBook), records. Names of elements tell what their text is."""

from __future__ import annotations

import re

from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.html import add_html, parse_html
from chatsphere.services.content.extract.jats import FRONTS, add_front, text_of
from chatsphere.services.content.extract.source import Source
from chatsphere.services.content.extract.xml import Element, attribute, local_name, parse_xml
from chatsphere.services.errors import damaged
from chatsphere.services.types import ExtractedDocument

_TITLES = frozenset(["title", "article-title", "head", "heading", "subject", "headline", "h1", "h2", "h3", "h4"])
_TEXTS = frozenset(
    [
        "p",
        "para",
        "simpara",
        "description",
        "summary",
        "content",
        "abstract",
        "body",
        "text",
        "encoded",
        "label",
        "caption",
        "li",
    ]
)
_SKIPPED = frozenset(["script", "style", "ref-list", "references", "bibliography", "graphic", "formula"])
_SECTIONS = frozenset(["sec", "section", "chapter", "item", "entry", "article", "part", "appendix", "channel"])
_MARKUP = re.compile(r"<(?:p|br|a|div|ul|li|b|i|strong|em|h[1-6]|table|img)\b", re.IGNORECASE)


def read(source: Source) -> ExtractedDocument:
    """Entities are not expanded. Cost: some 3 MB a second."""
    root = parse_xml(source.data, max_depth=source.limits.max_nesting)
    if not any(isinstance(node.tag, str) for node in root.iter()):
        raise damaged("its XML cannot be read")
    builder = DocumentBuilder(source.limits)
    _flow(root, builder, 0)
    return builder.build(media_type=source.media_type)


def _flow(element: Element, builder: DocumentBuilder, depth: int) -> None:
    name = local_name(element)
    if not name or name in _SKIPPED:
        return
    depth += name in _SECTIONS
    if name in _TITLES:
        builder.heading(text_of(element), max(depth, 1))
    elif name in FRONTS:
        add_front(element, builder, lambda part: _flow(part, builder, depth))
    elif name in ("table", "informaltable"):
        _table(element, builder)
    elif name == "link":
        builder.link("", attribute(element, "href") or (element.text or ""))
    elif _is_record(element):
        lines = [f"{local_name(child)}: {text_of(child)}" for child in element if local_name(child) and text_of(child)]
        builder.list_items([(0, "-", line) for line in lines])
    elif len(element) == 0 or _is_text(element):
        _add_text(text_of(element), builder)
    else:
        for child in element:
            _flow(child, builder, depth)


def _is_text(element: Element) -> bool:
    """Words with marks among them, as in a paragraph, and not only other texts."""
    is_named_so = local_name(element) in _TEXTS or _has_words_of_its_own(element)
    return is_named_so and not any(local_name(child) in _TEXTS | _SECTIONS for child in element)


def _has_words_of_its_own(element: Element) -> bool:
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _is_record(element: Element) -> bool:
    """Several leaves side by side, none of them running text: the fields of one thing."""
    leaves = [child for child in element if local_name(child)]
    names = {local_name(child) for child in leaves}
    return (
        len(leaves) > 1
        and not _has_words_of_its_own(element)
        and len(names) == len(leaves)
        and not names & (_TITLES | _TEXTS)
        and all(len(child) == 0 for child in leaves)
    )


def _add_text(text: str, builder: DocumentBuilder) -> None:
    if _MARKUP.search(text):
        add_html(parse_html(text), builder)
    elif text:
        builder.paragraph(text)


def _table(table: Element, builder: DocumentBuilder) -> None:
    rows = [row for row in table.iter() if local_name(row) in ("tr", "row")]
    builder.table([[text_of(cell) for cell in row if local_name(cell) in ("td", "th", "entry")] for row in rows])
