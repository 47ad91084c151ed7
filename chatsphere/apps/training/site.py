"""Where a web source begins and ends, and how its server is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Final

from django.conf import settings

from chatsphere import __version__
from chatsphere.apps.training.models import TrainingSource
from chatsphere.apps.training.pace import SharedPace
from chatsphere.apps.training.pages import Found
from chatsphere.services.content.crawl import Scope, tidy
from chatsphere.services.content.fetch import Fetcher, FetchLimits
from chatsphere.services.content.polite import VISITOR, PoliteFetcher
from chatsphere.services.content.sitemaps import SitemapEntry, read_sitemaps
from chatsphere.services.errors import FetchRefused

Type = TrainingSource.Type
DEFAULT_PAGES: Final = {Type.URL.value: 1, Type.SITEMAP.value: 1_000, Type.CRAWL.value: 200}
DEFAULT_DEPTH: Final = 5
SITEMAP_LIMITS: Final = FetchLimits(max_bytes=50_000_000, total_seconds=60.0)


def guarded_fetcher() -> Fetcher:
    """The client for addresses that customers give."""
    agent = f"{VISITOR}/{__version__} (+{settings.PUBLIC_URL})"
    return Fetcher(allow_loopback=settings.FETCH_ALLOW_LOOPBACK, user_agent=agent)


def polite_fetcher() -> PoliteFetcher:
    """The polite client of this process: it remembers robots.txt for an hour, and when each host was asked last."""
    return _polite_fetcher(os.getpid())


@cache
def _polite_fetcher(_process: int) -> PoliteFetcher:
    return PoliteFetcher(guarded_fetcher(), least_delay=settings.CRAWL_DELAY_SECONDS, pace=SharedPace())


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


def pages_of_sitemap(source: TrainingSource, fetcher: PoliteFetcher) -> Iterator[Found]:
    """What a sitemap lists of its own host, in tidy form, as far as the source's patterns include it. Raises what fetching raises."""
    scope = scope_of(source)
    for entry in read_sitemaps(str(source.uri), lambda url: _sitemap(url, fetcher)):
        found = _found(entry, scope)
        if found is not None:
            yield found


def _sitemap(url: str, fetcher: PoliteFetcher) -> bytes:
    answer = fetcher.get(url, limits=SITEMAP_LIMITS)
    if answer.status != 200:
        raise FetchRefused(f"The sitemap {url} could not be read: the server answered with {answer.status}.")
    return answer.body


def _found(entry: SitemapEntry, scope: Scope) -> Found | None:
    try:
        url = tidy(entry.url)
    except FetchRefused:
        return None
    return Found(url, modified=entry.modified) if url != scope.start and scope.holds(url) else None
