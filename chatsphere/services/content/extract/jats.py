"""The front matter of an article in JATS: what a reader would ask about it, without the catalogue's numbers and subjects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.xml import Element, attribute, local_name

FRONTS: Final = frozenset(["front", "front-stub"])


def add_front(front: Element, builder: DocumentBuilder, flow: Callable[[Element], None]) -> None:
    """Title, authors, their affiliations, where it was published, abstracts and keywords. ``flow`` adds an abstract."""
    title = next((text_of(each) for each in _named(front, "article-title")), "")
    if title:
        builder.heading(title, 1)
        builder.title = builder.title or title
    for line in (_authors(front), _affiliations(front), _published(front)):
        if line:
            builder.paragraph(line)
    for abstract in _named(front, "abstract"):
        if not any(local_name(child) == "title" for child in abstract):
            builder.heading("Abstract", 2)
        flow(abstract)
    keywords = [text_of(each) for each in _named(front, "kwd")]
    if keywords:
        builder.paragraph(f"Keywords: {', '.join(keywords)}")


def text_of(element: Element) -> str:
    """All text below, in one line."""
    return " ".join("".join(str(part) for part in element.itertext()).split())


def _authors(front: Element) -> str:
    people = [each for each in _named(front, "contrib") if attribute(each, "contrib-type") in ("author", "")]
    names = [name for each in people if (name := _name(each))]
    return f"Authors: {', '.join(names)}" if names else ""


def _affiliations(front: Element) -> str:
    places = [" ".join(filter(None, _without_label(each))) for each in _named(front, "aff")]
    return f"Affiliations: {'; '.join(filter(None, places))}" if any(places) else ""


def _without_label(element: Element) -> Iterator[str]:
    yield (element.text or "").strip()
    for child in element:
        if local_name(child) not in ("label", "sup"):
            yield text_of(child)
        yield " ".join((child.tail or "").split())


def _name(person: Element) -> str:
    parts = [next((text_of(each) for each in _named(person, part)), "") for part in ("given-names", "surname")]
    return " ".join(filter(None, parts)) or next((text_of(each) for each in _named(person, "collab")), "")


def _published(front: Element) -> str:
    journal = next((text_of(each) for each in _named(front, "journal-title")), "")
    years = [text_of(year) for date in _named(front, "pub-date") for year in _named(date, "year")]
    numbers = [
        f"DOI {text_of(each)}" for each in _named(front, "article-id") if attribute(each, "pub-id-type") == "doi"
    ]
    said = ", ".join(filter(None, [journal, *years[:1], *numbers[:1]]))
    return f"Published: {said}" if said else ""


def _named(element: Element, name: str) -> Iterator[Element]:
    return (each for each in element.iter() if local_name(each) == name)
