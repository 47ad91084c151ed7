"""The numbers and bullets that Word shows before list items and headings; they are not in the text but computed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chatsphere.services.content.extract.xml import Element, attribute, local_name, parse_xml

_PLACE = re.compile(r"%(\d)")
_BULLETS = ("bullet", "none", "image", "")


@dataclass(frozen=True, slots=True)
class _Level:
    format: str
    text: str  # "%1.%2"
    start: int


class Numbering:
    """Counts while the document is read: ``next`` must be asked once a numbered paragraph, in order."""

    def __init__(self, data: bytes | None) -> None:
        self._definitions: dict[str, tuple[str, dict[int, _Level]]] = {}  # numId → abstract id, levels
        self._counters: dict[str, dict[int, int]] = {}  # by abstract id: lists that share it go on counting
        if data:
            self._load(parse_xml(data))

    def knows(self, number_id: str) -> bool:
        return number_id in self._definitions

    def next(self, number_id: str, depth: int) -> tuple[str, int]:
        """The marker of the next paragraph of this list at this depth, and the depth."""
        depth = min(max(depth, 0), 8)
        abstract, levels = self._definitions[number_id]
        level = levels.get(depth)
        counters = self._counters.setdefault(abstract, {})
        counters[depth] = counters.get(depth, (level.start if level else 1) - 1) + 1
        for deeper in [key for key in counters if key > depth]:
            del counters[deeper]
        if level is None or level.format in _BULLETS:
            return ("-" if level is None or level.format != "none" else ""), depth
        return _PLACE.sub(lambda match: self._number(levels, counters, int(match[1]) - 1), level.text), depth

    @staticmethod
    def _number(levels: dict[int, _Level], counters: dict[int, int], depth: int) -> str:
        level = levels.get(depth)
        value = counters.get(depth, level.start if level else 1)
        return format_number(value, level.format if level else "decimal")

    def _load(self, root: Element) -> None:
        abstracts = {
            attribute(node, "abstractNumId"): _levels(node) for node in root if local_name(node) == "abstractNum"
        }
        for node in root:
            if local_name(node) == "num":
                abstract = next((attribute(child, "val") for child in node if local_name(child) == "abstractNumId"), "")
                overrides = _overrides(node)
                key = f"{abstract}/{attribute(node, 'numId')}" if overrides else abstract
                levels = {**abstracts.get(abstract, {}), **overrides}
                self._definitions[attribute(node, "numId")] = (key, levels)


def format_number(value: int, kind: str) -> str:
    """``value`` as Word writes it in this number format; formats of other scripts fall back to digits."""
    if "Roman" in kind:
        return _roman(value) if kind[0] == "u" else _roman(value).lower()
    if "Letter" in kind:
        letters = chr(ord("A") + (value - 1) % 26) * ((value - 1) // 26 + 1) if 0 < value < 800 else str(value)
        return letters if kind[0] == "u" else letters.lower()
    return f"{value:02d}" if kind == "decimalZero" else str(value)


def _roman(value: int) -> str:
    if not 0 < value < 4000:
        return str(value)
    parts = []
    for unit, sign in _ROMAN:
        count, value = divmod(value, unit)
        parts.append(sign * count)
    return "".join(parts)


_ROMAN = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"),
    (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip


def _levels(node: Element) -> dict[int, _Level]:
    found = {}
    for level in node:
        depth = attribute(level, "ilvl")
        if local_name(level) == "lvl" and depth.isdigit():
            found[int(depth)] = _level(level)
    return found


def _level(node: Element) -> _Level:
    values = {local_name(child): attribute(child, "val") for child in node}
    start = values.get("start", "1")
    return _Level(values.get("numFmt", "decimal"), values.get("lvlText", ""), int(start) if start.isdigit() else 1)


def _overrides(node: Element) -> dict[int, _Level]:
    found = {}
    for override in node:
        depth = attribute(override, "ilvl")
        if local_name(override) == "lvlOverride" and depth.isdigit():
            for level in override:
                if local_name(level) == "lvl":
                    found[int(depth)] = _level(level)
    return found
