"""Visits to other people's web servers: slowly, by their rules, under our name, and not for what did not change."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol
from urllib.parse import urljoin, urlsplit

from chatsphere.services.content.extract import READERS
from chatsphere.services.content.fetch import REDIRECTS, Fetched, Fetcher, FetchLimits
from chatsphere.services.content.robots import Robots
from chatsphere.services.errors import FetchFailed, FetchRefused, LimitExceeded

VISITOR: Final = "ChatSphere"  # as robots.txt calls us
LEAST_DELAY: Final = 1.0  # seconds between two requests to a host
TRIES: Final = 3
LONGEST_WAIT: Final = 30.0  # a server that wants more is left alone, and asked again by a later attempt
MOST_REDIRECTS: Final = 5
ACCEPT: Final = "text/html,application/xhtml+xml;q=0.9,application/pdf;q=0.8,*/*;q=0.5"
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_TEXT = frozenset({"text/css", "text/javascript", "text/calendar"})


class Pace(Protocol):
    """Lets requests to one host follow each other slowly."""

    def wait(self, host: str, seconds: float) -> None:
        """Return when it is our turn: ``seconds`` after the turn before."""


class OwnPace:
    """The pace of one process."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, float] = {}

    def wait(self, host: str, seconds: float) -> None:
        """Sleep until the host's next turn, and take it."""
        now = self._clock()
        turn = max(now, self._next.get(host, now))
        if len(self._next) > 1_000:
            self._next = {name: at for name, at in self._next.items() if at > now}
        self._next[host] = turn + seconds
        if turn > now:
            self._sleep(turn - now)


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
    """Fetches pages: robots.txt obeyed at every hop, one request a second and host (or as slow as the host asks), three tries.

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
        self._sleep = sleep
        self._pace = pace or OwnPace(clock, sleep)
        self.robots = Robots(fetcher, visitor=VISITOR, clock=clock)

    def get(
        self, url: str, *, known: Known | None = None, limits: FetchLimits | None = None, tries: int = TRIES
    ) -> Fetched:
        """The answer at an address after redirects: any status but 408, 425, 429 and 5xx, which are tried again and then raised.

        The body of a type that nobody reads is left out. Raises FetchRefused (private address, robots.txt), FetchFailed (with
        ``retry_after`` when the server named a time), LimitExceeded. May sleep for up to a minute and a half.
        """
        known = known or Known()
        limits = replace(limits or self._fetcher.limits, max_redirects=0)
        passed: list[str] = []
        while True:
            answer = self._try(url, {"Accept": ACCEPT, **known.headers(url)}, limits, tries)
            following = _following(answer)
            if following is None:
                return replace(answer, redirects=tuple(passed))
            passed.append(answer.url)
            if following in passed or len(passed) > MOST_REDIRECTS:
                raise LimitExceeded("This address redirects in circles or too often.")
            url = following

    def allows(self, url: str) -> bool:
        """Whether robots.txt lets us fetch the address. Raises what reading robots.txt raises."""
        return self.robots.of(url).allows(url)

    def _try(self, url: str, headers: Mapping[str, str], limits: FetchLimits, tries: int) -> Fetched:
        rules = self.robots.of(url)
        if not rules.allows(url):
            raise FetchRefused("The site's robots.txt does not allow ChatSphere to read this address.")
        for attempt in range(1, tries + 1):
            self._pace.wait(urlsplit(url).netloc, rules.delay(self._least_delay))
            failure: FetchFailed
            try:
                answer = self._fetcher.fetch(url, headers=headers, limits=limits, wants=is_readable)
            except FetchFailed as error:
                failure = error
            else:
                if answer.status not in _TRY_AGAIN:
                    return answer
                failure = _busy(answer)
            wait = failure.retry_after if failure.retry_after is not None else _backoff(attempt)
            if attempt == tries or wait > LONGEST_WAIT:
                raise failure
            self._sleep(wait)
        raise AssertionError  # the last try returns or raises


def is_readable(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer is worth reading to its end: a good one of a type that some reader may know."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_known = kind in READERS or kind in ("", "application/octet-stream", "application/gzip", "application/x-gzip")
    return status == 200 and (is_known or kind.endswith("+xml") or (kind.startswith("text/") and kind not in _NO_TEXT))


def _following(answer: Fetched) -> str | None:
    location = answer.headers.get("location")
    if answer.status not in REDIRECTS or not location:
        return None
    try:
        return urljoin(answer.url, location)
    except ValueError as error:
        raise FetchRefused("This address redirects to something that is no address.") from error


def _busy(answer: Fetched) -> FetchFailed:
    return FetchFailed(f"The server answered with the error {answer.status}.", retry_after=_retry_after(answer))


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


def _backoff(attempt: int) -> float:
    return float(2.0**attempt * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
