"""Charts of Office's formats: what was drawn, as a table of categories and series."""

from __future__ import annotations

from chatsphere.services.content.extract.builder import DocumentBuilder
from chatsphere.services.content.extract.xml import Element, attribute, local_name

_MAX_POINTS = 5_000


def add_chart(root: Element, builder: DocumentBuilder) -> None:
    """Add the title and the values that the file keeps of the last drawing; a row a category, a column a series."""
    title = next((node for node in root.iter() if local_name(node) == "title"), None)
    if title is not None:
        builder.paragraph("".join(node.text or "" for node in title.iter() if local_name(node) == "t"))
    series = [node for node in root.iter() if local_name(node) == "ser"]
    if not series:
        return
    names = [" ".join(_points(each, "tx").values()) for each in series]
    values = [_points(each, "val", "yVal") for each in series]
    categories = next(filter(None, (_points(each, "cat", "xVal") for each in series)), {})
    places = sorted({place for each in values for place in each})
    rows = [[categories.get(place, ""), *(each.get(place, "") for each in values)] for place in places]
    builder.table([["", *names], *rows])


def _points(series: Element, *names: str) -> dict[int, str]:
    """The stored values of a part of a series by their place."""
    part = next((node for node in series if local_name(node) in names), None)
    points: dict[int, str] = {}
    for node in part.iter() if part is not None else ():
        place = attribute(node, "idx")
        if local_name(node) == "pt" and place.isdigit() and len(points) < _MAX_POINTS:
            value = next((child.text or "" for child in node if local_name(child) == "v"), "")
            points.setdefault(int(place[:9]), value)
    return points
