"""EPUB: the chapters in the order of its spine, each read as HTML."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from chatsphere.services.content.extract.archive import Archive
from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.encoding import decode
from chatsphere.services.content.extract.html import add_html, parse_html
from chatsphere.services.content.extract.source import Source
from chatsphere.services.content.extract.xml import Element, attribute, local_name, parse_xml
from chatsphere.services.errors import EmptyDocument, EncryptedDocument, damaged
from chatsphere.services.types import ExtractedDocument


def read(source: Source) -> ExtractedDocument:
    """Raises EncryptedDocument for books under rights management. Cost: as HTML."""
    archive = Archive(source.data, source.limits)
    if "META-INF/rights.xml" in archive or "META-INF/sinf.xml" in archive:
        raise EncryptedDocument("This book is protected by rights management and cannot be read.")
    package_name = _package(archive)
    package = parse_xml(archive.read(package_name))
    builder = DocumentBuilder(source.limits)
    builder.title = _meta(package, "title")
    builder.language = _meta(package, "language").split("-")[0].lower()[:3]
    for name in _spine(package, posixpath.dirname(package_name)):
        data = archive.read_or_none(name)
        if data is None:
            builder.warn("A chapter is missing in the file.", is_partial=True)
            continue
        try:
            add_html(parse_html(decode(data)[0]), builder)
        except EmptyDocument:
            continue
    return builder.build(media_type=source.media_type)


def _package(archive: Archive) -> str:
    for node in parse_xml(archive.read("META-INF/container.xml")).iter():
        if local_name(node) == "rootfile" and attribute(node, "full-path"):
            return attribute(node, "full-path")
    raise damaged("the book has no table of its parts")


def _meta(package: Element, name: str) -> str:
    return next((str(node.text or "").strip() for node in package.iter() if local_name(node) == name), "")


def _spine(package: Element, folder: str) -> list[str]:
    items = {attribute(node, "id"): attribute(node, "href") for node in package.iter() if local_name(node) == "item"}
    references = [attribute(node, "idref") for node in package.iter() if local_name(node) == "itemref"]
    return [posixpath.normpath(posixpath.join(folder, unquote(items[name]))) for name in references if name in items]
