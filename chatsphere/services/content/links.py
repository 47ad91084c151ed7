"""What a web page says about itself and others in its tags: links, its canonical address, the base of relative links.

A scan of the text in one direction, in plain Python: it runs in the worker's own process, on whatever strangers send.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

MOST_LINKS: Final = 5_000
MOST_CHARACTERS: Final = 3_000_000

# Possessive: no way back into what has matched, so that a page without an end of a tag costs one look at each character.
_TAG = re.compile(
    r"""<([a-zA-Z][a-zA-Z0-9-]*+)((?:[^"'<>]++|"[^"]{0,4000}+"|'[^']{0,4000}+')*+)>""",
)
_ATTRIBUTE = re.compile(r"""([a-zA-Z][a-zA-Z0-9:_-]*+)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'<>]++))""")
_RAW = frozenset({"script", "style", "textarea", "title", "template", "iframe", "svg"})
_REFRESH = re.compile(r"\A\s*(\d{1,6})(?:\.\d*)?\s*[;,]\s*(?:url\s*=\s*)?['\"]?([^'\"]+)", re.IGNORECASE)
_HEAD: Final = 64 * 1024
_AT_ONCE: Final = 1  # seconds


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Absolute addresses, each once, in the order of the page. ``canonical`` is ``""`` when the page names none."""

    links: tuple[str, ...]
    canonical: str = ""


def read_links(text: str, *, url: str) -> PageLinks:
    """The links of a page found at ``url``: the first 5,000 of its first three million characters. Linear in the length."""
    base, canonical = url, ""
    found: dict[str, None] = {}
    for tag, attributes in _tags(text[:MOST_CHARACTERS]):
        if tag == "base" and base == url:
            base = _absolute(url, attributes.get("href", "")) or url
        elif tag == "link" and attributes.get("rel", "").lower() == "canonical":
            canonical = canonical or _absolute(base, attributes.get("href", ""))
        elif tag in ("a", "area", "frame"):
            found.setdefault(_absolute(base, attributes.get("href") or attributes.get("src") or ""))
        elif tag == "meta" and attributes.get("http-equiv", "").lower() == "refresh":
            refresh = _REFRESH.match(attributes.get("content", ""))
            found.setdefault(_absolute(base, refresh[2]) if refresh else "")
        if len(found) > MOST_LINKS:
            break
    found.pop("", None)
    return PageLinks(tuple(found)[:MOST_LINKS], canonical)


def immediate_refresh(text: str, *, url: str) -> str:
    """The address to which a page found at ``url`` sends its reader at once; ``""`` when it stays. Reads the first 64 KB."""
    for tag, attributes in _tags(_without_noscript(text[:_HEAD])):
        if tag == "meta" and attributes.get("http-equiv", "").lower() == "refresh":
            refresh = _REFRESH.match(attributes.get("content", ""))
            to = _absolute(url, refresh[2]).partition("#")[0] if refresh and int(refresh[1]) <= _AT_ONCE else ""
            return to if to != url.partition("#")[0] else ""
    return ""


def _without_noscript(text: str) -> str:
    """What a browser with scripts sees."""
    kept, position, lower = [], 0, text.lower() if len(text.lower()) == len(text) else text
    while (start := lower.find("<noscript", position)) >= 0:
        kept.append(text[position:start])
        end = lower.find("</noscript", start)
        position = end + len("</noscript") if end >= 0 else len(text)
    return "".join([*kept, text[position:]])


def _tags(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    lower = text.lower() if len(text.lower()) == len(text) else text
    position = 0
    while (start := text.find("<", position)) >= 0:
        if text.startswith("<!--", start):
            end = text.find("-->", start + 4)
            if end < 0:
                return
            position = end + 3
            continue
        match = _TAG.match(text, start)
        if match is None:
            position = start + 1
            continue
        name, position = match[1].lower(), match.end()
        yield name, _attributes(match[2])
        if name in _RAW:
            position = lower.find(f"</{name}", position)
            if position < 0:
                return


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        value = match[2] or match[3] or match[4] or ""
        found.setdefault(match[1].lower(), html.unescape(value).strip())
    return found


def _absolute(base: str, reference: str) -> str:
    if not reference or reference.startswith("#"):
        return ""
    try:
        url = urljoin(base, re.sub(r"[\t\r\n]", "", reference))
    except ValueError:
        return ""
    return url if url.startswith(("http://", "https://")) else ""
