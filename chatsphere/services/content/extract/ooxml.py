"""What Office's package formats share: parts, and the relations by which one part names another."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from chatsphere.services.content.extract.archive import Archive
from chatsphere.services.content.extract.xml import attribute, parse_xml


@dataclass(frozen=True, slots=True)
class Relation:
    kind: str  # the last part of its type: "slide", "worksheet", "hyperlink"
    target: str  # a part's name in the archive, or an address outside
    is_external: bool


def relations(archive: Archive, part: str) -> dict[str, Relation]:
    """The relations of a part by id; empty when it has none."""
    folder, name = posixpath.split(part)
    data = archive.read_or_none(f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels")
    found = {}
    for element in parse_xml(data) if data else ():
        target = attribute(element, "Target")
        is_external = attribute(element, "TargetMode") == "External"
        if not is_external:
            target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
        found[attribute(element, "Id")] = Relation(attribute(element, "Type").rpartition("/")[2], target, is_external)
    return found
