"""Equations of office files (OMML) as one line that people and models read: ``x = (-b±√(b^2-4ac))/(2a)``.

The notation follows Unicode Technical Note 28: ``^`` and ``_`` raise and lower, ``/`` divides, and parentheses keep together what an
editor shows together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from chatsphere.services.content.extract.xml import Element, attribute, local_name

_PAIRS: Final = {"(": ")", "[": "]", "{": "}", "|": "|"}
_LEFT_OUT: Final = frozenset(["del", "moveFrom"])
_DEEPEST: Final = 60  # deeper than any equation; what lies below is read as characters


def equation_text(equation: Element, depth: int = 0) -> str:
    """An ``oMath`` in one line; several lines of an ``eqArr`` are parted by ``; ``."""
    return "".join(_pieces(equation, depth)).strip()


def _pieces(parent: Element, depth: int) -> Iterator[str]:
    for child in parent:
        name = local_name(child)
        if not name or name.endswith("Pr") or name in _LEFT_OUT:
            continue
        if name == "t":
            yield child.text or ""
        elif name in _FORMS and depth < _DEEPEST:
            yield _FORMS[name](child, depth + 1)
        else:
            yield from _pieces(child, depth)


def _part(element: Element, name: str, depth: int) -> str:
    found = _child(element, name)
    return "" if found is None else equation_text(found, depth)


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element if local_name(child) == name), None)


def _property(element: Element, name: str, missing: str) -> str:
    """A property's value; ``missing`` when it is not there, which differs from there and empty."""
    properties = _child(element, f"{local_name(element)}Pr")
    found = None if properties is None else _child(properties, name)
    return missing if found is None else attribute(found, "val")


def _kept_together(text: str) -> str:
    is_one = len(text) < 2 or text.isdecimal() or _is_enclosed(text)
    return text if is_one else f"({text})"


def _is_enclosed(text: str) -> bool:
    """Whether the first bracket is closed by the last character."""
    closing = _PAIRS.get(text[0])
    if closing is None or text[-1] != closing:
        return False
    level = 0
    for place, character in enumerate(text):
        level += (character == text[0]) - (character == closing)
        if level <= 0 and place < len(text) - 1:
            return False
    return True


def _fraction(element: Element, depth: int) -> str:
    above, below = _part(element, "num", depth), _part(element, "den", depth)
    if _property(element, "type", "bar") == "noBar":
        return f"{above} choose {below}"
    return f"{_kept_together(above)}/{_kept_together(below)}"


def _root(element: Element, depth: int) -> str:
    degree, inner = _part(element, "deg", depth), _kept_together(_part(element, "e", depth))
    return f"√({degree}&{inner})" if degree else f"√{inner}"


def _scripts(element: Element, depth: int) -> str:
    below, above = _part(element, "sub", depth), _part(element, "sup", depth)
    return (f"_{_kept_together(below)}" if below else "") + (f"^{_kept_together(above)}" if above else "")


def _scripted(element: Element, depth: int) -> str:
    return _part(element, "e", depth) + _scripts(element, depth)


def _scripted_before(element: Element, depth: int) -> str:
    return _scripts(element, depth) + _part(element, "e", depth)


def _operator(element: Element, depth: int) -> str:
    inner = _part(element, "e", depth)
    sign = _property(element, "chr", "∫") + _scripts(element, depth)
    return f"{sign} {inner}" if inner else sign


def _limit(element: Element, depth: int) -> str:
    mark = "_" if local_name(element) == "limLow" else "^"
    limit = _part(element, "lim", depth)
    return _part(element, "e", depth) + (f"{mark}{_kept_together(limit)}" if limit else "")


def _enclosed(element: Element, depth: int) -> str:
    parts = [equation_text(child, depth) for child in element if local_name(child) == "e"]
    inner = _property(element, "sepChr", "|").join(parts)
    opening, closing = _property(element, "begChr", "("), _property(element, "endChr", ")")
    if len(parts) == 1 and inner.startswith("[") and _is_enclosed(inner):
        inner = inner[1:-1]  # a matrix, whose brackets these are
    return f"{opening}{inner}{closing}"


def _function(element: Element, depth: int) -> str:
    name, inner = _part(element, "fName", depth), _part(element, "e", depth)
    return f"{name}{inner}" if inner.startswith("(") else f"{name} {inner}"


def _accented(element: Element, depth: int) -> str:
    inner = _part(element, "e", depth)
    mark = "\u0304" if local_name(element) == "bar" else _property(element, "chr", "\u0302")
    return inner + mark if len(inner) == 1 else inner


def _matrix(element: Element, depth: int) -> str:
    rows = [row for row in element if local_name(row) == "mr"]
    return "[" + "; ".join(", ".join(_cells(row, depth)) for row in rows) + "]"


def _lines(element: Element, depth: int) -> str:
    return "; ".join(_cells(element, depth))


def _cells(element: Element, depth: int) -> list[str]:
    return [equation_text(cell, depth) for cell in element if local_name(cell) == "e"]


_FORMS: Final[dict[str, Callable[[Element, int], str]]] = {
    "f": _fraction,
    "rad": _root,
    "sSup": _scripted,
    "sSub": _scripted,
    "sSubSup": _scripted,
    "sPre": _scripted_before,
    "nary": _operator,
    "limLow": _limit,
    "limUpp": _limit,
    "d": _enclosed,
    "func": _function,
    "acc": _accented,
    "bar": _accented,
    "m": _matrix,
    "eqArr": _lines,
}
