"""What belongs to a site that is read from one address on, and what an answer tells about its page."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from chatsphere.services.content.addresses import read_url
from chatsphere.services.content.extract import charset_of
from chatsphere.services.content.extract.encoding import decode
from chatsphere.services.content.fetch import Fetched
from chatsphere.services.content.links import PageLinks, read_links
from chatsphere.services.errors import FetchRefused

_TRACKING = re.compile(r"\A(?:utm_\w+|gclid|fbclid|msclkid|mc_[ce]id)\Z", re.IGNORECASE)
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
# Not worth a request: by their names, no reader knows them.
_OTHER_FILES: Final = re.compile(
    r"\.(?:jpe?g|png|gif|webp|avif|svg|ico|bmp|tiff?|css|js|mjs|map|woff2?|ttf|otf|eot|mp[34]|m4[av]|webm|og[gv]|wav|avi|mov|"
    r"zip|gz|tgz|bz2|xz|7z|rar|tar|exe|dmg|pkg|deb|rpm|apk|iso|whl|jar)\Z",
    re.IGNORECASE,
)


def tidy(url: str) -> str:
    """An address in the one form in which it is stored: without fragment, default port and tracking parameters.

    Raises FetchRefused for what may not be fetched by its looks. Addresses that differ otherwise stay different.
    """
    parts = urlsplit(read_url(url, any_port=True).url)
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        if any(_TRACKING.match(name) for name, _ in pairs):
            query = urlencode([pair for pair in pairs if not _TRACKING.match(pair[0])])
    path = _ESCAPED.sub(_plain, parts.path) or "/"
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def _plain(escaped: re.Match[str]) -> str:
    """``~`` for ``%7e``: what needs no escape has none (RFC 3986, 6.2.2); other escapes are in capitals."""
    character = chr(int(escaped[1], 16))
    return character if character.isascii() and (character.isalnum() or character in "-._~") else escaped[0].upper()


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the web that a crawl stays in: the host of ``start`` (with or without ``www.``) and its folder.

    ``include`` and ``exclude`` are patterns for path and query, in which ``*`` stands for anything; without ``include`` all is
    included. ``is_whole_host``: any folder.
    """

    start: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    is_whole_host: bool = False

    def holds(self, url: str) -> bool:
        """Whether the address, a tidy one, belongs to the site. The start itself always does."""
        if url == self.start:
            return True
        parts, start = urlsplit(url), urlsplit(self.start)
        if self.is_elsewhere(url) or _OTHER_FILES.search(parts.path):
            return False
        folder = "/" if self.is_whole_host else _folder(start.path)
        if not (parts.path.startswith(folder) or parts.path == folder.rstrip("/")):
            return False
        target = urlunsplit(("", "", parts.path, parts.query, ""))
        is_included = not self.include or _matches(target, self.include)
        return is_included and not _matches(target, self.exclude)

    def is_elsewhere(self, url: str) -> bool:
        """Whether the address lies on another host."""
        return _host(urlsplit(url).netloc) != _host(urlsplit(self.start).netloc)

    def of(self, links: Iterable[str]) -> Iterator[str]:
        """Those links that belong to the site, in tidy form, each once."""
        seen: set[str] = set()
        for link in links:
            try:
                url = tidy(link)
            except FetchRefused:
                continue
            if url not in seen and self.holds(url):
                seen.add(url)
                yield url


def page_links(answer: Fetched) -> PageLinks:
    """The links of an answer; none when it is no HTML."""
    content_type = answer.headers.get("content-type", "")
    head = answer.body[:1024].lstrip().lower()
    if "html" not in content_type and not head.startswith((b"<!doctype html", b"<html")):
        return PageLinks(())
    text, _ = decode(answer.body, declared=charset_of(content_type))
    return read_links(text, url=answer.url)


def _host(netloc: str) -> str:
    return netloc.lower().removeprefix("www.")


def _folder(path: str) -> str:
    """``/docs/a.html`` and ``/docs/`` lie in ``/docs/``; a last part without a dot is a folder itself."""
    folder, _, last = path.rpartition("/")
    return f"{folder}/{last}/" if last and "." not in last else f"{folder}/"


def _matches(target: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(target, pattern) for pattern in patterns)
