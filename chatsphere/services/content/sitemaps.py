"""Sitemaps: lists of a site's pages, as XML or plain lines, compressed or not, and indexes of such lists.

Everything is read as a stream and counted: a sitemap of a million pages, or one that unpacks without end, costs a bounded effort.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Self
from urllib.parse import urljoin
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from chatsphere.services.errors import BrokenDocument, LimitExceeded

MOST_SITEMAPS: Final = 500  # one index with all that it names
MOST_LEVELS: Final = 2  # of indexes
MOST_BYTES: Final = 52_428_800  # unpacked, of one sitemap: the standard's own limit
_PIECE: Final = 64 * 1024
_LONGEST: Final = 2_000  # characters of an address
_NO_SITEMAP: Final = "There is no sitemap at this address. Check it, or add the site's first page as a crawl instead."


@dataclass(frozen=True, slots=True)
class SitemapEntry:
    """A page of a sitemap. ``modified`` is its lastmod as it stands there, ``""`` without one."""

    url: str
    modified: str = ""


@dataclass(slots=True)
class Waiting:
    """A sitemap that is still to be read. ``level``: how many indexes lead to it."""

    url: str
    level: int = 0
    tries: int = 0


class SitemapWalk:
    """A sitemap, and all that it names when it is an index, one after the other in their order. Several at the beginning are like an index.

    ``state`` is what to write down to go on later, as JSON.
    """

    def __init__(self, roots: Iterable[str]) -> None:
        self._seen = dict.fromkeys(roots)
        level = 1 if len(self._seen) > 1 else 0
        self._waiting = [Waiting(url, level) for url in self._seen]
        self._number = len(self._waiting)

    @classmethod
    def gone_on_with(cls, state: Mapping[str, Any]) -> Self:
        """The walk that was written down."""
        walk = cls(())
        walk._waiting = [Waiting(*each) for each in state["waiting"]]
        walk._seen = dict.fromkeys(each.url for each in walk._waiting)
        walk._number = int(state["number"])
        return walk

    @property
    def state(self) -> dict[str, Any]:
        waiting = [[each.url, each.level, each.tries] for each in self._waiting]
        return {"waiting": waiting, "number": self._number}

    @property
    def next(self) -> Waiting | None:
        """The sitemap whose turn it is; None at the end."""
        return self._waiting[0] if self._waiting else None

    def read(self, data: bytes) -> Iterator[SitemapEntry]:
        """The pages of the next sitemap, whose bytes these are; doubled ones come doubled. When all are taken, the one after it is next.

        Raises BrokenDocument for what is no sitemap, LimitExceeded for too many or too long ones. Constant memory besides the bytes.
        """
        here = self._waiting[0]
        for is_sitemap, entry in _entries(data):
            found = _absolute(here.url, entry.url)
            if not is_sitemap:
                if found:
                    yield SitemapEntry(found, entry.modified)
            elif found and found not in self._seen and here.level < MOST_LEVELS:
                self._add(Waiting(found, here.level + 1))
        self._waiting.pop(0)

    def put_back(self) -> int:
        """The next one could not be had: it is tried again after the others. Returns how often it was tried."""
        here = self._waiting.pop(0)
        here.tries += 1
        self._waiting.append(here)
        return here.tries

    def drop(self, sitemap: Waiting) -> None:
        """Leave it out."""
        self._waiting.remove(sitemap)

    def _add(self, found: Waiting) -> None:
        self._number += 1
        if self._number > MOST_SITEMAPS:
            raise LimitExceeded(f"This sitemap names more than {MOST_SITEMAPS:,} others.")
        self._seen[found.url] = None
        self._waiting.append(found)


def _absolute(base: str, text: str) -> str:
    try:
        return urljoin(base, text)
    except ValueError:
        return ""


def _entries(data: bytes) -> Iterator[tuple[bool, SitemapEntry]]:
    """Each with whether it names another sitemap."""
    pieces = _unpacked(data)
    first = next(pieces, b"")
    head = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"<") or first[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield from _of_xml(first, pieces)
    elif head.startswith((b"http://", b"https://")):
        yield from _of_lines(first, pieces)
    else:
        raise BrokenDocument(_NO_SITEMAP)


def _unpacked(data: bytes) -> Iterator[bytes]:
    if not data.startswith(b"\x1f\x8b"):
        yield from (data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
        return
    inflate, total, waiting = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), 0, data
    while waiting and not inflate.eof:
        try:
            piece = inflate.decompress(waiting, _PIECE)
        except zlib.error as error:
            raise BrokenDocument("This sitemap is compressed in a way that cannot be read.") from error
        waiting, total = inflate.unconsumed_tail, total + len(piece)
        if total > MOST_BYTES:
            raise LimitExceeded(f"This sitemap has more than {MOST_BYTES:,} bytes.")
        if piece:
            yield piece


def _of_lines(first: bytes, pieces: Iterator[bytes]) -> Iterator[tuple[bool, SitemapEntry]]:
    rest = first
    for piece in chain(pieces, (b"\n",)):
        *lines, rest = (rest[:_PIECE] + piece).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if text.startswith(("http://", "https://")) and len(text) <= _LONGEST:
                yield False, SitemapEntry(text)


def _of_xml(first: bytes, pieces: Iterator[bytes]) -> Iterator[tuple[bool, SitemapEntry]]:
    reader = _Reader()
    parser = DefusedXMLParser(target=reader, forbid_dtd=True)
    for piece in chain((first,), pieces, (b"",)):
        try:
            if piece:
                parser.feed(piece)
            else:
                parser.close()
        except (ParseError, DefusedXmlException, ValueError) as error:
            if not reader.is_sitemap:
                raise BrokenDocument(_NO_SITEMAP) from error
            yield from reader.take()
            raise BrokenDocument("This sitemap is damaged and cannot be read to its end.") from error
        yield from reader.take()


class _Reader:
    """Takes what the parser tells, element by element, and keeps only the entries that were not taken yet."""

    def __init__(self) -> None:
        self.is_sitemap = False
        self._path: list[str] = []
        self._text = ""
        self._fields: dict[str, str] = {}
        self._ready: list[tuple[bool, SitemapEntry]] = []

    def take(self) -> list[tuple[bool, SitemapEntry]]:
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: Any) -> None:
        name = tag.rpartition("}")[2].lower()
        if not self._path:
            self.is_sitemap = name in ("urlset", "sitemapindex")
            if not self.is_sitemap:
                raise ValueError("another kind of document")
        if len(self._path) > 20:
            raise ValueError("nested too deeply")
        self._path.append(name)
        self._text = ""

    def data(self, text: str) -> None:
        if len(self._text) <= _LONGEST:
            self._text += text

    def end(self, tag: str) -> None:
        name = self._path.pop()
        parent = self._path[-1] if self._path else ""
        if name in ("loc", "lastmod") and parent in ("url", "sitemap"):
            self._fields[name] = self._text.strip()
        elif name in ("url", "sitemap"):
            url = self._fields.get("loc", "")
            if url and len(url) <= _LONGEST:
                self._ready.append((name == "sitemap", SitemapEntry(url, self._fields.get("lastmod", "")[:100])))
            self._fields = {}

    def close(self) -> None:
        """The parser asks for a result; there is none."""
