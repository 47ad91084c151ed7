"""XML of strangers: no outside entity, no expansion of inner ones, no network, bounded depth."""

from __future__ import annotations

from typing import cast

from lxml import etree

from chatsphere.services.errors import LimitExceeded, damaged

Element = etree._Element


def parse_xml(data: bytes, *, max_depth: int = 0) -> Element:
    """The root element. Entities that the document itself defines are dropped, never expanded or fetched.

    Damaged XML is read as far as it goes; when nothing can be read, or elements are nested beyond libxml2's 256 levels,
    BrokenDocument is raised. With ``max_depth``, deeper nesting raises LimitExceeded.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=True,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        root = cast("Element | None", etree.fromstring(data, parser))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise damaged("its XML cannot be read") from error
    if root is None:
        raise damaged("its XML cannot be read")
    if max_depth and _is_deeper(root, max_depth):
        raise LimitExceeded(f"This document is nested more than {max_depth} levels deep.")
    return root


def local_name(element: Element) -> str:
    """The tag without its namespace; ``""`` for comments, entities and processing instructions."""
    tag: object = element.tag  # a function where the node is a comment
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str:
    """The value of the attribute with this local name, whatever its namespace; ``""`` when absent."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return ""


def _is_deeper(root: Element, limit: int) -> bool:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > limit:
            return True
    return False
