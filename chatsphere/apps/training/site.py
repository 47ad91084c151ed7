"""Where a web source begins and ends, and how its server is asked."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from functools import cache
from typing import Final
from urllib.parse import urljoin, urlsplit

from django.conf import settings

from chatsphere import __version__
from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.training.pace import SharedPace
from chatsphere.apps.training.pages import Found
from chatsphere.services.content.crawl import Scope, tidy
from chatsphere.services.content.fetch import Fetcher, FetchLimits
from chatsphere.services.content.polite import VISITOR, Begin, PoliteFetcher
from chatsphere.services.content.sitemaps import SitemapEntry
from chatsphere.services.errors import FetchRefused

Type = TrainingSource.Type
DEFAULT_PAGES: Final = {Type.URL.value: 1, Type.SITEMAP.value: 1_000, Type.CRAWL.value: 200}
DEFAULT_DEPTH: Final = 5
SITEMAP_LIMITS: Final = FetchLimits(max_bytes=50_000_000, total_seconds=60.0)
PAGE_LIMITS: Final = FetchLimits()
TRIES: Final = 3  # of a page or sitemap whose server fails, each after a wait in the queue
QUICK_SECONDS: Final = 10.0  # that a server has at first, as others wait; at the last try it has all of the limit


def guarded_fetcher() -> Fetcher:
    """The client for addresses that customers give."""
    agent = f"{VISITOR}/{__version__} (+{settings.PUBLIC_URL})"
    return Fetcher(allow_loopback=settings.FETCH_ALLOW_LOOPBACK, user_agent=agent)


def polite_fetcher() -> PoliteFetcher:
    """The polite client of this process: it remembers robots.txt for an hour, and when each host was asked last."""
    return _polite_fetcher(os.getpid())


@cache
def _polite_fetcher(_process: int) -> PoliteFetcher:
    return PoliteFetcher(guarded_fetcher(), least_delay=settings.CRAWL_DELAY_SECONDS, pace=pace())


@cache
def pace() -> SharedPace:
    """The pace that this process shares with all others."""
    return SharedPace()


def limits_of_try(errors: int, limits: FetchLimits = PAGE_LIMITS) -> FetchLimits:
    """What a server may cost that has failed so often."""
    is_last = (errors + 1) % TRIES == 0
    return limits if is_last else replace(limits, total_seconds=QUICK_SECONDS)


def backoff(errors: int) -> float:
    """Seconds until a server that has failed so often is asked again."""
    return float(2.0 ** (errors % TRIES) * random.uniform(0.8, 1.2))  # noqa: S311 - jitter


def scope_of(source: TrainingSource) -> Scope:
    """The part of the web that the source may read."""
    options = source.options
    return Scope(
        start=str(source.uri),
        include=tuple(options.get("include", ())),
        exclude=tuple(options.get("exclude", ())),
        is_whole_host=source.source_type == Type.SITEMAP,
    )


def most_pages(source: TrainingSource) -> int:
    """How many pages the source may have."""
    return int(source.options.get("max_pages", DEFAULT_PAGES[source.source_type]))


def sitemaps_of(source: TrainingSource, fetcher: PoliteFetcher) -> list[str]:
    """Where to begin: at the address itself, or at what a site of which only the host was given says in robots.txt, else in its usual place.

    Raises what reading robots.txt raises.
    """
    uri = str(source.uri)
    if not _is_bare(uri):
        return [uri]
    return list(fetcher.robots.of(uri).sitemaps()) or [urljoin(uri, "/sitemap.xml")]


def read_sitemap(url: str, fetcher: PoliteFetcher, *, limits: FetchLimits, begin: Begin | None = None) -> bytes:
    """The bytes of a sitemap. Raises what fetching raises, and FetchRefused for an answer other than 200."""
    answer = fetcher.get(url, limits=limits, begin=begin)
    if answer.status != 200:
        raise FetchRefused(f"The sitemap {url} could not be read: the server answered with {answer.status}.")
    return answer.body


def listed(entry: SitemapEntry, scope: Scope) -> Found | None:
    """What a sitemap lists, in tidy form, unless the source's host or patterns leave it out, or it is no address."""
    try:
        url = tidy(entry.url)
    except FetchRefused:
        return None
    is_sitemap = url == scope.start and not _is_bare(url)
    return Found(url, modified=entry.modified) if scope.holds(url) and not is_sitemap else None


def _is_bare(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.path in ("", "/") and not parts.query
