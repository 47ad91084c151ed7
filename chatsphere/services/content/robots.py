"""robots.txt: which pages of a host a polite visitor leaves alone, and how long it pauses between two requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from chatsphere.services.content.fetch import Fetched, Fetcher, FetchLimits
from chatsphere.services.errors import FetchFailed, LimitExceeded

LIMITS = FetchLimits(max_bytes=500_000, total_seconds=15.0, stop_at_limit=True)  # RFC 9309 asks for 500 KiB at least
KEPT_SECONDS = 3600.0
MOST_HOSTS = 1_000
LONGEST_DELAY = 60.0  # a longer crawl-delay is meant to keep everybody away, and says so better with Disallow


@dataclass(frozen=True, slots=True)
class HostRules:
    """The rules of one host for one visitor."""

    rules: Protego
    visitor: str

    def allows(self, url: str) -> bool:
        """Whether the visitor may fetch this address of the host."""
        return self.rules.can_fetch(url, self.visitor)

    def delay(self, least: float) -> float:
        """Seconds between two requests: what the host asks for, ``least`` at least."""
        asked = self.rules.crawl_delay(self.visitor) or 0.0
        rate = self.rules.request_rate(self.visitor)
        if rate is not None:
            asked = max(asked, rate.seconds / rate.requests)
        return min(max(asked, least), LONGEST_DELAY)

    def sitemaps(self) -> Iterator[str]:
        """The sitemaps that the host names."""
        return iter(self.rules.sitemaps)


class Robots:
    """Asks each host once an hour, by RFC 9309: no robots.txt allows everything, a broken server forbids everything for now."""

    def __init__(self, fetcher: Fetcher, *, visitor: str, clock: Callable[[], float]) -> None:
        self._fetcher = fetcher
        self._visitor = visitor
        self._clock = clock
        self._known: dict[str, tuple[float, HostRules]] = {}

    def of(self, url: str) -> HostRules:
        """The rules of the address's host; one request when they are not known. Raises FetchFailed and FetchRefused."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        known = self._known.get(origin)
        if known is not None and self._clock() - known[0] < KEPT_SECONDS:
            return known[1]
        rules = HostRules(Protego.parse(self._text(origin)), self._visitor)
        if len(self._known) >= MOST_HOSTS:
            self._known.clear()
        self._known[origin] = (self._clock(), rules)
        return rules

    def _text(self, origin: str) -> str:
        try:
            answer = self._fetcher.fetch(f"{origin}/robots.txt", limits=LIMITS)
        except LimitExceeded:  # redirects in circles: as if there were none
            return ""
        if answer.status >= 500 or answer.status == 429:
            raise FetchFailed("The robots.txt of this site cannot be read at the moment.", retry_after=_wait(answer))
        return answer.body.decode("utf-8", "replace") if 200 <= answer.status < 300 else ""


def _wait(answer: Fetched) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None
