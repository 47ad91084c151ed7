"""Visits to other people's web servers: slowly, by their rules, under our name, and not for what did not change."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol
from urllib.parse import urljoin, urlsplit

from chatsphere.services.content.extract import READERS
from chatsphere.services.content.fetch import REDIRECTS, Fetched, Fetcher, FetchLimits
from chatsphere.services.content.links import immediate_refresh
from chatsphere.services.content.robots import Robots
from chatsphere.services.errors import FetchFailed, FetchRefused, LimitExceeded

VISITOR: Final = "ChatSphere"  # as robots.txt calls us
LEAST_DELAY: Final = 1.0  # seconds between two requests to a host
LONGEST_WAIT: Final = 30.0  # a server that wants more is left alone, and asked again by a later attempt
MOST_REDIRECTS: Final = 5
HOP_SECONDS: Final = (
    1.0  # at most, before a redirect is followed: it belongs to the visit, whatever the pace between visits
)
ACCEPT: Final = "text/html,application/xhtml+xml;q=0.9,application/pdf;q=0.8,*/*;q=0.5"
_LONGEST_SHOWN: Final = 200  # characters of an address
_HEAD_BYTES: Final = 64 * 1024
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_TEXT = frozenset({"text/css", "text/javascript", "text/calendar"})

Begin = Callable[[str, float], None]  # a host, and the seconds between two turns


class Pace(Protocol):
    """Lets requests to one host follow each other slowly."""

    def wait(self, host: str, seconds: float) -> None:
        """Return when it is our turn: ``seconds`` after the turn before."""

    def follow(self, host: str, seconds: float) -> None:
        """Return after ``seconds``, for a request that belongs to the turn that is ours; the next turn begins then."""


class OwnPace:
    """The pace of one process."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, float] = {}

    def turn(self, host: str, seconds: float) -> float:
        """0.0: it is our turn, and taken. Else the seconds until it is."""
        now = self._clock()
        left = self._next.get(host, now) - now
        if left <= 0:
            self._take(host, now + seconds)
        return max(left, 0.0)

    def wait(self, host: str, seconds: float) -> None:
        """Sleep until the host's next turn, and take it."""
        now = self._clock()
        turn = max(now, self._next.get(host, now))
        self._take(host, turn + seconds)
        if turn > now:
            self._sleep(turn - now)

    def follow(self, host: str, seconds: float) -> None:
        """Sleep; the host's next turn begins as long after that."""
        if seconds > 0:
            self._sleep(seconds)
        self._take(host, self._clock() + seconds)

    def _take(self, host: str, until: float) -> None:
        if len(self._next) > 1_000:
            now = self._clock()
            self._next = {name: at for name, at in self._next.items() if at > now}
        self._next[host] = until


@dataclass(frozen=True, slots=True)
class Known:
    """What the last answer from ``url`` said about its state, to ask only for a change."""

    url: str = ""
    etag: str = ""
    last_modified: str = ""

    def headers(self, url: str) -> dict[str, str]:
        """The conditions of a request to this address; another one may use the same words for another state."""
        if url != self.url:
            return {}
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value}


class PoliteFetcher:
    """Fetches pages: robots.txt obeyed at every hop, one visit a second and host, or as slow as the host asks.

    ``clock`` and ``sleep`` are those of ``time`` unless a test gives others.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        least_delay: float = LEAST_DELAY,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._fetcher = fetcher
        self._least_delay = least_delay
        self._pace = pace or OwnPace(clock, sleep)
        self.robots = Robots(fetcher, visitor=VISITOR, clock=clock)

    def get(
        self, url: str, *, known: Known | None = None, limits: FetchLimits | None = None, begin: Begin | None = None
    ) -> Fetched:
        """The answer at an address after redirects: any status but 408, 425, 429 and 5xx, which are raised.

        The body of a type that nobody reads is left out. Raises FetchRefused (private address, robots.txt), FetchFailed (with
        ``retry_after`` when the server named a time: ask again later), LimitExceeded. ``begin`` takes the host's turn, and may raise
        to put the visit off; without it this sleeps until the turn comes.
        """
        known = known or Known()
        limits = replace(limits or self._fetcher.limits, max_redirects=0)
        passed: list[str] = []
        while True:
            take = self._pace.follow if passed else begin or self._pace.wait
            try:
                answer = self._ask(url, {"Accept": ACCEPT, **known.headers(url)}, limits, take, is_hop=bool(passed))
            except FetchRefused as error:
                raise FetchRefused(_on_the_way(url, error.message) if passed else error.message) from error
            limits = _what_is_left(limits, answer.seconds)
            following = _following(answer)
            if following is None or (answer.status == 200 and following in (url, *passed)):
                return replace(answer, redirects=tuple(passed))
            passed.append(answer.url)
            if following in passed or len(passed) > MOST_REDIRECTS:
                raise LimitExceeded("This address redirects in circles or too often.")
            url = following

    def allows(self, url: str) -> bool:
        """Whether robots.txt lets us fetch the address. Raises what reading robots.txt raises."""
        return self.robots.of(url).allows(url)

    def _ask(self, url: str, headers: Mapping[str, str], limits: FetchLimits, take: Begin, *, is_hop: bool) -> Fetched:
        rules = self.robots.of(url)
        if not rules.allows(url):
            raise FetchRefused("The site's robots.txt does not allow ChatSphere to read this address.")
        delay = rules.delay(self._least_delay)
        take(urlsplit(url).netloc, min(delay, HOP_SECONDS) if is_hop else delay)
        answer = self._fetcher.fetch(url, headers=headers, limits=limits, wants=is_readable)
        if answer.status in _TRY_AGAIN:
            raise FetchFailed(f"The server answered with the error {answer.status}.", retry_after=_retry_after(answer))
        return answer


def _on_the_way(url: str, reason: str) -> str:
    """The address that was given is in order; this one its owner may not know."""
    return f"This page leads on to {url[:_LONGEST_SHOWN]}. {reason}"


def _what_is_left(limits: FetchLimits, seconds: float) -> FetchLimits:
    """A visit has one time limit, however many redirects belong to it."""
    return replace(limits, total_seconds=max(limits.total_seconds - seconds, 0.0))


def is_readable(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer is worth reading to its end: a good one of a type that some reader may know."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_known = kind in READERS or kind in ("", "application/octet-stream", "application/gzip", "application/x-gzip")
    return status == 200 and (is_known or kind.endswith("+xml") or (kind.startswith("text/") and kind not in _NO_TEXT))


def _following(answer: Fetched) -> str | None:
    """Where a redirect leads, or a page that is nothing else: one that sends its reader on at once."""
    if answer.status == 200:
        kind = answer.headers.get("content-type", "text/html")
        return immediate_refresh(_head(answer), url=answer.url) or None if "html" in kind else None
    location = answer.headers.get("location")
    if answer.status not in REDIRECTS or not location:
        return None
    try:
        return urljoin(answer.url, location)
    except ValueError as error:
        raise FetchRefused("This address redirects to something that is no address.") from error


def _head(answer: Fetched) -> str:
    return answer.body[:_HEAD_BYTES].decode("utf-8", "replace")


def _retry_after(answer: Fetched) -> float | None:
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)
