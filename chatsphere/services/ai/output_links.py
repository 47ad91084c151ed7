"""Links and images of an answer: only those that cannot carry anything out.

A model that was talked into it could write an image whose address holds what it was told in confidence; a browser would fetch it at
once. So an address passes when it stands, letter by letter, in a passage or in the question (then it holds nothing new), or when its host
is allowed. Where hosts are named, only those pass.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

LONGEST_LINK = 2_000  # characters that are held back for

_ADDRESS = r"(?:(?:https?:)?//|(?<![\w.@/-])www\.)[^\s<>\"'`\])}|]+"  # many readers make links of "www." as well
_LINK = re.compile(
    rf"!?\[(?P<text>[^\[\]\n]*)\]\(\s*<?(?P<target>[^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?(?:\s+[^()\n]*)?\)|(?P<bare>{_ADDRESS})",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"(?:!?\[(?!\s*\d[\d\s,;–-]*\]?$)[^\[\]\n]{0,300}(?:\](?:\((?:[^()\n]|\([^()\n]*\)?){0,2000})?)?|!|(?:\bh(?:t(?:t(?:p(?:s?(?::(?:/(?:/[^\s<>\"'`\])}|]*)?)?)?)?)?)?)?|//?[^\s<>\"'`\])}|]*|(?<![\w.@/-])w(?:w(?:w(?:\.[^\s<>\"'`\])}|]*)?)?)?))$",
    re.IGNORECASE,
)
_FOUND = re.compile(_ADDRESS, re.IGNORECASE)
_STOPS = ".,;:!?…"


class LinkGuard:
    """Reads an answer piece by piece. ``hosts``: ``example.com`` or ``*.example.com``; empty: what stands in ``texts`` passes."""

    def __init__(self, texts: Iterable[str], *, hosts: Collection[str] = ()) -> None:
        found = {address.rstrip(_STOPS) for text in texts for address in _FOUND.findall(text)}
        self._known = found | {address.partition("//")[2] for address in found if "//www." in address.lower()}
        self._hosts = tuple(host.lower() for host in hosts)
        self._held = ""
        self.removed: list[str] = []

    def feed(self, delta: str) -> str:
        """What may be shown now; what may become a link waits."""
        pending = self._held + delta
        opening = _OPEN.search(pending)
        cut = opening.start() if opening and len(pending) - opening.start() <= LONGEST_LINK else len(pending)
        self._held = pending[cut:]
        return self._clean(pending[:cut])

    def finish(self) -> str:
        """The rest."""
        pending, self._held = self._held, ""
        return self._clean(pending)

    def _clean(self, text: str) -> str:
        return _LINK.sub(self._judge, text)

    def _judge(self, match: re.Match[str]) -> str:
        target = match["bare"] or match["target"] or ""
        bare = target.rstrip(_STOPS)
        if self._passes(bare):
            return match.group()
        self.removed.append(bare)
        if match["bare"]:
            return target[len(bare) :]
        return "" if match.group().startswith("!") else str(match["text"])

    def _passes(self, address: str) -> bool:
        try:
            parts = urlsplit(f"//{address}" if address.lower().startswith("www.") else address)
            host = (parts.hostname or "").lower()
        except ValueError:
            return False
        if not parts.scheme and not host:
            return address.startswith(("#", "/", "./", "../")) or ":" not in address
        if parts.scheme in ("mailto", "tel"):
            return not parts.query
        if parts.scheme not in ("http", "https", ""):
            return False
        return any(_is_host(host, allowed) for allowed in self._hosts) if self._hosts else address in self._known


def _is_host(host: str, allowed: str) -> bool:
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed
